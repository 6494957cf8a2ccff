"""Every reason the Data API gives for not answering: what it means for a capture, and what to tell the user."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

#: quota: nothing more may be asked before the reset. retry: ask again after a pause. absent: the item that was asked
#: for is not there, which is data. refused: the same question will get the same answer.
Kind = Literal["quota", "retry", "refused", "absent"]


#: Reason: what it means, and its sentence. `{found}` is the status and what the answer says, without any key.
#: The last five are for answers that give no reason of the table.
TABLE: Mapping[str, tuple[Kind, str]] = MappingProxyType(
    {
        "quotaExceeded": (
            "quota",
            "The Data API answers within a quota of units a day, and today's is used up; found {found}. What was "
            "captured is kept: run again after midnight Pacific, or ask for more on the quota page of YouTube Data "
            "API v3 in the Google Cloud console.",
        ),
        "dailyLimitExceeded": (
            "quota",
            "The Data API answers within the project's limit of requests a day, and it is reached; found {found}. Run "
            "again after midnight Pacific, or raise the limit on the quota page of the Google Cloud console.",
        ),
        "dailyLimitExceededUnreg": (
            "quota",
            "The Data API answers next to nothing without a key; found {found}. Set VIDRANK_YOUTUBE_API_KEY to a key "
            "of a project that has YouTube Data API v3 enabled.",
        ),
        "rateLimitExceeded": (
            "retry",
            "The Data API answers a limited number of requests a minute; found {found}. It is asked again after a "
            "pause; if this lasts, look which other program uses the same project.",
        ),
        "userRateLimitExceeded": (
            "retry",
            "The Data API answers each user a limited number of requests a minute; found {found}. It is asked again "
            "after a pause; if this lasts, raise the limit per user on the quota page of the Google Cloud console.",
        ),
        "backendError": (
            "retry",
            "The Data API must reach the servers behind it; found {found}. It is asked again after a pause; if this "
            "lasts, run the capture again later.",
        ),
        "internalError": (
            "retry",
            "The Data API must not fail within itself; found {found}. It is asked again after a pause; if this lasts, "
            "run the capture again later.",
        ),
        "SERVICE_UNAVAILABLE": (
            "retry",
            "The Data API must be in service; found {found}. It is asked again after a pause; if this lasts, look at "
            "the status page of Google Cloud.",
        ),
        "playlistNotFound": (
            "absent",
            "A playlist can be listed while it exists; found {found}. The channel was deleted or has no public "
            "uploads: take it off the watch list if that stays.",
        ),
        "channelNotFound": (
            "absent",
            "A channel can be read while it exists; found {found}. Take it off the watch list if that stays.",
        ),
        "videoNotFound": (
            "absent",
            "A video can be read while it is public; found {found}. Nothing is to be done: it counts as gone.",
        ),
        "playlistItemsNotAccessible": (
            "absent",
            "A playlist can be listed while its owner lets the public see it; found {found}. Take the channel off the "
            "watch list if that stays.",
        ),
        "keyMissing": (
            "refused",
            "The Data API answers requests with a key only; found {found}. Set VIDRANK_YOUTUBE_API_KEY to one "
            "from the credentials page of the Google Cloud console.",
        ),
        "keyInvalid": (
            "refused",
            "VIDRANK_YOUTUBE_API_KEY must be a key that Google knows; found {found}. Copy the key again from the "
            "credentials page of the Google Cloud console, without blanks or quotes.",
        ),
        "keyExpired": (
            "refused",
            "VIDRANK_YOUTUBE_API_KEY must be a key that has not expired; found {found}. Make a new key on the "
            "credentials page of the Google Cloud console.",
        ),
        "accessNotConfigured": (
            "refused",
            "The project of the key must have YouTube Data API v3 enabled; found {found}. Enable it in the API library "
            "of the Google Cloud console, and wait some minutes.",
        ),
        "API_KEY_SERVICE_BLOCKED": (
            "refused",
            "The key must be allowed to call YouTube Data API v3; found {found}. Add that API to the key's API "
            "restrictions on the credentials page of the Google Cloud console.",
        ),
        "API_KEY_HTTP_REFERRER_BLOCKED": (
            "refused",
            "The key must not be restricted to web sites, because a capture is sent by none; found {found}. Set the "
            "key's application restriction to none or to IP addresses in the Google Cloud console.",
        ),
        "ipRefererBlocked": (
            "refused",
            "The key must be allowed from this machine's address; found {found}. Add the address to the key's "
            "application restrictions on the credentials page of the Google Cloud console.",
        ),
        "CONSUMER_SUSPENDED": (
            "refused",
            "The project of the key must not be suspended; found {found}. Read Google's mail to the project's owners, "
            "and appeal, or use the key of another project that is yours.",
        ),
        "authError": (
            "refused",
            "A capture reads public data with a key and signs nobody in; found {found}. Set VIDRANK_YOUTUBE_API_KEY, "
            "and watch public channels only.",
        ),
        "forbidden": (
            "refused",
            "The key must have the right to what it asks for; found {found}. Watch public channels only, and look "
            "whether the project and the key are in order in the Google Cloud console.",
        ),
        "PERMISSION_DENIED": (
            "refused",
            "The project of the key must have the permission to call the Data API; found {found}. Look whether the "
            "project, its billing and the key's restrictions are in order in the Google Cloud console.",
        ),
        "invalidPageToken": (
            "absent",
            "A list is continued with the token of its last page; found {found}. The token has expired: the next "
            "capture begins that list anew.",
        ),
        "invalidParameter": (
            "refused",
            "Every parameter of a request must have a value that the Data API knows; found {found}. Look for a "
            "mistyped id, handle or query in the watch list.",
        ),
        "badRequest": (
            "refused",
            "The Data API must understand the request; found {found}. Look for a mistyped entry in the watch list, "
            "and whether VIDRANK_YOUTUBE_ENDPOINT is the Data API's.",
        ),
        "redirected": (
            "refused",
            "The Data API answers where it is asked, and a key is sent nowhere else; found {found}. Set "
            "VIDRANK_YOUTUBE_ENDPOINT to the final address, and look for a proxy or a login page on the way.",
        ),
        "requestTimeout": (
            "retry",
            "The Data API must receive a request in time; found {found}. It is asked again after a pause; if this "
            "lasts, look at the network of this machine.",
        ),
        "tooManyRequests": (
            "retry",
            "The Data API must not be asked too fast; found {found}. It is asked again after a pause; if this lasts, "
            "look which other program uses the same project.",
        ),
        "serverError": (
            "retry",
            "The Data API must answer without a fault of its own; found {found}. It is asked again after a pause; if "
            "this lasts, run the capture again later.",
        ),
        "unknown": (
            "refused",
            "The Data API must answer with data or with a known reason; found {found}. Look that reason up in the "
            "Data API's documentation of errors.",
        ),
    }
)

#: The same reason in the words of Google's newer servers: in `details`, or as the error's `status`.
SAME: Mapping[str, str] = MappingProxyType(
    {
        "API_KEY_INVALID": "keyInvalid",
        "API_KEY_EXPIRED": "keyExpired",
        "API_KEY_IP_ADDRESS_BLOCKED": "ipRefererBlocked",
        "CREDENTIALS_MISSING": "keyMissing",
        "INTERNAL": "internalError",
        "INVALID_ARGUMENT": "badRequest",
        "RATE_LIMIT_EXCEEDED": "rateLimitExceeded",
        "RESOURCE_EXHAUSTED": "tooManyRequests",
        "SERVICE_DISABLED": "accessNotConfigured",
        "UNAUTHENTICATED": "authError",
        "UNAVAILABLE": "SERVICE_UNAVAILABLE",
        "required": "authError",
    }
)

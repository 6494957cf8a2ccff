"""What can go wrong with the Data API and its image host, each as the real thing looks on the wire.

The stand-in answers refusals of its own with these, and whoever tests injects them by name: `FakeYouTube.fault`.
"""

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

_PROJECT = "314159265359"
_CONSOLE = f"https://console.developers.google.com/apis/api/youtube.googleapis.com/overview?project={_PROJECT}"


class Call(NamedTuple):
    """A request to the stand-in. params: with the values as given, ids and parts one by one. key: from the header."""

    method: str
    params: Mapping[str, tuple[str, ...]]
    key: str | None
    endpoint: str


@dataclass(frozen=True)
class Reply:
    """What goes back. wait_sec: before anything is sent; reset: the connection is broken instead of an answer;
    chunked: without saying how long it is.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=UTF-8"
    wait_sec: float = 0.0
    reset: bool = False
    chunked: bool = False


class Refused(Exception):
    """The API answers with an error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode())
        self.reply = reply


def json_reply(told: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(), headers)


def error(code: int, message: str, reason: str, **more: Any) -> dict[str, Any]:
    """An error as Google writes it. more: domain, location, locationType, extendedHelp; status; details, a list."""
    outside = {name: more.pop(name) for name in ("status", "details") if name in more}
    one = {"message": message, "domain": more.pop("domain", "global"), "reason": reason, **more}
    return {"error": {"code": code, "message": message, "errors": [one], **outside}}


def of_parameter(code: int, message: str, reason: str, parameter: str, *, domain: str = "youtube.parameter") -> Refused:
    told = error(code, message, reason, domain=domain, location=parameter, locationType="parameter")
    return Refused(json_reply(told, code))


def _info(reason: str, **metadata: str) -> dict[str, Any]:
    told = {"reason": reason, "domain": "googleapis.com", "metadata": {"service": "youtube.googleapis.com", **metadata}}
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", **told}


def _denied(reason: str, *before: dict[str, Any]) -> dict[str, Any]:
    return {"status": "PERMISSION_DENIED", "details": [*before, _info(reason, consumer=f"projects/{_PROJECT}")]}


def _limited(limit: str, per: str, metric: str = "Queries") -> dict[str, Any]:
    """A limit of the project as Google's gateway reports it. limit: its name in Google's books."""
    message = (
        f"Quota exceeded for quota metric '{metric}' and limit '{metric} per {per}' of service "
        f"'youtube.googleapis.com' for consumer 'project_number:{_PROJECT}'."
    )
    told = {"quota_metric": "youtube.googleapis.com/default", "quota_limit": limit, "consumer": f"projects/{_PROJECT}"}
    details = [_info("RATE_LIMIT_EXCEEDED", **told)]
    return error(429, message, "rateLimitExceeded", status="RESOURCE_EXHAUSTED", details=details)


_QUOTA = (
    'The request cannot be completed because you have exceeded your <a href="/youtube/v3/getting-started#quota">'
    "quota</a>."
)
_DAILY = (
    "Daily Limit Exceeded. The quota will be reset at midnight Pacific Time (PT). You may monitor your quota usage and "
    f"adjust limits in the API Console: https://console.developers.google.com/apis/api/youtube/quotas?project={_PROJECT}"
)
_SEARCHES = (
    "Quota exceeded for quota metric 'Search Queries' and limit 'Search Queries per day' of service "
    f"'youtube.googleapis.com' for consumer 'project_number:{_PROJECT}'."
)
_UNUSED = (
    f"YouTube Data API v3 has not been used in project {_PROJECT} before or it is disabled. Enable it by visiting "
    f"{_CONSOLE} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our "
    "systems and retry."
)
_LINK = {"description": "Google developers console API activation", "url": _CONSOLE}
_HELP = {"@type": "type.googleapis.com/google.rpc.Help", "links": [_LINK]}
_BAD_KEY = "API key not valid. Please pass a valid API key."
_OLD_KEY = "API key expired. Please renew the API key."
_BLOCKED = "Requests from referer <empty> are blocked."
_FORBIDDEN = "Access forbidden. The request may not be properly authorized."
_DENIED = "The caller does not have permission"
_NO_PLAYLIST = "The playlist identified with the request's <code>playlistId</code> parameter cannot be found."
_AT_PLAYLIST = {"domain": "youtube.playlistItem", "location": "playlistId", "locationType": "parameter"}
_NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API."
)

#: Every error by its name, in the shapes that it is known to come in.
ERRORS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "quota_exceeded": (
        error(403, _QUOTA, "quotaExceeded", domain="youtube.quota"),
        error(403, _DAILY, "dailyLimitExceeded", domain="usageLimits", extendedHelp=_CONSOLE),
        _limited("defaultPerDayPerProject", "day"),
        error(429, _SEARCHES, "rateLimitExceeded"),
        error(429, "Resource has been exhausted (e.g. check quota).", "quotaExceeded", status="RESOURCE_EXHAUSTED"),
    ),
    "rate_limited": (
        _limited("defaultPerMinutePerProject", "minute"),
        error(403, "User Rate Limit Exceeded", "userRateLimitExceeded", domain="usageLimits"),
        error(429, "Too many requests have been sent within a given timespan.", "rateLimitExceeded"),
    ),
    "key_invalid": (
        error(400, "Bad Request", "keyInvalid", domain="usageLimits"),
        error(400, _BAD_KEY, "badRequest", status="INVALID_ARGUMENT", details=[_info("API_KEY_INVALID")]),
        error(400, _OLD_KEY, "badRequest", status="INVALID_ARGUMENT", details=[_info("API_KEY_INVALID")]),
    ),
    "key_missing": (error(403, _NO_KEY, "forbidden", status="PERMISSION_DENIED"),),
    "key_restricted": (error(403, _BLOCKED, "forbidden", **_denied("API_KEY_HTTP_REFERRER_BLOCKED")),),
    "access_not_configured": (
        error(
            403,
            _UNUSED,
            "accessNotConfigured",
            **_denied("SERVICE_DISABLED", _HELP),
            domain="usageLimits",
            extendedHelp="https://console.developers.google.com",
        ),
    ),
    "forbidden": (error(403, _FORBIDDEN, "forbidden", domain="youtube.common"),),
    "permission_denied": (
        error(403, _DENIED, "SERVICE_UNAVAILABLE", domain="youtube.CoreErrorDomain", status="PERMISSION_DENIED"),
    ),
    "playlist_not_found": (error(404, _NO_PLAYLIST, "playlistNotFound", **_AT_PLAYLIST),),
}
#: Errors that come before anything is charged: the key, the project, or its quota is refused.
UNCHARGED = {*ERRORS, "echo_key"} - {"forbidden", "playlist_not_found"}
#: Codes of a server's own failure, by status.
_SERVER = {500: ("backendError", "INTERNAL"), 502: None, 503: ("backendError", "UNAVAILABLE")}


def refused(name: str, shape: int = 0, **headers: str) -> Reply:
    """An error by its name."""
    told = ERRORS[name][shape]
    return json_reply(told, told["error"]["code"], **headers)


def _backend_error(_call: Call, reply: Reply, *, status: int = 503) -> Reply:
    """502 comes from the front end, as a page."""
    reason = _SERVER.get(status)
    if reason is None:
        return replace(_html(_call, reply), status=status)
    return json_reply(error(status, "Backend Error", reason[0], status=reason[1]), status)


def _html(_call: Call, reply: Reply) -> Reply:
    page = b"<!DOCTYPE html>\n<html lang=en><title>Sign in</title><p>That's all we know.</p></html>\n"
    return replace(reply, status=200, body=page, content_type="text/html; charset=UTF-8")


def _echo_key(call: Call, reply: Reply, *, status: int = 403) -> Reply:
    message = f"The key {call.key} may not call {call.endpoint}youtube/v3/{call.method}?key={call.key}."
    return json_reply(error(status, message, "forbidden", status="PERMISSION_DENIED"), status)


def _redirect(call: Call, reply: Reply, *, to: str | None = None, status: int = 302) -> Reply:
    """By default to a place of the stand-in, where a request is recorded as the method `elsewhere`."""
    return Reply(status, b"", {"Location": to or f"{call.endpoint}stand-in/elsewhere"}, "text/html; charset=UTF-8")


def _of_answer(change: Callable[..., None]) -> Callable[..., Reply]:
    """A fault of the content: `change` takes the call and what was to be answered, and changes that in place."""

    def changed(call: Call, reply: Reply, **details: Any) -> Reply:
        if reply.status != 200:
            return reply
        told = json.loads(reply.body)
        change(call, told, **details)
        return replace(json_reply(told), headers=reply.headers)

    return changed


_OTHER_TYPES: Mapping[str, Any] = {
    "id": None, "etag": 7, "title": ["a", "list"], "description": 3.5, "publishedAt": 20260210, "publishTime": {},
    "thumbnails": "none", "tags": "no list", "categoryId": {"id": 22}, "viewCount": [1, 2], "likeCount": True,
    "commentCount": {"n": 1}, "duration": 213, "videoId": 11, "channelId": False, "uploads": None, "status": "public",
    "subscriberCount": "many", "hiddenSubscriberCount": "no",
}  # fmt: skip


def _wrong_types(_call: Call, told: Any, *, every: int = 2) -> None:
    """In every second item each field has a type that it must not have."""
    for item in told["items"][::every]:
        _retyped(item)


def _retyped(part: dict[str, Any]) -> None:
    for name, value in part.items():
        if name in _OTHER_TYPES:
            part[name] = _OTHER_TYPES[name]
        elif isinstance(value, dict):
            _retyped(value)


def _counted(count: str) -> Callable[..., None]:
    def change(_call: Call, told: Any, *, every: int = 2) -> None:
        for item in told["items"][::every]:
            counts = item.get("statistics", {})
            counts.update({name: count for name in counts if name.endswith("Count") and isinstance(counts[name], str)})

    return change


def _looping(call: Call, told: Any) -> None:
    """The next page is this one."""
    told["nextPageToken"] = call.params.get("pageToken", ("CAAQAA",))[0]


def _missing(_call: Call, told: Any, *, share: float = 0.3) -> None:
    """A share of the items is left out, evenly spread, at least one."""
    n_items = len(told["items"])
    left_out = max(1, round(share * n_items))
    gone = {int(i * n_items / left_out) for i in range(left_out)}
    told["items"] = [item for i, item in enumerate(told["items"]) if i not in gone]


def _huge(_call: Call, reply: Reply, *, declared: bool = True, n_bytes: int = 9 * 2**20) -> Reply:
    return replace(reply, body=reply.body[:1024].ljust(n_bytes, b"\0"), chunked=not declared)


def _bomb(_call: Call, reply: Reply, *, side: int = 20_000) -> Reply:
    return replace(reply, body=white_png(side), content_type="image/png")


@lru_cache
def white_png(side: int) -> bytes:
    """A square picture of one bit a pixel, in few bytes."""
    packer = zlib.compressobj()
    row = b"\0" + b"\xff" * (-(-side // 8))
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _named(name: str) -> Callable[..., Reply]:
    def fault(_call: Call, _reply: Reply, *, shape: int = 0, retry_after: int = 1) -> Reply:
        return refused(name, shape, **({"Retry-After": str(retry_after)} if name == "rate_limited" else {}))

    return fault


#: What may be injected: each takes the call, what would have been answered, and details by name.
FAULTS: Mapping[str, Callable[..., Reply]] = {
    **{name: _named(name) for name in ERRORS},
    "backend_error": _backend_error,
    "reset": lambda _call, reply: replace(reply, reset=True),
    "slow": lambda _call, reply, *, seconds=1.0: replace(reply, wait_sec=seconds),
    "cut_json": lambda _call, reply, *, share=0.5: replace(reply, body=reply.body[: int(share * len(reply.body))]),
    "html": _html,
    "wrong_types": _of_answer(_wrong_types),
    "negative_count": _of_answer(_counted("-5")),
    "huge_count": _of_answer(_counted("9" * 25)),
    "looping_token": _of_answer(_looping),
    "missing_ids": _of_answer(_missing),
    "empty_body": lambda _call, reply: replace(reply, body=b""),
    "redirect": _redirect,
    "echo_key": _echo_key,
    "not_found": lambda _call, _reply: Reply(404, b"", content_type="text/html; charset=UTF-8"),
    "html_picture": _html,
    "truncated_picture": lambda _call, reply: replace(reply, body=reply.body[: len(reply.body) // 2]),
    "huge_picture": _huge,
    "bomb": _bomb,
    "redirect_picture": _redirect,
}

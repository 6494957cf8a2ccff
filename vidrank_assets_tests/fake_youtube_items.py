"""The resources of the Data API as JSON, and the parameters that ask for them."""

import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any, NamedTuple

from vidrank_assets_tests.fake_youtube_faults import of_parameter

#: Pictures of a video by the name of their size: what the host calls them, their width and height.
SIZES = {
    "default": ("default", 120, 90), "medium": ("mqdefault", 320, 180), "high": ("hqdefault", 480, 360),
    "standard": ("sddefault", 640, 480), "maxres": ("maxresdefault", 1280, 720),
}  # fmt: skip
#: What the API may be asked for at once, and what it gives unasked.
PAGE, _USUAL_PAGE = 50, 5
_PARTS = {
    "id", "snippet", "contentDetails", "statistics", "status", "player", "topicDetails", "localizations",
    "brandingSettings", "liveStreamingDetails", "recordingDetails", "contentOwnerDetails",
}  # fmt: skip
_GONE_TEXT = {"Deleted video": "This video is unavailable.", "Private video": "This video is private."}

Row = Mapping[str, Any]
Params = Mapping[str, tuple[str, ...]]


class Resource(NamedTuple):
    """One kind of item. id: of a row; parts: each made of a row and of where the pictures are."""

    kind: str
    id: Callable[[Row], Any]
    parts: Mapping[str, Callable[[Row, str], dict[str, Any]]]

    def item(self, row: Row, wanted: Collection[str], *, etag: str, endpoint: str) -> dict[str, Any]:
        made = {name: part(row, endpoint) for name, part in self.parts.items() if name in wanted}
        return {"kind": f"youtube#{self.kind}", "etag": etag, "id": self.id(row), **made}


def handle(channel: Row) -> str:
    """`@synthetic-tech-01` for the channel Synthetic Tech 01."""
    return "@" + channel["channel_title"].lower().replace(" ", "-")


def thumbnails(video_id: str, endpoint: str, sizes: Iterable[str] = SIZES) -> dict[str, Any]:
    """The pictures of a video, by the name of their size."""
    named = ((size, *SIZES[size]) for size in sizes)
    return {
        size: {"url": f"{endpoint}vi/{video_id}/{file}.jpg", "width": width, "height": height}
        for size, file, width, height in named
    }


def _channel_snippet(row: Row, endpoint: str) -> dict[str, Any]:
    shown = {"title": row["channel_title"], "description": "A synthetic channel of vidrank's sample world."}
    pictures = {
        size: {"url": f"{endpoint}ytc/{row['channel_id']}=s{side}", "width": side, "height": side}
        for size, side in (("default", 88), ("medium", 240), ("high", 800))
    }
    country = {"country": row["channel_country"]} if row["channel_country"] else {}
    since = f"{row['channel_created_at']:%Y-%m-%dT%H:%M:%SZ}"
    told = {**shown, "customUrl": handle(row), "publishedAt": since, "thumbnails": pictures}
    return {**told, "localized": shown, **country}


def _channel_statistics(row: Row, _endpoint: str) -> dict[str, Any]:
    """Subscribers with three digits, rounded down, as YouTube has shown them since 2019; 0 where they are hidden."""
    n = row["subscriber_count"] or 0
    unit = 10 ** max(0, len(str(n)) - 3)
    return {
        "viewCount": str(row["channel_view_count"]),
        "subscriberCount": str(n // unit * unit),
        "hiddenSubscriberCount": row["subscriber_count"] is None,
        "videoCount": str(row["video_count"]),
    }


def _upload_snippet(row: Row, endpoint: str) -> dict[str, Any]:
    gone = row["gone"]
    owner = {"videoOwnerChannelTitle": row["channel_title"], "videoOwnerChannelId": row["channel_id"]}
    return {
        "publishedAt": row["published"],
        "channelId": row["channel_id"],
        "title": gone or row["title"],
        "description": _GONE_TEXT[gone] if gone else row["description"],
        "thumbnails": {} if gone else thumbnails(row["video_id"], endpoint),
        "channelTitle": row["channel_title"],
        "playlistId": row["playlist"],
        "position": row["position"],
        "resourceId": {"kind": "youtube#video", "videoId": row["video_id"]},
        **({} if gone else owner),
    }


def _upload_details(row: Row, _endpoint: str) -> dict[str, Any]:
    published = {} if row["gone"] else {"videoPublishedAt": row["published"]}
    return {"videoId": row["video_id"], **published}


def _video_snippet(row: Row, endpoint: str) -> dict[str, Any]:
    shown = {"title": row["title"], "description": row["description"]}
    languages = {"defaultLanguage": row["default_language"], "defaultAudioLanguage": row["default_audio_language"]}
    return {
        "publishedAt": row["published"],
        "channelId": row["channel_id"],
        **shown,
        "thumbnails": thumbnails(row["video_id"], endpoint),
        "channelTitle": row["channel_title"],
        "tags": row["tags"],
        "categoryId": row["category_id"],
        "liveBroadcastContent": _broadcast(row),
        "localized": shown,
        **{name: language for name, language in languages.items() if language},
    }


def _video_details(row: Row, _endpoint: str) -> dict[str, Any]:
    return {
        "duration": _iso(row["duration_sec"]),
        "dimension": "2d",
        "definition": "hd",
        "caption": "false",
        "licensedContent": True,
        "contentRating": {},
        "projection": "rectangular",
    }


def _video_statistics(row: Row, _endpoint: str) -> dict[str, Any]:
    counts = _counts(row)
    comments = {"commentCount": counts.pop("commentCount")} if "commentCount" in counts else {}
    return {**counts, "favoriteCount": "0", **comments}


def _video_status(_row: Row, _endpoint: str) -> dict[str, Any]:
    return {
        "uploadStatus": "processed",
        "privacyStatus": "public",
        "license": "youtube",
        "embeddable": True,
        "publicStatsViewable": True,
        "madeForKids": False,
    }


def _stats_details(row: Row, _endpoint: str) -> dict[str, Any]:
    return {} if row["duration_sec"] is None else {"duration": f"{row['duration_sec']}s"}


def _counts(row: Row) -> dict[str, str]:
    """What is hidden is absent."""
    counts = {"viewCount": "view_count", "likeCount": "like_count", "commentCount": "comment_count"}
    return {name: str(row[column]) for name, column in counts.items() if row[column] is not None}


def _broadcast(row: Row) -> str:
    return "live" if row["live"] else "none"


def _result_snippet(row: Row, endpoint: str) -> dict[str, Any]:
    """Search escapes titles as for a page, and cuts descriptions."""
    return {
        "publishedAt": row["published"],
        "channelId": row["channel_id"],
        "title": _escaped(row["title"]),
        "description": _escaped(row["description"][:160]),
        "thumbnails": thumbnails(row["video_id"], endpoint, ("default", "medium", "high")),
        "channelTitle": row["channel_title"],
        "liveBroadcastContent": _broadcast(row),
    }


def _escaped(text: str) -> str:
    return escape(text).replace("&#x27;", "&#39;")


def _found_channel_snippet(row: Row, endpoint: str) -> dict[str, Any]:
    told = _channel_snippet(row, endpoint)
    pictures = {size: {"url": picture["url"]} for size, picture in told["thumbnails"].items()}
    kept = {name: told[name] for name in ("publishedAt", "title", "description")}
    owner = {"channelId": row["channel_id"], "channelTitle": row["channel_title"]}
    return {**kept, **owner, "thumbnails": pictures, "liveBroadcastContent": "none"}


CHANNEL = Resource(
    "channel",
    lambda row: row["channel_id"],
    {
        "snippet": _channel_snippet,
        "contentDetails": lambda row, _: {"relatedPlaylists": {"likes": "", "uploads": row["uploads_playlist_id"]}},
        "statistics": _channel_statistics,
    },
)
UPLOAD = Resource(
    "playlistItem",
    lambda row: b64encode(f"{row['playlist']}.{row['video_id']}".encode()).decode(),
    {"snippet": _upload_snippet, "contentDetails": _upload_details},
)
VIDEO = Resource(
    "video",
    lambda row: row["video_id"],
    {
        "snippet": _video_snippet,
        "contentDetails": _video_details,
        "status": _video_status,
        "statistics": _video_statistics,
    },
)
STATS = Resource(
    "videoStats",
    lambda row: row["video_id"],
    {
        "snippet": lambda row, _: {"publishTime": row["published"]},
        "contentDetails": _stats_details,
        "statistics": lambda row, _: _counts(row),
    },
)
FOUND_VIDEO = Resource(
    "searchResult", lambda row: {"kind": "youtube#video", "videoId": row["video_id"]}, {"snippet": _result_snippet}
)
FOUND_CHANNEL = Resource(
    "searchResult",
    lambda row: {"kind": "youtube#channel", "channelId": row["channel_id"]},
    {"snippet": _found_channel_snippet},
)


def parts(params: Params) -> tuple[str, ...]:
    """The parts that are asked for. Raises Refused: there is none, or one that no resource has."""
    wanted = params.get("part", ())
    if not any(wanted):
        raise of_parameter(400, "Required parameter: part", "missingRequiredParameter", "part", domain="global")
    if unknown := [part for part in wanted if part not in _PARTS]:
        raise of_parameter(400, f"'{unknown[0]}'", "unknownPart", "part", domain="youtube.part")
    return wanted


def ids(params: Params) -> tuple[str, ...]:
    """Up to 50 ids, each once. Raises Refused: there is none, or there are more."""
    asked = tuple(dict.fromkeys(each for each in params.get("id", ()) if each))
    if not asked:
        message = "No filter selected. Expected one of: id"
        raise of_parameter(400, message, "missingRequiredParameter", "parameters.")
    if len(params["id"]) > PAGE:
        raise of_parameter(400, "The request specifies an invalid filter parameter.", "invalidFilters", "parameters.")
    return asked


def page_size(params: Params) -> int:
    """`maxResults`, 5 when it is absent. Raises Refused: it is not from 0 to 50."""
    (asked,) = params.get("maxResults", (str(_USUAL_PAGE),))[:1]
    if not re.fullmatch(r"[0-9]{1,9}", asked) or int(asked) > PAGE:
        message = f"Invalid value '{asked}'. Values must be within the range: [0, {PAGE}]"
        raise of_parameter(400, message, "invalidParameter", "maxResults", domain="global")
    return int(asked)


def token(offset: int, *, back: bool = False) -> str:
    """A page token as YouTube writes it, `CAoQAA` for the page after the first ten: a message of two whole numbers."""
    written = bytearray(b"\x08")
    while offset > 127:
        written.append(offset & 127 | 128)
        offset >>= 7
    return urlsafe_b64encode(bytes([*written, offset, 16, back])).decode().rstrip("=")


def offset(params: Params) -> int:
    """Where the asked page begins. Raises Refused: the token is none of ours."""
    (asked,) = params.get("pageToken", ("CAAQAA",))[:1]
    try:
        written = urlsafe_b64decode(asked + "=" * (-len(asked) % 4))
    except (NotBase64, ValueError):
        written = b""
    found = sum((byte & 127) << (7 * i) for i, byte in enumerate(written[1:-2]))
    if asked not in (token(found), token(found, back=True)):
        raise of_parameter(400, "The request specifies an invalid page token.", "invalidPageToken", "pageToken")
    back = asked == token(found, back=True)
    return max(0, found - page_size(params)) if back else found


def instant(params: Params, name: str) -> datetime:
    """A time in RFC 3339. Raises Refused: it is none."""
    try:
        return datetime.fromisoformat(params[name][0]).astimezone(UTC)
    except ValueError:
        raise of_parameter(400, f"Invalid value '{params[name][0]}'.", "invalidParameter", name) from None


def _iso(seconds: int | None) -> str:
    """PT3M33S for 213; P0D for what has no length yet."""
    if seconds is None:
        return "P0D"
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    told = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
    return f"PT{told}"

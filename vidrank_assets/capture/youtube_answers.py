"""Answers of the Data API: bytes that nobody vouches for in, checked items and what was set aside out.

No bytes make these functions raise. What is wrong with an item sets that item aside with its reason; what is wrong with
the page sets the page aside. A field that is absent or null is not known, which is not zero.
"""

import json
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_snake

from vidrank_assets.capture import youtube_fields as fields
from vidrank_assets.capture.youtube_errors import shown, without_keys
from vidrank_assets.capture.youtube_fields import storable

#: Reasons that set aside a page, or all that would follow it; every other reason is about one item.
PAGE_REASONS = ("malformed_page", "invalid_page_token")

#: What an uploads playlist shows in place of a video that is not public any more.
_PLACEHOLDERS = ("Deleted video", "Private video")
_RAW, _ID = 2_000, 64


class Rejected(NamedTuple):
    """What was set aside. reason: one word. found: what it holds there. item_id: as written. raw: its head, as JSON."""

    reason: str
    found: str | None
    item_id: str | None
    raw: str


def _required(*places: tuple[str, ...]) -> Any:
    """A field that an item must have, at the first of these places that it has."""
    return Field(validation_alias=AliasChoices(*(AliasPath(*place) for place in places)))


def _optional(*places: tuple[str, ...]) -> Any:
    """A field that is null where an item has it at none of these places."""
    return Field(None, validation_alias=AliasChoices(*(AliasPath(*place) for place in places)))


class _Item(BaseModel):
    """An item of an answer, its fields named as ours and found where the API has them. The first is its id."""

    model_config = ConfigDict(extra="ignore", frozen=True, loc_by_alias=False)


class ChannelItem(_Item):
    """A channel of channels.list. handle: with its @. subscriber_count: null when the channel hides it."""

    channel_id: fields.ChannelId = _required(("id",))
    channel_title: fields.Text | None = _optional(("snippet", "title"))
    channel_country: fields.Code = _optional(("snippet", "country"))
    channel_created_at: fields.Creation = _optional(("snippet", "publishedAt"))
    subscriber_count: fields.Subscribers = _optional(("statistics",))
    video_count: fields.Count = _optional(("statistics", "videoCount"))
    channel_view_count: fields.Count = _optional(("statistics", "viewCount"))
    uploads_playlist_id: fields.PlaylistId = _optional(("contentDetails", "relatedPlaylists", "uploads"))
    handle: fields.Handle = _optional(("snippet", "customUrl"))


class UploadItem(_Item):
    """A video of playlistItems.list. The item's own publishedAt says when it came into the list, so it is not read."""

    video_id: fields.VideoId = _required(("contentDetails", "videoId"), ("snippet", "resourceId", "videoId"))
    title: fields.Text | None = _optional(("snippet", "title"))
    description: fields.Text | None = _optional(("snippet", "description"))
    published_at: fields.Publication = _required(("contentDetails", "videoPublishedAt"))
    channel_id: fields.ChannelId | None = _optional(("snippet", "videoOwnerChannelId"), ("snippet", "channelId"))
    channel_title: fields.Text | None = _optional(("snippet", "videoOwnerChannelTitle"), ("snippet", "channelTitle"))
    thumbnail_url: fields.ThumbnailUrl = _optional(("snippet", "thumbnails"))


class StatItem(_Item):
    """The counters of a video, of videos.batchGetStats."""

    video_id: fields.VideoId = _required(("id",))
    view_count: fields.Count = _optional(("statistics", "viewCount"))
    like_count: fields.Count = _optional(("statistics", "likeCount"))
    comment_count: fields.Count = _optional(("statistics", "commentCount"))
    duration_sec: fields.Seconds = _optional(("contentDetails", "duration"))
    published_at: fields.Publication | None = _optional(("snippet", "publishTime"))


class VideoItem(_Item):
    """A video of videos.list."""

    video_id: fields.VideoId = _required(("id",))
    title: fields.Text | None = _optional(("snippet", "title"))
    description: fields.Text | None = _optional(("snippet", "description"))
    tags: fields.Tags = _optional(("snippet", "tags"))
    category_id: fields.Code = _optional(("snippet", "categoryId"))
    published_at: fields.Publication = _required(("snippet", "publishedAt"))
    channel_id: fields.ChannelId | None = _optional(("snippet", "channelId"))
    channel_title: fields.Text | None = _optional(("snippet", "channelTitle"))
    duration_sec: fields.Seconds = _optional(("contentDetails", "duration"))
    default_language: fields.Code = _optional(("snippet", "defaultLanguage"))
    default_audio_language: fields.Code = _optional(("snippet", "defaultAudioLanguage"))
    thumbnail_url: fields.ThumbnailUrl = _optional(("snippet", "thumbnails"))
    view_count: fields.Count = _optional(("statistics", "viewCount"))
    like_count: fields.Count = _optional(("statistics", "likeCount"))
    comment_count: fields.Count = _optional(("statistics", "commentCount"))


class FoundItem(_Item):
    """A video of search.list, which escapes titles as HTML does. description: only the head of the video's."""

    video_id: fields.VideoId = _required(("id", "videoId"))
    title: fields.EscapedTitle | None = _optional(("snippet", "title"))
    description: fields.Text | None = _optional(("snippet", "description"))
    published_at: fields.Publication = _required(("snippet", "publishedAt"))
    channel_id: fields.ChannelId | None = _optional(("snippet", "channelId"))
    channel_title: fields.Text | None = _optional(("snippet", "channelTitle"))
    thumbnail_url: fields.ThumbnailUrl = _optional(("snippet", "thumbnails"))


Item = TypeVar("Item")
_Shape = TypeVar("_Shape", bound=_Item)


class Page(NamedTuple, Generic[Item]):
    """One page of an answer, in its order. next_page_token: null on the last page."""

    items: tuple[Item, ...]
    next_page_token: str | None
    rejected: tuple[Rejected, ...]


def channels(body: bytes) -> Page[ChannelItem]:
    """The channels of an answer of channels.list, asked for snippet, contentDetails and statistics."""
    return _page(body, ChannelItem)


def uploads(body: bytes) -> Page[UploadItem]:
    """The videos of an answer of playlistItems.list, asked for snippet and contentDetails.

    Videos that are deleted or private are set aside as `not_available`.
    """
    return _page(body, UploadItem)


def stats(body: bytes) -> Page[StatItem]:
    """The counters of an answer of videos.batchGetStats, asked for snippet, statistics and contentDetails."""
    return _page(body, StatItem)


def videos(body: bytes) -> Page[VideoItem]:
    """The videos of an answer of videos.list, asked for snippet, contentDetails and statistics."""
    return _page(body, VideoItem)


def found(body: bytes) -> Page[FoundItem]:
    """The videos of an answer of search.list, asked for snippet."""
    return _page(body, FoundItem)


def _page(body: bytes, shape: type[_Shape]) -> Page[_Shape]:
    """Every item of the answer, kept or set aside."""
    try:
        answer = _answer(body)
    except (ValueError, RecursionError):
        head = storable(without_keys(body[:_RAW].decode("utf-8", "replace")))
        return Page((), None, (Rejected("malformed_page", shown(head), None, head),))
    kept: dict[str, _Shape] = {}
    rejected = []
    for written in answer.get("items", ()):
        item = _item(written, shape, kept)
        if isinstance(item, Rejected):
            rejected.append(item)
        else:
            kept[str(_id(written, shape))] = item
    token = answer.get("nextPageToken") or None
    if not (token is None or (isinstance(token, str) and token.isascii() and token.isprintable())):
        rejected.append(Rejected("invalid_page_token", shown(_json(token)), None, ""))
        token = None
    return Page(tuple(kept.values()), token, tuple(rejected))


def _answer(body: bytes) -> dict[str, Any]:
    """The answer as JSON. Raises ValueError or RecursionError: it is not one, or not of a list of items.

    An answer without items has its kind, and no `items`.
    """
    answer = json.loads(body.decode("utf-8-sig"), parse_constant=_refused)
    if not isinstance(answer, dict) or not (isinstance(answer.get("kind"), str) or "items" in answer):
        raise ValueError("not an answer")
    if not isinstance(answer.get("items", []), list):
        raise ValueError("items must be a list")
    return answer


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _item(written: object, shape: type[_Shape], kept: dict[str, _Shape]) -> _Shape | Rejected:
    """One item as it is, or why it is set aside."""
    if not isinstance(written, dict):
        return _rejected("not_an_object", written, written, None)
    item_id = _id(written, shape)
    if item_id in kept:
        return _rejected("repeated", item_id, written, item_id)
    for part in _parts(shape):
        value = _found(written, part)
        if not isinstance(value, dict | None):
            return _rejected(f"invalid_{to_snake(part[-1])}", value, written, item_id)
    try:
        return shape.model_validate(written)
    except ValidationError as broken:
        first = broken.errors(include_url=False, include_context=False)[0]
    field, *within = first["loc"]
    absent = first["type"] == "missing" or (first["input"] is None and not within)
    reason = f"{'missing' if absent else 'invalid'}_{field}"
    if reason == "missing_published_at" and _found(written, ("snippet", "title")) in _PLACEHOLDERS:
        reason = "not_available"
    return _rejected(reason, None if absent else first["input"], written, item_id)


def _rejected(reason: str, value: object, written: object, item_id: str | None) -> Rejected:
    told = None if value is None else shown(value if isinstance(value, str) else _json(value))
    return Rejected(reason, told, item_id and storable(item_id[:_ID]), storable(_json(written))[:_RAW])


def _json(value: object) -> str:
    """As JSON; empty where that is nested too deep to be written."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


@cache
def _places(shape: type[_Item]) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Where each field of an item is looked for, in the order of the fields."""
    choices = (field.validation_alias for field in shape.model_fields.values())
    return tuple(
        tuple(tuple(map(str, place)) for place in choice.convert_to_aliases())
        for choice in choices
        if isinstance(choice, AliasChoices)
    )


@cache
def _parts(shape: type[_Item]) -> tuple[tuple[str, ...], ...]:
    """The objects within an item that its fields lie in."""
    places = (place for of_field in _places(shape) for place in of_field)
    return tuple(dict.fromkeys(place[:depth] for place in places for depth in range(1, len(place))))


def _id(written: dict[str, Any], shape: type[_Item]) -> str | None:
    """The id of an item as written, whatever the rest of it is."""
    ids = (_found(written, place) for place in _places(shape)[0])
    return next((each for each in ids if isinstance(each, str)), None)


def _found(written: object, place: tuple[str, ...]) -> Any:
    """What an item holds at a place; None where there is no such place."""
    for step in place:
        written = written.get(step) if isinstance(written, dict) else None
    return written

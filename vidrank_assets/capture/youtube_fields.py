"""Values of the Data API's answers as pydantic reads them: any JSON in, a value of ours or a ValueError out."""

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from html import unescape
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

#: What an id must be: 11 characters for a video, UC and 22 for a channel.
VIDEO_ID = r"^[A-Za-z0-9_-]{11}$"
CHANNEL_ID = r"^UC[A-Za-z0-9_-]{22}$"
PLAYLIST_ID = r"^[A-Za-z0-9_-]{2,64}$"

#: Before the first video, and after anything that can have been published.
_FIRST, _TOO_LATE = datetime(2005, 4, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_LARGEST_COUNT = 2**62
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_PERIOD = re.compile(
    r"P(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(?:\.[0-9]+)?S)?)?"
)
_SECONDS = re.compile(r"([0-9]{1,9})(?:\.[0-9]+)?s")
_SECONDS_OF = (604_800, 86_400, 3_600, 60, 1)
#: Halves of a character outside UTF-16's first plane, and NUL: no file or data base takes them.
_UNSTORABLE = re.compile("[\ud800-\udfff\x00]")
#: The one that exists for every video without bars, then the next best.
_THUMBNAILS = ("medium", "high", "default")


def storable(text: str) -> str:
    """The text with U+FFFD for lone surrogates and NULs, which JSON can write and UTF-8 or a data base can't."""
    return _UNSTORABLE.sub("\ufffd", text)


def _id(pattern: str) -> AfterValidator:
    whole = re.compile(pattern)

    def checked(text: str) -> str:
        if not whole.fullmatch(text):
            raise ValueError("not an id")
        return text

    return AfterValidator(checked)


def _instant(value: object) -> datetime:
    """RFC 3339 with its zone, to UTC; more digits than microseconds are cut."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None or instant.year in (MINYEAR, MAXYEAR):
        raise ValueError("no zone, or no time that every zone has")
    return instant.astimezone(UTC)


def _publication(value: object) -> datetime:
    published = _instant(value)
    if not _FIRST <= published < _TOO_LATE:
        raise ValueError("no video was published then")
    return published


def _creation(value: object) -> datetime | None:
    """A channel that YouTube itself made may say 1970, which is not known, rather than a fault."""
    created = None if value is None else _instant(value)
    return created if created and _FIRST <= created < _TOO_LATE else None


def _count(value: object) -> int | None:
    """A whole number from 0, written as one or as text, as the API writes 64 bits."""
    if value is None:
        return None
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if type(value) is not int or not 0 <= value <= _LARGEST_COUNT:
        raise ValueError("not a count")
    return value


def _subscribers(statistics: object) -> int | None:
    """The count of a channel's statistics, which is 0 where the channel hides it."""
    told = statistics if isinstance(statistics, dict) else {}
    hidden = told.get("hiddenSubscriberCount")
    if not isinstance(hidden, bool | None):
        raise ValueError("neither true nor false")
    return None if hidden else _count(told.get("subscriberCount"))


def _seconds(value: object) -> int | None:
    """A length: `PT1H2M3S` of videos.list, or `3723s` of batchGetStats; null for 0, as live streams have."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("not a text")
    if whole := _SECONDS.fullmatch(value):
        return int(whole[1]) or None
    period = _PERIOD.fullmatch(value)
    if period is None or not any(period.groups()):
        raise ValueError("not a length")
    return sum(int(n or 0) * size for n, size in zip(period.groups(), _SECONDS_OF, strict=True)) or None


def _thumbnail(value: object) -> str | None:
    """Of the pictures that have a URL, the one that is fetched; what is none is passed over."""
    pictures: dict[Any, Any] = value if isinstance(value, dict) else {}
    for picture in (*map(pictures.get, _THUMBNAILS), *pictures.values()):
        url = picture.get("url") if isinstance(picture, dict) else None
        if isinstance(url, str) and url and url.isascii() and url.isprintable():
            return url
    return None


def _tags(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The tags without blanks around them and without empty ones; null when there is none."""
    return tuple(tag for tag in map(str.strip, value or ()) if tag) or None


def _handle(value: str | None) -> str | None:
    """An older custom URL is no handle."""
    return value if value and value.startswith("@") else None


Text = Annotated[str, AfterValidator(storable)]
#: A title of search.list: `Surfing&#39;s most insane`. It escapes neither descriptions nor channel titles.
EscapedTitle = Annotated[str, AfterValidator(unescape), AfterValidator(storable)]
#: A code of a language, country or category: an empty one says nothing.
Code = Annotated[Text | None, AfterValidator(lambda value: value or None)]
VideoId = Annotated[str, _id(VIDEO_ID)]
ChannelId = Annotated[str, _id(CHANNEL_ID)]
PlaylistId = Annotated[
    Annotated[str, _id(PLAYLIST_ID)] | None, BeforeValidator(lambda value: None if value == "" else value)
]
Handle = Annotated[Text | None, AfterValidator(_handle)]
Publication = Annotated[datetime, BeforeValidator(_publication)]
Creation = Annotated[datetime | None, BeforeValidator(_creation)]
Count = Annotated[int | None, BeforeValidator(_count)]
Subscribers = Annotated[int | None, BeforeValidator(_subscribers)]
Seconds = Annotated[int | None, BeforeValidator(_seconds)]
ThumbnailUrl = Annotated[str | None, BeforeValidator(_thumbnail)]
Tags = Annotated[tuple[Text, ...] | None, AfterValidator(_tags)]

"""What a capture asks of the Data API, and what that costs before it is begun."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from vidrank_assets.capture.kept_pages import Request
from vidrank_assets.capture.quota import Ledger

#: Ids of one call, and items of one page.
PAGE = 50
#: What changes slowly is read of every video once in so many days: within the 30 days after which it must be refreshed.
METADATA_DAYS = 28
#: A video that was published so recently is described at once.
_NEW = timedelta(hours=48)
#: One video in so many is expected to be left out by the answer that should hold its counters, and asked for again.
_LEFT_OUT = 100
_CALL = timedelta(seconds=0.2)


def channels_by_id(channel_ids: Iterable[str]) -> Iterator[Request]:
    """Counters and uploads playlists of channels, 50 a call."""
    for ids in _pages(channel_ids):
        yield Request("channels.list", {"part": "snippet,contentDetails,statistics", "id": ids, "maxResults": PAGE})


def channel_by_handle(handle: str) -> Request:
    """The same of the one channel that has a handle."""
    return Request("channels.list", {"part": "snippet,contentDetails,statistics", "forHandle": handle})


def uploads(playlist_id: str, page_token: str | None) -> Request:
    """A page of a channel's uploads, newest first."""
    asked: dict[str, str | int] = {"part": "snippet,contentDetails", "playlistId": playlist_id, "maxResults": PAGE}
    return Request("playlistItems.list", asked if page_token is None else {**asked, "pageToken": page_token})


def counters(video_ids: Iterable[str], method: str) -> Iterator[Request]:
    """Counters of videos, 50 a call, by `videos.batchGetStats`, or by `videos.list` with a client that lacks it."""
    part = "snippet,contentDetails,statistics" if method == "videos.list" else "id,snippet,contentDetails,statistics"
    for ids in _pages(video_ids):
        yield Request(method, {"part": part, "id": ids})


def described(video_ids: Iterable[str]) -> Iterator[Request]:
    """Everything the API says of videos, 50 a call."""
    return counters(video_ids, "videos.list")


def search(query: str, *, published_after: datetime) -> Request:
    """The newest videos that a query finds."""
    since = f"{published_after:%Y-%m-%dT%H:%M:%SZ}"
    return Request(
        "search.list",
        {"part": "snippet", "type": "video", "order": "date", "maxResults": PAGE, "q": query, "publishedAfter": since},
    )


def metadata_due(catalogue: pl.DataFrame, *, begun_at: datetime, captures_per_day: int) -> list[str]:
    """The videos whose tags, category and languages are read now, sorted.

    All that are new, and of the others as many as make the round in 28 days: first those that were never read, the
    youngest of them before all, then those read longest ago. Videos that are gone are asked about as well, because
    they come back.
    """
    age = pl.lit(begun_at) - pl.col("published_at")
    new = catalogue.filter(pl.col("metadata_at").is_null() & (age <= _NEW))
    others = catalogue.join(new, on="video_id", how="anti").filter(
        pl.col("metadata_at").is_null() | (pl.lit(begun_at) - pl.col("metadata_at") > timedelta(days=1))
    )
    share = -(-catalogue.height // (METADATA_DAYS * captures_per_day))
    oldest = others.sort("metadata_at", "published_at", "video_id", descending=[False, True, False], nulls_last=False)
    return sorted([*new["video_id"], *oldest["video_id"].head(share)])


class Plan(NamedTuple):
    """Calls of each method, as far as they are known before the first of them."""

    calls: Mapping[str, int]

    def units(self, ledger: Ledger) -> dict[str, int]:
        """Units by bucket."""
        units: dict[str, int] = {}
        for method, n_calls in self.calls.items():
            bucket = ledger.bucket_of(method)
            units[bucket] = units.get(bucket, 0) + n_calls * ledger.cost(method)
        return units

    @property
    def duration(self) -> timedelta:
        """How long it takes at five calls a second, which is what one connection does."""
        return sum(self.calls.values()) * _CALL


class Extent(NamedTuple):
    """How much there is to capture.

    channels: all that are watched; new_channels: those never captured, each with an expected page of uploads;
    unresolved_handles: those known by handle only, each a call of its own. videos_due: known ones whose turn it is;
    videos_expected: those that known channels will have uploaded, as many as they did of late; videos_described: those
    whose metadata is read.
    """

    channels: int
    new_channels: int
    unresolved_handles: int
    queries: int
    videos_due: int
    videos_expected: int
    videos_described: int


def planned(extent: Extent, *, counters_by: str) -> Plan:
    """The plan of a capture. counters_by: the method that reads counters."""
    calls = {
        "channels.list": extent.unresolved_handles + _n_pages(extent.channels - extent.unresolved_handles),
        "playlistItems.list": extent.channels,
        "search.list": extent.queries,
        "videos.list": _n_pages(extent.videos_described) + _n_pages(extent.videos_due // _LEFT_OUT),
    }
    n_counters = _n_pages(extent.videos_due) + _n_pages(extent.new_channels * PAGE + extent.videos_expected)
    calls[counters_by] = calls.get(counters_by, 0) + n_counters
    return Plan({method: n_calls for method, n_calls in calls.items() if n_calls})


def _pages(ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    listed: Sequence[str] = list(ids)
    for start in range(0, len(listed), PAGE):
        yield tuple(listed[start : start + PAGE])


def _n_pages(n_items: int) -> int:
    return -(-n_items // PAGE)

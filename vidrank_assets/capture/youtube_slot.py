"""One slot of a capture from the Data API: what is asked, in which order, and what was answered.

When the quota is spent, Google does not answer, or the day is over, nothing more is asked, and what was answered until
then is the capture. The order follows from that: counters of known videos come first, because they cannot be had later;
then what channels have uploaded with its counters, the metadata whose turn it is, and last what queries find.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import polars as pl

from vidrank_assets.capture import youtube_answers as answers
from vidrank_assets.capture import youtube_plan as plan
from vidrank_assets.capture.cadence import Slot
from vidrank_assets.capture.kept_pages import Request
from vidrank_assets.capture.watchlist import WatchList
from vidrank_assets.capture.youtube_answers import ChannelItem, Item, Page, Rejected, StatItem, VideoItem
from vidrank_assets.capture.youtube_client import YouTubeClient
from vidrank_assets.errors import QuotaSpent, SourceUnavailable
from vidrank_assets.tables import API, REJECTED_CAPTURES

_OK = 200
#: A query is asked for what is as new as this: enough for a video to be found before its first horizon.
_SEARCHED = timedelta(days=7)
_SOON = timedelta(microseconds=1)


class Channel(NamedTuple):
    """A watched channel as it was answered, and the niche that it is watched in."""

    item: ChannelItem
    niche: str
    captured_at: datetime


class Found(NamedTuple):
    """A video that a channel's uploads or a query showed, and the niche that led there."""

    item: Any
    niche: str
    seen_at: datetime


class Counted(NamedTuple):
    """The counters of a video, and when they were read."""

    item: StatItem | VideoItem
    captured_at: datetime


class Described(NamedTuple):
    """Everything that is said of a video, or that nothing is: it was deleted, or is private."""

    video_id: str
    item: VideoItem | None
    seen_at: datetime


class YouTubeSlot:
    """Asks, reads, and sets aside what cannot be read.

    stopped: why nothing more is asked; None as long as something is. waiting: the fault, where that will pass.
    n_answers: how many pages were read, those that were kept included.
    """

    def __init__(self, client: YouTubeClient, slot: Slot, *, clock: Callable[[], datetime]) -> None:
        self._client, self.slot, self._clock = client, slot, clock
        self.stopped: str | None = None
        self.waiting: QuotaSpent | SourceUnavailable | None = None
        self.n_answers = 0
        self._set_aside: list[dict[str, Any]] = []

    @property
    def rejected(self) -> pl.DataFrame:
        """`tables.REJECTED_CAPTURES`, without its source."""
        return pl.DataFrame(self._set_aside, schema=REJECTED_CAPTURES.schema)

    @property
    def counters_by(self) -> str:
        """The method that reads counters."""
        method = "videos.batchGetStats"
        return method if self._client.knows(method) else "videos.list"

    def channels(self, watch_list: WatchList, handles: dict[str, str]) -> list[Channel]:
        """The watched channels, each once. handles: the channel ids of those that are known; new ones are added."""
        niches = {entry.channel_id: entry.niche for entry in watch_list.channel_ids}
        by_handle = {entry.handle: entry.niche for entry in watch_list.handles}
        niches |= {handles[handle]: niche for handle, niche in by_handle.items() if handle in handles}
        read: dict[str, Channel] = {}
        for request in plan.channels_by_id(sorted(niches)):
            if answered := self._read(request, answers.channels):
                page, at = answered
                read |= {item.channel_id: Channel(item, niches.get(item.channel_id, ""), at) for item in page.items}
                self._not_found(request, _left_out(request, page))
        for handle in sorted(set(by_handle) - set(handles)):
            request = plan.channel_by_handle(handle)
            if answered := self._read(request, answers.channels):
                page, at = answered
                for item in page.items:
                    handles[handle] = item.channel_id
                    read.setdefault(item.channel_id, Channel(item, by_handle[handle], at))
                self._not_found(request, [] if page.items or page.rejected else [handle])
        return list(read.values())

    def uploads(self, channels: Iterable[Channel], *, known: set[str], since: datetime) -> list[Found]:
        """What the channels have uploaded since a moment: page by page, until one holds nothing new."""
        found: list[Found] = []
        for channel in channels:
            listed: list[Found] = []
            for page, at in self._pages_of(channel.item.uploads_playlist_id):
                listed += [Found(item, channel.niche, at) for item in page.items if item.published_at >= since]
                new = [item for item in page.items if item.video_id not in known and item.published_at >= since]
                if len(new) < len(page.items) or not new:
                    break
            else:
                # What is known ends the reading the next time, so nothing is of a list that was cut short.
                if self.stopped and listed and page.next_page_token:
                    continue
            found += listed
        return found

    def searched(self, watch_list: WatchList, *, begun_at: datetime) -> list[Found]:
        """What the queries of the watch list find."""
        found = []
        for entry in watch_list.queries:
            request = plan.search(entry.query, published_after=begun_at - _SEARCHED)
            found += [Found(item, entry.niche, at) for item, at in self._items(request, answers.found)]
        return found

    def counters(self, video_ids: Iterable[str]) -> list[Counted]:
        """Counters of videos. Those that an answer leaves out were not read; they are not thereby deleted."""
        method = self.counters_by
        parse: Callable[[bytes], Page[Any]] = answers.stats if method == "videos.batchGetStats" else answers.videos
        read = []
        for request in plan.counters(video_ids, method):
            read += [Counted(item, at) for item, at in self._items(request, parse)]
        return read

    def described(self, video_ids: Iterable[str]) -> list[Described]:
        """Everything that is said of videos. Those that an answer leaves out are gone: `videos.list` is whole."""
        read = []
        for request in plan.described(video_ids):
            answered = self._read(request, answers.videos)
            if answered is None:
                continue
            page, at = answered
            read += [Described(item.video_id, item, at) for item in page.items]
            read += [Described(video_id, None, at) for video_id in _left_out(request, page)]
        return read

    def set_aside(self, reason: str, found: str | None, video_id: str | None) -> None:
        """Count something that was not captured, with its reason."""
        self._reject("videos", Rejected(reason, found, video_id, ""))

    def _pages_of(self, playlist_id: str | None) -> Iterator[tuple[Page[Any], datetime]]:
        token, seen = None, set[str]()
        while playlist_id:
            answered = self._read(plan.uploads(playlist_id, token), answers.uploads)
            if answered is None:
                return
            yield answered
            token = answered[0].next_page_token
            if token is None:
                return
            if token in seen:
                self._reject("playlistItems.list", Rejected("looping_page_token", token, playlist_id, ""))
                return
            seen.add(token)

    def _items(self, request: Request, parse: Callable[[bytes], Page[Item]]) -> Iterator[tuple[Item, datetime]]:
        answered = self._read(request, parse)
        if answered is not None:
            page, at = answered
            yield from ((item, at) for item in page.items)

    def _read(self, request: Request, parse: Callable[[bytes], Page[Item]]) -> tuple[Page[Item], datetime] | None:
        """A page and when it was answered; None when it may not be asked for any more, or is about nothing."""
        if request not in self._client and self._over():
            return None
        try:
            answer = self._client.ask(request)
        except QuotaSpent as spent:
            self.stopped, self.waiting = "waiting_for_quota", spent
            return None
        except SourceUnavailable as fault:
            self.stopped, self.waiting = "unavailable", fault
            return None
        self.n_answers += 1
        # An answer that came a moment after midnight is still of the day that it was asked on.
        at = min(answer.answered_at, self.slot.ends_at - _SOON)
        if answer.status != _OK:
            self._not_found(request, [str(request.params.get("playlistId") or request.params.get("forHandle") or "")])
            return None
        page = parse(answer.body)
        for each in page.rejected:
            self._reject(request.method, each)
        return page, at

    def _over(self) -> bool:
        if self.stopped is None and self._clock() >= self.slot.ends_at:
            self.stopped = "cut_at_midnight"
        return self.stopped is not None

    def _not_found(self, request: Request, asked: Iterable[str]) -> None:
        for each in asked:
            self._reject(request.method, Rejected("not_found", each, None, ""))

    def _reject(self, method: str, rejected: Rejected) -> None:
        self._set_aside.append(
            {
                "day": self.slot.day,
                "reason": rejected.reason,
                "found": rejected.found,
                "file": method,
                "video_id": rejected.item_id,
                "raw": rejected.raw or None,
                "source": API,
            }
        )


def _left_out(request: Request, page: Page[Any]) -> list[str]:
    """The ids that a whole answer says nothing of; none where some of what it says could not be read."""
    unread = {each.item_id for each in page.rejected}
    told = {item.channel_id if isinstance(item, ChannelItem) else item.video_id for item in page.items}
    asked = cast(tuple[str, ...], request.params["id"])
    return [] if None in unread else sorted(set(asked) - told - unread)

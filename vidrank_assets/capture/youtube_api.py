"""The source called `youtube_api`: what YouTube shows of the videos of a watch list, now.

Every page that is answered is kept at once, so a capture that was killed, or ran out of quota, goes on where it
stopped when it is run again on the same day.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any, ClassVar

import polars as pl

from vidrank_assets.capture import video_catalogue, watchlist, youtube_plan
from vidrank_assets.capture.base import Captures
from vidrank_assets.capture.cadence import Slot, due
from vidrank_assets.capture.kept_pages import KeptPages
from vidrank_assets.capture.quota import Ledger, reset_at
from vidrank_assets.capture.remembered import Memory
from vidrank_assets.capture.youtube_client import YouTubeClient
from vidrank_assets.capture.youtube_plan import Extent, Plan
from vidrank_assets.capture.youtube_slot import Channel, Counted, YouTubeSlot
from vidrank_assets.capture.youtube_thumbnails import new_thumbnails
from vidrank_assets.errors import InvalidInput, SourceRefused
from vidrank_assets.settings import Settings, is_on_this_machine
from vidrank_assets.storage import Storage
from vidrank_assets.tables import CHANNEL_SNAPSHOTS


class YouTubeApi:
    """The Data API, by the settings.

    store: keeps answers, the ledger of the quota, and the catalogue of watched videos. watch_list: the YAML file, in
    the place of VIDRANK_WATCH_LIST. at: the present, an ISO instant, of a stand-in on this machine.

    Raises InvalidInput: the watch list or a setting is wrong, or `at` is given of the real API.
    """

    name: ClassVar[str] = "youtube_api"

    def __init__(self, store: Storage, *, watch_list: str | None = None, at: str | None = None) -> None:
        self._store, self._settings = store, Settings()
        self._watch_list = watchlist.load(watch_list or self._settings.watch_list)
        self._clock = _clock(at, self._settings.youtube_endpoint)
        self._watch = timedelta(days=self._settings.watch_days)
        self.ledger = Ledger(store, self._settings.quota)

    @property
    def now(self) -> datetime:
        """The present, as this source knows it."""
        return self._clock()

    def days(self) -> Sequence[date]:
        """Today, in UTC: the API knows no other day."""
        return [self.now.date()]

    def plan(self) -> Plan:
        """What a capture would ask now, as far as that is known before."""
        slot, memory = self._begun()
        catalogue, handles, begun_at = memory.catalogue(), memory.handles(), memory.begun_at or self.now
        listed = {entry.channel_id for entry in self._watch_list.channel_ids}
        by_handle = {entry.handle for entry in self._watch_list.handles}
        known = listed | {handles[handle] for handle in by_handle & set(handles)}
        n_unresolved = len(by_handle - set(handles))
        metadata = youtube_plan.metadata_due(
            catalogue, begun_at=begun_at, captures_per_day=self._settings.captures_per_day
        )
        n_new = len(known - set(catalogue["channel_id"])) + n_unresolved
        share = -(-n_new * youtube_plan.PAGE // youtube_plan.METADATA_DAYS)
        extent = Extent(
            channels=len(known) + n_unresolved,
            new_channels=n_new,
            unresolved_handles=n_unresolved,
            queries=len(self._watch_list.queries),
            videos_due=catalogue.filter(self._due(slot, begun_at)).height,
            videos_expected=_uploads_a_day(catalogue, begun_at),
            videos_described=len(metadata) + share,
        )
        return youtube_plan.planned(extent, counters_by=self._reader(slot).counters_by)

    def budget(self) -> pl.DataFrame:
        """What a capture would cost now, a row a bucket.

        Columns: bucket; units planned, asked for today and left; share_of_day, which the plan takes of what may be
        used; fits, whether that much is left.
        """
        now, units = self.now, self.plan().units(self.ledger)
        rows = [
            (
                bucket,
                units.get(bucket, 0),
                self.ledger.spent(bucket, at=now),
                self.ledger.left(bucket, at=now),
                units.get(bucket, 0) / max(1, self.ledger.usable(bucket)),
                units.get(bucket, 0) <= self.ledger.left(bucket, at=now),
            )
            for bucket in self._settings.quota
        ]
        return pl.DataFrame(rows, schema=["bucket", "planned", "today", "left", "share_of_day", "fits"], orient="row")

    def snapshots(self, days: Sequence[date]) -> Captures:
        """Counters and metadata of the watched videos, now.

        Raises SourceRefused: another day than today is asked for, or Google refuses. SourceUnavailable: Google does not
        answer. What was answered until then is kept.
        """
        self._assert_present(days)
        slot, memory = self._begun()
        begun_at, planned = memory.begin(self.now, self._planned_units)
        reader, before, handles = self._reader(slot), memory.catalogue(), memory.handles()
        known = before.filter(self._due(slot, begun_at))
        counted = reader.counters(sorted(known["video_id"]))
        channels = reader.channels(self._watch_list, handles)
        catalogue = video_catalogue.with_found(before, self._found(reader, channels, before, begun_at))
        # New, or there again.
        new = catalogue.join(known, on="video_id", how="anti").filter(self._due(slot, begun_at))
        counted += reader.counters(sorted(new["video_id"]))
        wanted = {*known["video_id"], *new["video_id"]}
        catalogue, again = self._asked_again(reader, catalogue, wanted, counted)
        counted += again
        catalogue = self._with_metadata(reader, video_catalogue.with_counters(catalogue, counted), begun_at)
        rows = video_catalogue.snapshots(catalogue, counted)
        memory.keep(catalogue.filter(pl.col("published_at") >= begun_at - self._watch), handles)
        told = {
            "videos_due": len(wanted),
            "new_videos": new.height,
            "gone_videos": catalogue["gone_at"].count(),
            **self._told(reader, planned),
        }
        return Captures(rows, reader.rejected, told)

    def channel_snapshots(self, days: Sequence[date]) -> Captures:
        """Counters of the watched channels, now. Raises what `snapshots` raises."""
        self._assert_present(days)
        slot, memory = self._begun()
        memory.begin(self.now, self._planned_units)
        reader = self._reader(slot)
        rows = _channel_rows(reader.channels(self._watch_list, memory.handles()))
        return Captures(rows, reader.rejected, self._told(reader, {}))

    def thumbnails(self, days: Sequence[date]) -> Captures:
        """Pictures that are new or changed, of the videos that the last capture left in the catalogue."""
        self._assert_present(days)
        return new_thumbnails(self._store, origins=self._settings.thumbnail_origins, clock=self._clock)

    def _planned_units(self) -> dict[str, int]:
        return self.plan().units(self.ledger)

    def _begun(self) -> tuple[Slot, Memory]:
        slot = Slot.at(self.now, self._settings.captures_per_day)
        return slot, Memory(self._store, slot.name)

    def _reader(self, slot: Slot) -> YouTubeSlot:
        settings = self._settings
        client = YouTubeClient(
            KeptPages(self._store, slot.name),
            self.ledger,
            key=settings.youtube_api_key,
            endpoint=settings.youtube_endpoint,
            clock=self._clock,
        )
        return YouTubeSlot(client, slot, clock=self._clock)

    def _due(self, slot: Slot, begun_at: datetime) -> pl.Expr:
        return due(slot, begun_at=begun_at, watch=self._watch, cadence=self._settings.cadence)

    def _found(
        self, reader: YouTubeSlot, channels: Iterable[Channel], before: pl.DataFrame, begun_at: datetime
    ) -> list[Any]:
        since = begun_at - self._watch
        found = reader.uploads(channels, known=set(before["video_id"]), since=since)
        found += reader.searched(self._watch_list, begun_at=begun_at)
        return [each for each in found if each.item.published_at >= since]

    def _asked_again(
        self, reader: YouTubeSlot, catalogue: pl.DataFrame, wanted: set[str], counted: Sequence[Counted]
    ) -> tuple[pl.DataFrame, list[Counted]]:
        """The videos whose counters no answer held, asked for by `videos.list`, which says what is gone."""
        unread = wanted - {each.item.video_id for each in counted}
        if reader.stopped or not unread:
            return catalogue, []
        described = reader.described(sorted(unread))
        there = [Counted(each.item, each.seen_at) for each in described if each.item]
        for each in described:
            if each.item is None:
                reader.set_aside("gone", "deleted or private", each.video_id)
        # When the reading was stopped, they are asked for when it goes on.
        not_read = set() if reader.stopped else unread - {each.video_id for each in described}
        for video_id in sorted(not_read):
            reader.set_aside("not_read", "no answer held its counters", video_id)
        return video_catalogue.with_metadata(catalogue, described), there

    def _with_metadata(self, reader: YouTubeSlot, catalogue: pl.DataFrame, begun_at: datetime) -> pl.DataFrame:
        asked = youtube_plan.metadata_due(
            catalogue, begun_at=begun_at, captures_per_day=self._settings.captures_per_day
        )
        return video_catalogue.with_metadata(catalogue, reader.described(asked))

    def _told(self, reader: YouTubeSlot, planned: Mapping[str, int]) -> dict[str, Any]:
        """How far the capture is, and what it cost. A quota that is spent is a state, and no fault."""
        now = self.now
        spent = {f"spent_today_{name}": self.ledger.spent(name, at=now) for name in self._settings.quota}
        left = {f"left_today_{name}": self.ledger.left(name, at=now) for name in self._settings.quota}
        state = {"state": reader.stopped or "complete"}
        if reader.waiting:
            state |= {"waiting_for": str(reader.waiting), "resumes_at": reset_at(now).isoformat()}
        if is_on_this_machine(self._settings.youtube_endpoint):
            state["answered_by"] = "a stand-in on this machine; what it says is synthetic"
        return {**state, **{f"planned_{name}": units for name, units in planned.items()}, **spent, **left}

    def _assert_present(self, days: Sequence[date]) -> None:
        today = self.now.date()
        if other := [day for day in days if day != today]:
            raise SourceRefused(
                f"the Data API only knows the present, and today is {today} in UTC; captures of {other[0]} were asked "
                "for. Past days come from archives (vidrank import) and from the sample."
            )


def _uploads_a_day(catalogue: pl.DataFrame, at: datetime) -> int:
    """Of the watched channels, over the last week."""
    return -(-catalogue.filter(pl.lit(at) - pl.col("published_at") <= timedelta(days=7)).height // 7)


def _channel_rows(channels: Iterable[Channel]) -> pl.DataFrame:
    names = [name for name in CHANNEL_SNAPSHOTS.schema.names() if name not in ("captured_at", "source")]
    rows = [
        {name: getattr(each.item, name) for name in names} | {"captured_at": each.captured_at, "source": "youtube_api"}
        for each in channels
    ]
    return pl.DataFrame(rows, schema=CHANNEL_SNAPSHOTS.schema).sort(CHANNEL_SNAPSHOTS.key)


def _clock(at: str | None, endpoint: str) -> Callable[[], datetime]:
    """The clock of this machine; of a stand-in, one that begins at its moment."""
    if at is None:
        return lambda: datetime.now(UTC)
    if not is_on_this_machine(endpoint):
        raise InvalidInput(
            f"at = {at!r} sets the clock of a stand-in on this machine; {endpoint} knows only the present."
        )
    begin, since = datetime.fromisoformat(at).astimezone(UTC), monotonic()
    return lambda: begin + timedelta(seconds=monotonic() - since)

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
from vidrank_assets.capture.remembered import Memory, last_begun
from vidrank_assets.capture.youtube_client import YouTubeClient
from vidrank_assets.capture.youtube_plan import Extent, Plan
from vidrank_assets.capture.youtube_slot import Channel, Counted, Found, YouTubeSlot
from vidrank_assets.capture.youtube_thumbnails import new_thumbnails
from vidrank_assets.errors import InvalidInput, QuotaSpent, SourceRefused, SourceUnavailable
from vidrank_assets.settings import Settings, is_on_this_machine
from vidrank_assets.storage import Storage
from vidrank_assets.tables import API, CHANNEL_SNAPSHOTS, SNAPSHOTS

#: A source that did not answer is left alone for so long.
_PAUSE = timedelta(minutes=30)


class YouTubeApi:
    """The Data API, by the settings.

    store: keeps answers, the ledger of the quota, and the catalogue of watched videos. watch_list: the YAML file, in
    the place of VIDRANK_WATCH_LIST. at: the present, an ISO instant, of a stand-in on this machine.

    Raises InvalidInput: the watch list or a setting is wrong, or `at` is given of the real API.
    """

    name: ClassVar[str] = API

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
        slot = self._slot_now()
        memory = Memory(self._store, slot.name)
        handles, begun_at = memory.handles(), memory.begun_at or self.now
        catalogue = self._watched(memory.catalogue(), handles)
        known = self._channel_ids(handles)
        n_unresolved = sum(entry.handle not in handles for entry in self._watch_list.handles)
        metadata = self._metadata_due(catalogue, begun_at)
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
        """Counters and metadata of the watched videos, now; of a day that has just ended, what was answered on it.

        Raises SourceRefused: another day is asked for, or Google refuses. SourceUnavailable: Google answers nothing.
        What was answered until then is kept.
        """
        slot = self._slot_of(days)
        memory, reader = Memory(self._store, slot.name), self._reader(slot)
        begun_at, planned = memory.begin(self.now, self._planned_units)
        before, handles = memory.catalogue(), memory.handles()
        due_now = self._due(slot, begun_at)
        wanted = set(self._watched(before, handles).filter(due_now)["video_id"])
        counted = reader.counters(sorted(wanted))
        channels = reader.channels(self._watch_list, handles)
        uploads = reader.uploads(channels, known=set(before["video_id"]), since=begun_at - self._watch)
        catalogue = video_catalogue.with_found(before, uploads)
        new = _found_due(catalogue.filter(due_now), uploads) - wanted
        counted += reader.counters(sorted(new))
        catalogue = self._asked_again(reader, catalogue, wanted | new, counted)
        catalogue = video_catalogue.with_counters(catalogue, counted)
        described = reader.described(self._metadata_due(self._watched(catalogue, handles), begun_at))
        catalogue = video_catalogue.with_metadata(catalogue, described)
        # The bucket of searches is the smallest; when it is empty, all else was asked.
        searched = reader.searched(self._watch_list, begun_at=begun_at)
        catalogue = video_catalogue.with_found(catalogue, searched)
        by_query = _found_due(catalogue.filter(due_now), searched) - wanted - new
        counted += reader.counters(sorted(by_query))
        catalogue = video_catalogue.with_counters(catalogue, counted)
        _assert_answered(reader)
        rows = self._once_a_slot(video_catalogue.snapshots(catalogue, counted), slot, begun_at)
        memory.keep(catalogue.filter(pl.col("published_at") >= begun_at - self._watch), handles)
        told = {
            "videos_due": len(wanted | new | by_query),
            "new_videos": len((new | by_query) - set(before["video_id"])),
            "gone_videos": catalogue["gone_at"].count(),
            **self._told(reader, planned),
        }
        return Captures(rows, reader.rejected, told)

    def channel_snapshots(self, days: Sequence[date]) -> Captures:
        """Counters of the watched channels, now. Raises what `snapshots` raises."""
        slot = self._slot_of(days)
        memory, reader = Memory(self._store, slot.name), self._reader(slot)
        memory.begin(self.now, self._planned_units)
        channels = reader.channels(self._watch_list, memory.handles())
        _assert_answered(reader)
        return Captures(_channel_rows(channels), reader.rejected, self._told(reader, {}))

    def thumbnails(self, days: Sequence[date]) -> Captures:
        """Pictures that are new or changed, of the videos that the last capture left in the catalogue."""
        day = self._slot_of(days).day
        return new_thumbnails(self._store, day, origins=self._settings.thumbnail_origins, clock=self._clock)

    def _planned_units(self) -> dict[str, int]:
        return self.plan().units(self.ledger)

    def _slot_now(self) -> Slot:
        return Slot.at(self.now, self._settings.captures_per_day)

    def _slot_of(self, days: Sequence[date]) -> Slot:
        """The slot that is now; of a day that is over, the last that was begun, of which nothing more is asked."""
        now = self._slot_now()
        if list(days) == [now.day]:
            return now
        begun = last_begun(self._store, days[0]) if len(days) == 1 and days[0] < now.day else None
        if begun is None:
            other = next(day for day in days if day != now.day)
            raise SourceRefused(
                f"the Data API only knows the present, and today is {now.day} in UTC; captures of {other} were asked "
                "for. Past days come from archives (vidrank import) and from the sample."
            )
        return begun

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

    def _channel_ids(self, handles: Mapping[str, str]) -> set[str]:
        """The watched channels whose ids are known."""
        resolved = {handles[entry.handle] for entry in self._watch_list.handles if entry.handle in handles}
        return resolved | {entry.channel_id for entry in self._watch_list.channel_ids}

    def _watched(self, catalogue: pl.DataFrame, handles: Mapping[str, str]) -> pl.DataFrame:
        """The videos of what the watch list names today: its channels, and niches with queries."""
        channels = self._channel_ids(handles)
        niches = {entry.niche for entry in self._watch_list.queries}
        return catalogue.filter(pl.col("channel_id").is_in(list(channels)) | pl.col("query").is_in(list(niches)))

    def _once_a_slot(self, rows: pl.DataFrame, slot: Slot, begun_at: datetime) -> pl.DataFrame:
        """Without those of videos that the slot has captured already, when it was run with another watch list."""
        key = f"{SNAPSHOTS.name}/day={slot.day}/data.parquet"
        if not self._store.exists(key):
            return rows
        of_slot = (pl.col("source") == self.name) & (pl.col("captured_at") >= begun_at)
        stored = self._store.scan_tables({key: None}).filter(of_slot)
        before = stored.select("video_id", pl.col("captured_at").alias("before_at")).collect()
        told = rows.join(before, on="video_id", how="left", maintain_order="left")
        return told.filter(pl.col("before_at").is_null() | (pl.col("before_at") == pl.col("captured_at"))).drop(
            "before_at"
        )

    def _asked_again(
        self, reader: YouTubeSlot, catalogue: pl.DataFrame, wanted: set[str], counted: list[Counted]
    ) -> pl.DataFrame:
        """The videos whose counters no answer held, asked for by `videos.list`, which says what is gone."""
        unread = wanted - {each.item.video_id for each in counted}
        if reader.stopped or not unread:
            return catalogue
        described = reader.described(sorted(unread))
        counted += [Counted(each.item, each.seen_at) for each in described if each.item]
        for each in described:
            if each.item is None:
                reader.set_aside("gone", "deleted or private", each.video_id)
        # When the reading was stopped, they are asked for when it goes on.
        not_read = set() if reader.stopped else unread - {each.video_id for each in described}
        for video_id in sorted(not_read):
            reader.set_aside("not_read", "no answer held its counters", video_id)
        return video_catalogue.with_metadata(catalogue, described)

    def _metadata_due(self, watched: pl.DataFrame, begun_at: datetime) -> list[str]:
        per_day = self._settings.captures_per_day
        return youtube_plan.metadata_due(watched, begun_at=begun_at, captures_per_day=per_day)

    def _told(self, reader: YouTubeSlot, planned: Mapping[str, int]) -> dict[str, Any]:
        """How far the capture is, and what it cost. A quota that is spent is a state, and no fault."""
        now = self.now
        spent = {f"spent_today_{name}": self.ledger.spent(name, at=now) for name in self._settings.quota}
        left = {f"left_today_{name}": self.ledger.left(name, at=now) for name in self._settings.quota}
        state = {"state": reader.stopped or "complete"}
        if reader.waiting:
            resumes_at = reset_at(now) if isinstance(reader.waiting, QuotaSpent) else now + _PAUSE
            state |= {"waiting_for": str(reader.waiting), "resumes_at": resumes_at.isoformat()}
        if is_on_this_machine(self._settings.youtube_endpoint):
            state["answered_by"] = "a stand-in on this machine; what it says is synthetic"
        return {**state, **{f"planned_{name}": units for name, units in planned.items()}, **spent, **left}


def _assert_answered(reader: YouTubeSlot) -> None:
    """Raises SourceUnavailable: not one answer came."""
    if isinstance(reader.waiting, SourceUnavailable) and not reader.n_answers:
        raise reader.waiting


def _found_due(due_now: pl.DataFrame, found: Iterable[Found]) -> set[str]:
    """The ids of what was found and is due: videos that are new, or there again."""
    return set(due_now["video_id"]) & {each.item.video_id for each in found}


def _uploads_a_day(catalogue: pl.DataFrame, at: datetime) -> int:
    """Of the watched channels, over the last week."""
    return -(-catalogue.filter(pl.lit(at) - pl.col("published_at") <= timedelta(days=7)).height // 7)


def _channel_rows(channels: Iterable[Channel]) -> pl.DataFrame:
    names = [name for name in CHANNEL_SNAPSHOTS.schema.names() if name not in ("captured_at", "source")]
    rows = [
        {name: getattr(each.item, name) for name in names} | {"captured_at": each.captured_at, "source": API}
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

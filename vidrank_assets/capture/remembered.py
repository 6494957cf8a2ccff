"""What a live source remembers between captures: every video it knows, and what is on the image host."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from vidrank_assets.capture.cadence import Slot
from vidrank_assets.schema import Table, instant, text
from vidrank_assets.storage import Storage
from vidrank_assets.tables import SNAPSHOTS

FOLDER = "youtube_api"

#: What a capture reads anew of a video each time.
_OF_A_CAPTURE = ("captured_at", "view_count", "like_count", "comment_count")

#: What the Data API has said of every video that is watched: the newest of each, where it is kept between captures.
VIDEO_CATALOGUE = Table(
    "video_catalogue",
    ("video_id",),
    (
        *(column for column in SNAPSHOTS.columns if column.name not in _OF_A_CAPTURE),
        instant("first_seen_at", "when the video was found", nullable=False),
        instant("described_at", "when title, description and thumbnail were last read", nullable=False),
        instant("metadata_at", "when tags, category and languages were last read; null when never"),
        instant("captured_at", "when its counters were last read; null when never"),
        instant("gone_at", "when it was found deleted or private; null while it is there"),
    ),
)

#: What the image host said of every thumbnail when it was last asked.
THUMBNAIL_CHECKS = Table(
    "thumbnail_checks",
    ("video_id",),
    (
        text("video_id", "YouTube's id of the video", nullable=False),
        text("thumbnail_url", "what was asked for", nullable=False),
        instant("checked_at", "when it was asked for", nullable=False),
        text("content_hash", "SHA-256 of the picture that is there; null when none could be read"),
        text("etag", "the host's mark of that picture"),
        text("reason", "why there is no picture; null when there is one"),
    ),
)


class Memory:
    """What the slots before one remember, and what that one leaves for the next.

    A slot reads what an earlier slot left, never what it left itself: run again after it was killed, it asks the same
    questions, and finds them answered.
    """

    def __init__(self, store: Storage, slot: str) -> None:
        self._store, self._slot = store, slot
        self._key = f"{FOLDER}/slots/slot={slot}.json"

    @property
    def begun_at(self) -> datetime | None:
        """When the slot began; None before."""
        begun = self._begun()
        return datetime.fromisoformat(begun["at"]) if begun else None

    def begin(self, now: datetime, plan: Callable[[], Mapping[str, int]]) -> tuple[datetime, dict[str, int]]:
        """When the slot began and what it was planned to cost: now, and by that plan, unless it had begun before."""
        if (begun := self._begun()) is None:
            begun = {"at": now.isoformat(), "planned": dict(plan())}
            self._store.write(self._key, json.dumps(begun).encode())
        return datetime.fromisoformat(begun["at"]), begun["planned"]

    def catalogue(self) -> pl.DataFrame:
        """Every video known before this slot: `VIDEO_CATALOGUE`."""
        key = self._before("video_catalogue")
        return self._store.read_table(key) if key else VIDEO_CATALOGUE.empty()

    def handles(self) -> dict[str, str]:
        """The channel id of every handle known before this slot."""
        key = self._before("handles")
        return json.loads(self._store.read(key)) if key else {}

    def keep(self, catalogue: pl.DataFrame, handles: Mapping[str, str]) -> None:
        """Leave the catalogue and the handles to the slots after this one."""
        table = VIDEO_CATALOGUE.checked(catalogue).sort(VIDEO_CATALOGUE.key)
        self._store.write_table(f"{FOLDER}/video_catalogue/slot={self._slot}.parquet", table)
        self._store.write(f"{FOLDER}/handles/slot={self._slot}.json", json.dumps(handles, indent=1).encode())

    def _begun(self) -> dict[str, Any] | None:
        return json.loads(self._store.read(self._key)) if self._store.exists(self._key) else None

    def _before(self, what: str) -> str | None:
        """The newest that an earlier slot left; names of slots sort as slots do."""
        keys = self._store.keys(f"{FOLDER}/{what}")
        earlier = [key for key in keys if PurePosixPath(key).stem.removeprefix("slot=") < self._slot]
        return earlier[-1] if earlier else None


def last_begun(store: Storage, day: date) -> Slot | None:
    """The last slot of a day that was begun; None when none was."""
    keys = store.keys(f"{FOLDER}/slots")
    names = [PurePosixPath(key).stem.removeprefix("slot=") for key in keys]
    numbers = [int(name.rpartition("T")[2]) for name in names if name.startswith(f"{day}T")]
    return Slot(day, max(numbers)) if numbers else None


def newest_catalogue(store: Storage) -> pl.DataFrame:
    """What is known of every video now: `VIDEO_CATALOGUE`."""
    keys = store.keys(f"{FOLDER}/video_catalogue", suffix=".parquet")
    return store.read_table(keys[-1]) if keys else VIDEO_CATALOGUE.empty()

"""A capture through the stand-in that is killed, or runs out of quota, and is run again.

What is there at the end is what an undisturbed capture leaves; of the pages, at most the one in flight is paid twice.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import psutil
import pytest
import yaml

from vidrank_assets.assets.io_managers import latest_metadata
from vidrank_assets.capture.remembered import newest_catalogue
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.capture.youtube_api import YouTubeApi
from vidrank_assets.errors import SourceUnavailable
from vidrank_assets.storage import Storage
from vidrank_assets_tests.fake_youtube import Asked, FakeYouTube
from vidrank_assets_tests.fake_youtube_faults import ERRORS
from vidrank_assets_tests.graph.conftest import Home, running_in
from vidrank_assets_tests.graph.live_capture_server import TABLES

#: Ten in the evening of the day before in California: the quota starts anew within the day, at eight.
FIRST = datetime(2026, 2, 10, 6, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)
KILLED, ENDED = -9, 0
#: What the clock decides.
WHEN = ("captured_at", "first_seen_at", "described_at", "metadata_at", "gone_at")


@pytest.fixture
def fake() -> Iterator[FakeYouTube]:
    with FakeYouTube(SampleWorld(n_channels=24), moment=FIRST) as running:
        yield running


@pytest.fixture
def watch_list(fake, tmp_path) -> str:
    return written_watch_list(fake, tmp_path)


def written_watch_list(fake: FakeYouTube, folder: Path) -> str:
    path = folder / "watch_list.yaml"
    path.write_text(yaml.safe_dump({"niches": {"synthetic": {"channels": fake.channel_ids}}}))
    return str(path)


def variables(fake: FakeYouTube) -> dict[str, str]:
    """The environment in which captures find the stand-in."""
    return {
        "VIDRANK_YOUTUBE_ENDPOINT": fake.endpoint,
        "VIDRANK_YOUTUBE_API_KEY": fake.key,
        "VIDRANK_THUMBNAIL_ORIGINS": json.dumps([fake.endpoint.rstrip("/")]),
    }


@pytest.fixture
def environment(fake, monkeypatch) -> None:
    for name, value in variables(fake).items():
        monkeypatch.setenv(name, value)


class Server:
    """Captures in forks of a process that is warm, and kills them."""

    def __init__(self, fake: FakeYouTube) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("live_capture_server.py"))],
            env={**os.environ, "OMP_NUM_THREADS": "1", **variables(fake)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def capture(
        self, store: Path, options: dict[str, str], *, killed: dict[str, Any] | None = None, after: float | None = None
    ) -> int:
        """The status that a capture ends with. killed: at which file; after: at how many seconds."""
        message = {"store": str(store), "options": options, "killed": killed}
        self._process.stdin.write(json.dumps(message) + "\n")
        child = psutil.Process(int(self._said("pid")))
        if after is not None:
            time.sleep(after)
            with suppress(psutil.NoSuchProcess):
                child.kill()
        return int(self._said("ended"))

    def _said(self, what: str) -> str:
        said, _, value = self._process.stdout.readline().partition(" ")
        assert said == what, "the server ended"
        return value


class Paid(NamedTuple):
    """What some captures paid. twice: pages that were answered more than once; entered: units, by the ledger."""

    charged: int
    twice: int
    entered: int


def paid(asked: Sequence[Asked], entered: int) -> Paid:
    pages = Counter((each.method, json.dumps(each.params, sort_keys=True)) for each in asked if each.charged)
    return Paid(pages.total(), pages.total() - len(pages), entered)


def n_entered(store: Storage) -> int:
    return len(store.keys("youtube_api/quota"))


def timeless(table: pl.DataFrame) -> pl.DataFrame:
    return table.drop(WHEN, strict=False)


def left_by(store: Storage, day: datetime) -> dict[str, pl.DataFrame]:
    """The tables of a day, and the catalogue after it."""
    tables = {name: store.read_table(f"{name}/day={day:%Y-%m-%d}/data.parquet") for name in TABLES}
    return {name: timeless(table) for name, table in {**tables, "catalogue": newest_catalogue(store)}.items()}


class Trials:
    """Captures of the second day, each in a store of its own that holds the first."""

    def __init__(self, fake: FakeYouTube, server: Server, folder: Path) -> None:
        self._fake, self._server, self._folder, self._n = fake, server, folder, 0
        watch_list = written_watch_list(fake, folder)
        self._options = {"watch_list": watch_list, "at": SECOND.isoformat()}
        assert server.capture(folder / "first", {"watch_list": watch_list, "at": FIRST.isoformat()}) == ENDED
        self._before = n_entered(Storage(str(folder / "first")))
        fake.moment = SECOND
        begun = time.monotonic()
        store, spent = self.trial()
        self.seconds, self.undisturbed, self.n_pages = time.monotonic() - begun, left_by(store, SECOND), spent.charged
        assert spent == Paid(self.n_pages, 0, self.n_pages)

    def trial(self, *, killed: dict[str, Any] | None = None) -> tuple[Storage, Paid]:
        """A capture that is killed, if it is, and run again to the end."""
        store, n_asked = self._begun()
        if killed:
            assert self._server.capture(store, self._options, killed=killed) == KILLED
        return self._ended(store, n_asked)

    def trial_of_chance(self, lots: random.Random) -> tuple[Storage, Paid, int]:
        """A capture killed at a random moment, and how many pages were kept by then."""
        while True:
            store, n_asked = self._begun()
            if self._server.capture(store, self._options, after=self.seconds * lots.random()) == KILLED:
                n_kept = len(Storage(str(store)).keys(f"youtube_api/pages/slot={SECOND:%Y-%m-%d}T00", suffix=".json.gz"))
                return *self._ended(store, n_asked), n_kept

    def _begun(self) -> tuple[Path, int]:
        store = self._folder / str(self._n)
        self._n += 1
        shutil.copytree(self._folder / "first", store)
        return store, len(self._fake.asked)

    def _ended(self, store: Path, n_asked: int) -> tuple[Storage, Paid]:
        assert self._server.capture(store, self._options) == ENDED
        stored = Storage(str(store))
        return stored, paid(self._fake.asked[n_asked:], n_entered(stored) - self._before)

    def check(self, store: Storage, spent: Paid) -> None:
        """As if nothing had happened, and no more than a page was paid twice."""
        for name, table in left_by(store, SECOND).items():
            assert table.equals(self.undisturbed[name]), name
        assert not self.undisturbed["snapshots"]["video_id"].is_duplicated().any()
        assert json.loads(store.read("told.json"))["state"] == "complete"
        assert spent.charged == self.n_pages + spent.twice
        assert spent.twice <= 1
        # Killed between entry and call, a page is in the ledger once more than it was asked for.
        assert spent.charged <= spent.entered <= self.n_pages + 1


@pytest.fixture(scope="module")
def trials(tmp_path_factory) -> Iterator[Trials]:
    """All of them ask one stand-in, which has no limits that they could reach."""
    folder, limits = tmp_path_factory.mktemp("trials"), {"shared": 10**6, "batch_get_stats": 10**6}
    with FakeYouTube(SampleWorld(n_channels=24), moment=FIRST, limits=limits) as fake, Server(fake) as server:
        for method in ("channels.list", "playlistItems.list", "videos.batchGetStats", "videos.list"):
            fake.fault(method, "slow", times=None, seconds=0.01)
        yield Trials(fake, server, folder)


@pytest.mark.parametrize(
    ("folder", "after", "twice"),
    [("quota", False, 0), ("quota", True, 0), ("pages", False, 1), ("pages", True, 0)],
    ids=["before it is entered", "before it is asked", "before its answer is kept", "after that"],
)
def test_a_capture_that_is_killed_at_a_page_pays_for_that_page_twice_only_when_its_answer_was_lost(
    trials, folder, after, twice
):
    store, spent = trials.trial(killed={"folder": folder, "nth": trials.n_pages // 2, "after": after})
    trials.check(store, spent)
    assert spent.twice == twice
    assert spent.entered == trials.n_pages + (folder == "pages" and not after) + (folder == "quota" and after)


@pytest.mark.slow
def test_fifty_captures_killed_at_random_moments_end_as_if_nothing_had_happened(trials):
    lots, came = random.Random(4), Counter[str]()
    for _ in range(50):
        store, spent, n_kept = trials.trial_of_chance(lots)
        trials.check(store, spent)
        came["between the first page and the last"] += 0 < n_kept < trials.n_pages
        came["pages paid twice"] += spent.twice
        came["units entered and never charged"] += spent.entered - spent.charged
    print(dict(came), f"{trials.n_pages} pages and {trials.seconds:.2f} s a capture")
    # So that it is known to kill where it hurts.
    assert came["between the first page and the last"] >= 15
    assert came["pages paid twice"] >= 1

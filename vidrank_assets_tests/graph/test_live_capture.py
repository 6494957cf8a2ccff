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

import dagster as dg
import polars as pl
import psutil
import pytest
import yaml

from vidrank_assets.assets.io_managers import latest_metadata
from vidrank_assets.capture.base import Captures
from vidrank_assets.capture.remembered import newest_catalogue
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.capture.youtube_api import YouTubeApi
from vidrank_assets.storage import Storage
from vidrank_assets_tests.fake_youtube import Asked, FakeYouTube
from vidrank_assets_tests.fake_youtube_faults import ERRORS
from vidrank_assets_tests.graph.conftest import Home, running_in
from vidrank_assets_tests.graph.fork_server import ENDED, KILLED, Server
from vidrank_assets_tests.graph.live_capture_server import TABLES
from vidrank_assets_tests.secret_scan import files_with

#: Ten in the evening of the day before in California: the quota starts anew within the day, at eight.
FIRST = datetime(2026, 2, 10, 6, tzinfo=UTC)
AFTER_RESET, SECOND = FIRST + timedelta(hours=3), FIRST + timedelta(days=1)
#: What the clock decides.
WHEN = ("captured_at", "first_seen_at", "described_at", "metadata_at", "gone_at")


@pytest.fixture
def fake() -> Iterator[FakeYouTube]:
    with FakeYouTube(SampleWorld(n_channels=12), moment=FIRST) as running:
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


def server_of(fake: FakeYouTube) -> Server:
    return Server("live_capture_server", {**os.environ, "OMP_NUM_THREADS": "1", **variables(fake)})


def captured(
    server: Server,
    store: Path,
    options: dict[str, str],
    *,
    killed: dict[str, Any] | None = None,
    after: float | None = None,
) -> int:
    """The status that a capture ends with. killed: at which file; after: at how many seconds."""
    child, told = server.started({"store": str(store), "options": options, "killed": killed})
    if after is not None:
        time.sleep(after)
        with suppress(psutil.NoSuchProcess):
            child.kill()
    (ended,) = told
    return int(ended.removeprefix("ended "))


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
        assert captured(server, folder / "first", {"watch_list": watch_list, "at": FIRST.isoformat()}) == ENDED
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
            assert captured(self._server, store, self._options, killed=killed) == KILLED
        return self._ended(store, n_asked)

    def trial_of_chance(self, lots: random.Random) -> tuple[Storage, Paid, int]:
        """A capture killed at a random moment, and how many pages were kept by then."""
        while True:
            store, n_asked = self._begun()
            if captured(self._server, store, self._options, after=self.seconds * lots.random()) == KILLED:
                n_kept = len(
                    Storage(str(store)).keys(f"youtube_api/pages/slot={SECOND:%Y-%m-%d}T00", suffix=".json.gz")
                )
                return *self._ended(store, n_asked), n_kept

    def _begun(self) -> tuple[Path, int]:
        store = self._folder / str(self._n)
        self._n += 1
        shutil.copytree(self._folder / "first", store)
        return store, len(self._fake.asked)

    def _ended(self, store: Path, n_asked: int) -> tuple[Storage, Paid]:
        assert captured(self._server, store, self._options) == ENDED
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
    with FakeYouTube(SampleWorld(n_channels=24), moment=FIRST, limits=limits) as fake, server_of(fake) as server:
        for method in ("channels.list", "playlistItems.list", "videos.batchGetStats", "videos.list"):
            fake.fault(method, "slow", times=None, seconds=0.005)
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


class Live(NamedTuple):
    """Captures into one store. The clock moves, and the world of the stand-in does not: its videos stay comparable."""

    fake: FakeYouTube
    store: Storage
    watch_list: str

    def source(self, at: datetime) -> YouTubeApi:
        return YouTubeApi(self.store, watch_list=self.watch_list, at=at.isoformat())

    def captured(self, at: datetime) -> Captures:
        source = self.source(at)
        return source.snapshots(source.days())

    def pages(self) -> list[Asked]:
        return [each for each in self.fake.asked if each.method != "picture"]


@pytest.fixture
def live(fake, watch_list, environment, tmp_path) -> Live:
    return Live(fake, Storage(str(tmp_path / "store")), watch_list)


def assert_went_on(live: Live, resumed: Captures, tmp_path: Path) -> None:
    """Every page was paid once, and the day is as an undisturbed capture has it."""
    assert resumed.told["state"] == "complete"
    assert paid(live.pages(), 0).twice == 0
    undisturbed = Live(live.fake, Storage(str(tmp_path / "undisturbed")), live.watch_list).captured(AFTER_RESET)
    assert timeless(resumed.rows).equals(timeless(undisturbed.rows))
    assert not resumed.rows["video_id"].is_duplicated().any()


@pytest.mark.parametrize("shape", range(len(ERRORS["quota_exceeded"])))
@pytest.mark.parametrize("after", [0, 7])
def test_when_google_says_the_quota_is_spent_nothing_more_is_asked_that_day(live, shape, after, tmp_path):
    live.fake.fault("*", "quota_exceeded", times=None, after=after, shape=shape)
    captured = live.captured(FIRST)
    assert captured.told["state"] == "waiting_for_quota"
    assert captured.told["resumes_at"] == "2026-02-10T08:00:00+00:00"
    assert [each.charged for each in live.pages()] == [1] * after + [0]

    source = live.source(FIRST + timedelta(hours=1))
    told = [getattr(source, table)(source.days()).told for table in ("snapshots", "channel_snapshots")]
    if after == 0:
        assert [each["state"] for each in told] == ["waiting_for_quota"] * 2
    assert len(live.pages()) == after + 1

    live.fake.heal()
    assert_went_on(live, live.captured(AFTER_RESET), tmp_path)


@pytest.mark.parametrize(
    ("method", "bucket"), [("playlistItems.list", "shared"), ("videos.batchGetStats", "batch_get_stats")]
)
def test_a_capture_stops_at_90_percent_of_a_bucket_and_goes_on_after_the_reset(
    live, monkeypatch, method, bucket, tmp_path
):
    limits = {"shared": 10_000, "batch_get_stats": 10_000, "search": 100} | {bucket: 10 if bucket == "shared" else 2}
    costs = {
        "shared": {"channels.list": 1, "playlistItems.list": 1, "videos.list": 1},
        "batch_get_stats": {"videos.batchGetStats": 1},
        "search": {"search.list": 1},
    }
    quota = {name: {"limit": limit, "costs": costs[name]} for name, limit in limits.items()}
    monkeypatch.setenv("VIDRANK_QUOTA", json.dumps(quota))
    captured = live.captured(FIRST)
    assert captured.told["state"] == "waiting_for_quota"
    assert live.fake.spent[bucket] == int(0.9 * limits[bucket])
    assert live.pages()[-1].method == method
    monkeypatch.delenv("VIDRANK_QUOTA")
    assert_went_on(live, live.captured(AFTER_RESET), tmp_path)


def test_a_stand_in_that_counts_refuses_what_is_over_its_limit_and_answers_after_its_reset(live):
    live.fake.limits["shared"] = 8
    waiting = live.captured(FIRST)
    assert waiting.told["state"] == "waiting_for_quota"
    assert live.fake.spent["shared"] == 8 == sum(each.charged for each in live.pages())
    assert len(live.pages()) == 9
    live.fake.moment = AFTER_RESET
    resumed = live.captured(AFTER_RESET)
    assert resumed.told["state"] == "complete"
    assert paid(live.pages(), 0).twice == 0
    assert resumed.rows.height == resumed.rows["video_id"].n_unique() == resumed.told["videos_due"]


@pytest.mark.slow
def test_waiting_for_quota_is_a_state_of_the_asset_and_no_failed_run(fake, watch_list, environment, tmp_path):
    home, (day,) = Home(tmp_path / "home"), [f"{FIRST:%Y-%m-%d}"]
    fake.fault("*", "quota_exceeded", times=None, after=7)
    states = []
    with running_in(home) as runs:
        for at in (FIRST, AFTER_RESET):
            fake.moment = at
            options = {"watch_list": watch_list, "at": at.isoformat()}
            runs.capture(YouTubeApi(home.store, **options), options)
            states.append({a: latest_metadata(runs.instance, dg.AssetKey(a), [day])[day] for a in TABLES})
            fake.heal()
        statuses = [run.status for run in runs.instance.get_runs()]
    before, after = states
    assert statuses == [dg.DagsterRunStatus.SUCCESS] * 2
    assert before["snapshots"]["state"] == "waiting_for_quota"
    assert before["snapshots"]["resumes_at"] == "2026-02-10T08:00:00+00:00"
    assert after["snapshots"]["state"] == after["channel_snapshots"]["state"] == "complete"
    assert after["snapshots"]["videos"] > before["snapshots"]["videos"]
    stored = home.store.read_table(f"snapshots/day={day}/data.parquet")
    assert stored.height == stored["video_id"].n_unique() == after["snapshots"]["videos"]
    assert paid([each for each in fake.asked if each.method != "picture"], 0).twice == 0


@pytest.mark.slow
def test_a_run_that_google_refuses_with_the_key_in_its_answer_fails_without_it(fake, tmp_path):
    """What the run leaves, its events and its logs, is looked through when all tests have ended."""
    watched = written_watch_list(fake, tmp_path)
    home = Home(tmp_path / "home", **variables(fake), VIDRANK_WATCH_LIST=watched)
    fake.moment = datetime.now(UTC)
    fake.fault("playlistItems.list", "echo_key", times=None)
    done = home.vidrank("capture")
    assert done.returncode == 1
    assert "SourceRefused" in done.stdout and "The key *** may not call" in done.stdout
    assert fake.key not in done.stdout + done.stderr
    assert files_with(fake.key, tmp_path) == []
    assert files_with("may not call", tmp_path) != []


@pytest.mark.slow
def test_vidrank_capture_killed_in_the_middle_is_run_again_to_the_end(tmp_path):
    with FakeYouTube(SampleWorld(n_channels=24), moment=datetime.now(UTC)) as fake:
        home = Home(tmp_path / "home", **variables(fake), VIDRANK_WATCH_LIST=written_watch_list(fake, tmp_path))
        command = [str(Path(sys.executable).with_name("vidrank")), "capture"]
        with (tmp_path / "log").open("w") as log:
            begun = subprocess.Popen(command, cwd=home.folder, env=home.environment, stdout=log, stderr=log)
        while len(fake.asked) < 30:
            assert begun.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.002)
        begun.kill()
        assert begun.wait() == KILLED
        assert home.store.keys("snapshots") == []
        done = home.vidrank("capture")
        assert done.returncode == 0, done.stdout + done.stderr
    (key,) = home.store.keys("snapshots")
    stored, spent = home.store.read_table(key), paid(fake.asked, n_entered(home.store))
    assert "state complete" in done.stdout
    assert stored.height == stored["video_id"].n_unique() > 100
    assert set(stored["video_id"]) == set(newest_catalogue(home.store).filter(pl.col("gone_at").is_null())["video_id"])
    assert spent.twice <= 1
    assert spent.charged <= spent.entered <= spent.charged + 1

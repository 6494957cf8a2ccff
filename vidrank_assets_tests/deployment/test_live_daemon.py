"""The one switch: the daily schedule, turned on in a running daemon, captures the day, and the graph refreshes from it.

The source is the Data API, which a stand-in answers as of the real present.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import dagster as dg
import polars as pl
import psutil
import pytest
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData

from vidrank_assets.assets.io_managers import latest_metadata
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.catalog import FUSIONS
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.storage import Storage
from vidrank_assets_tests.deployment.conftest import ENDED, ROOT, eventually, free_ports
from vidrank_assets_tests.fake_youtube import FakeYouTube

pytestmark = [pytest.mark.slow, pytest.mark.timeout(890)]

BIN = Path(sys.executable).parent
#: Days before today that are captured beforehand, so that there are labels.
N_BEFORE = 6
SETTINGS = {"VIDRANK_SOURCE": "youtube_api", "VIDRANK_INCLUSION": "all", "VIDRANK_SPLIT_POLICY": "random"}
#: `vidrank capture` as of past moments, to which the stand-in is moved.
CAPTURE_AT = """
import os, sys
from urllib.request import Request, urlopen
from vidrank_assets.capture.youtube_api import YouTubeApi
from vidrank_assets.runs import opened_store, runner
with runner(print) as runs:
    for at in sys.argv[1:]:
        urlopen(Request(os.environ["VIDRANK_YOUTUBE_ENDPOINT"] + "stand-in/moment", at.encode())).close()
        runs.capture(YouTubeApi(opened_store(), at=at), {"at": at})
"""


class Daemon:
    """A home with its daemon and its webserver, each with a code server of its own, as `dg dev` starts them."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.home, self.port = folder / "home", free_ports(1)[0]
        self.home.mkdir()
        shutil.copy(ROOT / "dagster_home" / "dagster.yaml", self.home)
        self.environment = {**os.environ, "DAGSTER_HOME": str(self.home), "OMP_NUM_THREADS": "1", **environment}
        self.store = Storage(str(self.home / "vidrank"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *words: str) -> None:
        command = [str(BIN / name), *words, "--workspace", "workspace.yaml"]
        with (self.home.parent / f"{name}.log").open("wb") as log:
            started = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        self._processes.append(started)

    def captured_at(self, *moments: datetime) -> None:
        command = [sys.executable, "-c", CAPTURE_AT, *(moment.isoformat() for moment in moments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def query(self, query: str) -> dict:
        body = json.dumps({"query": query}).encode()
        request = Request(f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def answers(self) -> bool:
        try:
            return "version" in self.query("{ version }")
        except OSError:
            return False

    def logs(self) -> str:
        return "\n".join(file.read_text()[-6000:] for file in self.home.parent.glob("*.log"))

    def stop(self) -> None:
        """Stop each process by its id, and whatever it had started."""
        started = [psutil.Process(process.pid) for process in self._processes if process.poll() is None]
        started += [child for process in started for child in process.children(recursive=True)]
        for process in self._processes:
            process.terminate()
        _, left = psutil.wait_procs(started, timeout=20)
        for process in left:
            process.kill()
        for process in self._processes:
            process.wait()


@contextmanager
def watched_by_a_stand_in(folder: Path) -> Iterator[tuple[Daemon, FakeYouTube]]:
    """A home that captures from a stand-in, with nothing started yet."""
    now = datetime.now(UTC)
    with FakeYouTube(SampleWorld(n_channels=24), moment=now) as fake:
        watched = folder / "watch_list.yaml"
        watched.write_text(yaml.safe_dump({"niches": {"synthetic": {"channels": fake.channel_ids}}}))
        live = {
            "VIDRANK_YOUTUBE_ENDPOINT": fake.endpoint,
            "VIDRANK_YOUTUBE_API_KEY": fake.key,
            "VIDRANK_THUMBNAIL_ORIGINS": json.dumps([fake.endpoint.rstrip("/")]),
            "VIDRANK_WATCH_LIST": str(watched),
            "VIDRANK_CAPTURE_HOUR": str(now.hour),
        }
        daemon = Daemon(folder, SETTINGS | live)
        try:
            yield daemon, fake
        finally:
            daemon.stop()


def begin(daemon: Daemon, fake: FakeYouTube) -> None:
    """Capture some days, and start the webserver and the daemon."""
    now = datetime.now(UTC)
    daemon.captured_at(*(now - timedelta(days=days) for days in range(N_BEFORE, 0, -1)))
    fake.moment = now
    daemon.start("dagster-webserver", "--port", daemon.port)
    eventually(daemon.answers, "the webserver answers", log=daemon.logs)
    daemon.start("dagster-daemon", "run")


def schedule_state(instance: dg.DagsterInstance) -> InstigatorState:
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    (state,) = (state for state in states if state.instigator_name == "daily_capture")
    return state


def turn_on_and_off(daemon: Daemon, instance: dg.DagsterInstance) -> None:
    """As the UI does; the instance knows the schedule from then on."""
    selector = (
        'repositoryLocationName: "vidrank_assets", repositoryName: "__repository__", scheduleName: "daily_capture"'
    )
    turned = daemon.query(f"mutation {{ startSchedule(scheduleSelector: {{{selector}}}) {{ __typename }} }}")
    assert turned == {"startSchedule": {"__typename": "ScheduleStateResult"}}
    instance.update_instigator_state(schedule_state(instance).with_status(InstigatorStatus.STOPPED))


def turn_on_since(instance: dg.DagsterInstance, since: datetime) -> None:
    """The schedule is on, and has been for so long. It fires on the hour only, so the daemon has a tick to make up."""
    state = schedule_state(instance)
    data = ScheduleInstigatorData(state.instigator_data.cron_schedule, start_timestamp=since.timestamp())
    instance.update_instigator_state(state.with_status(InstigatorStatus.RUNNING).with_data(data))


def sensors_have_ticked(instance: dg.DagsterInstance) -> bool:
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    return "refresh_after_capture" in {
        state.instigator_name for state in states if state.instigator_data.last_tick_timestamp
    }


def not_at_the_end_of_an_hour() -> None:
    """The tick that the daemon makes up must be the only one, and its day still be today when it is captured."""
    now = datetime.now(UTC)
    if now.minute >= 53:
        time.sleep(3600 - 60 * now.minute - now.second + 1)


def test_the_schedule_captures_the_day_in_the_running_daemon_and_the_graph_refreshes_from_it(tmp_path):
    not_at_the_end_of_an_hour()
    with (
        watched_by_a_stand_in(tmp_path) as (daemon, fake),
        dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance,
    ):
        begin(daemon, fake)
        turn_on_and_off(daemon, instance)
        eventually(lambda: sensors_have_ticked(instance), "the sensor watches", log=daemon.logs)
        n_before, n_asked = instance.get_runs_count(), len(fake.asked)
        assert n_before == N_BEFORE
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        turn_on_since(instance, hour - timedelta(minutes=30))

        def launched(job: str) -> list[dg.DagsterRun]:
            runs = instance.get_runs(dg.RunsFilter(job_name=job))
            return [run for run in runs if "dagster/schedule_name" in run.tags or "dagster/sensor_name" in run.tags]

        def all_end(job: str, n_runs: int) -> bool:
            runs = launched(job)
            return len(runs) == n_runs and all(run.status.value in ENDED for run in runs)

        eventually(lambda: all_end("capture_day", 1), "the day is captured", within=200, log=daemon.logs)
        (capture,) = launched("capture_day")
        assert capture.status.value == "SUCCESS", daemon.logs()
        assert capture.tags["dagster/schedule_name"] == "daily_capture"
        assert capture.tags["dagster/partition"] == f"{hour:%Y-%m-%d}"

        refreshed = {"refresh_targets": len(HORIZONS), "fuse": len(FUSIONS.entries)}
        for job, n_runs in refreshed.items():
            eventually(lambda job=job, n=n_runs: all_end(job, n), f"{job} ends", within=500, log=daemon.logs)
            assert {run.status.value for run in launched(job)} == {"SUCCESS"}, daemon.logs()
            assert {run.tags["dagster/sensor_name"] for run in launched(job)} == {"refresh_after_capture"}
        day = f"{hour:%Y-%m-%d}"
        told = latest_metadata(instance, dg.AssetKey("snapshots"), [day])[day]
    assert told["state"] == "complete"
    stored = daemon.store.read_table(f"snapshots/day={day}/data.parquet")
    assert stored.height == stored["video_id"].n_unique() == told["videos"] > 300
    assert (
        sum(each.charged for each in fake.asked[n_asked:])
        == told["spent_today_shared"] + told["spent_today_batch_get_stats"]
    )
    targets = daemon.store.read_table("horizon_targets/horizon=7d/data.parquet")
    assert stored.filter(pl.col("video_id").is_in(targets["video_id"].implode())).height > 300

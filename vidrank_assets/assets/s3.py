"""The store on S3 or a server that speaks it. Imported only where `VIDRANK_STORAGE` names a bucket."""

from typing import Any

import dagster as dg
from dagster_aws.s3 import S3Resource

from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage


class S3Store(FolderStore):
    """The store in a bucket; region, endpoint and credentials are said once, in `s3`."""

    s3: dg.ResourceDependency[S3Resource]

    def open(self) -> Storage:
        """The store at `root`, reached as `s3` says, both by s3fs and by Polars."""
        s3fs_options: dict[str, Any] = {
            "endpoint_url": self.s3.endpoint_url,
            "key": self.s3.aws_access_key_id,
            "secret": self.s3.aws_secret_access_key,
            "client_kwargs": {"region_name": self.s3.region_name},
            "use_listings_cache": False,
        }
        polars_options = {
            "aws_endpoint_url": self.s3.endpoint_url,
            "aws_region": self.s3.region_name,
            "aws_access_key_id": self.s3.aws_access_key_id,
            "aws_secret_access_key": self.s3.aws_secret_access_key,
            "aws_allow_http": str((self.s3.endpoint_url or "").startswith("http://")).lower(),
        }
        return Storage(
            self.root,
            s3_options=s3fs_options,
            scan_options={name: value for name, value in polars_options.items() if value is not None},
        )


def s3_store(settings: Settings) -> S3Store:
    """The bucket that the settings name; credentials come from where boto3 finds them."""
    bucket = S3Resource(endpoint_url=settings.s3_endpoint, region_name=settings.s3_region)
    return S3Store(root=settings.storage, s3=bucket)

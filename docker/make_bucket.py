"""Makes the bucket of `VIDRANK_STORAGE`, and makes sure that of two writers of one key the second is refused."""

import os
import sys
from urllib.parse import urlsplit
from uuid import uuid4


def main() -> str | None:
    """What is wrong with the store, or nothing."""
    import boto3
    from botocore.exceptions import ClientError

    bucket = urlsplit(os.environ["VIDRANK_STORAGE"]).netloc
    s3 = boto3.client(
        "s3", endpoint_url=os.environ["VIDRANK_S3_ENDPOINT"], region_name=os.environ.get("VIDRANK_S3_REGION")
    )
    if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket)

    probe = {"Bucket": bucket, "Key": f"probe/{uuid4().hex}"}
    s3.put_object(**probe, Body=b"first", IfNoneMatch="*")
    try:
        s3.put_object(**probe, Body=b"second", IfNoneMatch="*")
    except ClientError as refused:
        if refused.response["Error"]["Code"] != "PreconditionFailed":
            raise
        return None
    finally:
        s3.delete_object(**probe)
    return (
        f"{os.environ['VIDRANK_S3_ENDPOINT']} must refuse a second write with If-None-Match; it took one, so two "
        "writers of a pointer would both win. Use the image that docker-compose.yml names, or AWS."
    )


if __name__ == "__main__":
    sys.exit(main())

"""Runs jobs, each in a fork of one process that has imported everything, because imports take seconds.

Polars is imported here and not used, so that none of its pools has threads that a fork would lack. Of a job, a line of
JSON on stdin, stdout tells its `pid <n>`, a `write` before each file that it publishes, and `ended <status>`.
"""

import json
import os
import sys

import dagster as dg
import lightgbm  # noqa: F401
import pandera.polars  # noqa: F401
import PIL.Image  # noqa: F401
import sklearn.feature_extraction.text  # noqa: F401

from vidrank_assets.definitions import definitions
from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.features.encoders.title_ngrams import TitleNgrams

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def told(event: str, arguments: tuple) -> None:
    """A file becomes visible by a rename, or by a link where there must be none yet."""
    if event in ("os.rename", "os.link") and str(arguments[0]).endswith(".partial"):
        os.write(1, b"write\n")


def run(job: str, ops: dict, tags: dict, partition: str | None, only: list) -> None:
    sys.addaudithook(told)
    with dg.DagsterInstance.get() as instance:
        definitions().resolve_job_def(job).execute_in_process(
            run_config={**QUIET, "ops": ops},
            instance=instance,
            tags=tags,
            partition_key=partition,
            asset_selection=[dg.AssetKey(path) for path in only] or None,
        )


def main() -> None:
    # Several shards a run, so that there is a moment between two of them.
    ThumbnailStatistics.items_per_shard = TitleNgrams.items_per_shard = 6
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                run(**json.loads(line))
                os._exit(0)
            except BaseException as fault:
                print(f"{fault!r:.2000}", file=sys.stderr, flush=True)
                os._exit(1)
        os.write(1, b"pid %d\n" % child)
        os.write(1, b"ended %d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()

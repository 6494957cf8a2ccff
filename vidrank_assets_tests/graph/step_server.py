"""Runs jobs, each in a fork of one process that has imported everything, because imports take seconds.

Polars is imported here and not used, so that none of its pools has threads that a fork would lack. Of a job, a line of
JSON on stdin, stdout tells its `pid <n>`, a `file` before each thing it does to a staged file, and `ended <status>`.
"""

import json
import os
import sys

import dagster as dg
import lightgbm  # noqa: F401
import pandera.polars  # noqa: F401
import PIL.Image  # noqa: F401
import sklearn.feature_extraction.text  # noqa: F401

from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.features.encoders.title_ngrams import TitleNgrams
from vidrank_assets.runs import _loaded, runner

#: Dagster keeps what a step writes to stdout for itself.
TOLD = os.dup(1)


def told(event: str, arguments: tuple) -> None:
    """A staged file is opened for its checksum and for the disk, and becomes visible by a rename or a link."""
    if event in ("open", "os.rename", "os.link") and str(arguments[0]).endswith(".partial"):
        os.write(TOLD, b"file\n")


def run(job: str, ops: dict, tags: dict, partition: str | None, only: list) -> None:
    sys.addaudithook(told)
    selection = [dg.AssetKey(path) for path in only] or None
    with runner(lambda _: None) as runs:  # as the command line does it
        runs._run(job, "", ops=ops, tags=tags, partition_key=partition, asset_selection=selection)


def main() -> None:
    # Several shards a run, so that there is a moment between two of them.
    ThumbnailStatistics.items_per_shard = TitleNgrams.items_per_shard = 6
    _loaded().resolve_asset_graph()
    with dg.instance_for_test():  # imports what an instance on disk needs
        pass
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                run(**json.loads(line))
                os._exit(0)
            except BaseException as fault:
                print(f"{fault!r:.2000}", file=sys.stderr, flush=True)
                os._exit(1)
        os.write(TOLD, b"pid %d\n" % child)
        os.write(TOLD, b"ended %d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()

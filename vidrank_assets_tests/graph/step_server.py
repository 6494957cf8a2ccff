"""Runs jobs, each in a fork of one process that has imported everything, because imports take seconds.

Polars is imported here and not used, so that none of its pools has threads that a fork would lack. Of a job, a line of
JSON on stdin, stdout tells its `pid <n>`, a `file` before each thing it does to a staged file, and `ended <status>`.
"""

import json
import os
import sys
from pathlib import Path

import dagster as dg
import lightgbm  # noqa: F401
import pandera.backends.polars.builtin_checks
import pandera.polars  # noqa: F401
import PIL.Image
import sklearn.feature_extraction.text  # noqa: F401

import vidrank_assets.capture.sample_world  # noqa: F401
from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.features.encoders.title_ngrams import TitleNgrams
from vidrank_assets.runs import _QUIET, _loaded, runner

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


def assert_a_fork_lacks_nothing() -> None:
    """Raise AssertionError if Polars has begun to work: a fork would wait for its threads for ever."""
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").glob("*")]
    assert not [name for name in names if name.startswith("polars-") and name[7:].isdigit()], (
        "nothing that is imported may compute with Polars, such as a frame that is selected from in a default; "
        f"its threads are there: {names}"
    )


@dg.asset
def nothing() -> None:
    """An asset of which Dagster has everything to do and nobody else has anything."""


def main() -> None:
    # Several shards a run, so that there is a moment between two of them.
    ThumbnailStatistics.items_per_shard = TitleNgrams.items_per_shard = 6
    _loaded().resolve_asset_graph()
    PIL.Image.init()
    with dg.instance_for_test() as instance:  # what the first run of a process has to load, no fork has to
        dg.materialize([nothing], instance=instance, run_config=_QUIET)
    assert_a_fork_lacks_nothing()
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

"""Runs jobs, and tells `file` before each thing that one does to a staged file; see fork_server.py."""

import sys

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
from vidrank_assets_tests.graph.fork_server import serve, tell


def told(event: str, arguments: tuple) -> None:
    """A staged file is opened for its checksum and for the disk, and becomes visible by a rename or a link."""
    if event in ("open", "os.rename", "os.link") and str(arguments[0]).endswith(".partial"):
        tell("file")


def run(job: str, ops: dict, tags: dict, partition: str | None, only: list) -> None:
    sys.addaudithook(told)
    selection = [dg.AssetKey(path) for path in only] or None
    with runner(lambda _: None) as runs:  # as the command line does it
        runs._run(job, "", ops=ops, tags=tags, partition_key=partition, asset_selection=selection)


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
    serve(run)


if __name__ == "__main__":
    main()

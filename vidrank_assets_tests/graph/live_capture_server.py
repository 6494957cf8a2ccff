"""Captures a day through a stand-in; see fork_server.py."""

import json
import os
import signal
import sys

import pandera.backends.polars.builtin_checks
import pandera.polars  # noqa: F401
import PIL.JpegImagePlugin  # noqa: F401
import stamina  # noqa: F401
from googleapiclient.discovery import build  # noqa: F401

from vidrank_assets.capture.youtube_api import YouTubeApi
from vidrank_assets.storage import Storage
from vidrank_assets_tests.graph.fork_server import serve

TABLES = ("snapshots", "channel_snapshots", "thumbnails")


class Killed:
    """An audit hook which ends the process at the n-th file of a folder, just before it is visible, or just after."""

    def __init__(self, folder: str, nth: int, *, after: bool) -> None:
        self._folder, self._left, self._after = f"/youtube_api/{folder}/", nth, after

    def __call__(self, event: str, arguments: tuple) -> None:
        if event == "os.kill":
            return
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if event == "os.rename" and self._folder in str(arguments[1]):
            self._left -= 1
            if self._left == 0 and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)


def capture(store: str, options: dict, killed: dict | None) -> None:
    """What the assets store of today, in the order of their runs."""
    if killed:
        sys.addaudithook(Killed(**killed))
    stored = Storage(store)
    source = YouTubeApi(stored, **options)
    (day,) = source.days()
    for table in TABLES:
        captured = getattr(source, table)([day])
        stored.write_table(f"{table}/day={day}/data.parquet", captured.rows)
        if table == "snapshots":
            stored.write("told.json", json.dumps(captured.told).encode())


if __name__ == "__main__":
    serve(capture)

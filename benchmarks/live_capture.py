"""A day of 100,000 videos of 2,000 channels from the Data API: units, time and memory, beside a naive loop.

    python benchmarks/live_capture.py [--channels N]

SYNTHETIC: the stand-in shows the sample world from a process of its own, on the same processors. `ours` captures two
days, each in a process of its own: on the first nothing is known, the second is the steady state. `naive` is the least
that gets the counters of the first day through the same Google client: no ledger, no page kept, no catalogue, no
metadata (2 % of the calls), so a kill costs it the day. Thumbnails are left out. Imports are not timed; the peak is of
the resident memory. Ends with 1 where a video is missing or doubled, units pass 1.05 of their plan, or the counters
differ.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import polars as pl
import yaml

from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.capture.youtube_api import YouTubeApi
from vidrank_assets.storage import Storage

ROOT = Path(__file__).parents[1]
PAGE = 50
#: So late that nearly every channel has uploaded a page of videos; the playlists show no more.
FIRST = datetime(2028, 5, 20, 6, tzinfo=UTC)
MOST_OF_PLAN, MOST_SHARED = 1.05, 2_200
COUNTERS = ["view_count", "like_count", "comment_count"]


def main() -> None:
    """Start the stand-in, capture two days, compare."""
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--channels", type=int, default=2_000)
    told.add_argument("--run", choices=("ours", "naive"), help=argparse.SUPPRESS)
    told.add_argument("--folder", help=argparse.SUPPRESS)
    told.add_argument("--at", help=argparse.SUPPRESS)
    asked = told.parse_args()
    if asked.run:
        print(json.dumps({"ours": ours, "naive": naive}[asked.run](Path(asked.folder), asked.at)))
        return
    with tempfile.TemporaryDirectory() as name, stand_in(asked.channels) as endpoint:
        folder = Path(name)
        channels = sorted(SampleWorld(n_channels=asked.channels).channels(FIRST.date())["channel_id"])
        (folder / "watch_list.yaml").write_text(yaml.safe_dump({"niches": {"synthetic": {"channels": channels}}}))
        days = [day(folder, "ours", FIRST, endpoint), day(folder, "ours", FIRST + timedelta(days=1), endpoint)]
        move(endpoint, FIRST)
        peer = day(folder, "naive", FIRST, endpoint)
        faults = [*shown(days, peer), *differences(folder)]
    for fault in faults:
        print(f"FAULT: {fault}")
    sys.exit(bool(faults))


@contextmanager
def stand_in(n_channels: int) -> Iterator[str]:
    """Its endpoint, while it runs; the key that it prints is put into the environment."""
    command = [sys.executable, "-m", "vidrank_assets_tests.fake_youtube", "--moment", FIRST.isoformat()]
    shape = ["--channels", str(n_channels), "--videos-per-channel", str(PAGE)]
    process = subprocess.Popen([*command, *shape], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        said = dict(word.partition("=")[::2] for word in process.stdout.readline().split())
        os.environ.update(
            VIDRANK_YOUTUBE_ENDPOINT=said["endpoint"], VIDRANK_YOUTUBE_API_KEY=said["key"], VIDRANK_WATCH_DAYS="9999"
        )
        yield said["endpoint"]
    finally:
        process.terminate()
        process.wait()


def move(endpoint: str, moment: datetime) -> None:
    """Set the clock of the stand-in."""
    urlopen(Request(f"{endpoint}stand-in/moment", moment.isoformat().encode()), timeout=600).close()


def spent(endpoint: str) -> dict[str, int]:
    """Units that the stand-in has charged today."""
    with urlopen(f"{endpoint}stand-in/spent", timeout=60) as answer:
        return json.load(answer)


def day(folder: Path, who: str, moment: datetime, endpoint: str) -> dict[str, Any]:
    """What a capture at some moment took, in a process of its own, and what it was charged."""
    move(endpoint, moment)
    before = spent(endpoint)
    command = [sys.executable, __file__, "--run", who, "--folder", str(folder), "--at", moment.isoformat()]
    took = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return took | {"charged": {bucket: units - before[bucket] for bucket, units in spent(endpoint).items()}}


def ours(folder: Path, at: str) -> dict[str, Any]:
    """The source of the project."""
    import googleapiclient.discovery  # noqa: F401
    import pandera.polars  # noqa: F401
    import stamina  # noqa: F401

    source = YouTubeApi(Storage(str(folder / "store")), watch_list=str(folder / "watch_list.yaml"), at=at)
    planned = source.plan().units(source.ledger)
    started = time.perf_counter()
    captured = source.snapshots(source.days())
    took = measured(started, captured.rows)
    captured.rows.write_parquet(folder / f"ours-{at[:10]}.parquet")
    captured.rejected.write_parquet(folder / f"rejected-{at[:10]}.parquet")
    return took | {"planned": planned, "state": captured.told["state"]}


def naive(folder: Path, at: str) -> dict[str, Any]:
    """Channels, their uploads, the counters of those: every answer parsed, nothing kept before the end."""
    from googleapiclient.discovery import build
    from httplib2 import Http

    channels = yaml.safe_load((folder / "watch_list.yaml").read_text())["niches"]["synthetic"]["channels"]
    options = {"api_endpoint": os.environ["VIDRANK_YOUTUBE_ENDPOINT"]}
    started = time.perf_counter()
    youtube = build("youtube", "v3", http=Http(), client_options=options, static_discovery=True)
    ask_channels, ask_uploads, ask_videos = youtube.channels(), youtube.playlistItems(), youtube.videos()

    def answered(call: Any) -> list[dict[str, Any]]:
        call.headers["X-Goog-Api-Key"] = os.environ["VIDRANK_YOUTUBE_API_KEY"]
        return call.execute()["items"]

    playlists, videos, rows = [], [], []
    for ids in pages(channels):
        found = answered(ask_channels.list(part="contentDetails", id=ids, maxResults=PAGE))
        playlists += [item["contentDetails"]["relatedPlaylists"]["uploads"] for item in found]
    for playlist in playlists:
        found = answered(ask_uploads.list(part="contentDetails", playlistId=playlist, maxResults=PAGE))
        videos += [item["contentDetails"]["videoId"] for item in found]
    for ids in pages(videos):
        for item in answered(ask_videos.batchGetStats(part="id,statistics", id=ids)):
            counts = item["statistics"]
            rows.append((item["id"], *(counts.get(name) for name in ("viewCount", "likeCount", "commentCount"))))
    table = pl.DataFrame(rows, schema=["video_id", *COUNTERS], orient="row").with_columns(pl.col(COUNTERS).cast(int))
    took = measured(started, table)
    table.write_parquet(folder / f"naive-{at[:10]}.parquet")
    return took


def measured(started: float, rows: pl.DataFrame) -> dict[str, Any]:
    """Seconds, MiB and videos."""
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": time.perf_counter() - started, "peak_mib": peak_mib, "videos": rows.height}


def pages(ids: list[str]) -> Iterator[list[str]]:
    """As many as a call takes."""
    return (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))


def shown(days: list[dict[str, Any]], peer: dict[str, Any]) -> Iterator[str]:
    """Print what was measured; yields what must not be."""
    print(f"{'':10}{'videos':>9}{'seconds':>9}{'videos/s':>10}{'peak MiB':>10}  units charged (planned)")
    for name, took in (("day one", days[0]), ("day two", days[1]), ("naive", peer)):
        planned = took.get("planned", {})
        units = ", ".join(
            f"{bucket} {n:,}" + (f" ({planned[bucket]:,})" if bucket in planned else "")
            for bucket, n in took["charged"].items()
            if n
        )
        rate = took["videos"] / took["seconds"]
        print(f"{name:10}{took['videos']:>9,}{took['seconds']:>9.1f}{rate:>10,.0f}{took['peak_mib']:>10,.0f}  {units}")
        if took.get("state", "complete") != "complete":
            yield f"{name} ended as {took['state']}"
        for bucket, n in planned.items():
            if took["charged"][bucket] > MOST_OF_PLAN * n:
                yield f"{name} was charged {took['charged'][bucket]:,} units of {bucket}, and planned {n:,}"
        if took["charged"]["shared"] > MOST_SHARED:
            yield f"{name} was charged more than {MOST_SHARED:,} shared units"
    print(f"day one took {days[0]['seconds'] / peer['seconds']:.2f} times as long as the naive loop")


def differences(folder: Path) -> Iterator[str]:
    """Where a video is missing or doubled, or its counters are not what the naive loop read."""
    first, second = (pl.read_parquet(file) for file in sorted(folder.glob("ours-*.parquet")))
    set_aside = pl.read_parquet(sorted(folder.glob("rejected-*.parquet"))[1])["video_id"].drop_nulls()
    peer = pl.read_parquet(next(folder.glob("naive-*.parquet"))).sort("video_id")
    if not first.select("video_id", *COUNTERS).sort("video_id").equals(peer):
        yield "the counters of day one are not what the naive loop read"
    for table in (first, second):
        if table["video_id"].is_duplicated().any():
            yield "a video is there twice"
    if missing := len(set(first["video_id"]) - set(second["video_id"]) - set(set_aside)):
        yield f"{missing} videos are missing on day two and were not set aside"


if __name__ == "__main__":
    main()

"""The contract every source keeps."""

from datetime import date

import polars as pl
import pytest

from vidrank_assets.capture.archives import Archive
from vidrank_assets.capture.base import Source
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.catalog import SOURCES
from vidrank_assets.errors import SourceRefused
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS, THUMBNAILS

ROWS = """video_id,captured_at,published_at,channel_id,title,view_count
aaaaaaaaaaa,2026-01-05T12:00:00Z,2026-01-01T00:00:00Z,c,Cats,10
aaaaaaaaaaa,2026-01-07T12:00:00Z,2026-01-01T00:00:00Z,c,Cats,30
#NAME?,2026-01-07T12:00:00Z,2026-01-01T00:00:00Z,c,Dogs,5
"""


def archive(folder):
    (folder / "captures.csv").write_text(ROWS)
    return Archive(folder=str(folder), mapping="generic")


@pytest.fixture(params=SOURCES.entries)
def source(request, tmp_path) -> Source:
    opened = {
        "sample": lambda: SampleWorld(n_channels=6, n_days=20),
        "archive": lambda: archive(tmp_path),
        "youtube_api": lambda: request.getfixturevalue("team").source(),
    }
    return opened[request.param]()


def test_a_source_is_known_by_its_catalog_name(source):
    assert type(source) is SOURCES.load(source.name)


def test_days_are_ascending_and_each_once(source):
    assert list(source.days()) == sorted(set(source.days()))


def test_rows_are_of_the_declared_tables_and_of_the_days_asked_for(source):
    some = list(source.days())[-2:]
    rows, rejected, _ = source.snapshots(some)
    assert SNAPSHOTS.checked(rows).height > 0
    assert set(rows["captured_at"].dt.date()) <= set(some)
    REJECTED_CAPTURES.checked(rejected)
    CHANNEL_SNAPSHOTS.checked(source.channel_snapshots(some).rows)
    THUMBNAILS.checked(source.thumbnails(some).rows)


def test_the_same_day_gives_the_same_rows_alone_and_in_a_range(source):
    last = source.days()[-1]
    alone = source.snapshots([last]).rows
    within = source.snapshots(source.days()).rows.filter(pl.col("captured_at").dt.date() == last)
    assert alone.sort(SNAPSHOTS.key).equals(within.sort(SNAPSHOTS.key))


def test_a_day_without_captures_gives_empty_tables_or_is_refused_where_only_the_present_is_known(source):
    if SOURCES.entries[source.name].live:
        with pytest.raises(SourceRefused):
            source.snapshots([date(2020, 1, 1)])
        return
    assert source.snapshots([date(2020, 1, 1)]).rows.is_empty()
    assert source.channel_snapshots([date(2020, 1, 1)]).rows.is_empty()
    assert source.thumbnails([date(2020, 1, 1)]).rows.is_empty()

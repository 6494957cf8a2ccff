from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.capture import youtube_plan
from vidrank_assets.capture.quota import Ledger
from vidrank_assets.capture.remembered import VIDEO_CATALOGUE
from vidrank_assets.capture.youtube_plan import Extent, metadata_due, planned
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage

NOW = datetime(2026, 2, 10, 6, tzinfo=UTC)
STATS = "videos.batchGetStats"


def extent(**told):
    nothing = dict.fromkeys(Extent._fields, 0)
    return Extent(**{**nothing, **told})


def catalogue(*ages, read=None):
    """Videos v00, v01, … of some ages in days; read: how many days ago each was described, None for never."""
    read = read or [None] * len(ages)
    rows = [
        {
            "video_id": f"v{i:03d}",
            "published_at": NOW - timedelta(days=age),
            "metadata_at": None if days is None else NOW - timedelta(days=days),
        }
        for i, (age, days) in enumerate(zip(ages, read, strict=True))
    ]
    return pl.DataFrame(rows, schema=VIDEO_CATALOGUE.schema)


def test_2000_channels_with_100k_known_videos_cost_2000_counters_and_2132_of_the_shared_bucket(tmp_path):
    plan = planned(extent(channels=2000, videos_due=100_000, videos_described=-(-100_000 // 28)), counters_by=STATS)
    assert plan.calls == {"channels.list": 40, "playlistItems.list": 2000, "videos.list": 72 + 20, STATS: 2000}
    ledger = Ledger(Storage(str(tmp_path)), Settings().quota)
    assert plan.units(ledger) == {"shared": 2132, "batch_get_stats": 2000}


def test_channels_that_were_never_captured_are_expected_to_have_a_page_of_uploads():
    assert planned(extent(channels=10, new_channels=10), counters_by=STATS).calls[STATS] == 10


def test_a_handle_that_is_not_resolved_is_a_call_of_its_own():
    assert planned(extent(channels=51, unresolved_handles=1), counters_by=STATS).calls["channels.list"] == 2
    assert planned(extent(channels=51, unresolved_handles=51), counters_by=STATS).calls["channels.list"] == 51


def test_a_client_without_batch_get_stats_pays_counters_from_the_shared_bucket():
    calls = planned(extent(videos_due=100, videos_described=50), counters_by="videos.list").calls
    assert calls == {"videos.list": 1 + 1 + 2}  # metadata, a video that was left out, counters


def test_what_known_channels_will_have_uploaded_is_in_the_plan():
    assert planned(extent(videos_due=90, videos_expected=3), counters_by=STATS).calls == {STATS: 2 + 1}


def test_what_is_not_asked_is_not_in_the_plan():
    assert planned(extent(), counters_by=STATS).calls == {}


@pytest.mark.parametrize("builder", [youtube_plan.channels_by_id, youtube_plan.described])
@given(n_ids=st.integers(0, 260))
def test_ids_are_asked_for_fifty_at_a_time_each_once(builder, n_ids):
    ids = [f"id{i}" for i in range(n_ids)]
    requests = list(builder(ids))
    assert [each for request in requests for each in request.params["id"]] == ids
    assert all(len(request.params["id"]) <= 50 for request in requests)
    assert len(requests) == -(-n_ids // 50)


def test_new_videos_are_described_at_once_and_of_the_others_a_28th():
    ages = [0.5, 1.9, *([10] * 56)]
    asked = metadata_due(catalogue(*ages), begun_at=NOW, captures_per_day=1)
    # 58 videos: a 28th of them is 3, rounded up, beside the 2 that are new.
    assert asked == ["v000", "v001", "v002", "v003", "v004"]


def test_those_never_described_come_first_the_youngest_before_all_then_those_described_longest_ago():
    known = catalogue(30, 10, 20, 40, read=[25, None, None, 27])
    order = []
    for _ in range(4):
        (video,) = metadata_due(known, begun_at=NOW, captures_per_day=1)
        order.append(video)
        known = known.filter(pl.col("video_id") != video)
    assert order == ["v001", "v002", "v003", "v000"]


def test_a_video_described_within_the_last_day_waits():
    assert metadata_due(catalogue(10, read=[0.9]), begun_at=NOW, captures_per_day=1) == []


@settings(max_examples=20)
@given(st.integers(1, 200), st.integers(1, 4))
def test_every_video_is_described_again_within_28_days(n_videos, captures_per_day):
    known = catalogue(*([100] * n_videos), read=[28] * n_videos)
    read_at = {}
    for step in range(28 * captures_per_day):
        at = NOW + timedelta(days=step / captures_per_day)
        asked = metadata_due(known, begun_at=at, captures_per_day=captures_per_day)
        read_at |= dict.fromkeys(asked, at)
        known = known.with_columns(
            metadata_at=pl.when(pl.col("video_id").is_in(asked)).then(pl.lit(at)).otherwise("metadata_at")
        )
    assert set(read_at) == set(known["video_id"])


def test_a_plan_says_how_long_it_takes():
    assert planned(extent(channels=50), counters_by=STATS).duration == timedelta(seconds=0.2 * 51)

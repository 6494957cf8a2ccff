from datetime import UTC, datetime, timedelta

from vidrank_assets.upkeep.oldest import oldest_api_datum
from vidrank_assets.upkeep.retention import Retention
from vidrank_assets.upkeep.sweep import sweep


def test_each_place_says_how_old_its_oldest_reading_is_and_archives_have_none(planted, there):
    found = oldest_api_datum(planted)
    assert found == {
        "snapshots": there.DAY_0,
        "channel_snapshots": there.DAY_0,
        "rejected_captures": datetime(2026, 3, 1, tzinfo=UTC),
        "thumbnails": there.DAY_0,
        "thumbnail_scores": there.DAY_0,
        "video_versions": there.DAY_0,
        "horizon_targets": there.DAY_0,
        "youtube_api/video_catalogue": there.DAY_0,
        "youtube_api/thumbnail_checks": there.DAY_0,
        "models/snapshots": there.DAY_0,
    }


def test_after_a_sweep_only_what_was_confirmed_since_is_older_than_the_terms_allow(planted, there):
    sweep(planted, Retention(), now=there.DAY_0 + timedelta(days=31), replaced=lambda *_: None)
    assert oldest_api_datum(planted) == {
        "snapshots": there.LATER,
        "thumbnails": there.DAY_0,
        "thumbnail_scores": there.DAY_0,
        "video_versions": there.LATER,
        "youtube_api/video_catalogue": there.LATER,
        "youtube_api/thumbnail_checks": there.LATER,
    }

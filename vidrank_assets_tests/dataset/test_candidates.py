from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vidrank_assets.dataset.candidates import candidates
from vidrank_assets.errors import NoRows
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, HORIZON_TARGETS, SNAPSHOTS

DAY = timedelta(days=1)
START = datetime(2026, 1, 10, tzinfo=UTC)


def table(declared, **columns):
    """A table with some columns given and the others null."""
    given = pl.DataFrame(columns)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in declared.schema.items() if name not in columns]
    return given.with_columns(missing).select(declared.schema.names()).cast(dict(declared.schema))


VIDEOS = {"video_id": ["a", "b"], "channel_id": ["c", "c"], "published_at": [START, START + 2 * DAY]}
TARGETS = table(HORIZON_TARGETS, **VIDEOS, target_log=[7.0, None])
FIRST = table(SNAPSHOTS, **VIDEOS, title=["Cats", ""], duration_sec=[60, 90])
CHANNELS = table(
    CHANNEL_SNAPSHOTS,
    channel_id=["c", "c"],
    captured_at=[START - DAY, START + DAY],
    subscriber_count=[100, 900],
)


def test_only_videos_with_a_label_are_candidates():
    assert candidates(TARGETS, FIRST, CHANNELS)["video_id"].to_list() == ["a"]


def test_subscribers_are_those_last_known_at_publication():
    both = TARGETS.with_columns(target_log=pl.lit(7.0))
    assert candidates(both, FIRST, CHANNELS)["channel_subscribers"].to_list() == [100, 900]


def test_an_empty_title_is_no_text():
    both = TARGETS.with_columns(target_log=pl.lit(7.0))
    assert candidates(both, FIRST, CHANNEL_SNAPSHOTS.empty())["text_present"].to_list() == [1, 0]


def test_a_horizon_without_labels_says_what_to_do():
    with pytest.raises(NoRows, match="none of the 2 videos seen has a label. Capture for longer"):
        candidates(TARGETS.with_columns(target_log=pl.lit(None, pl.Float64)), FIRST, CHANNELS)

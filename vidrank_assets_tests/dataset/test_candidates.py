from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.capture.inclusion import PRESETS
from vidrank_assets.dataset.candidates import candidates, dealt
from vidrank_assets.errors import NoRows, SplitTooSmall
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


N = 100


def labelled(**columns):
    """Video 000, 001, … of one channel, a day apart, none of which breaks a rule; by time 70, 15 and 15."""
    ordinary = {
        "video_id": [f"{i:03}" for i in range(N)],
        "channel_id": ["c"] * N,
        "published_at": [START + i * DAY for i in range(N)],
        "target_raw": [10_000.0 + 100 * (i % 5) for i in range(N)],
        "duration_sec": [600] * N,
        "default_language": ["en"] * N,
        "text_present": [1] * N,
        "channel_subscribers": [5_000] * N,
    } | columns
    return pl.DataFrame(ordinary).with_columns(target_log=pl.col("target_raw").log1p())


def with_views(changed):
    return [changed.get(i, 10_000.0 + 100 * (i % 5)) for i in range(N)]


RULES = replace(PRESETS["all"], min_views=1000, max_deviations=3.0)


def test_what_went_badly_or_oddly_is_left_out_of_train_and_stays_in_val_and_test():
    extreme = with_views({3: 10.0, 5: 9e9, 75: 10.0, 80: 9e9, 90: 10.0, 95: 9e9})
    split = dealt(labelled(target_raw=extreme), RULES, policy="time")
    assert set(labelled()["video_id"]) - set(split.manifest["video_id"]) == {"003", "005"}
    assert split.counts.rows() == [("in", 98, 0), ("few_views", 1, 0), ("outlier", 1, 0)]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(0, 1e9), min_size=30, max_size=30))
def test_no_outcome_of_val_or_test_decides_what_is_trained_on(outcomes):
    train = with_views({3: 10.0, 5: 9e9})
    split = dealt(labelled(target_raw=train[:70] + outcomes), RULES, policy="time")
    assert split.manifest.filter(split="train")["video_id"].to_list() == [
        f"{i:03}" for i in range(70) if i not in (3, 5)
    ]
    assert split.manifest.filter(pl.col("split") != "train").height == 30


def test_what_is_known_before_the_outcome_decides_for_every_part():
    split = dealt(labelled(duration_sec=[10] * 10 + [600] * 80 + [10] * 10), "default", policy="time")
    assert split.manifest["video_id"].to_list() == [f"{i:03}" for i in range(10, 90)]
    assert dict(split.counts.select("reason", "videos").iter_rows()) == {"in": 80, "too_old": 9, "too_short": 11}


def test_videos_whose_channel_and_time_disagree_are_counted_too():
    videos = labelled(channel_id=[f"c{i % 7}" for i in range(N)])
    split = dealt(videos, "all", policy="time_channel")
    counts = dict(split.counts.select("reason", "videos").iter_rows())
    assert counts == {"in": split.manifest.height, "between_parts": N - split.manifest.height}


def test_rules_that_leave_too_few_are_named_with_their_counts():
    with pytest.raises(SplitTooSmall, match=r"of 100 with a label the inclusion rules leave 0: few_subscribers 91, "):
        dealt(labelled(channel_subscribers=[5] * N), "default", policy="time")


def test_train_rows_that_are_all_left_out_are_a_sentence():
    with pytest.raises(SplitTooSmall, match=r"horizon 7d has train 0, val 15, test 15"):
        dealt(labelled(target_raw=[10.0] * N), RULES, policy="time", horizon="7d")

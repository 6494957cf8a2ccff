import io
import math
import os
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.dataset import targets
from vidrank_assets.dataset.targets import MISSING_REASONS, horizon_targets, label_coverage
from vidrank_assets.errors import InvalidInput, InvalidTable
from vidrank_assets.horizons import HORIZONS, Horizon
from vidrank_assets.tables import HORIZON_TARGETS, SNAPSHOTS

PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = HORIZONS["7d"]
AT_7D = 7 * 24


def capture(hours, views, *, video_id="a", published_at=PUBLISHED, **others):
    """One row of snapshots, so many hours after `published_at`."""
    row = {
        "video_id": video_id,
        "captured_at": published_at + timedelta(hours=hours),
        "view_count": views,
        "published_at": published_at,
        "channel_id": "channel",
        "duration_sec": 600,
        "source": "sample",
    }
    return row | others


def snapshots(rows):
    return pl.from_dicts([dict.fromkeys(SNAPSHOTS.schema.names()) | row for row in rows], SNAPSHOTS.schema).lazy()


def labelled(*rows, horizon=WEEK, **asked):
    table = horizon_targets(snapshots(list(rows)), horizon, **asked)
    assert table.height == 1
    return table.row(0, named=True)


def test_the_nearest_capture_within_the_tolerance_is_the_label():
    label = labelled(capture(AT_7D - 11, 80, like_count=8), capture(AT_7D + 5, 100, like_count=9, comment_count=2))
    assert label["horizon_label_type"] == "observed"
    assert label["horizon_view_count"] == 100
    assert (label["horizon_like_count"], label["horizon_comment_count"]) == (9, 2)
    assert label["horizon_gap_hours"] == 5
    assert label["label_known_at"] == PUBLISHED + timedelta(hours=AT_7D + 5)
    assert label["horizon_missing_reason"] is None
    assert label["target_raw"] == 100
    assert label["target_log"] == math.log1p(100)


def test_of_two_captures_equally_near_the_earlier_one_is_the_label():
    assert labelled(capture(AT_7D - 6, 80), capture(AT_7D + 6, 100))["horizon_view_count"] == 80


def test_a_capture_exactly_at_the_tolerance_is_observed_and_one_second_beyond_it_is_not():
    assert labelled(capture(AT_7D + 12, 7))["horizon_label_type"] == "observed"
    assert labelled(capture(AT_7D + 12 + 1 / 3600, 7))["horizon_label_type"] == "missing"


def test_a_horizon_between_two_captures_is_interpolated_on_the_log_scales():
    before, after = 84, 336  # half and twice the age of 168 hours: the middle of log age
    wide = Horizon("7d", days=7, required=False, bracket=timedelta(hours=252))
    label = labelled(capture(before, 99, like_count=0), capture(after, 9999, like_count=3), horizon=wide)
    assert label["horizon_label_type"] == "interpolated"
    assert label["horizon_view_count"] == 999  # sqrt(100 * 10000) - 1
    assert label["horizon_like_count"] == 1  # sqrt(1 * 4) - 1
    assert label["horizon_comment_count"] is None
    assert label["horizon_gap_hours"] == 168  # the farther of the two
    assert label["label_known_at"] == PUBLISHED + timedelta(hours=after)


def test_captures_72_hours_apart_are_a_bracket_and_a_second_more_is_too_far():
    assert labelled(capture(AT_7D - 36, 10), capture(AT_7D + 36, 20))["horizon_label_type"] == "interpolated"
    apart = labelled(capture(AT_7D - 36, 10), capture(AT_7D + 36 + 1 / 3600, 20))
    assert apart["horizon_missing_reason"] == "captures_too_far_apart"


def test_a_label_is_never_extrapolated():
    later = capture(AT_7D + 500, 1, video_id="b")  # so that the horizon of `a` has passed
    table = horizon_targets(snapshots([capture(AT_7D - 13, 10), capture(AT_7D - 14, 9), later]), WEEK)
    assert table["horizon_missing_reason"].to_list() == ["no_capture_after", "no_capture_before"]
    for column in ("horizon_view_count", "horizon_gap_hours", "label_known_at", "target_raw", "target_log"):
        assert table[column].null_count() == 2


def test_a_horizon_after_the_newest_capture_or_as_of_is_not_reached():
    assert labelled(capture(1, 10))["horizon_missing_reason"] == "horizon_not_reached"
    asked = PUBLISHED + timedelta(hours=AT_7D + 1)
    assert labelled(capture(1, 10), as_of=asked)["horizon_missing_reason"] == "no_capture_after"


def test_captures_without_a_view_count_are_no_evidence_and_the_reason_says_so():
    hidden = labelled(capture(AT_7D, None, like_count=5))
    assert (hidden["horizon_label_type"], hidden["horizon_missing_reason"]) == ("missing", "hidden_count")
    assert hidden["horizon_like_count"] is None
    beside = labelled(capture(AT_7D, None), capture(AT_7D + 3, 50))
    assert (beside["horizon_view_count"], beside["horizon_gap_hours"]) == (50, 3)


def test_hidden_likes_are_null_and_not_zero():
    label = labelled(capture(AT_7D, 10, like_count=None, comment_count=0))
    assert (label["horizon_like_count"], label["horizon_comment_count"]) == (None, 0)


def test_captures_before_the_publication_are_seen_and_are_no_evidence():
    day = Horizon("1d", days=1, required=False)
    label = labelled(capture(-2, 0), capture(0, 0), capture(40, 10), horizon=day)
    assert label["horizon_missing_reason"] == "no_capture_before"  # at age 0 there is no log age
    assert label["video_age_hours_at_snapshot1"] == -2
    assert label["first_captured_at"] == PUBLISHED - timedelta(hours=2)


def test_publication_channel_category_and_source_are_those_of_the_first_capture():
    moved = PUBLISHED + timedelta(hours=5)
    label = labelled(
        capture(AT_7D - 1, 9, published_at=moved, channel_id="other", category_id="2", source="archive"),
        capture(1, 1, category_id="1"),
    )
    assert label["published_at"] == PUBLISHED
    assert (label["channel_id"], label["category_id"], label["source"]) == ("channel", "1", "sample")
    assert label["horizon_gap_hours"] == 4


@pytest.mark.parametrize(("duration_sec", "broken"), [(60, True), (600, False), (None, True)])
def test_a_label_whose_window_crosses_a_break_is_missing(duration_sec, broken):
    published = datetime(2025, 3, 28, tzinfo=UTC)
    label = labelled(capture(AT_7D, 10, published_at=published, duration_sec=duration_sec))
    assert (label["horizon_missing_reason"] == "definition_break") is broken
    assert (label["horizon_view_count"] is None) is broken


def test_a_label_before_a_break_that_needs_a_capture_after_it_is_missing():
    published = datetime(2025, 3, 23, 12, tzinfo=UTC)  # 7 d end at noon of the 30th; the break is 12 hours later
    beside = [capture(AT_7D - 20, 10, published_at=published, duration_sec=60)]
    across = capture(AT_7D + 13, 20, published_at=published, duration_sec=60)
    assert labelled(*beside, across)["horizon_missing_reason"] == "definition_break"
    before = capture(AT_7D + 11, 20, published_at=published, duration_sec=60)
    assert labelled(*beside, before)["horizon_view_count"] == 20


def test_the_metric_definition_is_that_of_the_horizon():
    label = labelled(capture(AT_7D, 10, published_at=datetime(2025, 3, 28, tzinfo=UTC), duration_sec=60))
    assert label["metric_definition"] == "shorts_2025_03_31"
    assert labelled(capture(AT_7D, 10))["metric_definition"] == "original"


def test_a_counter_that_goes_down_is_used_as_observed_and_flagged():
    label = labelled(capture(AT_7D - 30, 500), capture(AT_7D, 400))
    assert (label["horizon_view_count"], label["monotone_violation"]) == (400, True)
    assert labelled(capture(1, 5, like_count=2), capture(2, 5, like_count=2))["monotone_violation"] is False
    assert labelled(capture(1, 5, like_count=2), capture(2, 6, like_count=1))["monotone_violation"] is True


def test_a_delta_runs_from_the_first_capture_to_the_horizon_after_it():
    first = 10
    label = labelled(
        capture(first, 100, like_count=10, comment_count=None),
        capture(first + AT_7D + 2, 350, like_count=10, comment_count=4),
    )
    assert (label["delta_view_count"], label["delta_like_count"], label["delta_comment_count"]) == (250, 0, None)
    assert (label["mask_views"], label["mask_likes"], label["mask_comments"]) == (1, 1, 0)
    assert label["target_views_log_delta"] == math.log1p(250)
    assert label["target_likes_log_delta"] == 0
    assert label["target_comments_log_delta"] is None


def test_a_delta_that_no_capture_brackets_is_unknown():
    label = labelled(capture(10, 100), capture(10 + AT_7D - 13, 300))
    assert (label["delta_view_count"], label["mask_views"], label["target_views_log_delta"]) == (None, 0, None)


def test_a_negative_delta_is_kept_and_has_no_logarithm():
    label = labelled(capture(10, 100), capture(10 + AT_7D, 60))
    assert (label["delta_view_count"], label["mask_views"], label["target_views_log_delta"]) == (-40, 0, None)


def test_a_delta_from_before_a_break_to_after_it_is_unknown():
    published = datetime(2025, 3, 20, tzinfo=UTC)
    rows = [capture(hours, hours, published_at=published, duration_sec=60) for hours in (200, 200 + AT_7D)]
    assert labelled(*rows)["delta_view_count"] is None
    late = [capture(hours, hours, published_at=published, duration_sec=60) for hours in (300, 300 + AT_7D)]
    assert labelled(*late)["delta_view_count"] == AT_7D


@pytest.mark.parametrize(("days", "inside"), [((14, 21), True), ((14,), False), ((7, 21, 30), False)])
def test_a_video_is_in_the_delta_task_when_the_deltas_of_all_required_horizons_are_known(days, inside):
    rows = [capture(5, 1), *(capture(5 + 24 * day, 1 + day) for day in days)]
    tables = [horizon_targets(snapshots(rows), horizon) for horizon in HORIZONS.values()]
    assert [table["in_delta_task"].item() for table in tables] == [inside] * len(tables)


def test_a_capture_after_as_of_does_not_exist():
    rows = [capture(1, 1), capture(AT_7D - 20, 10), capture(AT_7D + 20, 20), capture(AT_7D + 30, 5, video_id="late")]
    as_of = PUBLISHED + timedelta(hours=AT_7D + 20)
    then = horizon_targets(snapshots(rows), WEEK, as_of=as_of)
    assert then["horizon_label_type"].to_list() == ["interpolated"]
    assert then.equals(horizon_targets(snapshots(rows[:3]), WEEK, as_of=as_of))
    earlier = horizon_targets(snapshots(rows), WEEK, as_of=as_of - timedelta(seconds=1))
    assert earlier["horizon_missing_reason"].to_list() == ["no_capture_after"]


def test_as_of_must_have_a_time_zone():
    with pytest.raises(InvalidInput, match="as_of must have a time zone"):
        horizon_targets(snapshots([capture(1, 1)]), WEEK, as_of=datetime(2026, 1, 1))


def test_two_captures_of_a_video_at_one_moment_are_refused():
    with pytest.raises(InvalidTable, match="one row per video_id and captured_at"):
        horizon_targets(snapshots([capture(1, 1), capture(1, 2)]), WEEK)


def test_no_captures_make_an_empty_table():
    assert horizon_targets(snapshots([]), WEEK).equals(HORIZON_TARGETS.empty())
    assert label_coverage(HORIZON_TARGETS.empty())["label_coverage"] == 0


def test_the_coverage_counts_every_label_type_and_reason_under_names_that_always_occur():
    rows = [capture(AT_7D, 10), capture(AT_7D - 20, 9, video_id="b"), capture(AT_7D + 20, 8, video_id="b")]
    rows += [capture(AT_7D - 20, 9, video_id="c"), capture(AT_7D - 19, 8, video_id="c")]
    coverage = label_coverage(horizon_targets(snapshots(rows), WEEK))
    assert coverage["videos"] == 3
    assert (coverage["labels"], coverage["labels_observed"], coverage["labels_interpolated"]) == (2, 1, 1)
    assert (coverage["labels_missing"], coverage["missing_no_capture_after"]) == (1, 1)
    assert coverage["label_coverage"] == 2 / 3
    assert coverage["monotone_violations"] == 2
    assert set(coverage) == set(label_coverage(HORIZON_TARGETS.empty()))


MANY_CAPTURES = st.lists(
    st.builds(
        lambda video, hours, views, likes, sec: capture(
            hours, views, video_id=video, like_count=likes, duration_sec=sec
        ),
        video=st.sampled_from("abcd"),
        hours=st.integers(-10, 30 * 24),
        views=st.none() | st.integers(0, 10**9),
        likes=st.none() | st.integers(0, 10**6),
        sec=st.sampled_from([None, 60, 600]),
    ),
    unique_by=lambda row: (row["video_id"], row["captured_at"]),
    max_size=40,
)


def parquet(table):
    stored = io.BytesIO()
    table.write_parquet(stored)
    return stored.getvalue()


@settings(deadline=None, max_examples=25)
@given(MANY_CAPTURES, st.randoms(use_true_random=False))
def test_the_same_captures_in_another_order_and_in_other_passes_give_the_same_bytes(rows, random):
    shuffled = random.sample(rows, len(rows))
    whole = horizon_targets(snapshots(rows), WEEK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(targets, "CAPTURES_A_PASS", 5)
        assert parquet(horizon_targets(snapshots(shuffled), WEEK)) == parquet(whole)


@settings(deadline=None, max_examples=25)
@given(MANY_CAPTURES)
def test_a_label_lies_between_the_captures_it_was_made_from_and_a_missing_one_has_a_reason(rows):
    table = HORIZON_TARGETS.checked(horizon_targets(snapshots(rows), WEEK))
    moment = PUBLISHED + WEEK.age
    assert table["video_id"].to_list() == sorted({row["video_id"] for row in rows})
    for label in table.iter_rows(named=True):
        shown = sorted(
            (row["captured_at"], row["view_count"])
            for row in rows
            if row["video_id"] == label["video_id"] and row["view_count"] is not None and row["captured_at"] > PUBLISHED
        )
        before = [count for at, count in shown if at <= moment][-1:]
        after = [count for at, count in shown if at > moment][:1]
        if label["horizon_label_type"] == "missing":
            assert label["horizon_missing_reason"] in MISSING_REASONS
            assert label["horizon_view_count"] is None
        elif label["horizon_label_type"] == "interpolated":
            assert min(before + after) <= label["horizon_view_count"] <= max(before + after)
            assert before and after
        else:
            assert label["horizon_view_count"] in before + after
            assert label["horizon_gap_hours"] <= 12


def real_captures(folder):
    """The most-popular lists, pooled over countries; one reading of each moment."""
    lists = [pl.read_csv(path, infer_schema=False) for path in sorted(folder.rglob("trending_*.csv"))]
    instant = {"time_zone": "UTC", "time_unit": "us"}
    return (
        pl.concat(lists)
        .select(
            "video_id",
            "channel_id",
            "category_id",
            "title",
            pl.col("fetched_at").str.to_datetime(**instant).alias("captured_at"),
            pl.col("published_at").str.to_datetime(**instant),
            pl.col("duration").cast(pl.Float64).cast(pl.Int64).alias("duration_sec"),
            *(
                pl.col(name).cast(pl.Float64).cast(pl.Int64).alias(counter)
                for name, counter in (("views", "view_count"), ("likes", "like_count"), ("comments", "comment_count"))
            ),
            source=pl.lit("archive"),
        )
        .unique(["video_id", "captured_at"], keep="first", maintain_order=True)
    )


@pytest.mark.slow
def test_the_real_captures_have_the_label_counts_that_their_collectors_rule_gives(tmp_path):
    archive = Path(os.environ.get("VIDRANK_REAL_DATA", "no-folder")) / "trending-2025-2026.tar.xz"
    if not archive.exists():
        pytest.skip("VIDRANK_REAL_DATA names no folder with trending-2025-2026.tar.xz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    captures = real_captures(tmp_path).lazy()
    within_36_hours = (pl.col("horizon_label_type") == "observed") | (pl.col("horizon_gap_hours") <= 36)
    tables = {name: horizon_targets(captures, horizon) for name, horizon in HORIZONS.items()}
    counted = {name: table.filter(within_36_hours).height for name, table in tables.items()}
    assert counted == {"7d": 3485, "14d": 1563, "21d": 936, "30d": 589}
    coverage = {name: label_coverage(table) for name, table in tables.items()}
    assert [each["labels"] for each in coverage.values()] == [3486, 1565, 938, 590]

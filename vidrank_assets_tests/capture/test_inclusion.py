"""Who is in: each rule, its edge, what is not known, and that outcomes only choose training rows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.capture.inclusion import PRESETS, counted, eligible, preset, trainable
from vidrank_assets.errors import UnknownName

NOW = datetime(2026, 4, 1, tzinfo=UTC)
ALL = PRESETS["all"]


def videos(**columns) -> pl.DataFrame:
    """Videos that break no rule, one per value given, all of one channel."""
    n = len(next(iter(columns.values())))
    ordinary = {
        "video_id": [f"v{i:02}" for i in range(n)],
        "channel_id": ["UC1"] * n,
        "published_at": [NOW] * n,
        "duration_sec": [600] * n,
        "default_language": ["en"] * n,
        "channel_subscribers": [5_000] * n,
        "target_raw": [10_000.0] * n,
    } | columns
    if "target_log" not in ordinary:
        ordinary["target_log"] = [None if raw is None else float(np.log1p(raw)) for raw in ordinary["target_raw"]]
    return pl.DataFrame(
        ordinary,
        schema_overrides={
            "published_at": pl.Datetime("us", "UTC"), "duration_sec": pl.Int64, "channel_subscribers": pl.Int64,
            "target_raw": pl.Float64, "target_log": pl.Float64, "default_language": pl.String, "channel_id": pl.String,
        },
    )  # fmt: skip


def reasons(candidates: pl.DataFrame, inclusion, **options) -> list[str | None]:
    return eligible(candidates, inclusion, **options)["reason"].to_list()


def reasons_in_train(train: pl.DataFrame, inclusion) -> list[str | None]:
    return trainable(train, inclusion)["reason"].to_list()


def test_the_presets_are_those_of_the_specification():
    assert set(PRESETS) == {"default", "shorts", "all"}
    default = preset("default")
    assert (default.window, default.min_views, default.min_subscribers) == (timedelta(days=90), 1000, 100)
    assert (default.min_channel_videos, default.max_deviations) == (10, 3.0)
    assert (default.min_duration_sec, default.max_duration_sec) == (60, 3600)
    assert (preset("shorts").min_duration_sec, preset("shorts").max_duration_sec) == (None, 180)


def test_an_unknown_preset_is_refused_with_the_names_there_are():
    with pytest.raises(UnknownName, match="one of: all, default, shorts; got 'longs'"):
        eligible(videos(duration_sec=[600]), "longs")


def test_a_video_published_exactly_90_days_before_the_moment_is_in_and_one_second_earlier_is_out():
    edge = NOW - timedelta(days=90)
    candidates = videos(published_at=[edge, edge - timedelta(seconds=1)])
    assert reasons(candidates, replace(ALL, window=timedelta(days=90)), at=NOW) == [None, "too_old"]


def test_without_a_moment_the_window_ends_at_the_newest_publication():
    candidates = videos(published_at=[NOW - timedelta(days=91), NOW - timedelta(days=90), NOW])
    assert reasons(candidates, replace(ALL, window=timedelta(days=90))) == ["too_old", None, None]


@pytest.mark.parametrize(
    ("rule", "column", "values", "expected"),
    [
        ({"min_subscribers": 100}, "channel_subscribers", [99, 100, None], ["few_subscribers", None, None]),
        ({"min_duration_sec": 60}, "duration_sec", [59, 60, None], ["too_short", None, None]),
        ({"max_duration_sec": 3600}, "duration_sec", [3600, 3601, None], [None, "too_long", None]),
        ({"languages": ("en",)}, "default_language", ["en-GB", "EN", "de", None], [None, None, "other_language", None]),
    ],
)
def test_a_limit_is_still_in_and_what_is_not_known_breaks_no_rule(rule, column, values, expected):
    assert reasons(videos(**{column: values}), replace(ALL, **rule)) == expected


def test_a_thousand_views_at_the_horizon_are_enough_to_be_trained_on():
    assert reasons_in_train(videos(target_raw=[999.0, 1000.0]), replace(ALL, min_views=1000)) == ["few_views", None]


def test_a_channel_needs_ten_videos_within_the_window():
    old = NOW - timedelta(days=100)
    channel = ["nine"] * 9 + ["ten"] * 10 + ["late"] * 10
    published = [NOW] * 28 + [old]
    rules = replace(ALL, window=timedelta(days=90), min_channel_videos=10)
    found = reasons(videos(channel_id=channel, published_at=published), rules)
    assert found == ["few_videos"] * 9 + [None] * 10 + ["few_videos"] * 9 + ["too_old"]


def test_videos_of_unknown_channels_are_not_counted_together():
    strict = replace(ALL, min_channel_videos=10, max_deviations=3.0)
    for judged, rule in ((eligible, "few_videos"), (trainable, "outlier")):
        found = judged(videos(channel_id=[None, None]), strict)
        assert found["reason"].to_list() == [None, None]
        assert found["unknown"].to_list() == [[rule]] * 2


def test_rules_that_look_at_the_outcome_are_no_rules_of_eligibility():
    odd = videos(target_raw=[10.0, 5_000.0, None], target_log=[1.0, 99.0, None])
    rules = replace(ALL, min_views=1000, max_deviations=3.0)
    assert eligible(odd, rules).equals(eligible(odd, ALL))
    assert reasons(odd, rules) == [None, None, None]
    assert reasons_in_train(odd, rules) == ["few_views", None, "unlabelled"]


def test_rules_that_know_nothing_of_the_outcome_are_no_rules_of_training():
    assert reasons_in_train(videos(duration_sec=[10], channel_subscribers=[5]), "default") == [None]


def test_the_first_broken_rule_is_the_reason():
    assert reasons(videos(duration_sec=[10], channel_subscribers=[5]), "default") == ["few_subscribers"]


@pytest.mark.parametrize("judged", [eligible, trainable])
def test_the_candidates_come_back_in_their_order_with_their_columns(judged):
    candidates = videos(duration_sec=[600, 10, 600], target_raw=[5e3, 5.0, 5e3]).reverse()
    found = judged(candidates, "default")
    assert found.select(candidates.columns).equals(candidates)
    assert found.columns == [*candidates.columns, "reason", "unknown"]


def test_a_value_over_three_deviations_from_the_channels_others_is_an_outlier():
    others = [9.0, 11.0] * 5  # mean 10, standard deviation sqrt(10 / 9) = 1.054
    far, near = 10 + 3.01 * np.sqrt(10 / 9), 10 + 2.99 * np.sqrt(10 / 9)
    rules = replace(ALL, max_deviations=3.0)
    assert reasons_in_train(videos(target_log=[*others, far]), rules) == [None] * 10 + ["outlier"]
    assert reasons_in_train(videos(target_log=[*others, near]), rules) == [None] * 11


def test_a_spread_is_not_judged_from_nine_other_videos():
    judged = trainable(videos(target_log=[10.0, 10.1] * 4 + [10.0, 99.0]), replace(ALL, max_deviations=3.0))
    assert judged["reason"].to_list() == [None] * 10
    assert judged["unknown"].to_list() == [["outlier"]] * 10


def test_equal_values_are_no_outliers():
    assert reasons_in_train(videos(target_log=[9.123456789] * 30), replace(ALL, max_deviations=3.0)) == [None] * 30


def test_the_spread_is_of_the_videos_own_channel():
    channel = ["small"] * 11 + ["large"] * 11
    target = [5.0 + 0.1 * (i % 3) for i in range(11)] + [15.0 + 0.1 * (i % 3) for i in range(11)]
    assert (
        reasons_in_train(videos(channel_id=channel, target_log=target), replace(ALL, max_deviations=3.0)) == [None] * 22
    )


@given(st.lists(st.floats(0, 20), min_size=11, max_size=25))
def test_outliers_are_those_of_leaving_each_video_out_in_turn(target):
    judged = trainable(videos(target_log=target), replace(ALL, max_deviations=3.0))
    for i, reason in enumerate(judged["reason"]):
        others = np.delete(target, i)
        distance, limit = abs(target[i] - others.mean()), 3 * others.std(ddof=1)
        if abs(distance - limit) > 1e-6:
            assert (reason == "outlier") == (distance > limit)


def test_counts_name_every_reason_and_what_was_not_known():
    candidates = videos(duration_sec=[10, 20, None, 600], channel_subscribers=[500, 500, 500, 5])
    judged = eligible(candidates, replace(ALL, min_duration_sec=60, min_subscribers=100))
    assert counted(judged).rows() == [("too_short", 2, 1), ("few_subscribers", 1, 0), ("in", 1, 0)]


@given(st.lists(st.tuples(st.none() | st.integers(0, 8_000), st.none() | st.integers(0, 300)), max_size=20))
def test_counts_sum_to_the_candidates(rows):
    duration, subscribers = [row[0] for row in rows], [row[1] for row in rows]
    judged = eligible(videos(duration_sec=duration, channel_subscribers=subscribers), "default")
    counts = dict(counted(judged).select("reason", "videos").iter_rows())
    assert sum(counts.values()) == len(rows)
    assert counts.get("in", 0) == judged["reason"].null_count()


def test_no_candidates_give_none():
    judged = eligible(videos(duration_sec=[600]).clear(), "default")
    assert judged.is_empty()
    assert counted(judged).is_empty()


def test_the_preset_all_keeps_whatever_has_a_label():
    odd = videos(duration_sec=[1, None], channel_subscribers=[0, None], target_raw=[0.0, 0.0])
    assert reasons(odd, "all") == reasons_in_train(odd, "all") == [None, None]

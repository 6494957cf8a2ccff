from datetime import UTC, datetime, timedelta
from math import exp, log, log1p

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.features.ranking_targets import ctr_coverage, first_scores, ranking_targets, score_coverage
from vidrank_assets.pair_tables import RANKING_TARGETS, SUB_SCORES
from vidrank_assets.tables import TABLES

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def table(name, **columns):
    n = len(next(iter(columns.values()), ()))
    schema = TABLES[name].schema
    return pl.DataFrame({column: pl.Series(columns.get(column, [None] * n), dtype=t) for column, t in schema.items()})


def made(videos, *, channel="UC1", split=None, usual=None, ctr=None, scores=None):
    """videos: views at the horizon, by video; None without a label. usual: what a video's channel usually reached."""
    ids = list(videos)
    reached = [None if views is None else log1p(views) for views in videos.values()]
    channels = [channel] * len(ids) if not isinstance(channel, dict) else [channel[video] for video in ids]
    labels = table("horizon_targets", video_id=ids, channel_id=channels, target_log=reached)
    features = table("metadata_features", video_id=ids, channel_target_mean=[(usual or {}).get(v) for v in ids])
    dealt = split or dict.fromkeys(ids, "train")
    rows = ranking_targets(
        labels,
        features,
        split=table("split_manifest", video_id=list(dealt), split=list(dealt.values())),
        scores=(table("thumbnail_scores") if scores is None else scores).lazy(),
        analytics=table("video_analytics", video_id=list(ctr or {}), ctr=list((ctr or {}).values())),
    )
    assert RANKING_TARGETS.checked(rows).equals(rows)
    return rows


def ctr_of(rows):
    return {
        video: (ctr and round(ctr, 9), source)
        for video, ctr, source in rows.select("video_id", "ctr", "ctr_source").rows()
    }


def thumbnails(*rows):
    """rows: (video, hash, hours, clarity); clarity None: it could not be read."""
    return table(
        "thumbnail_scores",
        video_id=[row[0] for row in rows],
        content_hash=[row[1] for row in rows],
        captured_at=[NOW + timedelta(hours=row[2]) for row in rows],
        clarity=[row[3] for row in rows],
        emotion=[None if row[3] is None else 0.25 for row in rows],
        source=["test"] * len(rows),
    )


def test_views_stand_in_for_ctr_relative_to_what_the_channel_was_known_to_reach():
    """exp(target_log) is three times, as much as, and a third of exp(channel_target_mean): 3/4, 1/2 and 1/4."""
    rows = made({"a": 299, "b": 99, "c": 100 / 3 - 1}, usual=dict.fromkeys("abc", log(100)))
    assert ctr_of(rows) == {"a": (0.75, "proxy"), "b": (0.5, "proxy"), "c": (0.25, "proxy")}


def test_a_measured_ctr_takes_the_place_of_views_relative_to_the_median_of_its_channel():
    """The median of 2, 4 and 8 % is 4 %: 2/6, 4/8 and 8/12."""
    rows = made(dict.fromkeys("abcd", 99), usual=dict.fromkeys("abcd", log(100)), ctr={"a": 0.02, "b": 0.04, "c": 0.08})
    expected = {"a": 1 / 3, "b": 1 / 2, "c": 2 / 3}
    assert ctr_of(rows) == {v: (round(x, 9), "measured") for v, x in expected.items()} | {"d": (0.5, "proxy")}


def test_what_val_and_test_reached_sets_nobodys_scale():
    """The median is that of the two in train, 3 %; were val and test in it, it would be 5 %."""
    split = {"a": "train", "b": "train", "c": "val", "d": "test", "e": "test"}
    ctr = {"a": 0.02, "b": 0.04, "c": 0.05, "d": 0.3, "e": 0.6}
    found = ctr_of(made(dict.fromkeys("abcde", 9), split=split, ctr=ctr))
    assert found == {video: (round(value / (value + 0.03), 9), "measured") for video, value in ctr.items()}
    without = {"a": ctr["a"], "b": ctr["b"]}
    again = ctr_of(made(dict.fromkeys("abcde", 9), split=split, ctr=without | {"c": 0.9, "d": 0.001}))
    assert {video: again[video] for video in "ab"} == {video: found[video] for video in "ab"}


def test_each_channel_has_a_scale_of_its_own():
    rows = made(dict.fromkeys("abcd", 9), channel={"a": "UC1", "b": "UC1", "c": "UC2", "d": "UC2"},
                ctr={"a": 0.01, "b": 0.03, "c": 0.1, "d": 0.3})  # fmt: skip
    found = ctr_of(rows)
    assert found["a"] == found["c"] == (round(1 / 3, 9), "measured") and found["b"] == found["d"]


@pytest.mark.parametrize("split", ["val", "test", None])
def test_a_channel_whose_measured_ctr_all_lies_outside_train_is_judged_by_views(split):
    """There is no usual CTR that the model may know. A video that is in no part at all is not of train either."""
    dealt = {"a": "train"} | ({} if split is None else dict.fromkeys("bc", split))
    rows = made(dict.fromkeys("abc", 99), split=dealt, usual=dict.fromkeys("abc", log(100)), ctr={"b": 0.1, "c": 0.2})
    assert ctr_of(rows) == dict.fromkeys("abc", (0.5, "proxy"))
    analytics = table("video_analytics", video_id=["b", "c", "elsewhere"], ctr=[0.1, 0.2, 0.3])
    told = ctr_coverage(rows, analytics)
    assert told == {"ctr_measured": 0, "ctr_proxy": 3, "ctr_unknown": 0, "ctr_measured_without_usual": 2}


def test_a_channel_on_which_nobody_ever_clicked_has_no_usual_ctr():
    rows = made({"a": 99, "b": 99}, usual={"a": log(100)}, ctr={"a": 0.0, "b": 0.0})
    assert ctr_of(rows) == {"a": (0.5, "proxy"), "b": (None, None)}


def test_no_click_at_all_is_a_measured_zero():
    rows = made(dict.fromkeys("abc", 9), ctr={"a": 0.0, "b": 0.1, "c": 0.1})
    assert ctr_of(rows)["a"] == (0.0, "measured")


def test_without_history_without_channel_or_without_a_label_there_is_nothing_to_learn():
    rows = made(
        {"first": 99, "nobodys": 99, "later": None},
        channel={"first": "UC1", "nobodys": None, "later": "UC1"},
        usual={"nobodys": log(100), "later": log(100)},
        ctr={"nobodys": 0.1, "later": 0.1},
    )
    assert ctr_of(rows) == {"first": (None, None), "nobodys": (None, None)}


def test_the_scores_are_those_of_the_first_thumbnail_that_could_be_read():
    scores = thumbnails(
        ("a", "z", 0, 0.7), ("a", "b", 5, 0.1), ("b", "x", 0, None), ("b", "y", 9, 0.2), ("c", "q", 0, None),
        ("d", "2", 1, 0.4), ("d", "1", 1, 0.3), ("other", "o", 0, 0.9),
    )  # fmt: skip
    rows = made(dict.fromkeys("abcde", 9), scores=scores.sample(fraction=1, shuffle=True, seed=1))
    assert rows.select("video_id", "clarity", "emotion").rows() == [
        ("a", 0.7, 0.25), ("b", 0.2, 0.25), ("c", None, None), ("d", 0.3, 0.25), ("e", None, None),
    ]  # fmt: skip
    assert first_scores(scores.lazy(), pl.Series(["a", "other"]))["clarity"].to_list() == [0.7, 0.9]


def test_the_coverage_of_each_score_counts_what_is_known_only():
    told = score_coverage(thumbnails(("a", "1", 0, 0.2), ("b", "2", 0, 0.4), ("c", "3", 0, None), ("d", "4", 0, 0.6)))
    assert told["score"].to_list() == list(SUB_SCORES)
    assert told.row(0) == ("clarity", 3, 0.75, pytest.approx(0.4), pytest.approx(0.2))
    assert told.row(5) == ("title_match", 0, 0.0, None, None)
    assert score_coverage(table("thumbnail_scores"))["share"].to_list() == [None] * 6


shares = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 1), min_size=1)
views = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 10**9), min_size=1)
usuals = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 21), min_size=1)


@given(views, usuals, shares, st.randoms())
def test_every_target_is_between_0_and_1_has_its_source_and_does_not_depend_on_the_order(reached, usual, ctr, random):
    rows = made(reached, usual=usual, ctr=ctr)
    assert rows["video_id"].to_list() == sorted(reached)
    assert rows.select(pl.col("ctr").is_between(0, 1).all()).item()
    assert (rows["ctr"].is_null() == rows["ctr_source"].is_null()).all()
    shuffled = random.sample(list(reached.items()), len(reached))
    assert made(dict(shuffled), usual=usual, ctr=ctr).equals(rows)


@given(st.integers(0, 10**9), st.floats(0, 21))
def test_the_proxy_is_the_sigmoid_of_the_difference_in_log_views(reached, usual):
    rows = made({"a": reached}, usual={"a": usual})
    assert rows["ctr"].item() == pytest.approx(1 / (1 + exp(usual - log1p(reached))))

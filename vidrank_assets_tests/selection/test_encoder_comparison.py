import polars as pl
import pytest

from vidrank_assets.pair_tables import TRAINING_PAIRS
from vidrank_assets.selection.encoder_comparison import compared_encoders, ranked_pairs

#: Two channels of test with two pairs each, one of val; a won the first pair of each channel.
ROWS = [
    ("a", "b", "one", 1, 0.5, 1.0, "test", "views"),
    ("b", "c", "one", 0, 0.5, 1.0, "test", "views"),
    ("d", "e", "two", 1, 0.5, 1.0, "test", "views"),
    ("e", "f", "two", 0, 0.5, 1.0, "test", "views"),
    ("g", "h", "three", 1, 0.5, 1.0, "val", "views"),
]
PAIRS = pl.DataFrame(ROWS, schema=TRAINING_PAIRS.schema, orient="row")
TUNED = {"a": 3.0, "b": 1.0, "c": 2.0, "d": 3.0, "e": 1.0, "f": 2.0, "g": 1.0, "h": 0.0}
#: Wrong in both pairs of channel two, and a tie in the one of val.
UNTUNED = {**TUNED, "d": 0.0, "f": 0.5, "h": 1.0}


def test_each_pair_has_the_score_of_both_sides_and_who_won_as_targets():
    ranked = ranked_pairs(PAIRS, {"a": 1.0, "b": 2.0, "c": 3.0})
    assert ranked.select("score_a", "score_b", "target_a", "target_b").rows() == [(1, 2, 1, 0), (2, 3, 0, 1)]


def test_who_ranks_better_is_told_with_intervals_by_channels():
    figures = compared_encoders(PAIRS, {"tuned": TUNED, "untuned": UNTUNED}, of="tuned")
    assert figures["test"]["tuned"] == {"value": 1, "low": 1, "high": 1}
    assert figures["test"]["untuned"] == {"value": 0.5, "low": 0, "high": 1}
    assert figures["test"]["tuned_over_untuned"] == {"value": 0.5, "low": 0, "high": 1}


def test_with_one_channel_there_is_a_value_and_no_interval():
    figures = compared_encoders(PAIRS, {"tuned": TUNED, "untuned": UNTUNED}, of="tuned")
    assert figures["val"]["untuned"] == {"value": 0.5, "low": None, "high": None}
    assert figures["val"]["tuned_over_untuned"]["value"] == pytest.approx(0.5)

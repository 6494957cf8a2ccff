import polars as pl
import pytest

from vidrank_assets.selection.pair_examples import surest
from vidrank_assets.selection.pair_probability import PairProbability

LINEAR = PairProbability((0.0, 5.0), (0.5, 1.0), (0.5, 0.9), (0.5, 1.0), 100, 10)


def pairs_of(*rows):
    """video_id_a, video_id_b, the difference of scores, and whether a won; None where nobody did."""
    a, b, difference, won = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "video_id_a": a,
            "video_id_b": b,
            "score_a": [float(d) for d in difference],
            "score_b": [0.0] * len(rows),
            "target_a": [1.0 if w else 0.0 for w in won],
            "target_b": [0.0 if w or w is None else 1.0 for w in won],
        }
    )


def test_the_surest_come_first_right_and_wrong_apart():
    rows = pairs_of(("a", "b", 1, True), ("c", "d", -3, False), ("e", "f", 2, False), ("g", "h", -1, True))
    found = surest(LINEAR, rows)
    assert found.right["video_id_a"].to_list() == ["c", "a"]
    assert found.wrong["video_id_a"].to_list() == ["e", "g"]
    assert found.right["of_winner"].to_list() == pytest.approx([0.8, 0.6])
    assert found.wrong["of_winner"].to_list() == pytest.approx([0.3, 0.4])


def test_no_video_is_shown_twice_not_even_among_right_and_wrong():
    rows = pairs_of(
        ("a", "b", 4, True), ("a", "c", 3, True), ("d", "e", 2, True), ("a", "f", 5, False), ("g", "h", 1, 0)
    )
    found = surest(LINEAR, rows)
    assert found.right["video_id_b"].to_list() == ["b", "e"]
    assert found.wrong["video_id_a"].to_list() == ["g"]


def test_no_more_than_asked_for_and_ties_go_by_the_scores_and_then_the_ids():
    rows = pairs_of(("c", "d", 9, True), ("a", "b", 7, True), ("e", "f", 7, True), ("x", "y", 8, True))
    assert surest(LINEAR, rows, n=3).right["video_id_a"].to_list() == ["c", "x", "a"]
    assert surest(LINEAR, rows.reverse(), n=3).right["video_id_a"].to_list() == ["c", "x", "a"]


def test_pairs_without_a_winner_and_those_at_a_half_are_neither():
    found = surest(LINEAR, pairs_of(("a", "b", 3, None), ("c", "d", 0, True)))
    assert found.right.is_empty() and found.wrong.is_empty()
    nothing = surest(LINEAR, pairs_of(("a", "b", 3, None)))
    assert nothing.right.columns == found.right.columns

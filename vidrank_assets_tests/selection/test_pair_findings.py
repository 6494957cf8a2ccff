import numpy as np
import polars as pl

from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.pairwise_ranker import Heads
from vidrank_assets.pair_tables import RANKING_TARGETS
from vidrank_assets.selection.pair_examples import Surest
from vidrank_assets.selection.pair_findings import dated, head_rows, seen_videos, with_pictures
from vidrank_assets_tests.trained_ranker import picture

PAIRS = pl.DataFrame({"video_id_a": ["a", "a", "b"], "video_id_b": ["b", "c", "c"], "split": ["val", "test", "test"]})


class Brightness:
    """A ranker whose score is the picture's mean luma, which is column 188 of its statistics, and the title's first."""

    def __init__(self):
        self.asked = []

    def heads(self, vectors):
        self.asked.append(vectors)
        score = vectors.block("image")[:, 188].astype(float) + 10 * vectors.block("text")[:, 0]
        n = len(score)
        return Heads(score, np.full(n, 0.5), np.full((n, 6), 0.5))


def test_pairs_of_a_part_know_how_many_days_lay_between_and_what_judged_them():
    known = PAIRS.with_columns(days_apart=pl.Series([1.0, 2.0, 3.0]), judged_by=pl.Series(["views", "ctr", "views"]))
    found = dated(PAIRS, known.reverse(), "test")
    assert found["days_apart"].to_list() == [2.0, 3.0] and found["judged_by"].to_list() == ["ctr", "views"]


def test_heads_are_set_beside_what_was_measured_and_left_out_where_nothing_was():
    targets = pl.DataFrame(
        {"video_id": ["b", "a"], "ctr": [0.7, None], "clarity": [0.1, 0.2], "contrast": [float("nan"), 0.4]},
        schema_overrides={"ctr": pl.Float64},
    )
    nulls = [pl.lit(None, dtype).alias(name) for name, dtype in RANKING_TARGETS.schema.items() if name not in targets]
    heads = Heads(np.zeros(3), np.array([0.5, 0.6, 0.9]), np.arange(18).reshape(3, 6) / 18)
    rows = head_rows(heads, ["a", "b", "not measured"], targets.with_columns(nulls))
    assert rows.rows() == [
        ("ctr", "b", 0.7, 0.6),
        ("clarity", "a", 0.2, 0.0),
        ("clarity", "b", 0.1, 6 / 18),
        ("contrast", "a", 0.4, 2 / 18),
    ]


def test_another_picture_is_scored_with_the_videos_own_title():
    encoder, ranker = ThumbnailStatistics(), Brightness()
    image = encoder.encode([picture(200), picture(80)]).matrix
    text = np.array([[1, 0], [0, 1]], np.float32)
    vectors = Vectors(("a", "b"), np.column_stack([image, text]), {"image": image.shape[1], "text": 2})
    seen = seen_videos(ranker, vectors, encoder, pictures={"b": picture(80), "a": picture(200)}, titles={"a": "A"})
    assert list(seen) == ["b", "a"]
    assert (seen["a"].title, seen["b"].title) == ("A", None)
    assert seen["a"].map.score - seen["b"].map.score > 5  # the title of a
    assert seen["a"].map.change.shape == (6, 10)
    # Grey in the place of what is brighter lowers the score, in the place of what is darker it raises it.
    assert seen["a"].map.change[0, 0] > 0 > seen["b"].map.change[0, 0]


def test_examples_without_a_picture_are_left_out():
    kept = with_pictures(Surest(PAIRS[:2], PAIRS[2:]), {"a": b"", "b": b""})
    assert (kept.right.height, kept.wrong.height) == (1, 0)

import numpy as np
import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.pair_tables import RANKING_TARGETS, TRAINING_PAIRS


@pytest.fixture
def comparisons() -> Comparisons:
    """Three videos of channel c, one without a channel; b beat a by CTR, c beat a by views."""
    pairs = pl.DataFrame(
        {
            "video_id_a": ["a", "a", "a"],
            "video_id_b": ["b", "c", "elsewhere"],
            "channel_id": ["c", "c", "c"],
            "winner": [0, 1, 1],
            "margin": [0.5, 0.25, 0.1],
            "days_apart": [1.0, 2.0, 3.0],
            "split": ["train"] * 3,
            "judged_by": ["ctr", "views", "views"],
        }
    )
    targets = pl.DataFrame(
        {"video_id": ["b", "a", "c"], "channel_id": ["c"] * 3, "ctr": [0.9, None, 0.2], "clarity": [0.1, 0.2, None]}
    )
    null = {name: pl.lit(None, dtype) for name, dtype in RANKING_TARGETS.schema.items() if name not in targets.columns}
    return Comparisons.of(["a", "x", "b", "c"], TRAINING_PAIRS.checked(pairs), targets.with_columns(**null))


def test_pairs_are_rows_of_the_videos_and_one_with_a_video_from_elsewhere_is_left_out(comparisons):
    assert comparisons.pairs.tolist() == [[0, 2], [0, 3]]
    assert comparisons.first_won.tolist() == [False, True]
    assert comparisons.margin.tolist() == [0.5, 0.25]
    assert comparisons.judged_by_ctr.tolist() == [True, False]


def test_what_is_not_known_of_a_video_is_no_number(comparisons):
    np.testing.assert_equal(comparisons.ctr, [np.nan, np.nan, 0.9, 0.2])
    np.testing.assert_equal(comparisons.sub_scores[:, 0], [0.2, np.nan, 0.1, np.nan])
    assert np.isnan(comparisons.sub_scores[:, 1:]).all()


def test_a_video_without_a_channel_is_a_channel_of_its_own(comparisons):
    a, x, b, c = comparisons.channel
    assert a == b == c != x


def test_some_of_the_videos_keep_the_pairs_that_are_between_them(comparisons):
    some = comparisons.rows([3, 0])
    assert some.pairs.tolist() == [[1, 0]]
    assert some.first_won.tolist() == [True]
    assert some.ctr[0] == 0.2


def test_no_pairs_at_all_is_an_empty_set_of_them():
    nothing = Comparisons.of(["a"], TRAINING_PAIRS.empty(), RANKING_TARGETS.empty())
    assert nothing.pairs.shape == (0, 2)
    assert nothing.sub_scores.shape == (1, 6)


def test_a_pair_of_a_row_that_is_no_video_is_refused(comparisons):
    with pytest.raises(InvalidInput, match="a row that is no video"):
        Comparisons(**{**vars(comparisons), "pairs": comparisons.pairs + 2})
    with pytest.raises(InvalidInput, match="margin"):
        Comparisons(**{**vars(comparisons), "margin": comparisons.margin[:1]})

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from vidrank_assets.dataset.folds import time_series_folds
from vidrank_assets.errors import InvalidInput, SplitTooSmall
from vidrank_assets.schema import INSTANT

START = datetime(2026, 1, 1, tzinfo=UTC)


def published(days):
    return pl.Series([START + timedelta(days=day) for day in days], dtype=INSTANT)


def lists(folds):
    return [(train.tolist(), test.tolist()) for train, test in folds]


def test_the_window_expands_and_the_newest_are_tested():
    folds = lists(time_series_folds(published([3, 0, 2, 1, 4, 5]), n_folds=2))
    assert folds == [([1, 3], [2, 0]), ([1, 3, 2, 0], [4, 5])]


@settings(deadline=None)
@given(st.integers(6, 60), st.integers(2, 5))
def test_without_a_gap_the_folds_are_those_of_scikit_learn(n_videos, n_folds):
    ours = lists(time_series_folds(published(range(n_videos)), n_folds=n_folds))
    theirs = lists(TimeSeriesSplit(n_folds).split(np.empty(n_videos)))
    assert ours == theirs


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), min_size=12, max_size=60), st.integers(0, 20))
def test_every_train_row_is_the_gap_older_than_every_test_row_and_no_row_is_in_both(days, gap):
    moments = published(days)
    try:
        folds = time_series_folds(moments, gap=timedelta(days=gap))
    except SplitTooSmall:
        return
    assert len(folds) == 5
    for train, test in folds:
        assert moments.gather(train).max() + timedelta(days=gap) <= moments.gather(test).min()
        assert not set(train.tolist()) & set(test.tolist())


def test_a_gap_leaves_out_the_train_rows_whose_label_would_not_yet_be_known():
    folds = lists(time_series_folds(published(range(12)), n_folds=2, gap=timedelta(days=3)))
    assert folds == [([0, 1], [4, 5, 6, 7]), ([0, 1, 2, 3, 4, 5], [8, 9, 10, 11])]


@pytest.mark.parametrize(("n_videos", "gap"), [(5, 0), (0, 0), (12, 30)])
def test_a_fold_without_train_or_test_rows_is_refused(n_videos, gap):
    with pytest.raises(SplitTooSmall, match="each of 5 folds needs train rows"):
        time_series_folds(published(range(n_videos)), gap=timedelta(days=gap))


@pytest.mark.parametrize(
    ("moments", "asked"),
    [
        (published(range(9)), {"n_folds": 0}),
        (published(range(9)), {"gap": timedelta(days=-1)}),
        (pl.Series([START, None], dtype=INSTANT), {}),
    ],
)
def test_no_folds_a_negative_gap_and_unknown_moments_are_refused(moments, asked):
    with pytest.raises(InvalidInput, match="folds need at least 1 fold"):
        time_series_folds(moments, **asked)

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from vidrank_assets.models.channel_mean import ChannelMean
from vidrank_assets.models.channel_median import ChannelMedian


@pytest.mark.parametrize("family", [ChannelMean, ChannelMedian])
def test_the_column_is_the_prediction_and_the_mean_of_train_stands_in_for_a_null(family, train, val, with_columns):
    fitted = family().fit(train, val)
    known = pl.when(pl.int_range(pl.len()) > 0).then(pl.lit(3.5))
    predicted = fitted.predict(with_columns(val, **{family.column: known}))
    assert predicted[0] == pytest.approx(train.targets.mean())
    assert (predicted[1:] == 3.5).all()


def test_a_table_without_channel_history_gets_the_mean_of_train(train, val):
    without = [replace(part, columns=part.columns.drop("channel_target_mean")) for part in (train, val)]
    predicted = ChannelMean().fit(*without).predict(without[1])
    np.testing.assert_allclose(predicted, train.targets.mean())

import numpy as np
import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.base import Dataset
from vidrank_assets.models.szabo_huberman import SzaboHuberman


def videos(train, views, target):
    rows = train.rows(range(len(views)))
    columns = rows.columns.with_columns(views_at_snapshot1=pl.Series(views, dtype=pl.Int64))
    return Dataset(columns, rows.fused, np.array(target, np.float64))


def test_the_line_through_log_views_worked_by_hand(train):
    # log1p(views) is 0, ln 2 and 2 ln 2; targets 1, 2 and 3 lie on 1 + log1p(views) / ln 2
    fitted = SzaboHuberman().fit(*[videos(train, [0, 1, 3], [1, 2, 3])] * 2)
    assert fitted.slope == pytest.approx(1 / np.log(2))
    assert fitted.intercept == pytest.approx(1)
    assert fitted.predict(videos(train, [7], [0.0]))[0] == pytest.approx(4)


def test_hidden_views_are_left_out_of_the_line_and_get_the_mean(train):
    part = videos(train, [0, 1, 3, None], [1, 2, 3, 10])
    fitted = SzaboHuberman().fit(part, part)
    assert fitted.slope == pytest.approx(1 / np.log(2))
    assert fitted.predict(part)[3] == pytest.approx(4)


@pytest.mark.parametrize("views", [[None, None], [5, 5]])
def test_without_different_views_the_mean_is_predicted(train, views):
    part = videos(train, views, [1, 3])
    assert SzaboHuberman().fit(part, part).predict(part).tolist() == [2, 2]


def test_the_publish_information_set_is_refused_with_the_way_out(train):
    blind = Dataset(train.columns.drop("views_at_snapshot1"), train.fused, train.targets)
    with pytest.raises(InvalidInput, match="Train it with the information set snapshot1"):
        SzaboHuberman().fit(blind, blind)

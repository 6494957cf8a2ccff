import json

import numpy as np
import polars as pl
import pytest

from vidrank_assets.models.tabular import MIN_LEVEL_COUNT, LevelCodes, LinearColumns, TreeColumns, numbers

WHOLE, REAL, FLAG, TEXT = pl.Int64, pl.Float64, pl.Boolean, pl.String


def frame(**columns):
    return pl.DataFrame({name: pl.Series(values, dtype=dtype) for name, (dtype, values) in columns.items()})


def test_numbers_are_read_with_true_as_one_and_null_as_nan():
    matrix = numbers(frame(a=(FLAG, [True, None]), category=(TEXT, ["x", None]), b=(WHOLE, [3, None])))
    np.testing.assert_array_equal(matrix, [[1, 3], [np.nan, np.nan]])


def test_a_missing_number_is_the_median_beside_a_column_that_says_so():
    train = frame(publish_hour=(WHOLE, [0, 2, 10, None]))
    # imputed 0, 2, 10, 2: mean 3.5, population variance (12.25 + 2.25 + 42.25 + 2.25) / 4 = 14.75
    values = (np.array([0, 2, 10, 2]) - 3.5) / np.sqrt(14.75)
    missing = (np.array([0, 0, 0, 1]) - 0.25) / np.sqrt(0.1875)
    np.testing.assert_allclose(LinearColumns().fit(train).transform(train), np.column_stack([values, missing]))


def test_counts_are_read_on_the_log_scale_by_linear_models():
    train = frame(channel_subscribers=(WHOLE, [0, 9, 99, 999_999]), publish_hour=(WHOLE, [1, 2, 3, 4]))
    logs = np.log1p([0, 9, 99, 999_999])
    subscribers = LinearColumns().fit(train).transform(train)[:, 0]
    np.testing.assert_allclose(subscribers, (logs - logs.mean()) / logs.std())


def test_a_column_without_any_number_or_level_is_taken():
    train = frame(
        publish_hour=(WHOLE, [None] * 3),
        channel_country=(TEXT, [None] * 3),
        title_has_digit=(FLAG, [True, False, None]),
    )
    assert np.isfinite(LinearColumns().fit(train).transform(train)).all()


def test_levels_are_one_hot_and_what_is_missing_is_told_apart():
    many = MIN_LEVEL_COUNT
    train = frame(category_id=(TEXT, ["a"] * (many + 5) + ["b"] * many + [None] * many + ["rare"]))
    rows = LinearColumns().fit(train).transform(frame(category_id=(TEXT, ["a", "b", None, "rare", "never met"])))
    a, b, missing, rare, unseen = (tuple(row) for row in rows)
    assert len({a, b, missing, rare}) == 4
    assert rare == unseen


def test_what_linear_columns_are_fitted_on_rebuilds_them():
    train = frame(publish_hour=(WHOLE, [1, None, 3]), category_id=(TEXT, ["a", None, "b"]))
    fitted = LinearColumns().fit(train)
    np.testing.assert_array_equal(LinearColumns.of(fitted.estimators).transform(train), fitted.transform(train))


def test_scales_come_from_train_alone():
    train, other = frame(publish_hour=(WHOLE, [0, 2])), frame(publish_hour=(WHOLE, [101]))
    np.testing.assert_allclose(LinearColumns().fit(train).transform(other), [[100]])


def test_trees_get_missing_numbers_as_they_are_and_levels_as_codes():
    many = MIN_LEVEL_COUNT
    train = frame(
        category_id=(TEXT, ["b"] * many + ["a"] * many + ["rare"]), tag_count=(WHOLE, [None] * (2 * many + 1))
    )
    columns = TreeColumns().fit(train)
    assert columns.names == ["tag_count", "category_id"]
    assert columns.categorical == [1]
    asked = frame(category_id=(TEXT, ["rare", "never met", None, "a", "b"]), tag_count=(WHOLE, [None, 1, 2, 3, 4]))
    np.testing.assert_array_equal(columns.transform(asked), [[np.nan, 0], [1, 0], [2, 1], [3, 2], [4, 3]])


@pytest.mark.parametrize("columns", [{"tag_count": (WHOLE, [1])}, {"query": (TEXT, ["x"])}])
def test_trees_take_tables_without_levels_and_without_numbers(columns):
    train = frame(**columns)
    assert TreeColumns().fit(train).transform(train).shape == (1, 1)


def test_tree_columns_are_stored_as_json(tmp_path):
    train = frame(
        category_id=(TEXT, ["a"] * MIN_LEVEL_COUNT + [None]), tag_count=(WHOLE, [None] * (MIN_LEVEL_COUNT + 1))
    )
    fitted = TreeColumns().fit(train)
    fitted.save(tmp_path)
    assert json.loads((tmp_path / "levels.json").read_text()) == {"category_id": [[None, 1.0], ["a", 2.0]]}
    loaded = TreeColumns.load(tmp_path)
    assert loaded.names == fitted.names and loaded.categorical == fitted.categorical
    np.testing.assert_array_equal(loaded.transform(train), fitted.transform(train))


def test_only_so_many_levels_as_asked_the_most_frequent_are_told_apart():
    many = MIN_LEVEL_COUNT
    train = frame(query=(TEXT, ["c"] * many + ["b"] * many + ["a"] * (many - 1) + ["d"] * (2 * many)))
    codes = LevelCodes(most_levels=2).fit(train)
    np.testing.assert_array_equal(codes.transform(frame(query=(TEXT, ["a", "b", "c", "d"])))[:, 0], [0, 2, 0, 3])
    assert codes.n_codes == [4]
    assert LevelCodes().fit(train).n_codes == [5]

import numpy as np
import polars as pl
import torch
from torch import nn

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.neural_columns import (
    MAX_EMBEDDING_WIDTH,
    NeuralColumns,
    block_scale,
    embedded,
    embedding_widths,
    embeddings,
    scaled,
)
from vidrank_assets.models.tabular import MIN_LEVEL_COUNT


def columns_of(hours, levels):
    return pl.DataFrame({"publish_hour": pl.Series(hours, dtype=pl.Int64), "query": pl.Series(levels, dtype=pl.String)})


def test_numbers_are_standardised_and_levels_are_codes():
    many = MIN_LEVEL_COUNT
    fitted = NeuralColumns().fit(columns_of([1, 3] * many, ["a"] * many + ["b"] * many))
    read = fitted.transform(columns_of([1, None, 3], ["b", None, "never met"]))
    np.testing.assert_allclose(read["numbers"], [[-1], [0], [1]], atol=1e-6)  # the median, 2, is the mean
    assert read["codes"].tolist() == [[3], [1], [0]]
    assert (read["numbers"].dtype, read["codes"].dtype) == (np.float32, np.int64)
    assert (fitted.n_numbers, fitted.n_codes) == (1, [4])  # rare or unknown, missing, a, b


def test_a_number_far_outside_of_training_is_cut_at_five_deviations():
    fitted = NeuralColumns().fit(columns_of([1, 3] * 5, [None] * 10))
    assert fitted.transform(columns_of([10_000, -10_000], [None] * 2))["numbers"].tolist() == [[5], [-5]]


def test_a_table_may_have_no_numbers_or_no_levels():
    table = columns_of([1, 2, None], ["a", None, "b"])
    for name in table.columns:
        fitted = NeuralColumns().fit(table.select(name))
        read = fitted.transform(table.select(name))
        assert read["numbers"].shape == (3, fitted.n_numbers)
        assert read["codes"].shape == (3, len(fitted.n_codes))
        assert embedded(embeddings(fitted.n_codes), tensors(read)).shape[0] == 3


def test_what_was_fitted_is_stored(tmp_path):
    table = columns_of([1, 2, None] * 10, ["a", None, "b"] * 10)
    fitted = NeuralColumns().fit(table)
    fitted.save(tmp_path)
    loaded = NeuralColumns.load(tmp_path)
    assert (loaded.n_numbers, loaded.n_codes) == (fitted.n_numbers, fitted.n_codes)
    for name, array in fitted.transform(table).items():
        np.testing.assert_array_equal(loaded.transform(table)[name], array)


def test_an_embedding_is_about_as_wide_as_the_square_root_of_its_levels():
    assert embedding_widths([2, 4, 9, 30, 100_000]) == [1, 2, 3, 5, MAX_EMBEDDING_WIDTH]


def test_levels_that_training_may_never_meet_begin_at_zero():
    table = embeddings([9])["0"].weight
    assert not table[:2].any()
    assert table[2:].all()


def test_metadata_is_numbers_beside_embeddings():
    tables = embeddings([4, 9])
    inputs = {"numbers": torch.tensor([[7.0]]), "codes": torch.tensor([[3, 5]])}
    expected = [7.0, *tables["0"].weight[3].tolist(), *tables["1"].weight[5].tolist()]
    assert embedded(tables, inputs).tolist() == [expected]


def test_every_block_has_mean_0_and_a_total_variance_of_1():
    rng = np.random.default_rng(0)
    matrix = np.hstack([3 + rng.normal(size=(50, 4)), 0.01 * rng.normal(size=(50, 2))]).astype(np.float32)
    vectors = Vectors(tuple(map(str, range(50))), matrix, {"image": 4, "text": 2})
    layers = nn.ModuleDict({"scale": block_scale(vectors.blocks, vectors)})
    made = scaled(layers, {"vectors": torch.from_numpy(matrix)}).numpy()
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose([made[:, :4].var(axis=0).sum(), made[:, 4:].var(axis=0).sum()], 1, rtol=1e-2)


def test_a_block_that_is_absent_everywhere_stays_zeros():
    vectors = Vectors(("a", "b"), np.zeros((2, 3), np.float32), {"image": 3})
    layers = nn.ModuleDict({"scale": block_scale(vectors.blocks, vectors)})
    assert not scaled(layers, {"vectors": torch.zeros(2, 3)}).any()


def test_the_scale_is_stored_with_the_net_and_is_not_learned():
    scale = block_scale({"image": 3}, None)
    assert set(scale.state_dict()) == {"centre", "weight"}
    assert not any(parameter.requires_grad for parameter in scale.parameters())


def tensors(arrays):
    return {name: torch.from_numpy(array) for name, array in arrays.items()}

"""The contract that every fusion strategy of the catalog keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.catalog import FUSIONS
from vidrank_assets.errors import InvalidInput, UnknownName
from vidrank_assets.features.fusion.base import Modality, load_fusion, projected, unit_rows

_WIDTHS = {"image": 12, "text": 7}


def made(n, seed, *, absent=0.3):
    rng = np.random.default_rng(seed)
    return {
        name: Modality(rng.normal(size=(n, width)).astype(np.float32), rng.random(n) >= absent)
        for name, width in _WIDTHS.items()
    }


def taken(modalities, rows):
    return {name: Modality(m.matrix[rows], m.present[rows]) for name, m in modalities.items()}


@pytest.fixture(params=FUSIONS.entries)
def fuse(request):
    return load_fusion(request.param)


@given(n=st.integers(1, 600), seed=st.integers(0, 99), data=st.data())
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("strategy", FUSIONS.entries)
def test_fusing_some_rows_gives_those_rows_of_the_whole(strategy, n, seed, data):
    """A strategy that learned from its rows would carry test rows into training rows; this forbids it."""
    fuse, modalities = load_fusion(strategy), made(n, seed)
    some = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=40))
    np.testing.assert_array_equal(fuse(taken(modalities, some)).matrix, fuse(modalities).matrix[some])


def test_rows_of_real_widths_are_the_same_bits_in_any_batch(fuse):
    rng = np.random.default_rng(3)
    modalities = {
        "image": Modality(rng.normal(size=(700, 768)).astype(np.float32), np.full(700, True)),
        "text": Modality(rng.normal(size=(700, 384)).astype(np.float32), np.full(700, True)),
    }
    some = [699, 3, 311, 256, 255]
    np.testing.assert_array_equal(fuse(taken(modalities, some)).matrix, fuse(modalities).matrix[some])


@pytest.mark.parametrize("unknown", [0.0, 1e30, np.nan, np.inf])
def test_what_lies_in_an_absent_row_does_not_matter(fuse, unknown):
    modalities = made(20, 1)
    image = modalities["image"]
    other = np.where(image.present[:, None], image.matrix, np.float32(unknown))
    changed = fuse({**modalities, "image": Modality(other, image.present)})
    np.testing.assert_array_equal(changed.matrix, fuse(modalities).matrix)


def test_the_length_of_a_vector_does_not_matter(fuse):
    modalities = made(20, 2)
    image = modalities["image"]
    longer = fuse({**modalities, "image": Modality(image.matrix * np.float32(1024), image.present)})
    np.testing.assert_allclose(longer.matrix, fuse(modalities).matrix, rtol=1e-6)


def test_the_blocks_cover_the_columns_and_the_rows_are_float32(fuse):
    fused = fuse(made(9, 4))
    assert sum(fused.blocks.values()) == fused.matrix.shape[1]
    assert fused.matrix.dtype == np.float32
    assert np.isfinite(fused.matrix).all()


def test_a_video_without_any_modality_is_a_row_of_zeros(fuse):
    assert not fuse(made(5, 5, absent=1.1)).matrix.any()


def test_a_present_vector_of_zeros_stays_zeros_and_is_no_division_by_zero(fuse):
    zeros = {
        name: Modality(np.zeros((2, width), np.float32), np.array([True, True])) for name, width in _WIDTHS.items()
    }
    assert not fuse(zeros).matrix.any()


def test_one_modality_alone_can_be_fused(fuse):
    fused = fuse({"text": made(5, 6)["text"]})
    assert fused.matrix.shape[0] == 5


@pytest.mark.parametrize("modalities", [{}, {**made(3, 0), "text": made(4, 0)["text"]}])
def test_modalities_that_do_not_fit_together_are_refused(fuse, modalities):
    with pytest.raises(InvalidInput, match="a row and a mask for every video"):
        fuse(modalities)


def test_a_present_vector_that_is_not_finite_is_refused(fuse):
    broken = Modality(np.array([[1, np.nan]], np.float32), np.array([True]))
    with pytest.raises(InvalidInput, match="text has some"):
        fuse({"text": broken})


def test_an_unknown_strategy_is_refused_with_the_names_there_are():
    with pytest.raises(UnknownName, match="concat, max_pool, sum_pool"):
        load_fusion("attention")


def test_unit_rows_divide_by_the_length():
    rows = unit_rows(Modality(np.array([[3, 4], [9, 9]], np.float32), np.array([True, False])))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], rtol=1e-7)


def test_a_projection_is_the_same_on_every_machine():
    """The first byte of SHAKE-256 of `image:2:4` is 10110111: one is 1, zero is -1, over the root of 4."""
    signs = projected(np.eye(2, dtype=np.float32), "image", 4) * 2
    assert signs.tolist() == [[1, -1, 1, 1], [-1, 1, 1, 1]]


def test_two_modalities_of_one_width_have_different_projections():
    rows = np.eye(64, dtype=np.float32)
    assert not np.array_equal(projected(rows, "image", 64), projected(rows, "text", 64))


def test_a_projection_keeps_similarity_on_average():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(50, 384))
    near = unit_rows(Modality((base + 0.1 * rng.normal(size=base.shape)).astype(np.float32), np.full(50, True)))
    rows = unit_rows(Modality(base.astype(np.float32), np.full(50, True)))
    before = (rows * near).sum(axis=1)
    after = (projected(rows, "text", 256) * projected(near, "text", 256)).sum(axis=1)
    assert abs(after.mean() - before.mean()) < 0.05

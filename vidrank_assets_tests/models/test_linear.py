from dataclasses import replace

import numpy as np
import pytest

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.linear import ALPHAS, LinearInputs, fitted_ridge


def fused_part(inputs, videos):
    return inputs.transform(videos)[:, -videos.fused.matrix.shape[1] :]


def test_each_fused_block_has_a_total_variance_of_one_on_train(train):
    fused = fused_part(LinearInputs().fit(train), train)
    np.testing.assert_allclose(fused.mean(axis=0), 0, atol=1e-7)
    assert fused[:, :6].var(axis=0).sum() == pytest.approx(1)
    assert fused[:, 6:].var(axis=0).sum() == pytest.approx(1)


def test_directions_within_a_block_keep_their_weight(train):
    matrix = train.fused.matrix * np.array([10, 1, 1, 1, 1, 1, 1, 1, 1, 1], np.float32)
    stretched = replace(train, fused=Vectors(train.video_ids, matrix, train.fused.blocks))
    spread = fused_part(LinearInputs().fit(stretched), stretched).std(axis=0)
    np.testing.assert_allclose(
        spread[0] / spread[1], 10 * train.fused.matrix[:, 0].std() / train.fused.matrix[:, 1].std(), rtol=1e-5
    )


def test_a_block_of_zeros_stays_zeros(train):
    empty = Vectors(train.video_ids, np.zeros((len(train), 3), np.float32), {"image": 3})
    absent = replace(train, fused=empty)
    assert not fused_part(LinearInputs().fit(absent), absent).any()


def test_fused_effects_say_what_the_unscaled_vector_adds(train):
    inputs = LinearInputs().fit(train)
    matrix = inputs.transform(train)
    coefficients = np.random.default_rng(0).normal(size=matrix.shape[1])
    centre, weights = inputs.fused_effects(coefficients)
    np.testing.assert_allclose(
        (train.fused.matrix - centre) @ weights, matrix[:, -10:] @ coefficients[-10:], rtol=1e-5, atol=1e-6
    )


def test_the_penalty_is_the_one_with_the_least_leave_one_out_error():
    rng = np.random.default_rng(3)
    matrix, target = rng.normal(size=(30, 8)), rng.normal(size=30)
    target += matrix[:, 0]

    def leave_one_out_error(alpha):
        errors = []
        for i in range(30):
            others = np.arange(30) != i
            centre = matrix[others].mean(axis=0)
            x, y = matrix[others] - centre, target[others] - target[others].mean()
            weights = np.linalg.solve(x.T @ x + alpha * np.eye(8), x.T @ y)
            errors.append((target[i] - target[others].mean() - (matrix[i] - centre) @ weights) ** 2)
        return np.mean(errors)

    assert fitted_ridge(matrix, target).alpha_ == min(ALPHAS, key=leave_one_out_error)

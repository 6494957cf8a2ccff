from dataclasses import replace

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models import linear_projector
from vidrank_assets.models.linear import N_FOLDS, LinearInputs
from vidrank_assets.models.linear_projector import LinearProjector


def noise_of(train, width=150):
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(len(train), width)).astype(np.float32)
    return replace(
        train,
        fused=Vectors(train.video_ids, matrix, {"image": width}),
        target_log=rng.normal(size=len(train)),
    )


def test_one_column_per_block_and_their_sum(train):
    projector = LinearProjector()
    projected = projector.fit(train)
    assert projector.names == ["fused_image", "fused_text", "fused_all"]
    assert projected.shape == (300, 3)
    np.testing.assert_allclose(projected[:, 0] + projected[:, 1], projected[:, 2])


def test_the_column_follows_what_the_fused_vector_adds(train, val):
    residual = replace(train, target_log=train.targets - train.columns["channel_target_mean"].fill_null(8).to_numpy())
    projector = LinearProjector()
    projector.fit(residual)
    truth = 2 * val.fused.matrix[:, 0]
    assert np.corrcoef(projector.transform(val.fused)[:, 2], truth)[0, 1] > 0.95


def test_training_rows_are_projected_by_a_regression_that_has_not_seen_them(train):
    """On pure noise the in-sample projection follows the target, the one that trees are fitted on doesn't."""
    noise = noise_of(train)
    projector = LinearProjector()
    out_of_fold = projector.fit(noise)[:, -1]
    in_sample = projector.transform(noise.fused)[:, -1]
    assert np.corrcoef(in_sample, noise.targets)[0, 1] > 0.4
    assert np.corrcoef(out_of_fold, noise.targets)[0, 1] < 0.2


def test_a_row_is_projected_the_same_to_the_bit_alone_as_among_others(train, val):
    projector = LinearProjector()
    projector.fit(train)
    alone = projector.transform(val.fused.rows([5]))
    np.testing.assert_array_equal(alone, projector.transform(val.fused)[[5]])


def test_the_seed_alone_decides_the_folds(train):
    first, same, other = (LinearProjector(seed=seed).fit(train) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_stored_projector_projects_the_same_to_the_bit(train, val, tmp_path):
    projector = LinearProjector()
    projector.fit(train)
    projector.save(tmp_path / "projector.npz")
    loaded = LinearProjector.load(tmp_path / "projector.npz")
    assert loaded.names == projector.names
    np.testing.assert_array_equal(loaded.transform(val.fused), projector.transform(val.fused))


def test_training_rows_are_projected_by_the_ridge_of_scikit_learn_on_the_other_folds(train, monkeypatch):
    monkeypatch.setattr(linear_projector, "ALPHAS", (3.0,))
    out_of_fold = LinearProjector(seed=4).fit(train)[:, -1]
    matrix = np.vstack(list(LinearInputs().fit(train).blocks(train)))
    for others, held_out in KFold(N_FOLDS, shuffle=True, random_state=4).split(matrix):
        peer = Ridge(alpha=3.0).fit(matrix[others], train.targets[others])
        np.testing.assert_allclose(out_of_fold[held_out], matrix[held_out, -10:] @ peer.coef_[-10:], atol=1e-6)

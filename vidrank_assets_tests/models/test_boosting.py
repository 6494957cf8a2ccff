import numpy as np
import pytest

from vidrank_assets.models import boosting
from vidrank_assets.models.boosting import BoostedTrees, TreeInputs


def inputs(n_videos, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n_videos, 6))
    matrix[:, 5] = rng.integers(0, 5, n_videos)
    matrix[rng.random(matrix.shape) < 0.05] = np.nan
    target = np.nan_to_num(matrix[:, 0]) ** 2 + (matrix[:, 5] == 3) + rng.normal(0, 0.1, n_videos)
    return TreeInputs(matrix, ["a", "b", "c", "d", "e", "category"], [5]), target


@pytest.fixture
def fitted():
    train, target = inputs(1_500, 0)
    val, val_target = inputs(300, 1)
    return BoostedTrees.fit(train, target, val=val, val_target=val_target, seed=1)


def test_trees_learn_what_is_not_linear(fitted):
    test, target = inputs(300, 2)
    assert np.corrcoef(fitted.predict(test), target)[0, 1] > 0.9


def test_gain_says_which_columns_matter(fitted):
    ranked = sorted(fitted.importances, key=fitted.importances.get, reverse=True)
    assert ranked[:2] == ["a", "category"]


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    train, target = inputs(1_500, 0)
    val, val_target = inputs(300, 1)
    monkeypatch.setattr(boosting, "MAX_ROUNDS", 20)
    predicted = []
    for n_threads in (1, 2):
        monkeypatch.setattr(boosting, "_n_threads", lambda videos, n=n_threads: n)
        trees = BoostedTrees.fit(train, target, val=val, val_target=val_target, seed=1)
        predicted.append(trees.predict(val))
    np.testing.assert_array_equal(predicted[0], predicted[1])


def test_rounds_that_bring_nothing_on_val_are_left_out():
    train, target = inputs(300, 0)
    val, _ = inputs(300, 1)
    noise = np.random.default_rng(9).normal(size=300)
    stopped = BoostedTrees.fit(train, noise, val=val, val_target=noise[::-1].copy(), seed=1)
    assert np.ptp(stopped.predict(val)) < 0.5 * np.ptp(noise)
    assert sum(stopped.importances.values()) < sum(
        BoostedTrees.fit(train, target, val=train, val_target=target, seed=1).importances.values()
    )


def test_gain_and_predictions_are_in_the_stored_text(fitted, tmp_path):
    fitted.save(tmp_path / "trees.txt")
    loaded = BoostedTrees.load(tmp_path / "trees.txt")
    test, _ = inputs(300, 2)
    np.testing.assert_array_equal(loaded.predict(test), fitted.predict(test))
    assert loaded.importances == pytest.approx(fitted.importances, rel=1e-4)


def test_columns_are_put_at_the_right():
    first, _ = inputs(3, 0)
    both = first.beside(np.ones((3, 2)), ["x", "y"])
    assert both.names[-2:] == ["x", "y"] and both.categorical == [5]
    assert both.matrix.shape == (3, 8)

import numpy as np
import pytest

from vidrank_assets.models import boosting
from vidrank_assets.models.boosting import BoostedTrees, TreeInputs, TreeParameters


def inputs(n_videos, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n_videos, 6))
    matrix[:, 5] = rng.integers(0, 5, n_videos)
    matrix[rng.random(matrix.shape) < 0.05] = np.nan
    target = np.nan_to_num(matrix[:, 0]) ** 2 + (matrix[:, 5] == 3) + rng.normal(0, 0.1, n_videos)
    return TreeInputs(matrix, ["a", "b", "c", "d", "e", "category"], [5]), target


def grown(train, target, val, val_target, **parameters):
    return BoostedTrees.fit(
        train, target, val=val, val_target=val_target, parameters=TreeParameters(**parameters), seed=1
    )


@pytest.fixture(scope="module")
def fitted():
    train, target = inputs(1_500, 0)
    val, val_target = inputs(300, 1)
    return grown(train, target, val, val_target)


def test_trees_learn_what_is_not_linear(fitted):
    test, target = inputs(300, 2)
    assert np.corrcoef(fitted.predict(test), target)[0, 1] > 0.9


def test_gain_says_which_columns_matter(fitted):
    ranked = sorted(fitted.importances, key=fitted.importances.get, reverse=True)
    assert ranked[:2] == ["a", "category"]


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    train, target = inputs(1_500, 0)
    val, val_target = inputs(300, 1)
    predicted = []
    for n_threads in (1, 2):
        monkeypatch.setattr(boosting, "_n_threads", lambda videos, n=n_threads: n)
        trees = grown(train, target, val, val_target, max_rounds=20)
        predicted.append(trees.predict(val))
    np.testing.assert_array_equal(predicted[0], predicted[1])


def test_rounds_that_bring_nothing_on_val_are_left_out():
    train, target = inputs(300, 0)
    val, _ = inputs(300, 1)
    noise = np.random.default_rng(9).normal(size=300)
    stopped = grown(train, noise, val, noise[::-1].copy())
    assert np.ptp(stopped.predict(val)) < 0.5 * np.ptp(noise)
    assert sum(stopped.importances.values()) < sum(grown(train, target, train, target).importances.values())


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


def test_its_findings_are_device_best_round_curve_and_gain(fitted):
    findings = fitted.findings
    best = min(findings.curve, key=lambda step: step.val_rmse)
    assert findings.facts == {"device": "cpu", "best_round": best.number}
    assert [step.number for step in findings.curve] == list(range(1, best.number + 50 + 1))
    assert best.train_rmse < findings.curve[0].train_rmse
    assert findings.importances == fitted.importances


@pytest.fixture
def fresh_device():
    boosting.device_type.cache_clear()
    yield
    boosting.device_type.cache_clear()


def test_without_an_nvidia_device_no_gpu_is_tried(monkeypatch, fresh_device, tmp_path):
    monkeypatch.setattr(boosting, "_NVIDIA", (tmp_path / "absent",))
    monkeypatch.setattr(boosting, "_grows_on", lambda device: pytest.fail("tried"))
    assert boosting.device_type() == "cpu"


@pytest.mark.parametrize(
    ("works", "chosen", "tried"),
    [({"cuda", "gpu"}, "cuda", ["cuda"]), ({"gpu"}, "gpu", ["cuda", "gpu"]), (set(), "cpu", ["cuda", "gpu"])],
)
def test_with_one_cuda_then_opencl_are_tried_once_a_process(monkeypatch, fresh_device, tmp_path, works, chosen, tried):
    asked = []
    monkeypatch.setattr(boosting, "_NVIDIA", (tmp_path,))
    monkeypatch.setattr(boosting, "_grows_on", lambda device: asked.append(device) or device in works)
    assert [boosting.device_type(), boosting.device_type()] == [chosen, chosen]
    assert asked == tried


@pytest.mark.slow
def test_a_trial_says_whether_trees_grow_and_is_silent(capfd):
    assert boosting._grows_on("cpu")
    assert not boosting._grows_on("no such device")
    assert capfd.readouterr() == ("", "")

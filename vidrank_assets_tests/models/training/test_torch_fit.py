import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.training import torch_fit
from vidrank_assets.models.training.torch_fit import Net, Training

EPOCHS = Training(max_epochs=5, learning_rate=1e-2)


def layers():
    return nn.ModuleDict({"stack": nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 1))})


def forward(layers, inputs):
    return layers["stack"](inputs["numbers"]).squeeze(1)


def rows(n_rows, seed):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n_rows, 4)).astype(np.float32)
    return {"numbers": numbers}, 100 + 10 * numbers[:, 0].astype(np.float64) + rng.normal(size=n_rows)


def fitted(n_rows=300, training=EPOCHS, seed=1, val=None):
    net = Net(layers, forward)
    (train, target), (val, val_target) = rows(n_rows, 0), val or rows(100, 1)
    net.fit(train, target, val=val, val_target=val_target, training=training, seed=seed)
    return net


def rmse(net, inputs, target):
    return float(np.sqrt(np.mean((net.predict(inputs) - target) ** 2)))


def test_it_learns_targets_of_any_size():
    val, target = rows(100, 1)
    assert rmse(fitted(training=Training()), val, target) < 0.3 * target.std()


def test_the_weights_of_the_best_epoch_are_kept_and_the_curve_is_in_the_unit_of_the_target():
    net = fitted(training=Training(max_epochs=30, learning_rate=0.1))
    errors = [step.val_rmse for step in net.curve]
    assert net.facts["best_epoch"] == np.argmin(errors) + 1 < len(errors)
    assert rmse(net, *rows(100, 1)) == pytest.approx(min(errors), rel=1e-4)
    assert [step.number for step in net.curve] == list(range(1, len(errors) + 1))


def test_training_stops_when_patience_is_over():
    val, target = rows(100, 1)
    net = fitted(
        training=Training(patience=3, learning_rate=1e-2), val=(val, 200 - target)
    )  # what helps train hurts val
    assert net.facts["best_epoch"] + 3 == len(net.curve) < 40


def test_a_net_that_never_learned_is_an_error_that_names_what_was_set():
    with pytest.raises(InvalidInput, match=r"learning_rate=1e\+30.*Lower learning_rate"):
        fitted(training=Training(learning_rate=1e30))


def test_an_epoch_whose_error_is_no_number_ends_training_and_the_best_before_it_is_kept(monkeypatch):
    errors = iter([0.5, 0.4, float("nan")])
    monkeypatch.setattr(torch_fit._Loop, "_rmse", lambda *_: next(errors))
    net = fitted(training=Training())
    assert net.facts["best_epoch"] == 2 == len(net.curve)


def test_there_are_no_more_epochs_than_asked():
    assert len(fitted(training=Training(max_epochs=2)).curve) == 2


def test_gradients_are_clipped():
    """A clip far below AdamW's epsilon leaves nothing to learn from."""
    clipped, free = (fitted(training=Training(max_epochs=3, gradient_clip=clip)).curve for clip in (1e-12, 1.0))
    assert clipped[0].val_rmse == pytest.approx(clipped[2].val_rmse, rel=1e-3)
    assert free[2].val_rmse < 0.97 * free[0].val_rmse


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    val, _ = rows(50, 2)
    first, same, other = (fitted(seed=seed).predict(val) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.slow
def test_another_process_gets_the_same_bits():
    program = "import sys; sys.path.insert(0, sys.argv[1]); import test_torch_fit as t; print(t.digest())"
    folder = __file__.rsplit("/", 1)[0]
    told = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True).stdout
    assert told == f"{digest()}\n"


def digest():
    return fitted().predict(rows(50, 2)[0]).tobytes().hex()


def test_others_find_torch_as_they_left_it():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    was = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    fitted().predict(rows(3, 0)[0])
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == was
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_a_fit_that_fails_leaves_torch_as_it_was():
    was = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with pytest.raises(ValueError, match="no layers"):
        Net(lambda: (_ for _ in ()).throw(ValueError("no layers")), forward).fit(
            *rows(10, 0), val=rows(5, 1)[0], val_target=rows(5, 1)[1], training=EPOCHS, seed=1
        )
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == was


@pytest.mark.parametrize("n_rows", [1, 2, 65])
def test_any_number_of_rows_is_enough_and_a_last_batch_of_one_too(n_rows):
    net = fitted(n_rows, val=rows(1, 1))
    assert np.isfinite(net.predict(rows(3, 2)[0])).all()


def test_a_row_is_predicted_the_same_alone_as_among_others_and_in_any_batch(monkeypatch):
    net, (val, _) = fitted(), rows(100, 1)
    together = net.predict(val)
    alone = [net.predict({"numbers": val["numbers"][[i]]})[0] for i in range(10)]
    np.testing.assert_allclose(alone, together[:10], rtol=1e-13)
    monkeypatch.setattr(torch_fit, "_ROWS_PER_PREDICTION", 7)
    np.testing.assert_allclose(net.predict(val), together, rtol=1e-13)


def test_what_is_stored_predicts_the_same_to_the_bit_and_is_read_without_a_random_number(tmp_path):
    net, (val, _) = fitted(), rows(100, 1)
    net.save(tmp_path / "net.safetensors")
    loaded = Net(layers, forward)
    state = torch.get_rng_state()
    loaded.load(tmp_path / "net.safetensors")
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(loaded.predict(val), net.predict(val))


def test_rows_stay_where_they_are_in_memory():
    """Training on the CPU makes no second copy of a table of vectors."""
    numbers = np.zeros((5, 4), np.float32)
    tensors = torch_fit._on(torch.device("cpu"), {"numbers": numbers}, np.zeros(5))
    assert tensors["numbers"].data_ptr() == numbers.ctypes.data


def test_the_device_is_said():
    assert fitted().facts["device"] == ("cuda" if torch.cuda.is_available() else "cpu")

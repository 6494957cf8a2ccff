import json

import numpy as np
import pytest
from safetensors import safe_open

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.concat_mlp import ConcatMLP
from vidrank_assets.models.neural_regressor import Widths


@pytest.fixture(scope="module")
def fitted(train, val):
    return ConcatMLP(hidden=[16], max_epochs=3).fit(train, val)


def test_widths_add_up():
    widths = Widths(10, [9, 4], {"image": 6, "text": 4})
    assert (widths.metadata, widths.vectors) == (10 + 3 + 2, 10)


def test_its_findings_are_device_best_epoch_and_curve(fitted):
    assert set(fitted.findings.facts) == {"device", "best_epoch"}
    assert [step.number for step in fitted.findings.curve] == [1, 2, 3]


def test_a_loaded_net_has_no_findings(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = ConcatMLP.load(tmp_path)
    assert (loaded.findings.facts, loaded.findings.curve) == ({}, [])


def test_weights_are_stored_as_float32_beside_the_structure_as_json(fitted, tmp_path):
    fitted.save(tmp_path)
    assert json.loads((tmp_path / "vectors.json").read_text()) == {"image": 6, "text": 4}
    with safe_open(tmp_path / "net.safetensors", "np") as stored:
        kinds = {stored.get_tensor(name).dtype for name in stored.keys() if name != "target_centre_and_scale"}  # noqa: SIM118
    assert kinds == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "wrong", [{"patience": 0}, {"learning_rate": 0}, {"epochs": 3}, {"hidden": []}, {"dropout": 1}]
)
def test_what_may_not_be_set_is_refused_by_name(wrong):
    with pytest.raises(InvalidInput, match=f"found {next(iter(wrong))}"):
        ConcatMLP(**wrong)

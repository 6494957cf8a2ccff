import numpy as np
import pytest

from vidrank_assets.models.neural_projector import NeuralProjector, _layers
from vidrank_assets.models.training.torch_fit import Training


@pytest.fixture(scope="module")
def fitted(train, val):
    return NeuralProjector().fit(train, val, training=Training(max_epochs=10), seed=1)


def test_its_layers_have_the_shapes_that_were_asked():
    layers = _layers({"image": 768, "text": 384}, None)
    assert tuple(layers["projection"][0].weight.shape) == (256, 1152)
    assert type(layers["projection"][1]).__name__ == "GELU"
    assert layers["projection"][2].p == 0.1
    assert tuple(layers["projection"][3].weight.shape) == (128, 256)
    assert tuple(layers["head"].weight.shape) == (1, 128)


def test_a_fused_vector_becomes_128_columns(fitted, val):
    assert fitted.transform(val.fused).shape == (120, 128)
    assert fitted.transform(val.fused.rows([])).shape == (0, 128)


def test_what_drives_views_can_be_read_from_them_on_new_videos(fitted, train, val):
    columns = [np.column_stack([fitted.transform(part.fused), np.ones(len(part))]) for part in (train, val)]
    weights = np.linalg.lstsq(columns[0], train.fused.matrix[:, 0], rcond=1e-3)[0]
    assert np.corrcoef(columns[1] @ weights, val.fused.matrix[:, 0])[0, 1] > 0.9


def test_a_stored_projector_projects_the_same_to_the_bit(fitted, val, tmp_path):
    fitted.save(tmp_path)
    np.testing.assert_array_equal(NeuralProjector.load(tmp_path).transform(val.fused), fitted.transform(val.fused))


def test_a_row_is_projected_the_same_to_the_bit_alone_as_among_others(fitted, val):
    alone = np.vstack([fitted.transform(val.fused.rows([i])) for i in range(20)])
    np.testing.assert_array_equal(alone, fitted.transform(val.fused)[:20])


def test_it_says_how_its_training_went(fitted):
    assert set(fitted.findings.facts) == {"device", "best_epoch"}
    assert 1 <= len(fitted.findings.curve) <= 10

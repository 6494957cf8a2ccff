from vidrank_assets.models.concat_mlp import ConcatMLP
from vidrank_assets.models.neural_regressor import Widths


def test_its_layers_have_the_shapes_that_were_asked():
    layers = ConcatMLP()._layers(Widths(10, [9, 4], {"image": 768, "text": 384}))
    shapes = [tuple(layer.weight.shape) for layer in layers["stack"] if hasattr(layer, "weight")]
    assert shapes == [(1024, 768 + 384 + 10 + 3 + 2), (512, 1024), (256, 512), (1, 256)]
    assert [layer.p for layer in layers["stack"] if hasattr(layer, "p")] == [0.2, 0.2, 0.2]
    assert sum(type(layer).__name__ == "GELU" for layer in layers["stack"]) == 3


def test_hidden_widths_and_dropout_can_be_set():
    layers = ConcatMLP(hidden=[8], dropout=0.0)._layers(Widths(1, [], {"image": 2}))
    assert [tuple(layer.weight.shape) for layer in layers["stack"] if hasattr(layer, "weight")] == [(8, 3), (1, 8)]

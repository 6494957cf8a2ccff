"""What training changes of layers, copied and put back, and averaged over epochs."""

from collections.abc import Iterable, Mapping
from typing import Any

Layers = Any
Weights = dict[str, Any]


def weights_of(layers: Layers) -> Weights:
    """A copy, on the CPU, of all that training changes: trainable parameters and buffers, by name."""
    frozen = {name for name, parameter in layers.named_parameters() if not parameter.requires_grad}
    state = layers.state_dict()
    return {name: part.detach().to("cpu", copy=True) for name, part in state.items() if name not in frozen}


def restore_weights(layers: Layers, weights: Weights) -> None:
    """Put back what `weights_of` copied; frozen parameters stay as they are."""
    layers.load_state_dict(weights, strict=False)


class AveragedWeights:
    """The mean of the weights at the end of some epochs.

    Source: Izmailov et al. 2018, Averaging weights leads to wider optima and better generalization.
    """

    def __init__(self, layers: Layers) -> None:
        """layers: copied; they count when they are added."""
        from torch.optim.swa_utils import AveragedModel

        self._averaged = AveragedModel(layers)

    @property
    def layers(self) -> Layers:
        """Layers with the mean weights; statistics of batch norm are those of the last epoch until `refresh`."""
        return self._averaged.module

    def add(self, layers: Layers) -> None:
        """One more epoch's weights."""
        self._averaged.update_parameters(layers)

    def refresh(self, passes: Layers, batches: Iterable[Any]) -> None:
        """Take the statistics of batch norm anew, from `passes`, a module around `layers`, called with each batch."""
        from torch.optim.swa_utils import update_bn

        update_bn(batches, passes)

    def state(self) -> dict[str, Any]:
        """What `of` makes the same from."""
        return {"n_epochs": int(self._averaged.n_averaged), "weights": weights_of(self.layers)}

    @classmethod
    def of(cls, layers: Layers, state: Mapping[str, Any]) -> "AveragedWeights":
        """What `state` told of, around a copy of layers of the same making."""
        made = cls(layers)
        restore_weights(made.layers, state["weights"])
        made._averaged.n_averaged.fill_(state["n_epochs"])
        return made

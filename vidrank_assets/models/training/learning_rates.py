"""How the learning rate changes while a net is trained."""

import math
from typing import Any

#: The share of a group's rate that is left where averaging begins.
_LEAST = 0.1


def cosine_then_constant(optimiser: Any, *, n_steps: int) -> Any:
    """A scheduler: every group's rate falls along a cosine to a tenth of it within `n_steps`, and stays there.

    Constant steps after that let the averaged weights circle around an optimum instead of settling at its rim.
    Source: Loshchilov & Hutter 2017, SGDR; Izmailov et al. 2018, Averaging weights, section 3.
    """
    from torch.optim.lr_scheduler import LambdaLR

    return LambdaLR(optimiser, lambda step: share(step, n_steps))


def share(step: int, n_steps: int) -> float:
    """The share of the rate with which a step, counted from 0, is made."""
    done = min(1.0, step / max(1, n_steps))
    return _LEAST + (1 - _LEAST) * (1 + math.cos(math.pi * done)) / 2

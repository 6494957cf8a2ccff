"""What the pairwise ranker's heads are told: who won, how well each video did, and how its thumbnail looks.

Every term is one number an example, so that a batch may be shared by processes or worked on piece by piece.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: The log of how many times as much the winner of a pair reached, at most: a hundred times.
MOST_APART = float(np.log(100))

#: torch's own types; torch is imported only where it runs.
Tensor = Any


class Mixup(NamedTuple):
    """How examples are mixed with others of their batch.

    share: (n_own,), what is kept of each. partner: (n_own,), places in `Batch.whole` of what each is mixed with.
    """

    share: Tensor
    partner: Tensor

    def of(self, own: Tensor, partners: Tensor) -> Tensor:
        """Inputs or losses, (n_own, …) each, mixed."""
        share = self.share.to(own).reshape(-1, *[1] * (own.dim() - 1))
        return partners.lerp(own, share)


def mixup(n_whole: int, own: slice, generator: Any, *, alpha: float) -> Mixup:
    """Partners by a permutation of the whole batch, shares from Beta(alpha, alpha), one an example; 0 mixes nothing.

    generator: `Batch.generator`; equal ones give equal mixtures in every process.
    Mixing the losses of both sides rather than their targets is the same for squared errors but for a constant, and
    needs not all targets to be known.
    Source: Zhang et al. 2018, mixup: beyond empirical risk minimization.
    """
    import torch

    partner = torch.randperm(n_whole, generator=generator)[own]
    if alpha == 0:
        return Mixup(torch.ones(len(partner)), partner)
    draws = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    return Mixup(torch.from_numpy(draws.beta(alpha, alpha, n_whole).astype(np.float32))[own], partner)


def ranking_loss(winner: Tensor, loser: Tensor, *, margin: float, smoothing: float) -> Tensor:
    """The margin ranking loss of scores, (n_pairs,) each, with smoothed labels: (n_pairs,).

    Label 1 says that the winner is the winner. Smoothed to 1 - smoothing / 2 it is a mixture: of the loss if the
    winner is, with that weight, and of the loss if the loser is, with the rest. So a pair whose scores are further
    apart than the margin is drawn together a little, and surprising outcomes cost no more than they should.
    Source: the labels of Szegedy et al. 2016, Rethinking the inception architecture, section 7, in a hinge loss.
    """
    right, wrong = (margin - (winner - loser)).relu(), (margin + (winner - loser)).relu()
    return (1 - smoothing / 2) * right + smoothing / 2 * wrong


def distance(margin: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far apart the two of a pair ended: the log of how many times as much the winner reached, (n_pairs,).

    margin: |a - b| / max(a, b), (n_pairs,). A pair of which one reached next to nothing is `MOST_APART`.
    """
    apart: NDArray[np.float64] = -np.log1p(-np.minimum(margin, -np.expm1(-MOST_APART)))
    return apart


def distance_loss(winner: Tensor, loser: Tensor, apart: Tensor) -> Tensor:
    """The squared error of the difference of two scores as a guess of `distance`, (n_pairs,).

    Who won says little where two videos ended nearly equal, and no more where one reached ten times the other: this
    says how much. It also brings scores to the unit of log views, in which the margin of the ranking loss is.
    """
    error: Tensor = (winner - loser - apart).square()
    return error


def squared_error(predicted: Tensor, target: Tensor) -> Tensor:
    """(n_examples,): the mean over what there is of each example; predictions and targets are (n_examples, …).

    A target that is NaN is not known and adds 0, whatever is predicted.
    """
    errors = (predicted - target.where(~target.isnan(), predicted.detach())).square()
    return errors.flatten(1).mean(dim=1)

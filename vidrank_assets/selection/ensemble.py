"""A weighted mean of fitted families, its weights chosen on val."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.base import Dataset, Findings, Parameters, Regressor, Vector, load_family
from vidrank_assets.selection.bootstrap import channel_draws
from vidrank_assets.selection.evaluation import Model, Trial
from vidrank_assets.selection.scored_rows import check_comparable

Matrix = NDArray[np.float64]

#: Parts of val's channels, each predicted with weights that the others chose.
N_FOLDS = 5


class EnsembleParameters(Parameters):
    """How the weights are chosen."""

    n_rounds: int = Field(50, ge=1, description="families drawn, with replacement, in each bag")
    n_bags: int = Field(20, ge=0, description="resamples of val's channels that each choose; 0: val itself, once")
    min_weight: float = Field(0.05, ge=0, lt=0.5, description="a family that gets less is left out")


class Ensemble:
    """The weighted mean of what its members predict; it has the face of a fitted family.

    members: fitted families by name. weights: above 0, summing to 1, by the same names.

    Raises InvalidInput: there is no member, or the weights are of others or don't sum to 1.
    """

    name: ClassVar[str] = "ensemble"
    learns: ClassVar[str] = "weighted mean of families, weights chosen on val"

    def __init__(
        self,
        members: Mapping[str, Regressor],
        weights: Mapping[str, float],
        *,
        parameters: EnsembleParameters | None = None,
        seed: int = 42,
        facts: Mapping[str, str | int | float] | None = None,
    ) -> None:
        if not members or set(members) != set(weights) or abs(sum(weights.values()) - 1) > 1e-9:  # noqa: PLR2004
            raise InvalidInput(
                f"an ensemble must have a weight for each of its members, 1 in all; got members {', '.join(members)} "
                f"and weights {dict(weights)}. Choose them with ensemble_trial."
            )
        self.members = {name: members[name] for name in sorted(members)}
        self.weights = {name: float(weights[name]) for name in self.members}
        self.parameters = parameters or EnsembleParameters()
        self.seed = seed
        self._facts = dict(facts or {})

    @property
    def findings(self) -> Findings:
        """The weights, as importances, and what the choice found; the latter is empty after `load`."""
        return Findings(facts=self._facts, importances=self.weights)

    def modality_weights(self, videos: Dataset) -> Mapping[str, Vector]:
        """Empty: an ensemble has no gate; a member with one has its own row."""
        return {}

    def predict(self, videos: Dataset) -> Vector:
        """Predicted target_log, (n_videos,); raises what the members raise."""
        return _weighted(self.weights, {name: member.predict(videos) for name, member in self.members.items()})

    def scores(self, videos: Dataset) -> Vector:
        """The weighted mean of the members' scores, (n_videos,); raises what the members raise."""
        return _weighted(self.weights, {name: member.scores(videos) for name, member in self.members.items()})

    def save(self, folder: Path) -> None:
        """Write weights.json and each member in a folder of its name into an existing folder."""
        choice = {"weights": self.weights, "seed": self.seed, "parameters": self.parameters.model_dump(mode="json")}
        (folder / "weights.json").write_text(json.dumps(choice, indent=1))
        for name, member in self.members.items():
            (folder / name).mkdir()
            member.save(folder / name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The ensemble that `save` wrote, predicting the same to the bit."""
        choice = json.loads((folder / "weights.json").read_text())
        members = {name: load_family(name).load(folder / name) for name in choice["weights"]}
        parameters = EnsembleParameters(**choice["parameters"])
        return cls(members, choice["weights"], parameters=parameters, seed=choice["seed"])


def load_model(name: str, folder: Path) -> Model:
    """The ensemble or the family that `save` wrote there.

    Raises UnknownName: the catalog lists no such family.
    """
    return Ensemble.load(folder) if name == Ensemble.name else load_family(name).load(folder)


def ensemble_trial(trials: Sequence[Trial], *, seed: int = 42, parameters: EnsembleParameters | None = None) -> Trial:
    """The ensemble of these trials' families, and its trial: what it predicts is what its members have predicted.

    trials: of one cell, predicting the same rows; baselines too, since a weighted mean may need what they know.
    Test and pairs are predicted as the model does. A video of val is predicted with weights that its channel had no
    part in choosing, for else the ensemble's score on val would be better than it is.
    The time of predicting is its members' sum; that of fitting is only of choosing the weights.

    Raises InvalidInput: the trials don't belong together.
    """
    check_comparable(trials)
    started = perf_counter()
    parameters = parameters or EnsembleParameters()
    by_name = {each.name: each for each in sorted(trials, key=lambda each: each.name)}
    val = {name: each.predictions.filter(split="val") for name, each in by_name.items()}
    weights = chosen_weights(val, seed=seed, parameters=parameters)
    members = {name: by_name[name] for name in weights}
    crossed = _crossed(val, seed=seed, parameters=parameters)
    model = Ensemble(
        {name: _family(each) for name, each in members.items()},
        weights,
        parameters=parameters,
        seed=seed,
        facts={"n_members": len(weights), "n_candidates": len(by_name)},
    )
    predictions = _mean_of({name: each.predictions for name, each in members.items()}, weights, "y_pred")
    pairs = {name: each.pair_predictions for name, each in members.items()}
    first = trials[0]
    return Trial(
        cell=first.cell,
        model=model,
        predictions=predictions.with_columns(y_pred=_in_place_of(predictions, crossed)),
        pair_predictions=_mean_of(pairs, weights, "score_a", "score_b"),
        modality_weights=first.predictions.select("video_id", "split"),
        findings=model.findings,
        n_train=first.n_train,
        fit_seconds=perf_counter() - started,
        predict_ms_per_1k=sum(each.predict_ms_per_1k for each in members.values()),
    )


def _crossed(val: Mapping[str, pl.DataFrame], *, seed: int, parameters: EnsembleParameters) -> Vector:
    """(n_val,): each video predicted with weights chosen on other channels than its own, where there are others."""
    channels = next(iter(val.values()))["channel_id"].to_numpy()
    known, channel = np.unique(channels, return_inverse=True)
    folds = min(N_FOLDS, len(known))
    fold = (np.random.default_rng(seed).permutation(len(known)) % folds)[channel]
    crossed = np.empty(len(channels))
    for each in range(folds):
        held_out = fold == each
        others = ~held_out if folds > 1 else held_out
        weights = chosen_weights(
            {name: rows.filter(pl.Series(others)) for name, rows in val.items()}, seed=seed, parameters=parameters
        )
        crossed[held_out] = _weighted(weights, {name: val[name]["y_pred"].to_numpy()[held_out] for name in weights})
    return crossed


def _in_place_of(predictions: pl.DataFrame, crossed: Vector) -> pl.Series:
    """The predictions, those of val replaced."""
    predicted = predictions["y_pred"].to_numpy().copy()
    predicted[(predictions["split"] == "val").to_numpy()] = crossed
    return pl.Series(predicted)


def chosen_weights(
    val: Mapping[str, pl.DataFrame], *, seed: int, parameters: EnsembleParameters
) -> Mapping[str, float]:
    """Weights by name, summing to 1, of the families whose mean has the least squared error of target_log on val.

    Greedy forward selection with replacement. So that luck on val weighs less, each of `n_bags` resamples of val's
    channels chooses by itself and the weights are the mean of theirs, without those below `min_weight`.
    On 17 cells of real captures the mean of all catalog families but the nets was better on test than the family that
    is best on val by 0.014 rmse_log on average (-0.003 to 0.06, the interval above 0 in 6, below it in none). The bags
    are worth 0.001 of that; a single choice on 90 to 3,000 videos of val overfits little. `min_weight` spares members.

    val: each family's predictions of the same videos, with channel_id, y_true and y_pred.
    Source: Caruana, Niculescu-Mizil, Crew & Ksikes 2004, Ensemble selection from libraries of models, 2.1 and 2.3;
    bags are of rows here, where the paper's are of models.
    """
    names = list(val)
    errors = np.column_stack([(rows["y_pred"] - rows["y_true"]).to_numpy() for rows in val.values()])
    channels, channel = np.unique(val[names[0]]["channel_id"].to_numpy(), return_inverse=True)
    n_channels = len(channels)
    one_choice = not parameters.n_bags or n_channels == 1
    times = np.ones((1, n_channels), np.int64) if one_choice else channel_draws(n_channels, parameters.n_bags, seed)
    bags = [_greedy(errors.T @ (errors * counts[channel, None]), parameters.n_rounds) for counts in times]
    weights = np.mean(bags, axis=0)
    weights[weights < min(parameters.min_weight, weights.max())] = 0
    weights /= weights.sum()
    return {name: float(weight) for name, weight in zip(names, weights, strict=True) if weight > 0}


def _greedy(products: Matrix, n_rounds: int) -> Vector:
    """Weights, (n_families,): in each round the family that helps the mean most is added; the best round counts.

    products: (n_families, n_families), sums over videos of the products of two families' errors. The squared error of a
    weighted mean, for weights that sum to 1, is their quadratic form. Ties go to the first.
    """
    counts = np.zeros(len(products))
    best, best_loss = counts, np.inf
    for n_drawn in range(1, n_rounds + 1):
        losses = counts @ products @ counts + 2 * products @ counts + np.diag(products)
        chosen = int(np.argmin(losses))
        counts = counts.copy()
        counts[chosen] += 1
        loss = float(losses[chosen]) / n_drawn**2
        if loss < best_loss:
            best, best_loss = counts / n_drawn, loss
    return best


def _weighted(weights: Mapping[str, float], predicted: Mapping[str, Vector]) -> Vector:
    """The weighted mean, added in the order of the weights, so that it is the same to the bit wherever it is made."""
    total = np.zeros(len(next(iter(predicted.values()))))
    for name, weight in weights.items():
        total += weight * predicted[name]
    return total


def _mean_of(rows: Mapping[str, pl.DataFrame], weights: Mapping[str, float], *columns: str) -> pl.DataFrame:
    first = next(iter(rows.values()))
    return first.with_columns(
        pl.Series(column, _weighted(weights, {name: each[column].to_numpy() for name, each in rows.items()}))
        for column in columns
    )


def _family(member: Trial) -> Regressor:
    if not isinstance(member.model, Regressor):
        raise InvalidInput(
            f"members of an ensemble must be families; {member.name} is none. Leave it out of the trials."
        )
    return member.model

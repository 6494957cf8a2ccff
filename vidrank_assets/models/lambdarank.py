"""Boosted trees that rank the videos of each channel, as LightGBM's lambdarank grows them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, Findings, Step, Vector
from vidrank_assets.models.boosting import (
    FEWEST_ROWS_FOR_THREADS,
    BoostedTrees,
    Device,
    TreeInputs,
    TreeParameters,
    device_type,
)
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.models.ranking.ranking_regressor import (
    RankingRegressor,
    Unseen,
    compared,
    share_in_order,
    winners_and_losers,
)
from vidrank_assets.models.ranking_inputs import shown

#: Grades that a channel's videos are dealt to: as many as LightGBM tells apart unless it is told of more.
N_GRADES = 31

#: The most rows that LightGBM takes as one query.
MOST_ROWS = 10_000

#: What no one has to set; that any two videos count, not only those that would stand at the top of a list, and each by
#: how far their grades are apart. `deterministic` and `force_row_wise` as in `boosting`.
_FIXED: dict[str, Any] = {
    "objective": "lambdarank",
    "metric": "none",
    "lambdarank_truncation_level": MOST_ROWS,
    "label_gain": list(range(N_GRADES)),
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


class LambdarankParameters(TreeParameters):
    """On the CPU, and with few columns a tree: there are hundreds, and no single one says much."""

    min_data_in_leaf: int = Field(10, ge=1, description="fewest training rows in a leaf")
    feature_fraction: float = Field(0.2, gt=0, le=1, description="share of the columns that a tree sees")
    patience: int = Field(
        100, ge=1, description="rounds without a better pairwise AUC on val after which growing stops"
    )
    device: Device = "cpu"


class Query(NamedTuple):
    """A channel's videos stand together: rows in that order, the grade of each, and how many a query has."""

    rows: NDArray[np.int64]
    grades: NDArray[np.int64]
    sizes: NDArray[np.int64]


class Lambdarank(RankingRegressor):
    """A query is a channel, its documents are the videos, and relevance is the rank of the target among them.

    It reads the image and title vectors, column by column. Trees are added until the pairs of val are not ordered
    better. What lies outside of train then is only val, so slope and isotonic function are those of val too.
    Source: Burges 2010, From RankNet to LambdaRank to LambdaMART: an overview; Ke et al. 2017, LightGBM.
    """

    name = "lambdarank"
    learns = "rank of the target within the channel"
    takes = LambdarankParameters
    parameters: LambdarankParameters
    _fitted = Findings()

    def _fit_ranks(self, train: Dataset, val: Dataset) -> Unseen:
        import lightgbm

        query, vectors = query_of(train.targets, compared(train).channel), shown(train.modalities)
        settings = self._settings(len(train))
        rows = lightgbm.Dataset(
            vectors.matrix[query.rows],
            query.grades,
            group=query.sizes,
            feature_name=_names(vectors),
            params=settings,
        )
        seen = rows.create_valid(shown(val.modalities).matrix, np.zeros(len(val)), group=_parts(len(val)))
        figures: dict[str, Any] = {}
        grown = lightgbm.train(
            settings,
            rows,
            num_boost_round=self.parameters.max_rounds,
            valid_sets=[seen],
            valid_names=["val"],
            feval=_figures_of(compared(val)),
            callbacks=[
                lightgbm.early_stopping(self.parameters.patience, first_metric_only=True, verbose=False),
                lightgbm.record_evaluation(figures),
            ],
        )
        # As in `boosting`, the fitted trees are the stored text, read again.
        text = grown.model_to_string(num_iteration=grown.best_iteration, importance_type="gain")
        self._trees = BoostedTrees(lightgbm.Booster(model_str=text))
        auc, errors = figures["val"]["pairwise_auc"], figures["val"]["rmse"]
        self._fitted = Findings(
            {
                "device": settings["device_type"],
                "best_round": grown.best_iteration,
                "val_pairwise_auc": auc[grown.best_iteration - 1],
                "n_val_pairs": len(compared(val).pairs),
            },
            [Step(number, None, error) for number, error in enumerate(errors, start=1)],
        )
        return Unseen(val, self._ranks(val))

    def _settings(self, n_rows: int) -> dict[str, Any]:
        return {
            **_FIXED,
            **self.parameters.model_dump(exclude={"max_rounds", "patience", "device"}),
            "seed": self.seed,
            "num_threads": 1 if n_rows < FEWEST_ROWS_FOR_THREADS else 0,
            "device_type": device_type() if self.parameters.device == "auto" else "cpu",
        }

    def _ranks(self, videos: Dataset) -> Vector:
        vectors = shown(videos.modalities)
        return self._trees.predict(TreeInputs(vectors.matrix.astype(np.float64), _names(vectors), []))

    @property
    def findings(self) -> Findings:
        """Device, rounds, val's pairs and how far their odds were from who won; and the gain by column."""
        return Findings(self._fitted.facts, self._fitted.curve, self._trees.importances)

    def _save_ranks(self, folder: Path) -> None:
        self._trees.save(folder / "trees.txt")

    def _load_ranks(self, folder: Path) -> None:
        self._trees = BoostedTrees.load(folder / "trees.txt")


def query_of(targets: Vector, channel: NDArray[np.int64]) -> Query:
    """Each channel's videos as a query, cut where it has more than LightGBM takes.

    The grade is the share of the channel's videos with a lower target, in `N_GRADES` steps; equal targets have one.
    """
    rows = np.lexsort((targets, channel))
    starts = np.flatnonzero(np.diff(channel[rows], prepend=-1))
    sizes = np.diff([*starts, len(rows)])
    first = np.repeat(starts, sizes)
    same = (np.diff(targets[rows], prepend=np.nan) == 0) & (np.arange(len(rows)) != first)
    lower = np.maximum.accumulate(np.where(same, 0, np.arange(len(rows)))) - first
    grades = lower * N_GRADES // np.repeat(sizes, sizes)
    together = np.lexsort((rows, channel[rows]))  # by channel, and within it in the order of the videos
    return Query(rows[together], grades[together], np.concatenate([_parts(size) for size in sizes]))


def _parts(size: int) -> NDArray[np.int64]:
    """Sizes of at most `MOST_ROWS` that sum to this, as equal as can be."""
    n_parts = -(-size // MOST_ROWS)
    return np.diff(np.arange(n_parts + 1) * size // n_parts)


def _figures_of(val: Comparisons) -> Callable[..., list[tuple[str, float, bool]]]:
    """What LightGBM asks each round: pairwise AUC, and the error of the odds that the winner wins; which is better.

    Without pairs both are a half in every round, and the first tree is all that is grown.
    """

    def figures(scores: Vector, _: Any) -> list[tuple[str, float, bool]]:
        winner, loser = scores[winners_and_losers(val)].T
        of_loss = 1 / (1 + np.exp(winner - loser)) if len(winner) else np.full(1, 0.5)
        return [
            ("pairwise_auc", share_in_order(val, scores), True),
            ("rmse", float(np.sqrt(np.mean(of_loss**2))), False),
        ]

    return figures


def _names(vectors: Vectors) -> list[str]:
    """Of each column: its block's name and its number there."""
    return [f"{name}_{number}" for name, width in vectors.blocks.items() for number in range(width)]

"""What each modality is worth to each family: fitted again without it, and scored on the same videos."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, get_args

import numpy as np
import polars as pl

from vidrank_assets.catalog import Modality as ModalityName
from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, Regressor
from vidrank_assets.results import MODALITY_ABLATION
from vidrank_assets.selection.bootstrap import bootstrapped
from vidrank_assets.selection.evaluation import Trial, trial
from vidrank_assets.selection.leaderboard import Ranking
from vidrank_assets.selection.scored_rows import fingerprint, scorable
from vidrank_assets.selection.task import SCORED, Task


class Ablation(NamedTuple):
    """`results.MODALITY_ABLATION`, and why a family or a modality is not in it, by its name."""

    table: pl.DataFrame
    left_out: Mapping[str, str]


def modality_ablation(work: Task, trials: Sequence[Trial], *, run_id: str, ranking: Ranking | None = None) -> Ablation:
    """Each family fitted again without each modality, with the seed and the parameters it had.

    trials: of `work`. Left out are baselines, which read no vectors, and an ensemble, whose members are ablated by
    themselves; and every modality where there is only one, since nothing would be left. Only vectors are left out:
    what metadata says of a title or a film stays.
    """
    ranking = ranking or Ranking()
    modalities = modalities_of(work.parts["train"].fused)
    families = [each for each in trials if isinstance(each.model, Regressor) and not each.is_baseline]
    left_out = {each.name: _why_left_out(each) for each in trials if each not in families}
    if len(modalities) < 2:  # noqa: PLR2004
        left_out |= dict.fromkeys(modalities, "it is the only modality: without it no vector is left")
        modalities = []
    rows = []
    for modality in modalities:
        reduced = task_without(work, modality)
        said = {"run_id": run_id, "without": modality}
        rows += [said | _gains(each, _again(each, reduced), ranking) for each in families]
    table = pl.DataFrame(rows, schema=MODALITY_ABLATION.schema).fill_nan(None).sort("model", "without")
    return Ablation(MODALITY_ABLATION.checked(table), left_out)


def modalities_of(fused: Vectors) -> list[str]:
    """The modalities that can be left out; none where vectors were pooled and what was pooled is not known."""
    return [name for name in fused.modalities.blocks if name in get_args(ModalityName)]


def task_without(work: Task, modality: str) -> Task:
    """The same rows, with the vectors of one modality left out and, where they were pooled, the others pooled again."""
    strategy = work.cell.fusion_strategy
    return replace(
        work,
        parts={part: _without(videos, modality, strategy) for part, videos in work.parts.items()},
        later=_without(work.later, modality, strategy),
    )


def vectors_without(fused: Vectors, modality: str, strategy: str) -> Vectors:
    """The fused vectors of the other modalities, by the same strategy at the same width.

    Raises InvalidInput: there is no such modality, or no other.
    """
    known = modalities_of(fused)
    others = [name for name in known if name != modality]
    if modality not in known or not others:
        raise InvalidInput(
            f"a modality that is left out must be one of several; got {modality!r} of {', '.join(known) or 'none'}. "
            "Fuse more modalities, or choose another."
        )
    blocks = {name: fused.modalities.block(name) for name in others}
    widths = {name: block.shape[1] for name, block in blocks.items()}
    apart = Vectors(fused.video_ids, np.concatenate(list(blocks.values()), axis=1), widths)
    if fused.unfused is None:
        return apart
    # A present vector has length 1, an absent one is zeros.
    there = {name: Modality(block, (block != 0).any(axis=1)) for name, block in blocks.items()}
    again = load_fusion(strategy)(there, width=fused.matrix.shape[1])
    return Vectors(fused.video_ids, again.matrix, again.blocks, apart)


def _without(videos: Dataset, modality: str, strategy: str) -> Dataset:
    return replace(videos, fused=vectors_without(videos.fused, modality, strategy))


def _why_left_out(each: Trial) -> str:
    return "a baseline reads no vectors" if each.is_baseline else "its members are ablated by themselves"


def _again(full: Trial, work: Task) -> Trial:
    return trial(work, full.name, seed=full.model.seed, parameters=full.model.parameters.model_dump())


def _gains(full: Trial, reduced: Trial, ranking: Ranking) -> dict[str, Any]:
    row: dict[str, Any] = {
        "fusion_strategy": full.cell.fusion_strategy,
        "horizon_days": full.cell.horizon_days,
        "model": full.name,
        "information_set": full.cell.information_set,
        "data_source": full.cell.data_source,
        "rank_metric": ranking.metric_name,
        "scored_videos": fingerprint(full),
        "fit_seconds": reduced.fit_seconds,
    }
    for part in SCORED:
        rows = [scorable(ranking.metric, each, part) for each in (full, reduced)]
        if not rows[0].height:
            continue
        whole, less = (
            bootstrapped(ranking.metric, each, resamples=ranking.resamples, seed=ranking.seed) for each in rows
        )
        gain = whole.over(less)
        row |= {f"{part}_with": whole.value, f"{part}_without": less.value}
        row |= {f"{part}_gain": gain.value, f"{part}_gain_low": gain.low, f"{part}_gain_high": gain.high}
    return row

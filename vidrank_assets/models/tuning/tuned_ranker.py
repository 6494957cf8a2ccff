"""A tuning from beginning to end: heads on the encoder as it is, then both together, and what becomes of it."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vidrank_assets.features.encoders.clip import SETTING
from vidrank_assets.features.encoders.transformers_model import weights
from vidrank_assets.features.vectors import Matrix, Vectors
from vidrank_assets.models.base import Vector
from vidrank_assets.models.pairwise_ranker import EVENTS
from vidrank_assets.models.ranking.ranker_objective import PairObjective, RankerPlan
from vidrank_assets.models.ranking_inputs import blocks_of
from vidrank_assets.models.training.learning import Learned, learned
from vidrank_assets.models.training.objective import Epoch, Layers
from vidrank_assets.models.tuning.encoder_tuning import Tuning, TuningObjective
from vidrank_assets.models.tuning.pictured_videos import Pictured
from vidrank_assets.models.tuning.seeing import Seeing, SeeingObjective
from vidrank_assets.models.tuning.vision_model import (
    assert_has_blocks,
    encoded_by,
    save_vision_model,
    vision_configuration,
    vision_model,
)

#: The folder of the encoder within that of a tuned ranker: what VIDRANK_CLIP_MODEL names.
ENCODER = "encoder"

SCORED = ("val", "test")
Facts = Mapping[str, str | int | float]
#: Scores, (n_videos,), by part.
Scores = Mapping[str, Vector]


@dataclass(frozen=True)
class TunedRanker:
    """An encoder that was tuned, the heads that were tuned with it, and how.

    scores: of the videos of val and test, by who gives them: `tuned`; `untuned`, heads on the encoder before any pair;
    `stored`, heads on the image vectors that the store holds. curve and facts: of the tuning. events: the folder of its
    event files, if they were written.
    """

    layers: Layers
    processor: Any
    scores: Mapping[str, Scores]
    curve: Sequence[Epoch]
    facts: Facts
    events: Path | None

    def save(self, folder: Path) -> None:
        """Write `encoder/`, `heads/`, `curve.json` and event files into an existing folder; nothing of single videos.

        The heads are stored as `pairwise_ranker` stores its own, and read vectors that the stored encoder makes.
        """
        from safetensors.torch import save_file

        save_vision_model(self.layers.encoder, self.processor, folder / ENCODER)
        (folder / "heads").mkdir()
        of_encoder = ("encoder.", "sight.")
        of_heads = {name: part for name, part in self.layers.state_dict().items() if not name.startswith(of_encoder)}
        save_file({name: part.contiguous() for name, part in of_heads.items()}, folder / "heads" / "ranker.safetensors")
        (folder / "heads" / "vectors.json").write_text(json.dumps(self.layers.blocks))
        curve = [epoch._asdict() for epoch in self.curve]
        (folder / "curve.json").write_text(json.dumps(curve, indent=1))
        if self.events is not None and self.events.is_dir():
            shutil.copytree(self.events, folder / EVENTS)


def tuned_ranker(
    videos: Pictured, model: Path, tuning: Tuning, *, seed: int, workplace: Path | None = None
) -> TunedRanker:
    """Train heads on the vectors that the encoder of a folder gives (phase 1), then heads and encoder from pixels.

    With `seeing_epochs` the encoder learns to see before both, and "untuned" is what it is then; it goes on learning to
    see in the second phase.

    workplace: where a killed training goes on from, as `learned` takes it.
    Raises EncoderUnavailable: the folder has no CLIP model. InvalidInput: it has fewer blocks than are to be trained.
    """
    assert_has_blocks(vision_configuration(model), tuning.last_blocks)
    taught = _taught(videos, model, tuning, seed=seed, workplace=workplace and workplace / "seeing")
    encoder = taught.layers["encoder"] if taught else vision_model(model)
    untuned = _vectors(videos, encoder)
    begun = _heads(videos, untuned, tuning, seed=seed, workplace=workplace and workplace / "heads")
    train, val = (videos.parts[part] for part in ("train", "val"))
    objective = TuningObjective(
        untuned["train"], train.comparisons, untuned["val"], val.comparisons, tuning,
        pixels=videos.pixels, pictures=train.pictures, val_pictures=val.pictures, model=model,
        start={**begun.layers.state_dict(), **(taught.layers.state_dict() if taught else {})},
        seeing=taught.objective if taught and tuning.seeing_weight else None,
    )  # fmt: skip
    place = workplace and workplace / ENCODER
    layers, curve, facts = learned(objective, tuning, seed=seed, workplace=place)
    scores = {
        "tuned": _ranks(layers, _vectors(videos, layers.encoder)),
        "untuned": _ranks(begun.layers, untuned),
        "stored": _on_stored(videos, tuning, seed=seed, workplace=workplace and workplace / "stored"),
    }
    told = {"model": weights(str(model), setting=SETTING).identity, "val_pairwise_auc_of_training": facts["score"]}
    kept = {name: fact for name, fact in facts.items() if name != "score"}
    of_pairs = {f"{part}_pairs": len(each.comparisons.pairs) for part, each in videos.parts.items()}
    every = {**told, **(taught.facts if taught else {}), **kept, **of_pairs, **videos.left_out}
    return TunedRanker(layers, videos.pixels.processor, scores, curve, every, place and place / EVENTS)


class _Taught(NamedTuple):
    """By what an encoder learned to see, its `encoder` and `sight` after it, and how well it does."""

    objective: SeeingObjective
    layers: Layers
    facts: Facts


def _taught(videos: Pictured, model: Path, tuning: Tuning, *, seed: int, workplace: Path | None) -> _Taught | None:
    if not tuning.seeing_epochs:
        return None
    shared = {name: value for name, value in tuning.model_dump().items() if name in Seeing.model_fields}
    epochs = {"max_epochs": tuning.seeing_epochs, "patience": tuning.seeing_epochs}
    plan = Seeing(**{**shared, **epochs, "learning_rate": tuning.seeing_rate})
    train, val = (videos.parts[part] for part in ("train", "val"))
    stored, val_stored = (blocks_of(each.stored, ["image"]).matrix for each in (train, val))
    objective = SeeingObjective(stored, val_stored, plan, videos.pixels, train.pictures, val.pictures, model)
    layers, _, facts = learned(objective, plan, seed=seed, workplace=workplace)
    told = {"val_error_of_seeing": -float(facts["score"]), "best_epoch_of_seeing": facts["best_epoch"]}
    return _Taught(objective, layers, told)


def _on_stored(videos: Pictured, tuning: Tuning, *, seed: int, workplace: Path | None) -> Scores:
    stored = {part: each.stored for part, each in videos.parts.items()}
    return _ranks(_heads(videos, stored, tuning, seed=seed, workplace=workplace).layers, stored)


def _heads(
    videos: Pictured, vectors: Mapping[str, Vectors], tuning: Tuning, *, seed: int, workplace: Path | None
) -> Learned:
    """Heads alone, on vectors of train and val, with the loss of the tuning; else as `pairwise_ranker` is trained."""
    shared = {name: value for name, value in tuning.model_dump().items() if name in _LOSS}
    plan = RankerPlan(**shared, max_epochs=tuning.head_epochs)
    train, val = (videos.parts[part] for part in ("train", "val"))
    objective = PairObjective(vectors["train"], train.comparisons, vectors["val"], val.comparisons, plan)
    return learned(objective, plan, seed=seed, workplace=workplace)


#: What of a tuning decides the loss.
_LOSS = ("margin", "label_smoothing", "mixup", "distance_weight", "ctr_weight", "sub_score_weight")


def _vectors(videos: Pictured, encoder: Layers) -> Mapping[str, Vectors]:
    """The vectors of the videos of each part, with those of the images by this encoder."""
    return {
        part: each.seen_by(encoded_by(encoder, videos.pixels, each.pictures)) for part, each in videos.parts.items()
    }


def _ranks(layers: Layers, vectors: Mapping[str, Vectors]) -> Scores:
    """What the heads score the videos of val and test by."""
    return {part: _ranked(layers, vectors[part].matrix) for part in SCORED}


def _ranked(layers: Layers, matrix: Matrix) -> Vector:
    import torch

    with torch.inference_mode():
        ranks: Vector = layers.eval().ranks(torch.from_numpy(matrix)).double().numpy()
    return ranks

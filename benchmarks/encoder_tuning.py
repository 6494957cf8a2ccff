"""Tuning an image encoder from pixels: what it finds on the sample world, and what it costs with ViT-L/14.

`sample_world` trains a small vision model of random weights with the ranker on a large sample world on the CPU or GPU,
all of it or its last blocks, and prints its pairwise AUC on test pairs beside heads alone on the default vectors,
`thumbnail_statistics` and `title_ngrams` (phase 1), on the untuned model's, and beside what the world says that
picture, title and form are worth. The model learns to see before, from the pictures alone, and goes on with it. All
heads that are alone are trained for 8 epochs, the last two averaged.

The world is that of the demo, but that the expression of a face counts too: of it the default vectors tell least.
With `--world default` they tell almost all that pictures are worth, and little is left to be won from pixels.

`speed` takes steps of phase 2 (last 4 blocks) and phase 3 (all) with random weights, in fp32 and bf16, with and without
gradient checkpointing, and prints pictures a second and the highest memory. ViT-L/14 on a GPU; without one a small
model of three blocks, unless `--large` asks for ViT-L/14, in fp32 and for one step.

    python benchmarks/encoder_tuning.py sample_world [--world default] [--last-blocks 3] [--channels 400] [--days 180]
    python benchmarks/encoder_tuning.py speed [--pairs 32] [--steps 10] [--large]
"""

import argparse
import resource
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vidrank_assets.capture.sample_videos import WEIGHTS, Weights
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.dataset.candidates import candidates, dealt
from vidrank_assets.dataset.pairs import training_pairs
from vidrank_assets.dataset.snapshots import first_captures
from vidrank_assets.dataset.targets import horizon_targets
from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.features.encoders.title_ngrams import TitleNgrams
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.features.metadata import Captured, metadata_features
from vidrank_assets.features.ranking_targets import ranking_targets
from vidrank_assets.features.sub_scores import PICTURE_SCORES, scored
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.models.ranking.ranker_objective import PairObjective
from vidrank_assets.models.ranking.ranking_regressor import share_in_order
from vidrank_assets.models.training.objective import Batch
from vidrank_assets.models.training.reproducible import generator
from vidrank_assets.models.tuning.encoder_tuning import Tuning, TuningObjective
from vidrank_assets.models.tuning.pictured_videos import Pictured, pictured
from vidrank_assets.models.tuning.tuned_ranker import ENCODER, tuned_ranker
from vidrank_assets.pair_tables import RANKING_TARGETS, THUMBNAIL_SCORES, TRAINING_PAIRS, VIDEO_ANALYTICS
from vidrank_assets.selection.encoder_record import EncoderRecord

SEED = 42
#: The whole picture, squeezed into a square.
SMALL = CLIPVisionConfig(
    image_size=64, patch_size=8, hidden_size=96, intermediate_size=256, num_hidden_layers=3, num_attention_heads=6,
    projection_dim=256,
)  # fmt: skip
#: Weights that know nothing are learned faster than those that are tuned. Heads of eight epochs, the last two averaged,
#: rank the expressive world's test pairs by the stored vectors better than heads that stop by val: 0.826, not 0.824.
FROM_NOTHING = Tuning(
    last_blocks=None, encoder_rate=3e-4, rate_decay=1.0, learning_rate=3e-4, batch_size=32, moved=3, seeing_epochs=20,
    seeing_rate=1e-3, head_epochs=8, max_epochs=5,
)  # fmt: skip
WORLDS = {"expressive": Weights(picture={**WEIGHTS.picture, "expression": 0.5}), "default": WEIGHTS}
VIT_L_14 = CLIPVisionConfig(
    image_size=224, patch_size=14, hidden_size=1024, intermediate_size=4096, num_hidden_layers=24,
    num_attention_heads=16, projection_dim=768,
)  # fmt: skip


def saved(config: CLIPVisionConfig, folder: Path) -> Path:
    """A folder with a model of random weights and an image processor, as `transformers` writes it."""
    torch.manual_seed(SEED)
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    side = {"height": config.image_size, "width": config.image_size}
    CLIPImageProcessorPil(size=side, do_center_crop=False).save_pretrained(folder)
    return folder


class World(NamedTuple):
    """What a tuning reads of a sample world, and what its videos are worth without noise, by video_id."""

    thumbnails: pl.DataFrame
    vectors: Vectors
    pairs: pl.DataFrame
    targets: pl.DataFrame
    worth: Mapping[str, float]


def sample_world(n_channels: int, n_days: int, weights: Weights) -> World:
    """The tables that the graph makes of such a world at 7 days, split by time.

    Four tenths of the videos are test, so that an interval tells rankers apart; seven pairs a video of the half that is
    train are about 20,000 of 400 channels.
    """
    world = SampleWorld(SEED, n_channels=n_channels, n_days=n_days, weights=weights)
    days = world.days()
    captures = world.snapshots(days).rows.lazy()
    first, labels = first_captures(captures), horizon_targets(captures, HORIZONS["7d"])
    captured = Captured(first, labels, world.channel_snapshots(days).rows)
    split = dealt(candidates(labels, first, captured.channels), "all", policy="time", ratios=(0.5, 0.1, 0.4)).manifest
    videos = labels.select("video_id", "channel_id", "published_at", "target_raw")
    thumbnails = world.thumbnails(days).rows
    matrix = scored(thumbnails["image"].to_list()).matrix
    measured = pl.DataFrame(matrix, schema=list(PICTURE_SCORES), orient="row").fill_nan(None)
    scores = pl.concat([thumbnails, measured], how="horizontal").with_columns(title_match=pl.lit(None, pl.Float64))
    truth = world.truth(days, age=timedelta(days=7))
    worth = truth.select(pl.sum_horizontal("picture_part", "title_part", "form_part")).to_series()
    return World(
        thumbnails.select("video_id", "image"),
        _default_vectors(first, thumbnails),
        training_pairs(videos.join(split.select("video_id", "split"), on="video_id"), pairs_per_video=7),
        ranking_targets(
            labels,
            metadata_features(captured),
            split=split,
            scores=scores.select(THUMBNAIL_SCORES.schema.names()).lazy(),
            analytics=VIDEO_ANALYTICS.empty(),
        ),
        dict(zip(truth["video_id"], worth, strict=True)),
    )


def _default_vectors(first: pl.DataFrame, thumbnails: pl.DataFrame) -> Vectors:
    rows = first.join(thumbnails, on="video_id", maintain_order="left")
    present = np.ones(rows.height, np.bool_)
    image = Modality(ThumbnailStatistics().encode(rows["image"].to_list()).matrix, present)
    text = Modality(TitleNgrams().encode(rows["title"].fill_null("").to_list()).matrix, present)
    fused = load_fusion("concat")({"image": image, "text": text})
    return Vectors(tuple(rows["video_id"]), fused.matrix, fused.blocks)


def find(world: World, tuning: Tuning, folder: Path) -> None:
    """Tune on the sample world, and print who ranks the test pairs how well."""
    model = saved(SMALL, folder)
    videos = pictured(world.thumbnails, world.vectors, world.pairs, world.targets, model=model)
    sizes = {part: (len(each.pictures), len(each.comparisons.pairs)) for part, each in videos.parts.items()}
    print(f"videos and pairs: {sizes}")
    started = perf_counter()
    ranker = tuned_ranker(videos, model, tuning, seed=SEED)
    print(f"tuned in {perf_counter() - started:.0f} s: {dict(ranker.facts)}")
    for epoch in ranker.curve:
        print(epoch.number, {name: round(loss, 4) for name, loss in epoch.losses.items()}, round(epoch.score, 4))
    for part, each in videos.parts.items():
        worth = np.array([world.worth[video] for video in each.stored.video_ids])
        print(f"{part}: AUC of what picture, title and form are worth {share_in_order(each.comparisons, worth):.4f}")
    with pl.Config(tbl_rows=20):
        print(EncoderRecord.of(ranker, videos, world.pairs, {}).rows())


def some_pictures(n_pairs: int, model: Path) -> Pictured:
    """Pairs of sample thumbnails, as many in each part; half of the pictures are in two of them."""
    world = SampleWorld(SEED, n_channels=10 + 3 * n_pairs // 2)
    drawn = world.thumbnails(world.days()[:10]).rows.head(4 * n_pairs)
    ids = drawn["video_id"].to_list()
    rows = [
        (ids[pair], ids[pair + n_pairs // 2 + 1], "c", pair % 2, 0.5, 1.0, part, "views")
        for part in ("train", "val", "test")
        for pair in range(n_pairs)
    ]
    pairs = pl.DataFrame(rows, schema=TRAINING_PAIRS.schema, orient="row")
    stored = np.random.default_rng(SEED).normal(size=(len(ids), 640)).astype(np.float32)
    targets = pl.DataFrame({"video_id": ids, "ctr": 0.5}).with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in RANKING_TARGETS.schema.items()
        if name not in ("video_id", "ctr")
    )
    vectors = Vectors(tuple(ids), stored, {"image": 256, "text": 384})
    return pictured(
        drawn.select("video_id", "image"), vectors, pairs, targets.select(RANKING_TARGETS.schema.names()), model=model
    )


def measure(videos: Pictured, model: Path, width: int, tuning: Tuning, n_steps: int) -> None:
    """Print what steps of all pairs at once cost; the first is not counted where there are more."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train, val = videos.parts["train"], videos.parts["val"]
    seen = [part.seen_by(np.zeros((len(part.pictures), width), np.float32)) for part in (train, val)]
    heads = PairObjective(seen[0], train.comparisons, seen[1], val.comparisons, tuning)
    objective = TuningObjective(
        seen[0], train.comparisons, seen[1], val.comparisons, tuning, pixels=videos.pixels, pictures=train.pictures,
        val_pictures=val.pictures, model=model, start=heads.layers().state_dict(),
    )  # fmt: skip
    layers = objective.layers().to(device).train()
    optimiser = torch.optim.AdamW(objective.groups(layers), fused=True)
    every = torch.arange(objective.n_examples, device=device)
    seconds = []
    for step in range(n_steps):
        started = perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" and tuning.precision == "bf16"):
            terms = objective.losses(layers, Batch(every, slice(0, len(every)), generator(SEED, step)))
        optimiser.zero_grad()
        sum(term.float() for term in terms.values()).mean().backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(perf_counter() - started)
    each = float(np.median(seconds[1:] or seconds))
    n_pictures = len(np.unique(train.comparisons.pairs))
    print(
        f"{_named(tuning)}: {n_pictures / each:8.2f} pictures/s, {each:.2f} s a step of {n_pictures} pictures, "
        f"{_memory(device)}",
        flush=True,
    )


def _named(tuning: Tuning) -> str:
    blocks = "phase 3, all blocks    " if tuning.last_blocks is None else f"phase 2, last {tuning.last_blocks} blocks"
    return f"{blocks} {tuning.precision} {'with' if tuning.gradient_checkpointing else 'without'} checkpointing"


def _memory(device: torch.device) -> str:
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**30
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return f"{peak:.1f} GiB of the GPU at most"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB of the process at most so far"


def speed(n_pairs: int, n_steps: int, *, large: bool, folder: Path) -> None:
    """Each kind of step, and then both phases from beginning to end, the second on the encoder of the first."""
    on_gpu = torch.cuda.is_available()
    config = VIT_L_14 if on_gpu or large else SMALL
    where = torch.cuda.get_device_name() if on_gpu else f"the CPU, {torch.get_num_threads()} threads"
    print(f"{'ViT-L/14' if config is VIT_L_14 else 'a small model'} of random weights on {where}")
    model = saved(config, folder / "model")
    videos = some_pictures(n_pairs, model)
    phases = (min(4, config.num_hidden_layers), None)
    for last_blocks in phases:
        for precision in ("fp32", "bf16") if on_gpu else ("fp32",):
            for checkpointing in (False, True) if on_gpu or not large else (False,):
                tuning = Tuning(last_blocks=last_blocks, precision=precision, gradient_checkpointing=checkpointing)
                measure(videos, model, config.projection_dim, tuning, n_steps)
    if large and not on_gpu:
        return
    for last_blocks in phases:
        started = perf_counter()
        ranker = tuned_ranker(videos, model, Tuning(last_blocks=last_blocks, max_epochs=2), seed=SEED)
        model = folder / f"tuned-{last_blocks}"
        model.mkdir()
        ranker.save(model)
        model /= ENCODER
        print(f"{_named(Tuning(last_blocks=last_blocks))}: two epochs, all told {perf_counter() - started:.0f} s")


def main() -> None:
    """Read what is asked."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = arguments.add_subparsers(dest="command")
    arguments.set_defaults(command="speed", pairs=32, steps=10, large=False)
    world = commands.add_parser("sample_world")
    world.add_argument("--world", choices=WORLDS, default="expressive")
    world.add_argument("--channels", type=int, default=400)
    world.add_argument("--days", type=int, default=180)
    world.add_argument("--last-blocks", type=int)
    steps = commands.add_parser("speed")
    steps.add_argument("--pairs", type=int, default=32)
    steps.add_argument("--steps", type=int, default=10)
    steps.add_argument("--large", action="store_true")
    asked = arguments.parse_args()
    with TemporaryDirectory() as folder:
        if asked.command == "sample_world":
            made = sample_world(asked.channels, asked.days, WORLDS[asked.world])
            find(made, FROM_NOTHING.model_copy(update={"last_blocks": asked.last_blocks}), Path(folder))
        else:
            speed(asked.pairs, asked.steps, large=asked.large, folder=Path(folder))


if __name__ == "__main__":
    main()

"""The report of the pairwise ranker: whether its probabilities hold, which pairs it tells apart, what it looks at."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import dagster as dg
import polars as pl

from vidrank_assets.assets.compute import PLACEMENTS
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, picture_metadata
from vidrank_assets.assets.models import MODEL_SNAPSHOT
from vidrank_assets.assets.partitions import by_strategy_and_horizon, every_partition
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.trained_encoders import assert_fused_as_trained, encoders_as_trained
from vidrank_assets.assets.trained_tables import changed_since_training
from vidrank_assets.assets.vectors import fused_vectors
from vidrank_assets.catalog import ENCODERS
from vidrank_assets.errors import InvalidInput, NoPairs
from vidrank_assets.features.encoders.pictures import decoded
from vidrank_assets.models.pairwise_ranker import PairwiseRanker
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.selection.pair_examples import Surest, surest
from vidrank_assets.selection.pair_findings import dated, head_rows, seen_videos, with_pictures
from vidrank_assets.selection.pair_probability import PairProbability, fitted
from vidrank_assets.selection.pair_record import PairRecord, finite
from vidrank_assets.selection.report.figures import charts_png
from vidrank_assets.selection.report.pair_page import RankerFindings, pair_page, untold_page
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage
from vidrank_assets.tables import THUMBNAILS

RANKER = "pairwise_ranker"
#: The chart that draws every video as a dot.
_OF_SINGLE_VIDEOS = ("heads",)
_PLACEMENT = PLACEMENTS[ENCODERS.entries[Settings().image_encoder].device]


@dg.asset(
    # Beside the families, so that its folder lies, is swept and is opened as theirs are.
    key_prefix="models",
    group_name="selection",
    kinds={"html", "json"},
    owners=[OWNER],
    partitions_def=by_strategy_and_horizon,
    io_manager_key="artifacts",
    ins={"ranker": dg.AssetIn(key=["models", RANKER], dagster_type=MODEL_SNAPSHOT)},
    deps=every_partition("thumbnails"),
    pool=_PLACEMENT.pool,
    op_tags=dict(_PLACEMENT.op_tags),
    retry_policy=RETRIES,
)
@faults_are_final
def pair_report(
    context: dg.AssetExecutionContext,
    ranker: ModelSnapshot,
    training_pairs: pl.DataFrame,
    ranking_targets: pl.DataFrame,
    fused_embeddings: pl.DataFrame,
    store: dg.ResourceParam[FolderStore],
) -> dg.MaterializeResult[PairRecord]:
    """How sure the ranker is of pairs and whether that holds, by margin and by days apart; maps of ten pairs.

    Where there are too few pairs to tell, the page says what is missing. It reads the tables of now, and says which of
    them are no longer those that the ranker learned from.
    """
    opened = store.open()
    changed = _changed(context.instance, ranker)
    of_test = ranker.trial.predictions.filter(split="test").select("video_id")
    manifest = fused_embeddings.join(of_test, on="video_id", how="semi", maintain_order="left")
    targets = ranking_targets.join(of_test, on="video_id", how="semi", maintain_order="left")
    pairs = dated(ranker.trial.pair_predictions, training_pairs, "test")
    try:
        found = _findings(context.instance, ranker, opened, manifest=manifest, pairs=pairs, targets=targets)
        told = _told(ranker, replace(found, changed=changed))
    except NoPairs as fault:
        told = _untold(ranker, str(fault))
    record = PairRecord(
        probability=told.probability,
        figures=told.figures,
        config=ranker.config,
        data=ranker.data,
        split_manifest=ranker.split_manifest,
        page=told.page,
    )
    said = {"changed_since_training": ", ".join(changed)} if changed else {}
    return dg.MaterializeResult(value=record, metadata={"of_run": _run_id(ranker), **said, **told.metadata})


class _Told(NamedTuple):
    """What the record holds beside what the ranker's own does, and what the event log shows."""

    probability: PairProbability | None
    figures: Mapping[str, float | None]
    page: str
    metadata: Mapping[str, Any]


def _told(ranker: ModelSnapshot, findings: RankerFindings) -> _Told:
    """Raises NoPairs: no pair of test has a winner."""
    held, auc = findings.held(), findings.auc()
    charts = findings.charts()
    correlations = {f"correlation_{name}": value for name, value in findings.correlations().items()}
    figures = finite(
        {"pairwise_auc": auc.value, "pairwise_auc_low": auc.low, "pairwise_auc_high": auc.high}
        | held._asdict()
        | correlations
    )
    of_api = ranker.data.get("oldest_api_capture_at") is not None
    shown = {name: panels for name, panels in charts.items() if not (of_api and name in _OF_SINGLE_VIDEOS)}
    return _Told(
        probability=findings.probability,
        figures=figures,
        page=pair_page(findings, charts=charts, config=ranker.config, run_id=_run_id(ranker)),
        metadata={
            "examples": findings.examples.right.height + findings.examples.wrong.height,
            **{name: value for name, value in figures.items() if value is not None},
            **{name: picture_metadata(picture) for name, picture in charts_png(shown).items()},
        },
    )


def _untold(ranker: ModelSnapshot, missing: str) -> _Told:
    page = untold_page(ranker.trial, missing=missing, config=ranker.config, run_id=_run_id(ranker))
    return _Told(probability=None, figures={}, page=page, metadata={"missing": missing})


def _run_id(ranker: ModelSnapshot) -> str:
    run_id: str = ranker.leaderboard["run_id"][0]
    return run_id


def _changed(instance: dg.DagsterInstance, ranker: ModelSnapshot) -> list[str]:
    """The tables that are read here and were others when the ranker learned from them.

    Raises InvalidInput: the vectors of now are not made as those were; nothing that heads say of them would be true.
    """
    cell = ranker.trial.cell
    horizon = f"{cell.horizon_days}d"
    read = {"training_pairs": horizon, "ranking_targets": horizon, "fused_embeddings": cell.fusion_strategy}
    changed = changed_since_training(instance, ranker.config, RANKER, read=read)
    if "fused_embeddings" in changed:
        assert_fused_as_trained(instance, ranker.config, RANKER)
    return changed


def _findings(
    instance: dg.DagsterInstance,
    ranker: ModelSnapshot,
    store: Storage,
    *,
    manifest: pl.DataFrame,
    pairs: pl.DataFrame,
    targets: pl.DataFrame,
) -> RankerFindings:
    """What is told of a ranker. manifest, pairs and targets are of test.

    Raises NoPairs: too few pairs of val, or of too few channels, to calibrate.
    """
    trial, model = ranker.trial, ranker_of(ranker)
    probability = fitted(trial.pair_predictions.filter(split="val"))
    vectors = fused_vectors(store, manifest, unfused=True).modalities
    examples, pictures = _examples(_surest(probability, pairs, manifest), store)
    titles = dict(trial.predictions.select("video_id", "title").iter_rows())
    seen = {}
    if pictures:
        encoder = encoders_as_trained(instance, ranker.config, RANKER, settings=Settings())["image"]
        seen = seen_videos(model, vectors, encoder, pictures=pictures, titles=titles)
    sources = targets.drop_nulls("ctr")["ctr_source"].value_counts().sort("ctr_source")
    return RankerFindings(
        trial=trial,
        probability=probability,
        pairs=pairs,
        heads=head_rows(model.heads(vectors), vectors.video_ids, targets),
        ctr_sources=dict(sources.iter_rows()),
        examples=examples,
        seen=seen,
    )


def ranker_of(snapshot: ModelSnapshot) -> PairwiseRanker:
    """The ranker of its own snapshot.

    Raises InvalidInput: the snapshot holds another family, or was stripped of what it predicted.
    """
    model = snapshot.trial.model
    if not isinstance(model, PairwiseRanker):
        raise InvalidInput(f"pairs are told of a {RANKER}; this is a {model.name}. Materialize models/{RANKER}.")
    return model


def _surest(probability: PairProbability, pairs: pl.DataFrame, manifest: pl.DataFrame) -> Surest:
    """The surest pairs of which both videos have a vector of their picture."""
    pictured = manifest.filter(image_present=1)["video_id"].implode()
    return surest(probability, pairs.filter(pl.col(f"video_id_{side}").is_in(pictured) for side in ("a", "b")))


def _examples(examples: Surest, store: Storage) -> tuple[Surest, dict[str, bytes]]:
    """The examples whose pictures are there, and these by video id."""
    named = {video for rows in examples for side in ("a", "b") for video in rows[f"video_id_{side}"]}
    pictures = first_pictures(store, named)
    shown = with_pictures(examples, pictures)
    kept = {video for rows in shown for side in ("a", "b") for video in rows[f"video_id_{side}"]}
    return shown, {video: pictures[video] for video in sorted(kept)}


def first_pictures(store: Storage, video_ids: Collection[str]) -> dict[str, bytes]:
    """The first readable thumbnail of each of some videos that has one: its image vector is of that."""
    keys = store.keys(THUMBNAILS.name, suffix=".parquet")
    if not keys or not video_ids:
        return {}
    captured = store.scan_tables(dict.fromkeys(keys)).filter(pl.col("video_id").is_in(list(video_ids)))
    pictures: dict[str, bytes] = {}
    for video, picture in (
        captured.sort("captured_at", "content_hash").select("video_id", "image").collect().iter_rows()
    ):
        if video not in pictures and not isinstance(decoded(picture), str):
            pictures[video] = picture
    return pictures

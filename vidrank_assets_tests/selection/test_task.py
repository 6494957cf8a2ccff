from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput, NoRows
from vidrank_assets.selection.task import Cell
from vidrank_assets.tables import METADATA_FEATURES


def test_videos_of_val_and_then_of_test_are_scored_in_the_order_of_their_parts(small_task):
    scored = small_task.parts["val"].video_ids + small_task.parts["test"].video_ids
    assert tuple(small_task.videos["video_id"]) == scored
    assert small_task.videos["y_true"].to_list() == [
        *small_task.parts["val"].targets,
        *small_task.parts["test"].targets,
    ]


def test_slices_say_the_age_at_the_first_capture_in_steps_of_a_day(small_task):
    ages = dict(small_task.videos.select("video_id", "age_at_snapshot1").rows())
    assert [ages[f"v{i:03d}"] for i in range(80, 85)] == ["0-24 h", "24-48 h", "48-72 h", "72 h+", "72 h+"]


def test_slices_say_whether_the_channel_was_in_train(tables, task_of):
    new = pl.when(pl.col("video_id") == "v119").then(pl.lit("new")).otherwise("channel_id")
    labels = tables["horizon_targets"].with_columns(channel_id=new)
    made = task_of(horizon_targets=labels)
    seen = dict(made.videos.select("video_id", "channel_seen_in_train").rows())
    assert seen["v119"] == "0" and set(seen.values()) == {"0", "1"}
    assert sum(value == "0" for value in seen.values()) == 1


def test_a_video_without_a_channel_is_a_channel_of_its_own(tables, task_of):
    labels = tables["horizon_targets"].with_columns(channel_id=pl.lit(None, dtype=pl.String))
    made = task_of(horizon_targets=labels)
    assert made.videos["channel_id"].to_list() == made.videos["video_id"].to_list()
    assert set(made.videos["channel_seen_in_train"]) == {"0"}


def test_pairs_are_those_within_val_and_within_test_with_both_targets(small_task, tables):
    assert set(small_task.pairs["split"]) == {"val", "test"}
    assert small_task.pairs.height == 14 + 14
    target = dict(tables["split_manifest"].select("video_id", "target_log").rows())
    for a, b, target_a, target_b in small_task.pairs.drop("channel_id", "split").rows():
        assert (target_a, target_b) == (target[a], target[b])


def test_the_later_side_is_as_it_was_known_at_the_earlier_publication(small_task):
    assert small_task.later.video_ids == tuple(small_task.pairs["video_id_b"])
    assert set(small_task.later.columns["channel_target_mean"]) == {1.0}


def test_a_pair_whose_video_lacks_something_is_left_out_and_counted(tables, task_of):
    without = tables["metadata_features"].filter(pl.col("video_id") != "v085")
    made = task_of(metadata_features=without)
    assert made.left_out["without_features"] == 1
    assert made.left_out["pairs_without_both"] == 1  # v085 with v091; v079 is in train
    assert "v085" not in made.pairs["video_id_a"].to_list()


def test_a_strategy_without_vectors_of_the_test_videos_is_refused(fused, task_of):
    with pytest.raises(NoRows, match="test must have videos"):
        task_of(fused=fused.rows(range(100)))


def test_redated_features_of_other_videos_are_refused(paired_features, task_of):
    names = METADATA_FEATURES.schema.names()
    mixed_up = paired_features.with_columns(paired_features.select(names).reverse())
    with pytest.raises(InvalidInput, match="one row per pair, of its later video"):
        task_of(paired_features=mixed_up)


def test_each_part_holds_its_own_pairs(task_of):
    made = task_of()
    compared = {part: len(videos.comparisons.pairs) for part, videos in made.parts.items()}
    assert compared == {"train": 74, "val": 14, "test": 14}  # each video with the next one of 6 channels
    train = made.parts["train"]
    for (a, b), first_won in zip(train.comparisons.pairs, train.comparisons.first_won, strict=True):
        assert first_won == (train.targets[a] > train.targets[b])


def test_an_age_that_is_not_known_is_no_slice(tables, task_of):
    labels = tables["horizon_targets"].with_columns(video_age_hours_at_snapshot1=pl.lit(None, dtype=pl.Float64))
    assert task_of(horizon_targets=labels).videos["age_at_snapshot1"].null_count() == 40


def test_with_snapshot1_a_video_whose_first_capture_is_its_label_or_too_late_is_in_no_part(tables, task_of):
    """v100 is known by its first capture, v101 was first seen an hour after the horizon, v102 an hour before it."""
    seen = datetime(2026, 1, 1, tzinfo=UTC)
    named = pl.col("video_id")
    labels = tables["horizon_targets"].with_columns(
        horizon_days=pl.lit(7, pl.Int64),
        first_captured_at=pl.lit(seen),
        label_known_at=pl.when(named == "v100").then(seen).otherwise(seen + timedelta(hours=1)),
        video_age_hours_at_snapshot1=pl.when(named == "v101").then(169.0).when(named == "v102").then(167.0),
    )
    publish, snapshot1 = (task_of(horizon_targets=labels, cell=Cell("concat", 7, s)) for s in ("publish", "snapshot1"))
    assert set(publish.videos["video_id"]) - set(snapshot1.videos["video_id"]) == {"v100", "v101"}
    assert (publish.left_out["first_seen_at_horizon"], snapshot1.left_out["first_seen_at_horizon"]) == (0, 2)
    assert not {"v100", "v101"} & set(snapshot1.pairs["video_id_a"]) | {"v100", "v101"} & set(
        snapshot1.pairs["video_id_b"]
    )

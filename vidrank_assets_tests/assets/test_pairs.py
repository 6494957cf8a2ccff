from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from vidrank_assets.assets.io_managers import Tables
from vidrank_assets.assets.pairs import training_pairs
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.pair_tables import TRAINING_PAIRS, VIDEO_ANALYTICS
from vidrank_assets.tables import HORIZON_TARGETS, SPLIT_MANIFEST

PARTITION = "horizon=7d/data.parquet"
START = datetime(2026, 1, 5, tzinfo=UTC)
#: video_id, channel, day of publication, views at the horizon, split
VIDEOS = (
    ("v0", "c", 0, 100.0, "train"),
    ("v1", "c", 2, 400.0, "train"),
    ("v2", "c", 4, 300.0, "train"),
    ("w0", "d", 0, 500.0, "val"),
    ("w1", "d", 10, 250.0, "val"),
    ("w2", "d", 10, 250.0, None),
)


@dg.asset(io_manager_key="tables")
def video_analytics() -> pl.DataFrame:
    """Never materialized, unless a test does."""
    return pl.DataFrame([("v1", 10, 0.02), ("v2", 10, 0.05)], schema=VIDEO_ANALYTICS.schema, orient="row")


def rows_of(table, **columns):
    frame = pl.DataFrame(columns)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in table.schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select(table.schema.names()).cast(dict(table.schema))


@pytest.fixture
def paired(tmp_path):
    """Makes the pairs of the videos above, whose captures have a source; with CTR where it is asked for."""
    root = FolderStore(root=str(tmp_path))
    ids, channels, days, views, splits = (list(column) for column in zip(*VIDEOS, strict=True))

    def pairing(*, source="sample", with_ctr=False, **config):
        published = [START + timedelta(days=day) for day in days]
        targets = rows_of(
            HORIZON_TARGETS, video_id=ids, channel_id=channels, published_at=published, target_raw=views,
            source=[source] * len(ids),
        )  # fmt: skip
        root.open().write_table(f"horizon_targets/{PARTITION}", targets)
        manifest = rows_of(SPLIT_MANIFEST, video_id=ids, split=splits).drop_nulls("split")
        root.open().write_table(f"split_manifest/{PARTITION}", manifest)
        with dg.DagsterInstance.ephemeral() as instance:
            options = {"instance": instance, "resources": {"store": root, "tables": Tables(store=root)}}
            if with_ctr:
                dg.materialize([video_analytics], **options)
            result = dg.materialize(
                [training_pairs, *inputs(), video_analytics],
                selection="training_pairs",
                partition_key="7d",
                run_config={"ops": {"training_pairs": {"config": config}}},
                **options,
            )
        (event,) = result.asset_materializations_for_node("training_pairs")
        shown = {name: getattr(value, "value", value) for name, value in event.metadata.items()}
        return TRAINING_PAIRS.checked(root.open().read_table(f"training_pairs/{PARTITION}")), shown

    return pairing


def inputs():
    """The two tables as assets that are never run."""
    return [
        dg.AssetSpec(name, partitions_def=training_pairs.partitions_def).with_io_manager_key("tables")
        for name in ("horizon_targets", "split_manifest")
    ]


def test_pairs_are_of_labelled_videos_of_one_channel_and_split(paired):
    pairs, shown = paired()
    assert pairs.select("video_id_a", "video_id_b", "winner", "margin", "days_apart", "split", "judged_by").rows() == [
        ("v0", "v1", 0, 0.75, 2.0, "train", "views"),
        ("v0", "v2", 0, pytest.approx(2 / 3), 4.0, "train", "views"),
        ("v1", "v2", 1, 0.25, 2.0, "train", "views"),
        ("w0", "w1", 1, 0.5, 10.0, "val", "views"),
    ]
    counts = ("train_pairs", "val_pairs", "test_pairs", "candidate_pairs", "channels", "videos", "pairs_judged_by_ctr")
    assert [shown[name] for name in counts] == [3, 1, 0, 4, 2, 5, 0]
    assert (shown["median_days_apart"], shown["median_margin"]) == (3.0, pytest.approx(7 / 12))


def test_the_measured_rate_judges_where_both_videos_have_one(paired):
    pairs, shown = paired(with_ctr=True)
    judged = pairs.filter(judged_by="ctr").select("video_id_a", "video_id_b", "winner", "margin").rows()
    assert judged == [("v1", "v2", 0, pytest.approx(0.6))]
    assert (shown["pairs_judged_by_ctr"], shown["videos_with_ctr"]) == (1, 2)


def test_caps_and_days_are_set_by_the_configuration(paired):
    pairs, shown = paired(pairs_per_channel=1, days_apart=3)
    assert pairs["split"].to_list() == ["train"]
    assert shown["candidate_pairs"] == 2


def test_the_quantiles_are_those_of_the_pairs(paired):
    _, shown = paired()
    rows = {row.data["quantile"]: row.data for row in shown["quantiles"].records}
    assert (rows[0.0]["margin"], rows[1.0]["margin"]) == (0.25, 0.75)
    assert (rows[0.5]["days_apart"], rows[1.0]["days_apart"]) == (3.0, 10.0)


def test_pairs_of_api_data_are_not_shown_in_the_event_log(paired):
    assert len(paired()[1]["preview"].records) == 4
    _, shown = paired(source="youtube_api")
    assert len(shown["preview"].records) == 0
    assert "4 rows are, or are made of, API data" in shown["preview_left_out"]


def test_pairs_of_a_graph_are_as_many_as_the_metadata_says(graph):
    pairs = TRAINING_PAIRS.checked(graph.store.read_table(f"training_pairs/{PARTITION}"))
    shown = graph.metadata("refresh_targets", "training_pairs")
    counts = dict(pairs["split"].value_counts().iter_rows())
    assert {part: shown[f"{part}_pairs"] for part in ("train", "val", "test")} == counts
    assert shown["candidate_pairs"] >= pairs.height > 100
    assert pairs.filter(pl.col("days_apart") > 30).is_empty()

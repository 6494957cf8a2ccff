from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from math import log, log1p

import dagster as dg
import numpy as np
import polars as pl
import pytest
from PIL import Image

from vidrank_assets.assets import ranking as module
from vidrank_assets.assets.io_managers import Tables
from vidrank_assets.assets.partitions import by_day, by_horizon
from vidrank_assets.assets.ranking import ranking_targets, thumbnail_scores
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.features.sub_scores import PICTURE_SCORES, scored
from vidrank_assets.features.title_match import TitleMatch
from vidrank_assets.tables import TABLES

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"]
ONE_RUN = dg.BackfillPolicy.single_run()


def picture(seed):
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(blocks).resize((160, 90), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


#: The pictures that were new on each day, and the titles that its captures show, in order.
PICTURES = {DAYS[0]: {"a": picture(1), "b": b"no picture"}, DAYS[1]: {"a": picture(2), "c": picture(3)}, DAYS[2]: {}}
TITLES = {DAYS[0]: [("a", "then"), ("a", "now"), ("b", "tea")], DAYS[1]: [("a", "later")], DAYS[2]: []}


def rows_of(name, rows):
    return pl.DataFrame(rows, schema=TABLES[name].schema)


@dg.asset(io_manager_key="tables", partitions_def=by_day, backfill_policy=ONE_RUN)
def thumbnails(context: dg.AssetExecutionContext):
    return {
        day: rows_of(
            "thumbnails",
            [
                {"video_id": video, "content_hash": sha256(image).hexdigest(), "image": image}
                | {"captured_at": START + timedelta(days=DAYS.index(day)), "source": context.run.tags["source"]}
                for video, image in PICTURES[day].items()
            ],
        )
        for day in context.partition_keys
    }


@dg.asset(io_manager_key="tables", partitions_def=by_day, backfill_policy=ONE_RUN)
def snapshots(context: dg.AssetExecutionContext):
    return {
        day: rows_of(
            "snapshots",
            [
                {"video_id": video, "title": title, "published_at": START, "source": "test"}
                | {"captured_at": START + timedelta(days=DAYS.index(day), hours=hour)}
                for hour, (video, title) in enumerate(TITLES[day])
            ],
        )
        for day in context.partition_keys
    }


@dg.asset(io_manager_key="tables", partitions_def=by_horizon)
def horizon_targets(context: dg.AssetExecutionContext):
    of_each = {"horizon_days": 7, "channel_id": "UC1", "published_at": START, "first_captured_at": START}
    others = {"horizon_label_type": "observed", "monotone_violation": False, "in_delta_task": False}
    masks = {f"mask_{what}": 0 for what in ("views", "likes", "comments")}
    source = {"source": context.run.tags["source"], "target_log": log1p(99)}
    return rows_of("horizon_targets", [{"video_id": v} | of_each | others | masks | source for v in "abc"])


@dg.asset(io_manager_key="tables", partitions_def=by_horizon)
def metadata_features():
    return rows_of("metadata_features", [{"video_id": v, "channel_target_mean": log(100)} for v in "abc"])


@dg.asset(io_manager_key="tables", partitions_def=by_horizon)
def split_manifest():
    return rows_of("split_manifest", [{"video_id": v, "split": "train", "text_present": 1} for v in "abc"])


@dg.asset(io_manager_key="tables")
def video_analytics():
    return rows_of("video_analytics", [{"video_id": "a", "impressions": 100, "ctr": 0.05}])


DAILY, BY_HORIZON = (thumbnails, snapshots), (horizon_targets, metadata_features, split_manifest)


@pytest.fixture
def made(tmp_path):
    """Materializes assets for some days, or for 7d; `read` gives what is stored of a partition, `told` its metadata."""
    store = FolderStore(root=str(tmp_path / "store"))
    instance = dg.DagsterInstance.ephemeral()

    def run(*assets, first=None, last=None, horizon=None, source="test"):
        days = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
        result = dg.materialize(
            [*DAILY, *BY_HORIZON, video_analytics, thumbnail_scores, ranking_targets],
            selection=list(assets),
            resources={"store": store, "tables": Tables(store=store)},
            instance=instance,
            tags={"source": source} | (days if first else {}),
            partition_key=horizon,
        )
        for event in result.get_asset_materialization_events():
            metadata = event.materialization.metadata
            run.told[event.asset_key.path[-1], event.partition] = {name: _seen(v) for name, v in metadata.items()}
        return result

    run.told = {}
    run.read = lambda name, partition: store.open().read_table(f"{name}/{partition}/data.parquet")
    yield run
    instance.dispose()


def _seen(value):
    return [record.data for record in value.records] if isinstance(value, dg.TableMetadataValue) else value.value


def test_each_day_has_the_scores_of_its_new_pictures(made):
    made(*DAILY, first=DAYS[0], last=DAYS[2])
    made(thumbnail_scores, first=DAYS[0], last=DAYS[2])
    stored = [made.read("thumbnail_scores", f"day={day}") for day in DAYS]
    assert [rows["video_id"].to_list() for rows in stored] == [["a", "b"], ["a", "c"], []]
    assert all(TABLES["thumbnail_scores"].checked(rows).equals(rows) for rows in stored)
    expected = scored([picture(2), picture(3)]).matrix
    np.testing.assert_array_equal(stored[1].select(PICTURE_SCORES).to_numpy(), expected)


def test_a_picture_that_cannot_be_read_has_a_row_without_scores_and_is_counted(made):
    made(*DAILY, first=DAYS[0], last=DAYS[1])
    made(thumbnail_scores, first=DAYS[0], last=DAYS[1])
    row = made.read("thumbnail_scores", f"day={DAYS[0]}").row(1, named=True)
    assert row["video_id"] == "b" and all(row[name] is None for name in PICTURE_SCORES)
    told = [made.told["thumbnail_scores", day] for day in DAYS[:2]]
    assert [(each["thumbnails"], each["unreadable"]) for each in told] == [(2, 1), (2, 0)]
    assert told[0]["unreadable_by_reason"] == [{"reason": "no JPEG, PNG or WebP", "thumbnails": 1}]
    shares = {row["score"]: row["share"] for row in told[0]["scores"]}
    assert shares["clarity"] == 0.5 and shares["title_match"] == 0


def test_days_by_themselves_and_a_few_pictures_at_a_time_give_what_all_at_once_give(made, monkeypatch):
    made(*DAILY, first=DAYS[0], last=DAYS[2])
    made(thumbnail_scores, first=DAYS[0], last=DAYS[2])
    at_once = [made.read("thumbnail_scores", f"day={day}") for day in DAYS]
    monkeypatch.setattr(module, "_BATCH", 1)
    for day in DAYS:
        made(thumbnail_scores, first=day)
    assert all(
        made.read("thumbnail_scores", f"day={day}").equals(rows) for day, rows in zip(DAYS, at_once, strict=True)
    )


def test_without_a_model_of_both_titles_match_is_not_measured_and_the_day_says_why(made):
    made(*DAILY, first=DAYS[0])
    made(thumbnail_scores, first=DAYS[0])
    told = made.told["thumbnail_scores", DAYS[0]]
    assert told["title_match_left_out"] == "VIDRANK_IMAGE_ENCODER is not clip"
    assert told["without_title_match"] == 2
    assert made.read("thumbnail_scores", f"day={DAYS[0]}")["title_match"].to_list() == [None, None]


def test_a_picture_is_compared_with_the_latest_title_of_its_day(made, monkeypatch):
    asked = []

    class Fake(TitleMatch):
        def __init__(self):
            self.revision = "fake-1"

        def of(self, pictures, titles):
            asked.extend(zip(pictures, titles, strict=True))
            return np.array([np.nan if title is None else 0.5 for title in titles])

    monkeypatch.setattr(module, "load_title_match", lambda settings: Fake())
    made(*DAILY, first=DAYS[0], last=DAYS[1])
    made(thumbnail_scores, first=DAYS[0], last=DAYS[1])
    titles = {picture(1): "now", b"no picture": "tea", picture(2): "later", picture(3): None}
    assert dict(asked) == titles
    stored = pl.concat([made.read("thumbnail_scores", f"day={day}") for day in DAYS[:2]])
    assert stored["title_match"].to_list() == [0.5, 0.5, 0.5, None]
    assert made.told["thumbnail_scores", DAYS[1]]["title_match_by"] == "fake-1"
    assert made.told["thumbnail_scores", DAYS[1]]["without_title_match"] == 1


def test_days_without_captures_of_titles_are_scored_all_the_same(made):
    made(thumbnails, first=DAYS[0])
    made(thumbnail_scores, first=DAYS[0])
    assert made.read("thumbnail_scores", f"day={DAYS[0]}").height == 2


def test_the_targets_are_of_all_days_scores_and_of_the_analytics_that_there_are(made):
    made(*DAILY, first=DAYS[0], last=DAYS[2])
    made(thumbnail_scores, first=DAYS[0], last=DAYS[2])
    made(*BY_HORIZON, horizon="7d")
    made(video_analytics)
    made(ranking_targets, horizon="7d")
    rows = made.read("ranking_targets", "horizon=7d")
    assert TABLES["ranking_targets"].checked(rows).equals(rows)
    first = scored([picture(1), picture(3)]).matrix[:, 0]
    assert rows.select("video_id", "ctr_source", "clarity").rows() == [
        ("a", "measured", first[0]), ("b", "proxy", None), ("c", "proxy", first[1]),
    ]  # fmt: skip
    assert rows["ctr"].to_list() == pytest.approx([0.5] * 3)
    told = made.told["ranking_targets", "7d"]
    assert (told["ctr_measured"], told["ctr_proxy"], told["ctr_unknown"]) == (1, 2, 0)
    assert {row["score"]: row["measured"] for row in told["scores"]}["clarity"] == 2


def test_without_analytics_and_without_pictures_there_is_the_proxy(made):
    made(*BY_HORIZON, horizon="7d")
    made(ranking_targets, horizon="7d")
    rows = made.read("ranking_targets", "horizon=7d")
    assert rows["ctr_source"].to_list() == ["proxy"] * 3 and rows["clarity"].null_count() == 3


def test_no_row_of_api_data_is_in_the_metadata(made):
    made(*DAILY, first=DAYS[0], source="youtube_api")
    made(thumbnail_scores, first=DAYS[0], source="youtube_api")
    made(*BY_HORIZON, horizon="7d", source="youtube_api")
    made(ranking_targets, horizon="7d", source="youtube_api")
    for asset in (("thumbnail_scores", DAYS[0]), ("ranking_targets", "7d")):
        assert made.told[asset]["preview"] == [] and "API data" in made.told[asset]["preview_left_out"]

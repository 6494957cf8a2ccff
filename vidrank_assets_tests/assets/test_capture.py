from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest
import yaml

from vidrank_assets.assets import capture
from vidrank_assets.assets.io_managers import Tables
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets_tests.fake_youtube import FakeYouTube

OPS = ("captured_videos", "channel_snapshots", "thumbnails")
ASSETS = [capture.captured_videos, capture.channel_snapshots, capture.thumbnails]
MOMENT = datetime(2026, 2, 10, 6, tzinfo=UTC)
GENERIC = "video_id,captured_at,published_at,channel_id,title,view_count\n"


@pytest.fixture
def captured(tmp_path):
    """Captures a range of days into one store, and gives back what is stored of a table."""
    store = FolderStore(root=str(tmp_path / "store"))

    def run(first, last, source="sample", **options):
        config = {"config": {"source": source, "options": options}}
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                ASSETS,
                resources={"store": store, "tables": Tables(store=store)},
                instance=instance,
                run_config={"ops": dict.fromkeys(OPS, config)},
                tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
            )
        events = result.asset_materializations_for_node("captured_videos")
        shown = {(event.asset_key.to_user_string(), event.partition): event.metadata for event in events}
        run.rejected = {day: metadata for (asset, day), metadata in shown.items() if asset == "rejected_captures"}
        return {day: metadata for (asset, day), metadata in shown.items() if asset == "snapshots"}

    run.table = lambda name: pl.read_parquet(tmp_path / "store" / name / "*" / "data.parquet", hive_partitioning=False)
    return run


def archive(folder, *rows):
    folder.mkdir(exist_ok=True)
    (folder / "captures.csv").write_text(GENERIC + "".join(f"{row}\n" for row in rows))
    return {"source": "archive", "folder": str(folder), "mapping": "generic"}


def row(video, day, views):
    return f"{video},2026-01-{day:02d}T12:00:00Z,2026-01-01T00:00:00Z,channel,Title,{views}"


def test_a_range_of_sample_days_is_the_world_on_those_days(captured):
    captured("2026-02-01", "2026-02-03")
    world = SampleWorld().snapshots([date(2026, 2, day) for day in (1, 2, 3)]).rows
    keys = ["video_id", "captured_at"]
    assert captured.table("snapshots").sort(keys).equals(world.sort(keys))
    assert captured.table("snapshots")["source"].unique().to_list() == ["sample"]


def test_a_sample_day_made_again_replaces_itself(captured):
    captured("2026-02-01", "2026-02-01")
    before = captured.table("snapshots")
    captured("2026-02-01", "2026-02-01")
    assert captured.table("snapshots").equals(before)


def test_a_second_archive_adds_to_the_days_of_the_first(captured, tmp_path):
    captured("2026-01-05", "2026-01-05", **archive(tmp_path / "us", row("aaaaaaaaaaa", 5, 10)))
    captured("2026-01-05", "2026-01-05", **archive(tmp_path / "fr", row("bbbbbbbbbbb", 5, 20)))
    assert captured.table("snapshots")["video_id"].to_list() == ["aaaaaaaaaaa", "bbbbbbbbbbb"]


def test_the_sample_never_mixes_with_real_captures(captured, tmp_path):
    captured("2026-01-05", "2026-01-05", **archive(tmp_path / "us", row("aaaaaaaaaaa", 5, 10)))
    before = captured.table("snapshots")
    with pytest.raises(dg.Failure, match="all of the synthetic sample or all real"):
        captured("2026-01-05", "2026-01-05")
    assert captured.table("snapshots").equals(before)


def test_the_sample_never_mixes_with_real_captures_of_other_days(captured, tmp_path):
    captured("2026-02-01", "2026-02-01")
    with pytest.raises(dg.Failure, match="holds synthetic ones"):
        captured("2026-01-05", "2026-01-05", **archive(tmp_path / "us", row("aaaaaaaaaaa", 5, 10)))


def test_each_day_of_a_range_shows_its_own_numbers(captured):
    shown = captured("2026-02-01", "2026-02-03")
    rows = captured.table("snapshots")
    for day, metadata in shown.items():
        of_the_day = rows.filter(pl.col("captured_at").dt.date() == date.fromisoformat(day))
        assert metadata["videos"].value == of_the_day["video_id"].n_unique()
    assert len({metadata["videos"].value for metadata in shown.values()}) > 1


def test_rejected_rows_are_kept_with_their_reason(captured, tmp_path):
    options = archive(tmp_path / "us", row("aaaaaaaaaaa", 5, 10), row("#NAME?", 5, 10))
    captured("2026-01-05", "2026-01-05", **options)
    rejected = captured.table("rejected_captures")
    assert rejected["video_id"].to_list() == ["#NAME?"]
    assert captured.table("snapshots").height == 1


def test_a_run_of_many_days_says_of_each_day_what_was_captured_and_set_aside_on_it(captured, tmp_path):
    rows = [row("aaaaaaaaaaa", 5, 10), row("bbbbbbbbbbb", 5, 10), row("#NAME?", 5, 10), row("aaaaaaaaaaa", 6, -1)]
    shown = captured("2026-01-05", "2026-01-06", **archive(tmp_path / "us", *rows))
    assert {day: metadata["videos"].value for day, metadata in shown.items()} == {"2026-01-05": 2, "2026-01-06": 0}
    reasons = {day: [each.data for each in told["by_reason"].records] for day, told in captured.rejected.items()}
    assert reasons == {
        "2026-01-05": [{"reason": "invalid_video_id", "rows": 1}],
        "2026-01-06": [{"reason": "negative_counter", "rows": 1}],
    }


def test_a_day_without_captures_is_an_empty_partition_not_a_missing_one(captured, tmp_path):
    metadata = captured("2026-01-05", "2026-01-06", **archive(tmp_path / "us", row("aaaaaaaaaaa", 5, 10)))
    counts = {day: shown["dagster/row_count"].value for day, shown in metadata.items()}
    assert counts == {"2026-01-05": 1, "2026-01-06": 0}


def test_a_command_and_its_runs_share_one_opened_source(tmp_path):
    options = {"folder": str(tmp_path), "mapping": "generic"}
    config = capture.CaptureConfig(source="archive", options=dict(reversed(options.items())))
    assert capture.opened("archive", options) is capture._source(config, FolderStore(root=str(tmp_path)))


@pytest.fixture
def live(tmp_path, monkeypatch):
    """Captures of a small stand-in for the Data API, at a moment: what `captured` takes as source and options."""
    with FakeYouTube(SampleWorld(n_channels=6), moment=MOMENT) as fake:
        monkeypatch.setenv("VIDRANK_YOUTUBE_ENDPOINT", fake.endpoint)
        monkeypatch.setenv("VIDRANK_YOUTUBE_API_KEY", fake.key)
        monkeypatch.setenv("VIDRANK_THUMBNAIL_ORIGINS", f'["{fake.endpoint.rstrip("/")}"]')
        watched = tmp_path / "watch.yaml"
        watched.write_text(yaml.safe_dump({"niches": {"tech": {"channels": fake.channel_ids}}}))
        yield fake, {"source": "youtube_api", "watch_list": str(watched), "at": MOMENT.isoformat()}


def test_a_day_from_the_data_api_says_what_it_cost_and_that_it_is_complete(captured, live):
    fake, options = live
    shown = captured("2026-02-10", "2026-02-10", **options)["2026-02-10"]
    assert shown["state"].value == "complete"
    assert shown["spent_today_shared"].value == fake.spent["shared"] > 0
    assert shown["videos"].value == captured.table("snapshots").height > 0
    assert not shown["preview"].records and "API data" in shown["preview_left_out"].value
    assert captured.table("thumbnails").height > 0
    assert set(captured.table("channel_snapshots")["source"]) == {"youtube_api"}


def test_a_spent_quota_is_a_state_of_the_day_and_no_failure_and_the_day_goes_on_later(captured, live):
    fake, options = live
    fake.fault("videos.batchGetStats", "quota_exceeded")
    shown = captured("2026-02-10", "2026-02-10", **options)["2026-02-10"]
    assert shown["state"].value == "waiting_for_quota"
    assert shown["resumes_at"].value == "2026-02-10T08:00:00+00:00"
    assert captured.table("snapshots").is_empty()
    paid = fake.spent_by_day
    after = {**options, "at": (MOMENT + timedelta(hours=3)).isoformat()}
    fake.moment = MOMENT + timedelta(hours=3)
    shown = captured("2026-02-10", "2026-02-10", **after)["2026-02-10"]
    assert shown["state"].value == "complete"
    assert captured.table("snapshots").height > 0
    uploads = [each.params for each in fake.asked if each.method == "playlistItems.list"]
    assert len(uploads) == len({str(each) for each in uploads}) and paid


def test_a_past_day_is_refused_by_the_data_api_before_anything_is_written(captured, live, tmp_path):
    _, options = live
    with pytest.raises(dg.Failure, match="only knows the present"):
        captured("2026-02-09", "2026-02-09", **options)
    assert not (tmp_path / "store" / "snapshots").exists()


def test_what_a_stand_in_says_never_mixes_with_real_captures(captured, live, tmp_path):
    captured("2026-01-05", "2026-01-05", **archive(tmp_path / "us", row("aaaaaaaaaaa", 5, 10)))
    with pytest.raises(dg.Failure, match="holds real ones, and these are a stand-in's, synthetic"):
        captured("2026-02-10", "2026-02-10", **live[1])

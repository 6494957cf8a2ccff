from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from vidrank_assets.assets.io_managers import Tables
from vidrank_assets.assets.jobs import captured_daily
from vidrank_assets.assets.media import media_files
from vidrank_assets.assets.partitions import by_day
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.capture import media_files as owned
from vidrank_assets.definitions import definitions
from vidrank_assets.settings import Settings
from vidrank_assets.tables import MEDIA_FILES, SNAPSHOTS

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAYS = ["2026-01-05", "2026-01-06"]
#: Which videos are captured on which day; `b` twice on the second.
CAPTURED = {DAYS[0]: [("a", 0), ("b", 0)], DAYS[1]: [("b", 1), ("b", 3), ("c", 0)]}


@dg.asset(io_manager_key="tables", partitions_def=by_day, backfill_policy=dg.BackfillPolicy.single_run())
def snapshots(context: dg.AssetExecutionContext):
    """Three videos on two days."""
    rows = {
        day: [
            {
                "video_id": video,
                "captured_at": START + timedelta(days=DAYS.index(day), hours=hours),
                "published_at": START,
                "source": "test",
            }
            for video, hours in CAPTURED[day]
        ]
        for day in context.partition_keys
    }
    return {day: pl.DataFrame(some, schema=SNAPSHOTS.schema) for day, some in rows.items()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The owner's folder, with a film of `b`."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "b.mp4").write_bytes(b"film of b")
    monkeypatch.setenv("VIDRANK_MEDIA", str(tmp_path / "media"))
    return tmp_path / "media"


@pytest.fixture
def made(tmp_path):
    """Materializes some days; gives each day's rows as (video, hour, file), and the metadata of the last day made."""
    store = FolderStore(root=str(tmp_path / "store"))
    instance = dg.DagsterInstance.ephemeral()

    def run(first, last, *assets):
        result = dg.materialize(
            [snapshots, media_files],
            selection=list(assets or (media_files,)),
            resources={"store": store, "tables": Tables(store=store)},
            instance=instance,
            tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
        )
        shown = result.asset_materializations_for_node("media_files")
        run.metadata = {event.partition: {k: v.value for k, v in event.metadata.items()} for event in shown}
        tables = [store.open().read_table(key) for key in store.open().keys("media_files")]
        assert all(MEDIA_FILES.checked(table).equals(table) for table in tables)
        return [[(video, at.hour, path.rpartition("/")[2]) for video, at, path, *_ in table.rows()] for table in tables]

    run("2026-01-05", "2026-01-06", snapshots)
    yield run
    instance.dispose()


def test_each_day_has_the_files_of_the_videos_captured_on_it_at_their_first_capture(made, folder):
    assert made(*DAYS) == [[("b", 12, "b.mp4")], [("b", 13, "b.mp4")]]
    assert made.metadata[DAYS[0]]["files"] == 1
    assert made.metadata[DAYS[0]]["size_bytes_of_files"] == 9


def test_one_day_after_the_other_gives_what_both_together_give(made, folder):
    together = made(*DAYS)
    made(DAYS[0], DAYS[0])
    assert made(DAYS[1], DAYS[1]) == together


def test_a_file_that_comes_later_is_in_the_days_made_from_then_on(made, folder):
    made(*DAYS)
    (folder / "a.webm").write_bytes(b"film of a")
    (folder / "c.mp3").write_bytes(b"sound of c")
    assert made(DAYS[1], DAYS[1])[0] == [("b", 12, "b.mp4")]
    assert made(*DAYS) == [[("a", 12, "a.webm"), ("b", 12, "b.mp4")], [("b", 13, "b.mp4"), ("c", 12, "c.mp3")]]


def test_a_file_that_an_earlier_day_listed_is_not_read_again(made, folder, monkeypatch):
    made(DAYS[0], DAYS[0])
    monkeypatch.setattr(owned, "_sha256", lambda path: pytest.fail(f"{path} was read"))
    assert made(DAYS[1], DAYS[1])[1] == [("b", 13, "b.mp4")]


def test_without_a_folder_the_days_are_empty_and_say_why(made, monkeypatch):
    monkeypatch.delenv("VIDRANK_MEDIA", raising=False)
    assert made(*DAYS) == [[], []]
    assert made.metadata[DAYS[0]]["why_empty"] == "VIDRANK_MEDIA is not set"


@pytest.mark.parametrize("media", [None, "/films"])
def test_the_daily_capture_takes_sound_and_film_only_where_there_is_a_folder_of_them(media):
    loaded = definitions()
    graph = loaded.resolve_asset_graph()
    taken = {key.to_user_string() for key in captured_daily(Settings(media=media)).resolve(graph)}
    always = {"snapshots", "thumbnails", "embeddings/thumbnail_statistics", "embeddings/title_ngrams"}
    with_media = {"media_files", "embeddings/sound_statistics", "embeddings/frame_statistics"}
    assert always <= taken
    assert with_media & taken == (with_media if media else set())
    assert not {"embeddings/clap", "embeddings/clip_frames"} & taken

from datetime import timedelta
from io import BytesIO

import polars as pl
import pytest

from vidrank_assets.upkeep.retention import Retention
from vidrank_assets.upkeep.sweep import expired, holds_api_data, sweep

DEFAULT = Retention()
OWN_CHANNEL = Retention("own_channel", ("UCown-channel",))
AUDITED = Retention("audited", audited_days=365)
MODES = (DEFAULT, OWN_CHANNEL, AUDITED)


def swept(store, retention, now):
    told = []
    done = sweep(store, retention, now=now, replaced=lambda *each: told.append(each))
    return done, told


@pytest.fixture
def at(there):
    """The instant so many days after day 0, soon after midnight, when the sweep runs."""
    return lambda days: there.DAY_0.replace(hour=0, minute=15) + timedelta(days=days)


def words(there, *videos):
    """The ids and the titles of videos."""
    return [*videos, *(there.TITLE[video] for video in videos)]


@pytest.mark.parametrize("retention", MODES, ids=lambda each: each.mode)
def test_on_day_29_nothing_of_the_captures_has_expired(planted, there, at, retention):
    before = there.contents(planted)
    done, told = swept(planted, retention, at(29))
    after = there.contents(planted)
    assert not told and not done.removed and not done.refreshed
    gone = set(before) - set(after)
    assert {name.split("/")[1] for name in gone} == {"video_catalogue", "handles"}  # all but the newest two
    assert after == {name: content for name, content in before.items() if name not in gone}


def test_on_day_31_nothing_that_was_read_on_day_0_is_anywhere(planted, there, at):
    swept(planted, DEFAULT, at(31))
    gone = there.files_with(planted, *words(there, there.OLD, there.MINE), there.TITLE[there.SEEN_AGAIN])
    # What one owns is no API data: the film's path and the clicks stay.
    assert {name.split("/")[0] for files in gone.values() for name in files} == {"media_files", "video_analytics"}


def test_on_day_31_what_was_read_again_or_is_of_an_archive_is_still_where_it_is_of_use(planted, there, at):
    swept(planted, DEFAULT, at(31))
    found = there.files_with(planted, there.SEEN_AGAIN, there.NEW_TITLE, *words(there, there.FROM_ARCHIVE))
    places = {word: {name.split("/")[0] for name in files} for word, files in found.items()}
    assert places[there.SEEN_AGAIN] >= {"snapshots", "thumbnails", "video_versions", "youtube_api", "embeddings"}
    assert places[there.NEW_TITLE] == {"snapshots", "video_versions", "youtube_api"}
    everywhere = {"snapshots", "rejected_captures", "video_versions", "horizon_targets", "models"}
    assert places[there.TITLE[there.FROM_ARCHIVE]] >= everywhere
    assert places[there.FROM_ARCHIVE] >= everywhere | {
        "thumbnails",
        "thumbnail_scores",
        "embeddings",
        "fused",
        "fused_embeddings",
        "metadata_features",
        "ranking_targets",
    }


def test_a_picture_that_the_image_host_still_shows_is_refreshed_and_one_that_it_was_not_asked_for_goes(
    planted, there, at
):
    swept(planted, DEFAULT, at(31))
    for name in ("thumbnails", "thumbnail_scores"):  # the scores go with the picture that they were made of
        rows = planted.read_table(f"{name}/day=2026-03-01/data.parquet")
        assert rows["video_id"].to_list() == [there.SEEN_AGAIN, there.FROM_ARCHIVE]


@pytest.mark.parametrize("days", [31, 396])
def test_ones_own_channel_is_kept_whole_and_every_other_as_by_default(planted, there, at, days):
    before = there.files_with(planted, *words(there, there.MINE))
    swept(planted, OWN_CHANNEL, at(days))
    after = there.files_with(planted, *words(there, there.MINE), *words(there, there.OLD))
    kept = {name.rpartition("/")[0] for name in after[there.MINE] if "run_id=mixed" not in name}
    # Raw answers, runs that learned from others too, and vectors beside those of others are written anew.
    assert kept >= {
        name.rpartition("/")[0]
        for name in before[there.MINE]
        if "run_id=mixed" not in name and "youtube_api/pages" not in name
    }
    assert after[there.OLD] == after[there.TITLE[there.OLD]] == []
    assert any("run_id=mine" in name and "report.html" in name for name in after[there.TITLE[there.MINE]])


def test_after_an_audit_counters_stay_and_descriptions_are_what_the_catalogue_says_now(planted, there, at):
    swept(planted, AUDITED, at(31))
    gone = there.files_with(planted, there.TITLE[there.OLD], there.TITLE[there.SEEN_AGAIN], there.TITLE[there.MINE])
    assert not any(gone.values()), gone
    rows = planted.read_table("snapshots/day=2026-03-01/data.parquet").sort("video_id")
    said = dict(rows.select("video_id", pl.struct("view_count", "title", "description", "tags")).iter_rows())
    assert said[there.OLD] == {"view_count": 100, "title": None, "description": None, "tags": None}
    assert said[there.SEEN_AGAIN]["title"] == there.NEW_TITLE
    assert said[there.FROM_ARCHIVE]["title"] == there.TITLE[there.FROM_ARCHIVE]
    channels = planted.read_table("channel_snapshots/day=2026-03-01/data.parquet").sort("channel_id")
    assert channels["channel_title"].to_list() == ["name of UCarchive-channel", None, None]
    assert channels["subscriber_count"].to_list() == [9, 7, 8]
    targets = planted.read_table("horizon_targets/horizon=7d/data.parquet")
    assert targets.select("title", "target_raw").rows() == [
        (None, 1),
        (there.NEW_TITLE, 2),
        (None, 3),
        ("Archive delta", 4),
    ]
    features = planted.read_table("metadata_features/horizon=7d/data.parquet")
    assert features["default_language"].to_list() == [None, None, None, "language of Archive delta"]


@pytest.mark.parametrize("retention", [DEFAULT, AUDITED], ids=lambda each: each.mode)
def test_after_13_months_there_is_no_api_data_at_all(planted, there, at, retention):
    swept(planted, retention, at(396))
    videos = (there.OLD, there.SEEN_AGAIN, there.MINE)
    gone = there.files_with(planted, *words(there, *videos), there.NEW_TITLE, there.OTHER, "UCown")
    owned = ("media_files", "video_analytics")
    left = {name for files in gone.values() for name in files if not name.startswith(owned)}
    assert {name.rpartition("/models/")[2] for name in left} == {"gbdt/categories.json"}  # a model is no API data
    assert planted.read_table("snapshots/day=2026-03-28/data.parquet").height == 0


@pytest.mark.parametrize("retention", MODES, ids=lambda each: each.mode)
@pytest.mark.parametrize("days", [31, 396])
def test_a_second_sweep_finds_nothing_and_changes_no_file(planted, there, at, retention, days):
    assert not expired(planted, retention, now=at(days)).is_nothing
    swept(planted, retention, at(days))
    before = there.contents(planted)
    assert expired(planted, retention, now=at(days)).is_nothing
    done, told = swept(planted, retention, at(days))
    assert done.is_nothing and not told and there.contents(planted) == before


def test_what_would_expire_is_counted_without_touching_a_file(planted, there, at):
    before = there.contents(planted)
    counted = expired(planted, DEFAULT, now=at(31))
    assert there.contents(planted) == before
    done, _ = swept(planted, DEFAULT, at(31))
    assert (counted.removed, counted.refreshed) == (done.removed, done.refreshed)
    assert done.removed["snapshots"] == 3 and done.removed["fused_embeddings"] == 3


def test_a_label_of_a_video_that_an_archive_saw_first_goes_when_its_last_capture_is_of_the_api(planted, there, at):
    key = "horizon_targets/horizon=7d/data.parquet"
    rows = planted.read_table(key).with_columns(source=pl.lit("archive"), label_known_at="first_captured_at")
    planted.write_table(key, rows)
    swept(planted, DEFAULT, at(29))
    assert planted.read_table(key).equals(rows)
    swept(planted, DEFAULT, at(31))
    assert planted.read_table(key)["video_id"].to_list() == [there.FROM_ARCHIVE]


@pytest.mark.parametrize("retention", MODES, ids=lambda each: each.mode)
def test_archives_keep_their_bytes(planted, there, at, retention):
    before = there.contents(planted)
    swept(planted, retention, at(396))
    after = there.contents(planted)
    of_archive = [name for name in before if "day=2026-01-20" in name or "run_id=archived" in name]
    assert len(of_archive) > 10 and all(after[name] == before[name] for name in of_archive)


@pytest.mark.parametrize("source", ["sample", "archive"])
def test_a_store_without_api_data_is_never_touched(planted, there, at, source):
    for name, content in there.contents(planted).items():
        if name.startswith("youtube_api"):
            (planted.root / name).unlink()
        elif name.endswith(".parquet") and "source" in (rows := pl.read_parquet(BytesIO(content))).columns:
            planted.write_table(name, rows.with_columns(source=pl.lit(source)))
    before = there.contents(planted)
    assert not holds_api_data(planted)
    done, told = swept(planted, DEFAULT, at(396))
    assert done.is_nothing and not told and there.contents(planted) == before


def test_vectors_that_are_left_are_what_they_were_and_manifests_name_shards_that_are_there(planted, there, at):
    def vectors():
        rows = planted.read_table("fused_embeddings/strategy=concat/data.parquet")
        fused = planted.gather(rows["fused_key"], rows["shard_idx"])
        texts = planted.gather(rows["text_emb_key"], rows["text_shard_idx"])
        return {video: (*fused[i], *texts[i]) for i, video in enumerate(rows["video_id"])}

    before = vectors()
    swept(planted, DEFAULT, at(31))
    assert vectors() == {there.FROM_ARCHIVE: before[there.FROM_ARCHIVE]}
    parts = pl.concat(planted.read_table(key) for key in planted.keys("embedding_manifest"))
    assert parts.filter(modality="text").select("video_id", "content_hash").rows() == [
        (there.FROM_ARCHIVE, there.hash_of("Archive delta")),
        (there.SEEN_AGAIN, there.hash_of(there.NEW_TITLE)),
    ]
    assert {each for each in parts["shard_key"]} == set(planted.keys("embeddings"))


def test_a_run_that_learned_from_what_expired_keeps_models_and_metrics_and_says_what_went(planted, there, at):
    swept(planted, DEFAULT, at(31))
    for level in ("", "model=ridge/"):
        folder = f"models/snapshots/run_id=mixed/{level}strategy=concat/horizon=7d"
        with planted.open_artifact(folder) as files:
            left = {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()}
        assert left == {
            "checksums.json", "config_used.json", "data_summary.json", "metrics_summary.json", "swept.json",
            "models/ridge/parameters.json", "models/gbdt/categories.json", "models/gbdt/trees.txt",
        }  # fmt: skip
        assert b'"at": "2026-04-01T00:15:00+00:00"' in planted.read_from_artifact(folder, "swept.json")


def test_whoever_reads_is_told_what_each_replaced_table_and_folder_is_now(planted, there, at):
    _, told = swept(planted, DEFAULT, at(31))
    for table, partition, stored, rows in told:
        if rows is None:
            assert planted.stored_artifact(table) == stored
        else:
            assert planted.read_table(stored.key, sha256=stored.sha256).height == rows
            assert stored.key == f"{table}/{partition}/data.parquet"
    assert {table for table, _, _, rows in told if rows is not None} == {
        "snapshots", "channel_snapshots", "rejected_captures", "thumbnails", "video_versions", "horizon_targets",
        "metadata_features", "split_manifest", "paired_features", "fused_embeddings", "thumbnail_scores",
        "training_pairs", "ranking_targets",
    }  # fmt: skip


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_step_the_next_sweep_comes_to_the_same_end(there, at, each_killed, every):
    told = each_killed(lambda store, tell: sweep(store, DEFAULT, now=at(31), replaced=tell), every=every)
    assert len(told) == 17


@pytest.mark.slow
def test_killed_at_any_step_of_another_mode_the_next_sweep_comes_to_the_same_end(there, at, each_killed):
    told = each_killed(lambda store, tell: sweep(store, AUDITED, now=at(31), replaced=tell))
    assert len(told) == 13

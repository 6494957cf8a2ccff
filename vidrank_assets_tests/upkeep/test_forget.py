import pytest

from vidrank_assets.upkeep.forget import forget


@pytest.fixture
def now(there):
    return there.LATER


def words(there, *videos):
    return [*videos, *(there.TITLE[video] for video in videos)]


def test_a_forgotten_channel_is_in_no_file_any_more_and_the_others_are(planted, there, now):
    forget(planted, there.OTHER, now=now, replaced=lambda *_: None)
    gone = there.files_with(planted, *words(there, there.OLD, there.SEEN_AGAIN), there.NEW_TITLE, there.OTHER)
    assert not any(gone.values()), gone
    left = there.files_with(planted, *words(there, there.MINE, there.FROM_ARCHIVE))
    places = {word: {name.split("/")[0] for name in names} for word, names in left.items()}
    assert places[there.MINE] >= {
        "snapshots", "rejected_captures", "thumbnails", "video_versions", "horizon_targets", "metadata_features",
        "split_manifest", "paired_features", "embeddings", "fused", "fused_embeddings", "models", "youtube_api",
        "thumbnail_scores", "training_pairs", "ranking_targets", "video_analytics",
    }  # fmt: skip
    assert places[there.FROM_ARCHIVE] >= {"snapshots", "horizon_targets", "embeddings", "fused", "models"}


def test_the_channel_of_an_archive_is_forgotten_just_so(planted, there, now):
    forget(planted, there.ARCHIVED, now=now, replaced=lambda *_: None)
    gone = there.files_with(planted, *words(there, there.FROM_ARCHIVE), there.ARCHIVED)
    assert not any(gone.values()), gone


def test_the_owners_films_and_analytics_of_a_forgotten_channel_are_there_no_more(planted, there, now):
    forget(planted, there.OWN, now=now, replaced=lambda *_: None)
    gone = there.files_with(planted, *words(there, there.MINE), there.OWN)
    assert not any(gone.values()), gone
    assert planted.read_table("video_analytics/data.parquet")["video_id"].to_list() == [there.FROM_ARCHIVE]


def test_a_model_that_names_the_channel_goes_with_all_its_files_and_the_others_stay(planted, there, now):
    forget(planted, there.OTHER, now=now, replaced=lambda *_: None)
    kept = planted.keys("models/snapshots/run_id=mixed/strategy=concat/horizon=7d/models")
    assert [key.rpartition("models/")[2] for key in kept] == ["ridge/parameters.json"]
    of_others = planted.keys("models/snapshots/run_id=mine/strategy=concat/horizon=7d")
    assert len(of_others) == 10


def test_what_was_never_there_is_forgotten_without_touching_a_file(planted, there, now):
    before = there.contents(planted)
    done = forget(planted, "UCnobody", now=now, replaced=lambda *_: None)
    after = there.contents(planted)
    assert not done.removed
    assert {name.split("/")[1] for name in set(before) - set(after)} == {"video_catalogue", "handles"}
    assert all(after[name] == before[name] for name in after)


def test_forgotten_twice_nothing_changes(planted, there, now):
    forget(planted, there.OTHER, now=now, replaced=lambda *_: None)
    before = there.contents(planted)
    assert forget(planted, there.OTHER, now=now, replaced=lambda *_: None).is_nothing
    assert there.contents(planted) == before


def test_killed_at_any_step_forgetting_again_comes_to_the_same_end(there, now, each_killed):
    told = each_killed(lambda store, tell: forget(store, there.OTHER, now=now, replaced=tell), every=6)
    assert len(told) == 16

import json

import pytest

from vidrank_assets.errors import ChecksumMismatch
from vidrank_assets.upkeep import run_folders
from vidrank_assets.upkeep.changes import Changes

FOLDER = "models/snapshots/run_id=mixed/strategy=concat/horizon=7d"


@pytest.fixture
def sums(planted):
    return dict(run_folders.folders(planted))[FOLDER]


def test_folders_are_those_of_families_and_of_cells_and_not_of_comparisons(planted):
    planted.write("models/snapshots/run_id=mixed/comparison/checksums.json", b"{}")
    found = [folder.removeprefix("models/snapshots/run_id=") for folder, _ in run_folders.folders(planted)]
    of_run = ["model=ridge/strategy=concat/horizon=7d", "strategy=concat/horizon=7d"]
    assert found == [f"{run}/{level}" for run in ("archived", "mine", "mixed") for level in of_run]


def test_a_folder_of_an_older_version_has_no_oldest_capture(planted):
    planted.write(f"{FOLDER}/data_summary.json", b"{}")
    assert run_folders.oldest_capture(planted, FOLDER) is None


def test_what_is_stripped_twice_says_all_that_went(planted, sums, there):
    changes = Changes(planted, lambda *_: None)
    run_folders.strip(changes, FOLDER, sums, now=there.LATER, why="first")
    again = dict(run_folders.folders(planted))[FOLDER]
    run_folders.strip(changes, FOLDER, again, now=there.LATER, why="second", also=["models/gbdt/trees.txt"])
    swept = json.loads(planted.read_from_artifact(FOLDER, "swept.json"))
    assert swept["why"] == "second"
    assert swept["files"] == [
        "models/gbdt/trees.txt", "predictions/test.parquet", "report.html", "split_manifest.parquet",
    ]  # fmt: skip
    assert not planted.exists(f"{FOLDER}/models/gbdt/trees.txt")


def test_a_damaged_file_of_a_stripped_folder_is_still_a_fault(planted, sums, there):
    run_folders.strip(Changes(planted, lambda *_: None), FOLDER, sums, now=there.LATER, why="expired")
    planted.write(f"{FOLDER}/models/gbdt/trees.txt", b"other trees")
    with pytest.raises(ChecksumMismatch, match=r"trees\.txt"), planted.open_artifact(FOLDER):
        pass


def test_only_a_folder_that_was_swept_loses_what_it_does_not_list(planted, sums):
    planted.write(f"{FOLDER}/note.txt", b"a person's own")
    run_folders.remove_unlisted(Changes(planted, lambda *_: None), FOLDER, sums)
    assert planted.exists(f"{FOLDER}/note.txt")


def test_a_run_of_some_videos_only_is_told_from_one_of_others_too(planted, sums, there):
    assert run_folders.is_only_of(planted, FOLDER, sums, there.VIDEOS)
    assert not run_folders.is_only_of(planted, FOLDER, sums, [there.MINE])
    assert not run_folders.is_only_of(planted, FOLDER, sums, [])

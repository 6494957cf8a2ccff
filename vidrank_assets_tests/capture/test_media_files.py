import hashlib
import os
from datetime import UTC, datetime

import polars as pl
import pytest

from vidrank_assets.capture import media_files as module
from vidrank_assets.capture.media_files import media_files
from vidrank_assets.errors import InvalidInput
from vidrank_assets.tables import MEDIA_FILES

CHANGED = datetime(2026, 1, 3, 4, 5, 6, 789000, tzinfo=UTC)
NONE_KNOWN = MEDIA_FILES.empty()


def put(folder, name, content=b"film", changed=CHANGED):
    (folder / name).write_bytes(content)
    os.utime(folder / name, (changed.timestamp(), changed.timestamp()))


def captured(*rows):
    """Rows of (video, day)."""
    made = [{"video_id": video, "captured_at": datetime(2026, 1, day, 12, tzinfo=UTC)} for video, day in rows]
    return pl.DataFrame(made, schema={name: MEDIA_FILES.schema[name] for name in ("video_id", "captured_at")})


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that were read for their hash."""
    names, sha256 = [], module._sha256
    monkeypatch.setattr(module, "_sha256", lambda path: names.append(path.name) or sha256(path))
    return names


def test_a_file_is_of_the_video_that_it_is_named_for(tmp_path):
    put(tmp_path, "a.mp4", b"film of a")
    put(tmp_path, "-b_1.MKV")
    put(tmp_path, "of nobody.mp4")
    rows = media_files(tmp_path, captured(("a", 5), ("-b_1", 5), ("c", 5)), NONE_KNOWN)
    assert rows["video_id"].to_list() == ["-b_1", "a"]
    assert rows.row(1, named=True) == {
        "video_id": "a", "captured_at": datetime(2026, 1, 5, 12, tzinfo=UTC), "path": str(tmp_path / "a.mp4"),
        "content_hash": hashlib.sha256(b"film of a").hexdigest(), "size_bytes": 9, "modified_at": CHANGED,
    }  # fmt: skip


def test_subtitles_pictures_unfinished_downloads_and_folders_are_no_media(tmp_path):
    for name in ("a.srt", "a.jpg", "a.info.json", "a.mp4.part", "a"):
        put(tmp_path, name)
    (tmp_path / "a.mp4").mkdir()
    assert media_files(tmp_path, captured(("a", 5)), NONE_KNOWN).is_empty()


def test_sound_and_film_of_one_video_are_two_rows(tmp_path):
    put(tmp_path, "a.m4a", b"sound")
    put(tmp_path, "a.mp4", b"film")
    rows = media_files(tmp_path, captured(("a", 5)), NONE_KNOWN)
    assert [path.rpartition(".")[2] for path in rows["path"]] == ["m4a", "mp4"]


def test_a_video_captured_on_two_days_has_its_file_on_both_and_it_is_read_once(tmp_path, hashed):
    put(tmp_path, "a.mp4")
    rows = media_files(tmp_path, captured(("a", 5), ("a", 6)), NONE_KNOWN)
    assert [moment.day for moment in rows["captured_at"]] == [5, 6]
    assert hashed == ["a.mp4"]


def test_a_known_file_is_not_read_again_and_a_changed_one_is(tmp_path, hashed):
    for name in ("same.mp4", "longer.mp4", "later.mp4"):
        put(tmp_path, name)
    videos = captured(("same", 5), ("longer", 5), ("later", 5))
    first = media_files(tmp_path, videos, NONE_KNOWN)
    put(tmp_path, "longer.mp4", b"film and more")
    put(tmp_path, "later.mp4", b"mlif", CHANGED.replace(day=4))
    hashed.clear()
    second = media_files(tmp_path, videos, first)
    assert sorted(hashed) == ["later.mp4", "longer.mp4"]
    assert second.join(first, on=["video_id", "modified_at", "size_bytes"])["video_id"].to_list() == ["same"]


def test_a_file_that_cannot_be_read_has_no_row(tmp_path, monkeypatch):
    put(tmp_path, "a.mp4")
    monkeypatch.setattr(module, "_sha256", lambda path: None)
    assert media_files(tmp_path, captured(("a", 5)), NONE_KNOWN).is_empty()


def test_a_folder_that_is_not_there_is_refused_with_the_setting(tmp_path):
    with pytest.raises(InvalidInput, match="VIDRANK_MEDIA must be a folder .*/gone is none"):
        media_files(tmp_path / "gone", captured(("a", 5)), NONE_KNOWN)

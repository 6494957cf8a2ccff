"""Pictures that lie beside captures."""

from datetime import UTC, datetime
from hashlib import sha256

import polars as pl
import pytest
from PIL import Image

from vidrank_assets.capture.archive_pictures import pictures
from vidrank_assets.tables import THUMBNAILS

SEEN = datetime(2026, 1, 5, tzinfo=UTC)


def videos(*ids: str) -> pl.DataFrame:
    return pl.DataFrame({"video_id": ids, "captured_at": [SEEN] * len(ids), "source": ["archive:x"] * len(ids)})


def test_a_picture_comes_with_its_bytes_size_and_hash(tmp_path):
    path = tmp_path / "abcdefghij1.webp"
    Image.new("RGB", (12, 9)).save(path)
    found = THUMBNAILS.checked(pictures(videos("abcdefghij1", "abcdefghij2"), tmp_path, "{video_id}.webp"))
    assert found.rows() == [
        ("abcdefghij1", sha256(path.read_bytes()).hexdigest(), SEEN, path.read_bytes(), 12, 9, "archive:x")
    ]


def test_what_is_no_picture_is_left_out_and_named_in_the_log(tmp_path, caplog):
    (tmp_path / "a.jpg").write_bytes(b"<html>")
    assert pictures(videos("a"), tmp_path, "{video_id}.jpg").is_empty()
    assert "a.jpg is left out" in caplog.text


@pytest.mark.parametrize(("size", "form"), [((4001, 4000), "PNG"), ((2, 2), "GIF")])
def test_a_picture_that_is_too_large_or_of_another_format_is_left_out(tmp_path, size, form):
    Image.new("1", size).save(tmp_path / "a.jpg", format=form)
    assert pictures(videos("a"), tmp_path, "{video_id}.jpg").is_empty()


def test_a_picture_that_was_cut_off_is_left_out(tmp_path, caplog):
    Image.radial_gradient("L").save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    assert pictures(videos("a"), tmp_path, "{video_id}.jpg").is_empty()
    assert "a.jpg is left out: truncated" in caplog.text

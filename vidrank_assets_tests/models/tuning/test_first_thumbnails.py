from datetime import UTC, datetime, timedelta
from hashlib import sha256

import polars as pl

from vidrank_assets.models.tuning.first_thumbnails import first_thumbnails
from vidrank_assets_tests.models.tuning.bright_pictures import BrightPictures

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
BRIGHT = BrightPictures(6)


def chosen(*shown):
    """The picture that is looked at of each video; the rows are video, day of capture and picture."""
    rows = [
        {"video_id": video, "captured_at": START + timedelta(days=day), "image": image}
        | {"content_hash": sha256(image).hexdigest()}
        for video, day, image in shown
    ]
    pairs = pl.DataFrame({"video_id_a": ["a"], "video_id_b": ["b"]})
    return dict(first_thumbnails(pl.LazyFrame(rows), pairs).iter_rows())


def test_the_first_picture_of_each_video_of_the_pairs_is_looked_at():
    first, later, of_b, of_no_pair = BRIGHT.pictures[:4]
    assert chosen(("a", 1, later), ("b", 0, of_b), ("a", 0, first), ("c", 0, of_no_pair)) == {"a": first, "b": of_b}


def test_where_the_first_picture_cannot_be_read_the_next_that_can_is_looked_at():
    first, later, of_b = BRIGHT.pictures[:3]
    damaged = [("a", 0, b"damaged"), ("a", 1, first[:-200]), ("a", 2, b"damaged")]
    assert chosen(*damaged, ("a", 3, first), ("a", 4, later), ("b", 0, of_b)) == {"a": first, "b": of_b}


def test_of_a_video_without_a_readable_picture_the_first_is_there_to_be_counted():
    assert chosen(("a", 1, b"later"), ("a", 0, b"first"), ("b", 0, BRIGHT.pictures[0]))["a"] == b"first"

"""Which file belongs to which group, and what a folder that does not fit says."""

import pytest

from vidrank_assets.capture.archive_batches import batches
from vidrank_assets.capture.mapping import read_mapping
from vidrank_assets.errors import InvalidInput

TWO_LAYOUTS = """
defaults:
  columns: {video_id: id, captured_at: seen, published_at: born}
files:
  - glob: "*.csv"
    columns: {duration_sec: length}
  - glob: "**/*.csv"
"""


@pytest.fixture
def two_layouts(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TWO_LAYOUTS)
    return read_mapping(path)


def test_a_file_belongs_to_the_first_group_whose_columns_it_has(tmp_path, two_layouts):
    (tmp_path / "a.csv").write_text("id,seen,born\n1,2,3\n")
    (tmp_path / "b.csv").write_text("id,seen,born,length\n1,2,3,4\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.csv").write_text("born,id,seen\n3,1,2\n3,1,2\n")
    read = list(batches(tmp_path, two_layouts))
    assert [(batch.place, batch.columns, batch.rows.height) for batch in read] == [
        (0, ("id", "seen", "born", "length"), 1), (1, ("id", "seen", "born"), 1), (1, ("born", "id", "seen"), 2),
    ]  # fmt: skip
    assert read[2].rows.row(1) == ("3", "1", "2", "below/c.csv", 2, None, None)


def test_a_folder_without_a_file_of_the_mapping_is_refused_with_folder_and_pattern(tmp_path, two_layouts):
    with pytest.raises(InvalidInput, match=r"has none that match \*\.csv, \*\*/\*\.csv of mapping mine") as caught:
        list(batches(tmp_path, two_layouts))
    assert str(tmp_path) in str(caught.value)


def test_a_file_without_a_mapped_column_is_refused_with_the_column_of_the_nearest_layout(tmp_path, two_layouts):
    (tmp_path / "a.csv").write_text("id,seen\n1,2\n")
    with pytest.raises(InvalidInput, match=r"a\.csv lacks born\. Correct the mapping"):
        list(batches(tmp_path, two_layouts))


def test_an_empty_file_is_refused(tmp_path, two_layouts):
    (tmp_path / "a.csv").touch()
    with pytest.raises(InvalidInput, match=r"a\.csv lacks id, seen, born"):
        list(batches(tmp_path, two_layouts))


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(InvalidInput, match=r"broken\.parquet must be a Parquet file"):
        list(batches(tmp_path, read_mapping("generic")))


def test_a_folder_without_the_file_to_join_is_refused(tmp_path):
    (tmp_path / "US_full_trimmed_sv2.csv").write_text("video_id,trending_date,category_id,views,likes,comment_count\n")
    with pytest.raises(InvalidInput, match="must be joined with .*one_row_per_video"):
        list(batches(tmp_path, read_mapping("kaggle_2017")))


def test_a_joined_file_without_a_mapped_column_is_refused(tmp_path):
    (tmp_path / "US_full_trimmed_sv2.csv").write_text("video_id,trending_date,category_id,views,likes,comment_count\n")
    (tmp_path / "US_one_row_per_video.csv").write_text("video_id,title,channel_title,thumbnail_link\n")
    with pytest.raises(InvalidInput, match=r"one_row_per_video\.csv lacks publish_time"):
        list(batches(tmp_path, read_mapping("kaggle_2017")))

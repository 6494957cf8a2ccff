from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput, NoRows
from vidrank_assets.features import fused_rows
from vidrank_assets.tables import EMBEDDING_MANIFEST

START = datetime(2026, 1, 5, tzinfo=UTC)


def at(day):
    return START + timedelta(days=day)


def manifest(*rows, modality="text"):
    """Rows of (video, hash, captured on, embedded on, revision, width), each in a row of its own of one shard."""
    made = [
        {
            "video_id": video, "modality": modality, "encoder": f"e@{revision}", "content_hash": content, "dim": dim,
            "shard_key": f"{modality} shard {revision}", "shard_idx": n,
            "captured_at": at(day), "embedded_at": at(done),
        }
        for n, (video, content, day, done, revision, dim) in enumerate(rows)
    ]  # fmt: skip
    return pl.DataFrame(made, schema=EMBEDDING_MANIFEST.schema).lazy()


def chosen(*rows, modality="text"):
    return fused_rows.chosen_vectors(manifest(*rows, modality=modality)).rows


def test_of_several_contents_the_one_captured_first_is_chosen():
    rows = chosen(("a", "h1", 3, 9, 1, 4), ("a", "h2", 1, 9, 1, 4), ("b", "h3", 2, 9, 1, 4))
    assert rows.select("video_id", "shard_idx").rows() == [("a", 1), ("b", 2)]


def test_of_contents_captured_together_the_smaller_hash_is_chosen():
    assert chosen(("a", "h2", 1, 9, 1, 4), ("a", "h1", 1, 9, 1, 4))["shard_idx"].to_list() == [1]


def test_a_row_that_two_runs_wrote_counts_once():
    assert chosen(("a", "h1", 1, 8, 1, 4), ("a", "h1", 1, 9, 1, 4))["shard_idx"].to_list() == [0]


def test_only_the_revision_used_last_is_chosen_and_older_ones_are_counted():
    found = fused_rows.chosen_vectors(
        manifest(("a", "h", 1, 5, 1, 4), ("b", "h", 1, 5, 1, 4), ("a", "h", 1, 6, 2, 8), ("c", "h", 1, 6, 2, 8))
    )
    assert found.encoder == "e@2"
    assert found.rows.select("video_id", "dim").rows() == [("a", 8), ("c", 8)]
    assert found.n_older == 1


def test_an_empty_manifest_chooses_nothing():
    found = fused_rows.chosen_vectors(manifest())
    assert (found.rows.height, found.encoder, found.n_older) == (0, None, 0)


@pytest.fixture
def videos():
    """`a` has both, `b` only text, `c` only an image; `c` was captured first."""
    image = chosen(("a", "h", 2, 7, 1, 3), ("c", "h", 1, 9, 1, 3), modality="image")
    text = chosen(("a", "h", 2, 8, 1, 4), ("b", "h", 3, 6, 1, 4))
    return fused_rows.aligned({"image": image, "text": text})


def test_a_video_has_a_row_when_it_has_any_modality_oldest_capture_first(videos):
    assert videos.select("video_id", "image_shard_idx", "text_shard_idx").rows() == [
        ("c", 1, None), ("a", 0, 0), ("b", None, 1),
    ]  # fmt: skip


def test_a_row_is_as_new_as_its_newest_vector(videos):
    assert videos["fused_at"].to_list() == [at(9), at(8), at(6)]


def test_no_vectors_at_all_are_refused():
    with pytest.raises(NoRows, match="image, text have none"):
        fused_rows.aligned({"image": chosen(modality="image"), "text": chosen()})


def test_a_row_whose_text_file_is_gone_keeps_its_image(videos):
    usable = fused_rows.with_files(videos, {"image shard 1"})
    assert usable.rows.select("video_id", "image_emb_key", "text_emb_key").rows() == [
        ("c", "image shard 1", None), ("a", "image shard 1", None),
    ]  # fmt: skip
    assert usable.n_text_missing == 2  # of a, and of b, which then has nothing left
    assert usable.n_skipped == 1


def test_a_row_whose_other_file_is_gone_is_skipped_and_counted(videos):
    usable = fused_rows.with_files(videos, {"text shard 1"})
    assert usable.rows["video_id"].to_list() == ["b"]
    assert (usable.n_text_missing, usable.n_skipped) == (0, 2)


def test_with_all_files_there_nothing_is_lost(videos):
    usable = fused_rows.with_files(videos, {"text shard 1", "image shard 1"})
    assert usable.rows.equals(videos)
    assert (usable.n_text_missing, usable.n_skipped) == (0, 0)


def test_no_file_at_all_is_refused(videos):
    with pytest.raises(NoRows, match="of 3 none has its files"):
        fused_rows.with_files(videos, set())


def test_text_has_the_width_that_most_rows_have_and_the_others_are_counted():
    text = chosen(("a", "h", 1, 9, 1, 4), ("b", "h", 1, 9, 1, 4), ("c", "h", 1, 9, 1, 6))
    rows = fused_rows.aligned({"text": text})
    assert fused_rows.widths(rows) == {"text": 4}
    assert fused_rows.n_of_other_width(rows, {"text": 4}) == 1


def test_in_a_tie_the_wider_width_is_taken():
    rows = fused_rows.aligned({"text": chosen(("a", "h", 1, 9, 1, 4), ("b", "h", 1, 9, 1, 6))})
    assert fused_rows.widths(rows) == {"text": 6}


def test_a_modality_that_no_video_has_has_no_width():
    rows = fused_rows.aligned({"image": chosen(modality="image"), "text": chosen(("a", "h", 1, 9, 1, 4))})
    assert fused_rows.widths(rows) == {"text": 4}


def test_images_of_two_widths_are_refused():
    rows = fused_rows.aligned({"image": chosen(("a", "h", 1, 9, 1, 4), ("b", "h", 1, 9, 1, 6), modality="image")})
    with pytest.raises(InvalidInput, match=r"image has \[4, 6\]"):
        fused_rows.widths(rows)


def test_rows_are_padded_with_zeros_or_cut():
    rows = np.array([[1, 2, 3]], np.float32)
    assert fused_rows.fitted(rows, 4).tolist() == [[1, 2, 3, 0]]
    assert fused_rows.fitted(rows, 2).tolist() == [[1, 2]]


def test_vectors_of_any_width_are_put_where_their_videos_are_and_who_has_none_is_absent():
    two, three = np.array([[1, 2], [3, 4]], np.float32), np.array([[5, 6, 7]], np.float32)
    made = fused_rows.placed(4, [(pl.Series([2, 0]), two), (pl.Series([3]), three)], width=3)
    assert made.matrix.tolist() == [[3, 4, 0], [0, 0, 0], [1, 2, 0], [5, 6, 7]]
    assert made.present.tolist() == [True, False, True, True]
    assert made.matrix.dtype == np.float32
    assert fused_rows.placed(4, [(pl.Series([3]), three)], width=1).matrix.tolist() == [[0], [0], [0], [5]]


def test_the_manifest_says_which_modalities_a_video_has(videos):
    rows = fused_rows.manifest_rows(videos, strategy="concat", fused_key="k", fused_dim=7, version="v")
    assert rows.select("video_id", "shard_idx", "image_present", "text_present", "audio_present").rows() == [
        ("c", 0, 1, 0, 0), ("a", 1, 1, 1, 0), ("b", 2, 0, 1, 0),
    ]  # fmt: skip
    assert rows["audio_emb_key"].to_list() == [None] * 3
    assert rows["fused_dim"].to_list() == [7] * 3


def test_the_version_changes_with_encoder_strategy_and_width_only():
    def version(strategy="concat", encoder="e@1", width=3):
        return fused_rows.version(strategy, {"text": encoder}, blocks={"text": width})

    assert version() == version()
    assert version().startswith("concat-")
    assert len({version(), version("sum_pool"), version(encoder="e@2"), version(width=4)}) == 4

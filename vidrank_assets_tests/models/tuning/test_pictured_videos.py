from io import BytesIO

import numpy as np
import polars as pl
import pytest
from PIL import Image

from vidrank_assets.errors import NoPairs
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.tuning.pictured_videos import pictured
from vidrank_assets.pair_tables import RANKING_TARGETS, TRAINING_PAIRS

PARTS = {"train": "abcd", "val": "ef", "test": "gh"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    folder = tmp_path_factory.mktemp("processor")
    CLIPImageProcessorPil(size={"height": 8, "width": 8}, do_center_crop=False).save_pretrained(folder)
    return folder


def picture(video):
    file = BytesIO()
    Image.new("RGB", (16, 9), (20 * (ord(video) - ord("a")), 0, 0)).save(file, "PNG")
    return file.getvalue()


def tables(*pairs):
    """Pairs of videos named by letters, and the CTR of each video: a tenth of its place in the alphabet."""
    part = {video: name for name, videos in PARTS.items() for video in videos}
    rows = [(a, b, "c", 1, 0.5, 1.0, part[a], "views") for a, b in pairs]
    targets = pl.DataFrame({"video_id": list("abcdefgh"), "ctr": [i / 10 for i in range(8)]})
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in RANKING_TARGETS.schema.items() if name not in targets]
    training_pairs = pl.DataFrame(rows, schema=TRAINING_PAIRS.schema, orient="row")
    return training_pairs, targets.with_columns(missing).select(RANKING_TARGETS.schema.names())


PAIRS = tables("ab", "bc", "cd", "ef", "gh")
VECTORS = Vectors(
    tuple("hgfedcb"),
    np.arange(28, dtype=np.float32).reshape(7, 4),
    {"audio": 1, "image": 2, "text": 1},
)


def thumbnails(videos, **contents):
    return pl.DataFrame({"video_id": list(videos), "image": [contents.get(video, picture(video)) for video in videos]})


def test_each_part_has_its_videos_with_their_picture_their_vectors_and_their_pairs(model):
    found = pictured(thumbnails("hgfedcba"), VECTORS, *PAIRS, model=model)
    train = found.parts["train"]
    assert train.stored.video_ids == ("a", "b", "c", "d")
    assert train.comparisons.pairs.tolist() == [[0, 1], [1, 2], [2, 3]]
    np.testing.assert_allclose(train.comparisons.ctr, [0, 0.1, 0.2, 0.3])
    assert found.pixels.of(train.pictures)[:, 0, 0, 0].tolist() == [0, 20, 40, 60]
    # Image and title of d; of a no vector is known.
    assert train.stored.blocks == {"image": 2, "text": 1}
    assert train.stored.matrix[3].tolist() == [17, 18, 19]
    assert train.stored.matrix[0].tolist() == [0, 0, 0]
    assert set(found.left_out.values()) == {0}


def test_vectors_of_another_encoder_stand_before_those_of_the_titles(model):
    train = pictured(thumbnails("abcdefgh"), VECTORS, *PAIRS, model=model).parts["train"]
    seen = train.seen_by(np.full((4, 3), 7, np.float32))
    assert seen.blocks == {"image": 3, "text": 1}
    assert seen.matrix[3].tolist() == [7, 7, 7, 19]


def test_pairs_of_a_picture_that_is_not_there_or_cannot_be_read_are_left_out_and_counted(model):
    found = pictured(thumbnails("bcdefgh", d=b"no picture"), VECTORS, *PAIRS, model=model)
    assert found.parts["train"].stored.video_ids == ("b", "c")
    assert found.parts["train"].comparisons.pairs.tolist() == [[0, 1]]
    assert found.left_out == {"videos_without_thumbnail": 1, "unreadable_thumbnails": 1, "pairs_without_both": 2}


def test_a_part_without_a_pair_is_refused(model):
    with pytest.raises(NoPairs, match="val has none of 5 pairs"):
        pictured(thumbnails("abcdfgh"), VECTORS, *PAIRS, model=model)

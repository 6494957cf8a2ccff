"""What drives the views of a video of the sample world can be seen in its thumbnail."""

import io
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from vidrank_assets.capture.sample_thumbnails import HEIGHT, N_CHANCES, WIDTH, Picture
from vidrank_assets.capture.sample_world import SampleWorld

PLAIN = Picture(0.5, 0.2, 0.3, 0.0, 0.5, caption="Robot", host=0, accent=3, chance=[0.5] * N_CHANCES)
BUSY = replace(PLAIN, clutter=1.0, chance=np.random.default_rng(0).random(N_CHANCES).tolist())


def pixels(picture: Picture) -> np.ndarray:
    """(height, width, 3), from 0 to 1."""
    return np.asarray(Image.open(io.BytesIO(picture.jpeg())), float) / 255


def share_of(colour: tuple[int, int, int], picture: Picture) -> float:
    """Of the pixels, those of about that colour."""
    return float((np.abs(pixels(picture) - np.array(colour) / 255).max(axis=2) < 0.1).mean())


def edges(picture: Picture) -> float:
    return float(np.abs(np.diff(pixels(picture).mean(axis=2), axis=1)).mean())


def test_a_picture_is_the_same_bytes_every_time():
    assert BUSY.jpeg() == replace(BUSY).jpeg()


def test_a_picture_has_the_declared_size():
    assert pixels(PLAIN).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("warmth", [0.0, 0.3, 0.6])
def test_a_warmer_picture_is_redder_and_less_blue(warmth):
    cold, warm = (pixels(replace(PLAIN, warmth=each)).mean(axis=(0, 1)) for each in (warmth, warmth + 0.4))
    assert warm[0] > cold[0]
    assert warm[2] < cold[2]


def test_more_contrast_is_brighter_on_the_left_and_darker_on_the_right():
    flat, strong = (pixels(replace(PLAIN, contrast=each)).mean(axis=2) for each in (0.0, 1.0))
    assert strong[:, 20:80].mean() > flat[:, 20:80].mean() + 0.1
    assert strong[:, -40:].mean() < flat[:, -40:].mean() - 0.1


def test_a_larger_face_covers_more_of_the_picture():
    sizes = [share_of((255, 219, 172), replace(PLAIN, face=face)) for face in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 5 * sizes[0]


def test_a_stronger_expression_opens_the_mouth_wider_and_changes_nothing_else():
    red = [share_of((150, 30, 40), replace(PLAIN, expression=each)) for each in (0.0, 0.5, 1.0)]
    assert red == sorted(red)
    assert red[-1] > 2 * red[0]
    rows, columns = np.nonzero(np.abs(pixels(replace(PLAIN, expression=1.0)) - pixels(PLAIN)).max(axis=2) > 0.2)
    assert rows.size > 0
    assert np.ptp(rows) < HEIGHT / 4
    assert np.ptp(columns) < WIDTH / 8


def test_more_clutter_makes_more_edges():
    assert edges(replace(BUSY, clutter=0.0)) < edges(replace(BUSY, clutter=0.5)) < edges(BUSY)


def test_a_face_hides_no_badge():
    large = replace(BUSY, face=1.0)
    changed = np.abs(pixels(large) - pixels(replace(large, clutter=0.0))).max(axis=2) > 0.2
    on_face = changed[50:110, 190:240]
    assert on_face.mean() > 0.1


@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_extremes_are_drawn(extreme):
    parts = dict.fromkeys(("warmth", "contrast", "face", "clutter"), extreme)
    assert pixels(replace(BUSY, **parts)).std() > 0.05


@pytest.mark.slow
def test_who_looks_at_thumbnails_and_reads_titles_explains_most_of_what_can_be_explained():
    """Half of the variance within channels on the newest 30 %; the noise leaves no more than 86 % to anyone."""
    from sklearn.linear_model import Ridge

    from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
    from vidrank_assets.features.encoders.title_ngrams import TitleNgrams

    world = SampleWorld()
    days = world.days()
    titles = world.snapshots(days).rows.unique("video_id").select("video_id", "title")
    truth = (
        world.truth(days, age=timedelta(days=7))
        .join(world.thumbnails(days).rows, on="video_id")
        .join(titles, on="video_id")
    )
    truth = truth.sort("published_at", "video_id")
    target = (truth["log_views"] - truth["channel_part"]).to_numpy()
    inputs = {
        "thumbnail": ThumbnailStatistics().encode(truth["image"].to_list()).matrix,
        "title": TitleNgrams().encode(truth["title"].to_list()).matrix,
    }
    inputs["both"] = np.concatenate(list(inputs.values()), axis=1)
    cut = int(0.7 * len(target))
    explained = {
        name: Ridge(alpha=2.0).fit(matrix[:cut], target[:cut]).score(matrix[cut:], target[cut:])
        for name, matrix in inputs.items()
    }
    assert explained["thumbnail"] > 0.2, explained
    assert explained["title"] > 0.2, explained
    assert 0.5 < explained["both"] < 0.9, explained

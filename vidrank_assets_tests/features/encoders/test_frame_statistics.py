from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vidrank_assets.features.encoders.frame_statistics import FrameStatistics
from vidrank_assets.features.encoders.thumbnail_statistics import statistics

MEAN, SPREAD = slice(0, 196), slice(196, 392)
STEPS, SEEN, CUTS, STILL = slice(392, 396), slice(396, 400), 400, 401
CHANGES, ENDS = slice(402, 405), slice(405, 408)


def row(path: Path, frames, fps=8):
    """The numbers of a film of some pictures, without loss."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("ffv1", rate=fps)
        track.width, track.height = frames[0].size
        track.pix_fmt = "bgr0"
        for frame in frames:
            container.mux(track.encode(av.VideoFrame.from_image(frame)))
        container.mux(track.encode())
    encoded = FrameStatistics().encode([str(path)])
    assert not encoded.unreadable
    return encoded.matrix[0]


def plain(level):
    return Image.new("RGB", (64, 36), (level, level, level))


def blocks(seed):
    colours = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((64, 36), Image.Resampling.NEAREST)


def test_a_row_has_408_numbers():
    assert FrameStatistics().dim == ENDS.stop == 408


def test_a_still_film_has_the_statistics_of_its_picture_and_nothing_moves(tmp_path):
    numbers = row(tmp_path / "film.mkv", [blocks(1)] * 32)
    np.testing.assert_allclose(numbers[MEAN], statistics(blocks(1)), atol=1e-5)
    np.testing.assert_allclose(numbers[SPREAD], 0, atol=1e-5)
    np.testing.assert_allclose(numbers[392:], [0] * 8 + [0, 1] + [0] * 6, atol=1e-5)


def test_a_film_that_brightens_evenly_has_even_steps_and_a_lighter_end(tmp_path):
    """64 frames at 8 a second, 4 levels apart: a step of two frames is 8 of 255, the 16 samples are 16 apart."""
    numbers = row(tmp_path / "film.mkv", [plain(4 * i) for i in range(64)])
    step, change = np.sqrt(8 / 255), np.sqrt(16 / 255)
    np.testing.assert_allclose(numbers[STEPS], [step, 0, step, step], atol=5e-3)
    np.testing.assert_allclose(numbers[CHANGES], [change, 0, change], atol=5e-3)
    np.testing.assert_allclose(numbers[ENDS], [np.sqrt(240 / 255), 240 / 255, step], atol=5e-3)
    assert numbers[CUTS] == 0


def test_a_film_of_nothing_but_cuts_has_a_cut_at_every_step(tmp_path):
    numbers = row(tmp_path / "film.mkv", [plain(240 * (i // 2 % 2)) for i in range(64)])
    assert numbers[CUTS] == 1
    assert numbers[STILL] == 0
    assert numbers[SEEN].tolist() == [1, 0, 1, 1]


def test_a_film_that_stands_still_in_its_second_half_is_half_still(tmp_path):
    numbers = row(tmp_path / "film.mkv", [*(blocks(i) for i in range(32)), *[blocks(99)] * 32])
    assert numbers[STILL] == pytest.approx(0.5, abs=1 / 16)
    assert numbers[STEPS][2] == 0


def test_a_single_picture_is_a_film_too(tmp_path):
    numbers = row(tmp_path / "film.mkv", [blocks(1)])
    np.testing.assert_allclose(numbers[SPREAD], 0, atol=1e-6)

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from vidrank_assets.capture.sample_thumbnails import N_CHANCES, Picture
from vidrank_assets.features.sub_scores import PICTURE_SCORES, SIZE, clarity, contrast, emotion, picture_scores, scored
from vidrank_assets.pair_tables import SUB_SCORES

WHITE = (255, 255, 255)


def plain(colour, size=(320, 180)):
    return Image.new("RGB", size, colour)


def drawn(*boxes, on=(0, 0, 0), fill=WHITE, size=(320, 180)):
    picture = plain(on, size)
    for box in boxes:
        ImageDraw.Draw(picture).rectangle(box, fill=fill)
    return picture


def file_of(picture, kind="PNG", **options):
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def of(picture):
    return dict(zip(PICTURE_SCORES, picture_scores(picture), strict=True))


HALF = drawn((160, 0, 320, 180))
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8))


def test_a_row_is_all_sub_scores_but_the_one_that_needs_a_title():
    assert (*PICTURE_SCORES, "title_match") == SUB_SCORES
    assert picture_scores(HALF).shape == (5,)


@pytest.mark.parametrize(("colour", "expected"), [((0, 0, 0), 0), (WHITE, 0), ((90, 10, 200), 0)])
def test_a_plain_picture_has_no_contrast_no_clarity_and_nothing_that_leads(colour, expected):
    scores = of(plain(colour))
    assert all(scores[name] == pytest.approx(expected, abs=1e-6) for name in scores if name != "emotion")


def test_half_black_and_half_white_has_all_the_contrast_there_is():
    assert of(HALF)["contrast"] == pytest.approx(1, abs=0.01)


def test_contrast_is_twice_the_standard_deviation_of_luma():
    """A quarter at 1, the rest at 0.2: variance 1/4 · 3/4 · 0.8² = 0.12."""
    luma = np.full((90, 160), 0.2)
    luma[:45, :80] = 1
    assert contrast(luma) == pytest.approx(2 * np.sqrt(0.12))


def test_clarity_is_one_half_where_the_laplacian_varies_by_a_fiftieth():
    """A checkerboard of ± h has a Laplacian of ± 8 h within, and its variance is nearly 64 h²."""
    checkers = np.indices((900, 1600)).sum(axis=0) % 2
    assert clarity(0.5 + (checkers - 0.5) * 2 * np.sqrt(0.02 / 64)) == pytest.approx(0.5, abs=0.002)
    assert clarity(checkers.astype(float)) == pytest.approx(16 / 16.02, abs=0.002)


def test_a_blurred_picture_is_less_clear_the_more_it_is_blurred():
    blurred = [of(NOISE.filter(ImageFilter.GaussianBlur(radius)))["clarity"] for radius in (0, 1, 2, 4)]
    assert blurred == sorted(blurred, reverse=True) and blurred[-1] < 0.1 < blurred[0]


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        (WHITE, 0),  # brightness 1, saturation 0: the least arousing colour
        ((0, 0, 0), 0.31 / 0.91),
        ((255, 0, 0), (-0.31 * 0.299 + 0.60 + 0.31) / 0.91),
        ((0, 0, 255), (-0.31 * 0.114 + 0.60 + 0.31) / 0.91),
        ((128, 128, 128), 0.31 * (1 - 128 / 255) / 0.91),
    ],
)
def test_emotion_is_the_arousal_of_the_colours(colour, expected):
    assert of(plain(colour))["emotion"] == pytest.approx(expected, abs=1e-6)


def test_emotion_is_a_mean_over_the_picture():
    halves = np.zeros((90, 160, 3))
    halves[:45] = (1, 0, 0)
    whole = [np.broadcast_to(np.array(colour, float), (90, 160, 3)) for colour in ((1, 0, 0), (0, 0, 0))]
    assert emotion(halves) == pytest.approx(np.mean([emotion(each) for each in whole]))


def test_one_bright_thing_is_more_prominent_than_noise_and_leads_more_than_two():
    one, two = drawn((60, 40, 80, 60)), drawn((60, 40, 80, 60), (220, 120, 240, 140))
    assert of(one)["prominence"] > 0.5 and of(NOISE)["prominence"] < 0.05
    assert of(one)["hierarchy"] > 0.9 and of(two)["hierarchy"] < 0.4  # they fall on pixels differently
    assert of(two)["prominence"] < of(one)["prominence"]


def test_a_thing_leads_the_more_the_fainter_the_other_is():
    levels = (255, 150, 60)
    pictures = [drawn((60, 40, 80, 60)) for _ in levels]
    for picture, level in zip(pictures, levels, strict=True):
        ImageDraw.Draw(picture).rectangle((220, 120, 240, 140), fill=(level,) * 3)
    led = [of(picture)["hierarchy"] for picture in pictures]
    assert led == sorted(led) and led[-1] > led[0] + 0.5


def test_the_bars_of_a_4_to_3_file_are_not_the_picture():
    """As YouTube serves it: 16:9 within 4:3, black above and below."""
    with_bars = plain((0, 0, 0), (480, 360))
    with_bars.paste(NOISE.resize((480, 270), Image.Resampling.BILINEAR), (0, 45))
    whole = NOISE.resize((480, 270), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(picture_scores(with_bars), picture_scores(whole), atol=0.02)


def test_two_files_of_one_picture_have_nearly_the_same_scores():
    """Also of the size that YouTube keeps; a JPEG of that size is decoded smaller."""
    picture = SAMPLE.jpeg()
    large = Image.open(BytesIO(picture)).resize((1280, 720), Image.Resampling.BICUBIC)
    rows = scored([picture, file_of(Image.open(BytesIO(picture))), file_of(large, "JPEG", quality=95)]).matrix
    np.testing.assert_allclose(rows[1], rows[0], atol=1e-9)
    np.testing.assert_allclose(rows[2], rows[0], atol=0.1)


def test_what_cannot_be_read_has_no_scores_and_a_reason():
    """Not measured is not zero."""
    rows = scored([file_of(HALF), b"no picture", file_of(HALF, "JPEG")[:300]])
    assert np.isnan(rows.matrix).all(axis=1).tolist() == [False, True, True]
    assert rows.unreadable == {1: "no JPEG, PNG or WebP", 2: "truncated or damaged"}


def test_no_pictures_are_no_rows():
    assert scored([]).matrix.shape == (0, 5)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (4000, 20), SIZE])
def test_scores_of_any_shape_are_between_0_and_1(size):
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    row = picture_scores(Image.fromarray(noise))
    assert ((row >= 0) & (row <= 1)).all()


CHANCE = np.random.default_rng(7).random((16, N_CHANCES))
PICTURES = [
    Picture(0.4, 0.5, 0.5, 0.3, chance[3], caption, host, accent, chance)
    for (caption, host, accent), chance in zip(
        [("Laptop", 0, 0), ("Boss", 1, 3), ("Rome", 4, 1), ("Prank", 2, 5)] * 4, CHANCE.tolist(), strict=True
    )
]
SAMPLE = PICTURES[0]


@pytest.mark.parametrize(
    ("part", "score", "sign"),
    [
        ("contrast", "contrast", 1),
        ("clutter", "clarity", 1),  # badges have edges
        ("clutter", "prominence", -1),
        ("clutter", "hierarchy", -1),
        ("face", "prominence", -1),  # saliency follows outlines, and those of a larger face lie farther apart
        ("contrast", "emotion", -1),  # it is drawn by whitening one side and blackening the other
    ],
)
def test_scores_follow_what_the_sample_world_draws(part, score, sign):
    """The same sixteen pictures with a part of them drawn from none to all: the mean score goes one way."""
    steps = (0.0, 0.5, 1.0)
    means = [np.mean([of(_opened(replace(picture, **{part: step})))[score] for picture in PICTURES]) for step in steps]
    assert (np.diff(means) * sign > 0).all()


def test_emotion_tells_the_ends_of_the_warmth_of_the_sample_world_from_its_mauve_middle():
    """Blue and orange are drawn saturated, what lies between is not: red less blue of (165, 75, 150) is little."""
    means = [
        np.mean([of(_opened(replace(each, warmth=warmth)))["emotion"] for each in PICTURES]) for warmth in (0, 0.5, 1)
    ]
    assert min(means[0], means[2]) > means[1]


def _opened(picture):
    return Image.open(BytesIO(picture.jpeg())).convert("RGB")

import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vidrank_assets.features.encoders.pictures import MAX_PIXELS, decoded


def saved(image, kind, **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_that_claims(width, height):
    """A PNG of 45 bytes whose header says it is this large."""

    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_three_formats_of_thumbnails_are_read_as_rgb(kind):
    picture = decoded(saved(Image.new("RGB", (32, 18), (200, 30, 40)), kind))
    assert (picture.mode, picture.size) == ("RGB", (32, 18))
    np.testing.assert_allclose(np.asarray(picture)[9, 16], [200, 30, 40], atol=4)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "I;16"])
def test_other_colour_modes_are_brought_to_rgb(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert decoded(saved(Image.new(mode, (8, 8)), kind)).mode == "RGB"


def test_what_is_transparent_shows_grey():
    picture = decoded(saved(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG"))
    assert picture.getpixel((4, 4)) == (128, 128, 128)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", saved(Image.new("RGB", (8, 8)), "GIF")])
def test_other_files_are_no_pictures(content):
    assert decoded(content) == "no JPEG, PNG or WebP"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_cut_in_the_middle_is_told_as_such(kind):
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    whole = saved(Image.fromarray(noise), kind)
    assert decoded(whole[: len(whole) // 2]) == "truncated or damaged"


@pytest.mark.parametrize(("width", "height"), [(4001, 4000), (16_001_000, 1), (100_000, 100_000)])
def test_a_small_file_that_claims_too_many_pixels_is_not_decoded(width, height):
    content = png_that_claims(width, height)
    assert len(content) < 100
    assert decoded(content) == f"more than {MAX_PIXELS // 1_000_000} megapixels"


def test_a_large_jpeg_is_decoded_no_larger_than_it_must_be():
    content = saved(Image.new("RGB", (1280, 720), (10, 200, 90)), "JPEG")
    assert decoded(content).size == (1280, 720)
    assert decoded(content, at_least=(64, 36)).size == (160, 90)

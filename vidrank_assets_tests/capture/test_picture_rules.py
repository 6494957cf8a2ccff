import random
import struct
import zlib
from hashlib import sha256
from io import BytesIO
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from vidrank_assets.capture.picture_rules import MAX_BYTES, Flaw, Picture, checked_picture

FORMS = ("JPEG", "PNG", "WEBP")


def drawn(form, size=(320, 180), mode="RGB"):
    picture = Image.new(mode, size)
    brush = ImageDraw.Draw(picture)
    for i in range(0, size[0], 7):
        brush.line((i, 0, size[0] - i, size[1]), fill=i % 256)
    file = BytesIO()
    picture.save(file, form)
    return file.getvalue()


def png_of(width, height):
    """A PNG of a few bytes whose header claims a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, data)
    )


def jpeg_of(width, height):
    whole = drawn("JPEG", (8, 8))
    frame = whole.index(b"\xff\xc0") + 5
    return whole[:frame] + struct.pack(">HH", height, width) + whole[frame + 4 :]


def webp_of(width, height):
    whole = drawn("WEBP", (8, 8))
    frame = whole.index(b"\x9d\x01\x2a") + 3
    return whole[:frame] + struct.pack("<HH", width, height) + whole[frame + 4 :]


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_comes_with_its_bytes_hash_and_size(form):
    image = drawn(form)
    assert checked_picture(image) == Picture(image, sha256(image).hexdigest(), 320, 180)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_pixel_is_read(mode):
    assert isinstance(checked_picture(drawn("JPEG" if mode == "CMYK" else "PNG", (9, 7), mode)), Picture)


@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"\xff\xd8", b"RIFF\0\0\0\0WAVE", drawn("GIF"), drawn("BMP")]
)
def test_what_does_not_begin_as_a_jpeg_png_or_webp_is_no_picture(content):
    assert checked_picture(content) == "not_a_picture"


def test_more_than_8_mb_are_too_large_whatever_they_are():
    image = drawn("JPEG")
    assert isinstance(checked_picture(image + bytes(MAX_BYTES - len(image))), Picture)
    assert checked_picture(image + bytes(MAX_BYTES - len(image) + 1)) == "too_large"


def test_sixteen_megapixels_are_the_most_there_may_be():
    assert isinstance(checked_picture(drawn("PNG", (4000, 4000), "1")), Picture)
    assert checked_picture(drawn("PNG", (4001, 4000), "1")) == "too_many_pixels"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("claimed", [(4001, 4000), (10_000, 10_000), (16_000, 16_000)])
@pytest.mark.parametrize("picture_of", [png_of, jpeg_of, webp_of])
def test_a_header_that_claims_too_many_pixels_is_believed_and_nothing_is_decoded(picture_of, claimed, monkeypatch):
    from PIL import ImageFile, WebPImagePlugin

    for kind in (ImageFile.ImageFile, WebPImagePlugin.WebPImageFile):
        monkeypatch.setattr(kind, "load", lambda self: pytest.fail("was decoded"))
    content = picture_of(*claimed)
    assert len(content) < 2000
    assert checked_picture(content) == "too_many_pixels"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9])
def test_a_picture_that_was_cut_off_is_truncated(form, share):
    image = drawn(form)
    assert checked_picture(image[: int(len(image) * share)]) == "truncated"


@pytest.mark.parametrize("fault", [MemoryError, SyntaxError, struct.error, RecursionError, ZeroDivisionError, KeyError])
def test_whatever_the_decoder_raises_is_a_reason(fault, monkeypatch):
    def fails(*_args, **_named):
        raise fault

    monkeypatch.setattr(Image, "open", fails)
    assert checked_picture(drawn("PNG")) == "truncated"


WHOLE = {form: drawn(form, (64, 36)) for form in FORMS}


@pytest.mark.parametrize("seed", range(300))
def test_a_damaged_picture_is_a_picture_or_has_a_reason(seed):
    chance = random.Random(seed)
    image = bytearray(WHOLE[FORMS[seed % 3]])
    for _ in range(chance.randint(1, 12)):
        # Every other one in the header, where it hurts.
        image[chance.randrange(40 if seed % 2 else len(image))] = chance.randrange(256)
    if chance.random() < 0.3:
        del image[chance.randrange(len(image)) :]
    found = checked_picture(bytes(image))
    assert isinstance(found, Picture) or found in get_args(Flaw)


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L"]),
    st.binary(),
)
def test_any_bytes_after_a_good_beginning_are_a_picture_or_have_a_reason(beginning, rest):
    found = checked_picture(beginning + rest)
    assert isinstance(found, Picture) or found in get_args(Flaw)

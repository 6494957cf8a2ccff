"""What a thumbnail must be, wherever it comes from, before it is stored."""

from hashlib import sha256
from io import BytesIO
from typing import Literal, NamedTuple

MAX_BYTES = 8 * 2**20
#: A file of a few kilobytes can claim to hold gigabytes, so this is asked before anything is decoded.
MAX_PIXELS = 16_000_000

#: Why bytes are no thumbnail; `truncated` begins as a picture and cannot be decoded to its end.
Flaw = Literal["too_large", "not_a_picture", "too_many_pixels", "truncated"]


class Picture(NamedTuple):
    """A picture as it came, the SHA-256 of its bytes, and its size in pixels."""

    image: bytes
    content_hash: str
    width: int
    height: int


def checked_picture(image: bytes) -> Picture | Flaw:
    """The picture, or what is wrong with it; whatever the bytes are, nothing is raised.

    What is a JPEG, PNG or WebP is told by the bytes themselves. It is decoded once and in full.
    """
    if len(image) > MAX_BYTES:
        return "too_large"
    if (form := _form(image)) is None:
        return "not_a_picture"
    try:
        size = _decoded_size(image, form)
    except Exception:  # Pillow raises what it likes: OSError, SyntaxError, ValueError, struct.error, MemoryError
        return "truncated"
    return Picture(image, sha256(image).hexdigest(), *size) if size else "too_many_pixels"


def _form(image: bytes) -> str | None:
    """The format that the first bytes announce."""
    if image.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    return "WEBP" if image[:4] == b"RIFF" and image[8:12] == b"WEBP" else None


def _decoded_size(image: bytes, form: str) -> tuple[int, int] | None:
    """Width and height of a picture that could be decoded; None for one that is too large to try."""
    # Imported by name: threads that decode their first pictures together may otherwise find a format not yet there.
    from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    try:
        opened = Image.open(BytesIO(image), formats=(form,))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    with opened:
        if opened.width * opened.height > MAX_PIXELS:
            return None
        opened.load()
        return opened.size

"""Pictures from outside, decoded within bounds."""

import warnings
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

#: The largest picture that is decoded: a file of a few kilobytes can claim to hold gigabytes.
MAX_PIXELS = 16_000_000
_FORMATS = ("JPEG", "PNG", "WEBP")
_GREY = (128, 128, 128)


def decoded(content: bytes, *, at_least: tuple[int, int] | None = None) -> "Image | str":
    """The picture in RGB, or the reason why it cannot be read.

    at_least: width and height that suffice; a larger JPEG is then decoded smaller, which is faster.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the bound below is stricter
            opened = Image.open(BytesIO(content), formats=_FORMATS)
        if opened.width * opened.height > MAX_PIXELS:
            return f"more than {MAX_PIXELS // 1_000_000} megapixels"
        if at_least:
            opened.draft("RGB", at_least)
        return _flat(opened)
    except UnidentifiedImageError:
        return "no JPEG, PNG or WebP"
    except Image.DecompressionBombError:
        return f"more than {MAX_PIXELS // 1_000_000} megapixels"
    except (OSError, SyntaxError, ValueError, EOFError):
        return "truncated or damaged"  # Pillow raises any of these while it decodes


def _flat(opened: "Image") -> "Image":
    """The picture in RGB; what is transparent shows grey."""
    from PIL import Image

    if not opened.has_transparency_data:
        return opened.convert("RGB")
    layered = opened.convert("RGBA")
    background = Image.new("RGBA", layered.size, _GREY)
    return Image.alpha_composite(background, layered).convert("RGB")

"""A picture, and what its score hangs on, as a page holds them."""

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from vidrank_assets.features.encoders.pictures import decoded
from vidrank_assets.selection.metrics import Vector
from vidrank_assets.selection.report.theme import LIGHT

if TYPE_CHECKING:
    from PIL.Image import Image

#: What a page shows, in pixels; 16:9 as YouTube shows it.
SIZE = (320, 180)
#: How much of the full colour the greatest change has, and how far the grey picture is brought towards white.
_STRONGEST, _PALER = 0.85, 0.45


def plain(picture: bytes) -> str:
    """The picture as a `data:` address, a JPEG of the page's size."""
    return _address(_small(picture))


def heated(picture: bytes, change: Vector, furthest: float) -> str:
    """The picture in pale grey; blue where the score falls when that part is covered, orange where it rises.

    change: (n_rows, n_columns). furthest: the absolute change that has the full colour.
    """
    from PIL import Image, ImageOps

    small = _small(picture)
    grey = np.asarray(ImageOps.grayscale(small).convert("RGB"), np.float64)
    pale = grey + _PALER * (255 - grey)
    cells = Image.fromarray((change / furthest if furthest > 0 else np.zeros_like(change)).astype(np.float32))
    heat = np.asarray(cells.resize(small.size, Image.Resampling.BICUBIC), np.float64).clip(-1, 1)[:, :, None]
    paint = np.where(heat > 0, _rgb("ours"), _rgb("worse"))
    weight = _STRONGEST * np.abs(heat)
    mixed = (1 - weight) * pale + weight * paint
    return _address(Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8)))


def _small(picture: bytes) -> "Image":
    """All of the picture, as large as the page shows it; grey if it cannot be read."""
    from PIL import Image, ImageOps

    opened = decoded(picture)
    if isinstance(opened, str):
        return Image.new("RGB", SIZE, LIGHT["line"])
    return ImageOps.contain(opened, SIZE, Image.Resampling.LANCZOS)


def _rgb(meaning: str) -> Vector:
    return np.array(list(bytes.fromhex(LIGHT[meaning][1:])), np.float64)


def _address(picture: "Image") -> str:
    """A picture of another shape than the page's lies on ground."""
    from PIL import ImageOps

    packed = BytesIO()
    ImageOps.pad(picture, SIZE, color=LIGHT["grid"]).save(packed, "JPEG", quality=82, optimize=True)
    return f"data:image/jpeg;base64,{b64encode(packed.getvalue()).decode()}"

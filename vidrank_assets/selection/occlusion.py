"""What of a picture its score hangs on: a grey patch slid over it, and by how much the score falls.

Source: Zeiler & Fergus 2014, Visualizing and understanding convolutional networks, section 4.2.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.encoders.pictures import decoded
from vidrank_assets.selection.metrics import Vector

if TYPE_CHECKING:
    from PIL.Image import Image

#: Cells of the map, columns and rows; a patch covers 2 x 2 of them, and moves by one.
GRID = (10, 6)
_PATCH = 2
_GREY = (128, 128, 128)
#: No encoder looks at more pixels than this across, and smaller pictures are encoded faster.
_WIDTH = 336


class Occlusion(NamedTuple):
    """A map of one picture.

    change: (n_rows, n_columns), by how much the score falls where a part is covered, as the mean over the patches that
    cover it; negative where the picture scores more without it. score: of all of it.
    """

    change: Vector
    score: float


def occlusion(picture: bytes, scores: Callable[[Sequence[bytes]], Vector]) -> Occlusion:
    """The map of a picture. scores: of some pictures, PNG, (n_pictures,).

    Raises InvalidInput: the picture cannot be read.
    """
    whole = decoded(picture)
    if isinstance(whole, str):
        raise InvalidInput(f"a picture must be readable to be covered in part; this is {whole}. Leave it out.")
    small = _small(whole)
    columns, rows = GRID
    places = [(row, column) for row in range(rows - _PATCH + 1) for column in range(columns - _PATCH + 1)]
    found = scores([_png(small), *(_png(_covered(small, *place)) for place in places)])
    falls, times = np.zeros((rows, columns)), np.zeros((rows, columns))
    for (row, column), score in zip(places, found[1:], strict=True):
        falls[row : row + _PATCH, column : column + _PATCH] += found[0] - score
        times[row : row + _PATCH, column : column + _PATCH] += 1
    return Occlusion(falls / times, float(found[0]))


def _small(picture: "Image") -> "Image":
    if picture.width <= _WIDTH:
        return picture
    return picture.resize((_WIDTH, round(_WIDTH * picture.height / picture.width)))


def _covered(picture: "Image", row: int, column: int) -> "Image":
    columns, rows = GRID
    across, down = picture.width / columns, picture.height / rows
    covered = picture.copy()
    left, top = round(column * across), round(row * down)
    covered.paste(_GREY, (left, top, round((column + _PATCH) * across), round((row + _PATCH) * down)))
    return covered


def _png(picture: "Image") -> bytes:
    packed = BytesIO()
    picture.save(packed, "PNG", compress_level=1)
    return packed.getvalue()

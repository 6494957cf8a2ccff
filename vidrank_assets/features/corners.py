"""Where a picture is full of small shapes: the share of each part of it that lies on a corner."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

_Plane = NDArray[np.float32]

#: Every picture is brought to this width and height.
SIZE = (160, 90)
_CELLS = (4, 5)
#: Pixels, across and down, over which the gradients are averaged.
_WINDOW = 3
#: The least change of colour a pixel, in the direction in which it changes least, that is called a corner.
_CORNERS = (0.02, 0.04, 0.08)
#: Shares are small: times this they are of the size of other measures.
_SCALE = 4
#: The width of `corner_shares`.
DIM = len(_CORNERS) * _CELLS[0] * _CELLS[1]


def corner_shares(picture: "Image") -> NDArray[np.float64]:
    """Four times the share of corner pixels in 4 x 5 cells, row by row, for three strengths of a corner: (60,).

    A corner is where colours change in every direction, as at the tips of badges, arrows and letters; a straight edge
    or a gradient has none, however strong. How many there are tells how cluttered a picture is.
    Source: Shi & Tomasi 1994, "Good features to track", CVPR (the smaller eigenvalue); Di Zenzo 1986, "A note on the
    gradient of a multi-image" (the sum over colours).
    """
    from PIL import Image
    from scipy import ndimage

    small = picture.resize(SIZE, Image.Resampling.BOX)
    red, green, blue = np.asarray(small, np.float32).transpose(2, 0, 1) / 255
    opponents = (0.299 * red + 0.587 * green + 0.114 * blue, red - green, (red + green) / 2 - blue)
    slopes = [np.gradient(plane) for plane in opponents]
    tensor = (sum(slope[i] * slope[j] for slope in slopes) for i, j in ((0, 0), (0, 1), (1, 1)))
    down, both, across = (ndimage.uniform_filter(part, _WINDOW) for part in tensor)
    smaller = (down + across) / 2 - np.hypot((down - across) / 2, both)
    strength = np.sqrt(np.maximum(smaller, 0))
    return np.concatenate([_SCALE * _cells(strength > least) for least in _CORNERS])


def _cells(plane: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shares over a grid of columns x rows, row by row: (n_cells,)."""
    across, down = _CELLS
    height, width = plane.shape
    shares: NDArray[np.float64] = plane.reshape(down, height // down, across, width // across).mean(axis=(1, 3))
    return shares.ravel()

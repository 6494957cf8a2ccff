"""Where a picture is full of small shapes: the share of each part of it that lies on a corner."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.features.picture_planes import cells, opponents

if TYPE_CHECKING:
    from PIL.Image import Image

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
    slopes = [np.gradient(plane) for plane in opponents(small, np.float32)]
    tensor = (sum(slope[i] * slope[j] for slope in slopes) for i, j in ((0, 0), (0, 1), (1, 1)))
    down, both, across = (ndimage.uniform_filter(part, _WINDOW) for part in tensor)
    smaller = (down + across) / 2 - np.hypot((down - across) / 2, both)
    strength = np.sqrt(np.maximum(smaller, 0))
    return np.concatenate([_SCALE * cells(strength > least, _CELLS) for least in _CORNERS])

"""What pictures are measured on: planes of opponent colours, and means over a grid of cells."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Plane = NDArray[Any]


class Opponents(NamedTuple):
    """Luma (ITU-R BT.601), 0 to 1; red against green, and yellow against blue, -1 to 1: (height, width) each."""

    luma: Plane
    red_green: Plane
    yellow_blue: Plane


def opponents(picture: "Image", dtype: type[np.floating[Any]]) -> Opponents:
    """The planes of a picture in RGB."""
    return opponents_of(*np.asarray(picture, dtype).transpose(2, 0, 1) / 255)


def opponents_of(red: Any, green: Any, blue: Any) -> Opponents:
    """The planes of primaries of 0 to 1, of one picture or of many, as arrays or as tensors."""
    return Opponents(0.299 * red + 0.587 * green + 0.114 * blue, red - green, (red + green) / 2 - blue)


def cells(plane: Plane, grid: tuple[int, int]) -> NDArray[np.float64]:
    """Means over a grid of columns x rows, which divide the plane, row by row: (n_cells,)."""
    across, down = grid
    height, width = plane.shape
    means: NDArray[np.float64] = plane.reshape(down, height // down, across, width // across).mean(axis=(1, 3))
    return means.ravel()

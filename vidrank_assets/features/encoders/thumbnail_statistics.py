"""Thumbnails, by what a designer would measure: colour by place, contrast, edges, saturation, clutter."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.catalog import Modality
from vidrank_assets.features import corners
from vidrank_assets.features.encoders.base import Encoded, Encoder, one_by_one
from vidrank_assets.features.encoders.pictures import decoded
from vidrank_assets.features.picture_planes import cells, opponents

if TYPE_CHECKING:
    from PIL.Image import Image

_Plane = NDArray[np.float64]

#: Every picture is brought to this width and height; 16:9 as YouTube shows it.
SIZE = (64, 36)
_COLOUR_CELLS = (8, 4)
_EDGE_CELLS = (4, 2)
_HUES, _LEVELS, _DIRECTIONS = 12, 8, 4
_WHOLE = 8
_CELLS, _BLOCKS = _COLOUR_CELLS[0] * _COLOUR_CELLS[1], _EDGE_CELLS[0] * _EDGE_CELLS[1]
#: The width of `statistics`.
DIM = 4 * _CELLS + _DIRECTIONS * _BLOCKS + _HUES + 2 * _LEVELS + _WHOLE
#: A difference of neighbouring luma above this is an edge.
_EDGE = 0.1


class ThumbnailStatistics(Encoder[bytes]):
    """256 numbers of a picture, each roughly within -1 and 1.

    8 x 4 cells of luma, red-green and yellow-blue (96) and of contrast (32); 4 x 2 cells of edge energy in 4
    directions (32); histograms of hue (12), saturation (8) and luma (8); 8 of the picture as a whole; 4 x 5 cells of
    corners of 3 strengths (60).
    """

    name: ClassVar[str] = "thumbnail_statistics"
    modality: ClassVar[Modality] = "image"

    def __init__(self) -> None:
        self.revision = "2"
        self.dim = DIM + corners.DIM

    def _encode(self, items: Sequence[bytes]) -> Encoded:
        return one_by_one(items, self.dim, _row)


def _row(content: bytes) -> NDArray[np.float64] | str:
    picture = decoded(content, at_least=corners.SIZE)
    if isinstance(picture, str):
        return picture
    return np.concatenate([statistics(picture), corners.corner_shares(picture)])


def statistics(picture: "Image") -> NDArray[np.float64]:
    """The numbers of one picture in RGB without its corners, (196,)."""
    from PIL import Image

    aspect = np.log2(picture.width / picture.height * 9 / 16)
    small = picture.resize(SIZE, Image.Resampling.BOX)
    luma, red_green, yellow_blue = opponents(small, np.float64)
    hue, saturation, _ = np.asarray(small.convert("HSV"), np.float64).transpose(2, 0, 1) / 255

    colours = [
        cells(2 * luma - 1, _COLOUR_CELLS),
        cells(red_green, _COLOUR_CELLS),
        cells(yellow_blue, _COLOUR_CELLS),
    ]
    squares = cells(luma**2, _COLOUR_CELLS) - cells(luma, _COLOUR_CELLS) ** 2
    contrast = 2 * np.sqrt(np.maximum(squares, 0))
    edges, edge_share = _edges(luma)
    centre = luma[luma.shape[0] // 4 : -(luma.shape[0] // 4), luma.shape[1] // 4 : -(luma.shape[1] // 4)]
    whole = [
        2 * luma.mean() - 1,
        2 * luma.std(),
        2 * saturation.mean() - 1,
        2 * saturation.std(),
        _colourfulness(red_green, yellow_blue),
        2 * edge_share - 1,
        2 * (centre.mean() - luma.mean()),
        aspect,
    ]
    histograms = [_shares(hue, _HUES, saturation), _shares(saturation, _LEVELS), _shares(luma, _LEVELS)]
    return np.concatenate([*colours, contrast, edges, *histograms, whole])


def _edges(luma: _Plane) -> tuple[_Plane, float]:
    """Edge energy by direction and cell, (4 * n_cells,), and the share of pixels that lie on an edge."""
    down, across = np.gradient(luma)
    energy = np.hypot(down, across)
    direction = np.floor(((np.arctan2(down, across) + np.pi / 8) % np.pi) / (np.pi / _DIRECTIONS)).astype(int)
    each = [cells(np.where(direction % _DIRECTIONS == d, energy, 0), _EDGE_CELLS) for d in range(_DIRECTIONS)]
    return np.sqrt(np.concatenate(each)), float((energy > _EDGE).mean())


def _shares(plane: _Plane, bins: int, weight: _Plane | None = None) -> _Plane:
    """A histogram over 0 to 1 as shares of the pixels, (bins,); each pixel counts `weight`."""
    places = np.minimum((plane * bins).astype(int), bins - 1).ravel()
    weights = np.ones(plane.size) if weight is None else weight.ravel()
    return np.bincount(places, weights, minlength=bins).astype(np.float64) / plane.size


def _colourfulness(red_green: _Plane, yellow_blue: _Plane) -> float:
    """Hasler & Süsstrunk 2003, "Measuring colourfulness in natural images", for channels of 0 to 1."""
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))

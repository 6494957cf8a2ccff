"""Where a picture draws the eye, without a model, and how far one place leads the others."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]

#: Width and height that saliency is looked for at: Hou & Zhang's 64 pixels, less one, so that a third of it is whole.
SIZE = (63, 36)
#: A place is a third of the width and of the height: about as large as a face or a thing that a thumbnail is about.
PLACE = (SIZE[0] // 3, SIZE[1] // 3)
_AREA = 1 / 9

_AVERAGED, _SMOOTHED = 3, 2.5
#: Noise of one grey level of 256: what a spectrum holds below it is of the file and not of the picture.
_GREY_LEVEL = 1 / 255


def spectral_residual(luma: Plane) -> Plane:
    """How much each pixel stands out of what the rest of the picture repeats: (height, width), not negative.

    The log amplitude of the spectrum less its mean over 3 x 3 frequencies, taken back with the phase, squared and
    smoothed. Frequencies fainter than noise of one grey level count for less, which the source does not do: a drawn
    picture has many that are empty, and their phase is chance. luma: (height, width), 0 to 1.
    Source: Hou & Zhang 2007, "Saliency detection: a spectral residual approach", CVPR, with its authors' 2.5 pixels.
    """
    from scipy import ndimage

    spectrum = np.fft.fft2(luma)
    amplitude = np.abs(spectrum) + np.sqrt(luma.size) * _GREY_LEVEL
    logs = np.log(amplitude)
    residual = logs - ndimage.uniform_filter(logs, _AVERAGED, mode="nearest")
    standing_out = np.abs(np.fft.ifft2(np.exp(residual) * spectrum / amplitude)) ** 2
    smoothed: Plane = ndimage.gaussian_filter(standing_out, _SMOOTHED, mode="nearest")
    return smoothed


class Leading(NamedTuple):
    """How one place leads, 0 to 1 each.

    prominence: the share of all saliency that lies in the place with most of it, less what any place of its size has
    where nothing stands out; 1 when nothing lies elsewhere.
    hierarchy: 1 less what the next place, apart from the first, has over what the first has; 0 when they are equals.
    """

    prominence: float
    hierarchy: float


def leading(saliency: Plane) -> Leading:
    """How the first place of a map of `SIZE` leads. Nothing leads where there is no saliency.

    The comparison of the highest peak with the others is that of Itti, Koch & Niebur 1998, "A model of saliency-based
    visual attention for rapid scene analysis"; theirs is with the mean of the others, ours with the second.
    """
    total = float(saliency.sum())
    if not total > 0:
        return Leading(0.0, 0.0)
    held = _held_by_places(saliency)
    down, across = np.unravel_index(held.argmax(), held.shape)
    first = float(held[down, across])
    width, height = PLACE
    apart = held.copy()
    apart[max(0, down - height + 1) : down + height, max(0, across - width + 1) : across + width] = 0
    prominence = (first / total - _AREA) / (1 - _AREA)
    return Leading(min(max(prominence, 0.0), 1.0), min(max(1 - float(apart.max()) / first, 0.0), 1.0))


def _held_by_places(saliency: Plane) -> Plane:
    """What every place holds, by its upper left corner."""
    width, height = PLACE
    sums = np.pad(saliency.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    held: Plane = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    return held

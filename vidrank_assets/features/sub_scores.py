"""What can be measured of a thumbnail and is worth learning: the weak labels of the ranker's auxiliary heads.

Each score goes from 0 to 1 and is a proxy, a number that can be had of every picture for something that only people
could say. How well a proxy fits is not known here; what it is made of is. `title_match` has a module of its own.

There is no score of faces: no well-kept library among the dependencies reads an expression without telling whose it is.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.features import saliency
from vidrank_assets.features.encoders.pictures import decoded
from vidrank_assets.pair_tables import SUB_SCORES

if TYPE_CHECKING:
    from PIL.Image import Image

_Numbers = NDArray[np.float64]

#: The scores that need the picture only, in the order of a row.
PICTURE_SCORES = SUB_SCORES[:-1]
#: Every picture is cut to 16:9 around its middle, as YouTube shows it (without the bars that 4:3 files have above and
#: below), and brought to this width and height. A file that is smaller has less to be sharp with.
SIZE = (160, 90)
#: Twice that, for the decoder: less would soften the picture before it is measured.
_DECODED = (2 * SIZE[0], 2 * SIZE[1])
#: ITU-R BT.601, as JPEG has it.
_LUMA = np.array([0.299, 0.587, 0.114])
#: The variance of the Laplacian that scores one half: near the median of 3,765 public thumbnails of 120 x 90 pixels,
#: which is 0.018. Those of the sample world have 0.031, and 0.009 when they are blurred by a pixel of their 320.
_SHARP = 0.02
#: Of brightness and of saturation.
_AROUSAL = (-0.31, 0.60)


class Scored(NamedTuple):
    """What was measured of some pictures.

    matrix: (n_pictures, 5) in the order of `PICTURE_SCORES`; NaN in the rows of unreadable pictures.
    unreadable: the reason, a few words, by the picture's index.
    """

    matrix: _Numbers
    unreadable: Mapping[int, str]


def scored(pictures: Sequence[bytes]) -> Scored:
    """The scores of pictures as they came: JPEG, PNG or WebP."""
    matrix = np.full((len(pictures), len(PICTURE_SCORES)), np.nan)
    unreadable: dict[int, str] = {}
    for i, content in enumerate(pictures):
        picture = decoded(content, at_least=_DECODED)
        if isinstance(picture, str):
            unreadable[i] = picture
        else:
            matrix[i] = picture_scores(picture)
    return Scored(matrix, unreadable)


def picture_scores(picture: "Image") -> _Numbers:
    """The scores of one picture in RGB, (5,) in the order of `PICTURE_SCORES`."""
    from PIL import Image, ImageOps

    shown = ImageOps.fit(picture, SIZE, Image.Resampling.BILINEAR)
    colours = np.asarray(shown, np.float64) / 255
    luma = colours @ _LUMA
    small = np.asarray(shown.resize(saliency.SIZE, Image.Resampling.BOX), np.float64) / 255
    lead = saliency.leading(saliency.spectral_residual(small @ _LUMA))
    scores = {
        "clarity": clarity(luma),
        "prominence": lead.prominence,
        "contrast": contrast(luma),
        "emotion": emotion(colours),
        "hierarchy": lead.hierarchy,
    }
    return np.array([scores[name] for name in PICTURE_SCORES])


def clarity(luma: _Numbers) -> float:
    """How sharp the picture is: v / (v + 0.02), v the variance of its Laplacian.

    A proxy for whether a viewer can tell what there is to see. What has more edges, as clutter and writing have, is
    sharper too. luma: (height, width), 0 to 1.
    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", ICPR.
    """
    from scipy import ndimage

    variance = float(ndimage.laplace(luma, mode="nearest").var())
    return variance / (variance + _SHARP)


def contrast(luma: _Numbers) -> float:
    """How far light and dark are apart: twice the standard deviation of luma, 1 for half black and half white.

    A proxy for whether the picture can be read at the size of a thumbnail. luma: (height, width), 0 to 1.
    Source: root-mean-square contrast, as Peli 1990, "Contrast in complex images", JOSA A 7, reviews it.
    """
    return min(2 * float(luma.std()), 1.0)


def emotion(colours: _Numbers) -> float:
    """How much the colours arouse: -0.31 brightness + 0.60 saturation, from the least that can be (0) to the most (1).

    A proxy for arousal, of the colours alone: what the picture shows is not looked at. The source's coefficients are of
    standardised ratings of plain colours. Brightness is luma; saturation is the highest channel less the lowest, which
    unlike that of HSV does not call what is nearly black saturated. colours: (height, width, 3), RGB from 0 to 1.
    Source: Valdez & Mehrabian 1994, "Effects of color on emotions", J. Exp. Psychol. Gen. 123; Hanbury & Serra 2002,
    "A 3D-polar coordinate colour representation suitable for image analysis", for saturation.
    """
    of_brightness, of_saturation = _AROUSAL
    channels = [colours[..., channel] for channel in range(3)]  # eight times as fast as along the axis
    saturation = np.maximum.reduce(channels) - np.minimum.reduce(channels)
    arousal = float((of_brightness * (colours @ _LUMA) + of_saturation * saturation).mean())
    return min(max((arousal - of_brightness) / (of_saturation - of_brightness), 0.0), 1.0)

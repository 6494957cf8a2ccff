"""Films, by what a designer would measure of their frames, and by how much moves and changes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.catalog import Modality
from vidrank_assets.features.encoders import thumbnail_statistics
from vidrank_assets.features.encoders.base import Encoded, Encoder, one_by_one
from vidrank_assets.features.encoders.media import moments, require_av

if TYPE_CHECKING:
    from PIL.Image import Image

_Numbers = NDArray[np.float64]

_FRAMES = 16
_STEP_SECONDS = 0.25
#: Pixels; twice what the statistics look at.
_SHORT_SIDE = 2 * thumbnail_statistics.SIZE[1]
#: A difference of luma above this is seen, below it is noise of the compression.
_SEEN = 0.1
#: More of the picture than this is seen to change within a step at a cut, and less than this where nothing moves.
_CUT, _STILL = 0.5, 0.01
_OVER_TIME = 16


class FrameStatistics(Encoder[str]):
    """408 numbers of a film, each roughly within -1 and 1, from 16 frames of equal stretches of it.

    The mean (196) and twice the spread (196) of the statistics of a thumbnail over the frames; and 16 over time. Of
    each frame and the one a quarter of a second later: the mean, spread, least and most of the square root of their
    difference, and of the share of the picture that is seen to change; the shares of cuts and of stillness. Of each
    frame and the next sample: the mean, spread and most of the root of their difference. Of the ends: how the last
    frame differs from the first, is lighter, and how the first moves.
    """

    name: ClassVar[str] = "frame_statistics"
    modality: ClassVar[Modality] = "video"
    items_per_shard: ClassVar[int] = 256

    def __init__(self) -> None:
        """Raises EncoderUnavailable: PyAV is not installed."""
        require_av()
        self.revision = "1"
        self.dim = 2 * thumbnail_statistics.DIM + _OVER_TIME

    def _encode(self, items: Sequence[str]) -> Encoded:
        return one_by_one(items, self.dim, _row)


def _row(path: str) -> _Numbers | str:
    found = moments(path, count=_FRAMES, short_side=_SHORT_SIDE, step=_STEP_SECONDS)
    if isinstance(found, str):
        return found
    each = np.stack([thumbnail_statistics.statistics(moment.picture) for moment in found])
    shown = np.stack([_luma(moment.picture) for moment in found])
    after = np.stack([_luma(moment.after or moment.picture) for moment in found])
    return np.concatenate([each.mean(axis=0), 2 * each.std(axis=0), _over_time(shown, after)])


def _over_time(shown: _Numbers, after: _Numbers) -> _Numbers:
    """The 16 numbers of time. shown, after: luma, (n_frames, height, width) within 0 and 1."""
    steps, seen = _difference(shown, after), _seen(shown, after)
    changes = _difference(shown[:-1], shown[1:]) if len(shown) > 1 else np.zeros(1)
    ends = _difference(shown[:1], shown[-1:])[0]
    return np.array(
        [
            *(steps.mean(), 2 * steps.std(), steps.min(), steps.max()),
            *(seen.mean(), 2 * seen.std(), seen.min(), seen.max()),
            *((seen > _CUT).mean(), (seen < _STILL).mean()),
            *(changes.mean(), 2 * changes.std(), changes.max()),
            *(ends, shown[-1].mean() - shown[0].mean(), steps[0]),
        ]
    )


def _luma(picture: "Image") -> _Numbers:
    from PIL import Image

    small = picture.convert("L").resize(thumbnail_statistics.SIZE, Image.Resampling.BOX)
    return np.asarray(small, np.float64) / 255


def _difference(some: _Numbers, others: _Numbers) -> _Numbers:
    """The root of the mean absolute difference of each pair of frames, (n_frames,)."""
    root: _Numbers = np.sqrt(np.abs(some - others).mean(axis=(1, 2)))
    return root


def _seen(some: _Numbers, others: _Numbers) -> _Numbers:
    """The share of the picture that is seen to differ in each pair of frames, (n_frames,)."""
    share: _Numbers = (np.abs(some - others) > _SEEN).mean(axis=(1, 2))
    return share

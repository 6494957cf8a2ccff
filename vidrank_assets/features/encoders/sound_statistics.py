"""Sound, by what a sound engineer would measure: loudness, spectrum and rhythm."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.catalog import Modality
from vidrank_assets.features.encoders.base import Encoded, Encoder, one_by_one
from vidrank_assets.features.encoders.media import Samples, require_av, sounds

_Numbers = NDArray[np.float64]

_RATE, _PIECES, _SECONDS = 16_000, 6, 10
_WINDOW, _HOP = 1024, 512
_PER_SECOND = _RATE / _HOP
#: The quietest that is told from silence, in decibels below full scale.
_FLOOR_DB = -100.0
_BANDS, _LOWEST_HZ = 32, 50.0
#: Beats at 200 to 40 a minute, as lags between windows.
_LAGS = np.array([9, 10, 11, 13, 15, 18, 20, 24, 27, 31, 36, 41, 48])
#: How fast loudness swells, in hertz; syllables come at about 4.
_SWELLS = np.array([0.25, 0.5, 1, 2, 3, 4, 6, 8, 15])
_PERCENTILES = (5, 25, 50, 75, 95)
_DIM = 2 * _BANDS + 10 + 8 + len(_LAGS) - 1 + 3 + len(_SWELLS) - 1


class SoundStatistics(Encoder[str]):
    """105 numbers of a file's sound, each roughly within -1 and 1, from at most 6 pieces of 10 seconds.

    Level and spread of 32 bands on the mel scale (64); mean and spread of centroid, width, rolloff, flatness and zero
    crossings (10); loudness: five percentiles, mean, spread and share of silence (8); the onsets' autocorrelation at
    lags of 200 to 40 beats a minute (12), their mean, spread and share above twice the mean (3); the shares of 8 rates
    at which loudness swells (8).
    Source of the measures: Tzanetakis & Cook 2002, "Musical genre classification of audio signals".
    """

    name: ClassVar[str] = "sound_statistics"
    modality: ClassVar[Modality] = "audio"
    items_per_shard: ClassVar[int] = 256

    def __init__(self) -> None:
        """Raises EncoderUnavailable: PyAV is not installed."""
        require_av()
        self.revision = "1"
        self.dim = _DIM

    def _encode(self, items: Sequence[str]) -> Encoded:
        return one_by_one(items, self.dim, _row)


def _row(path: str) -> _Numbers | str:
    pieces = sounds(path, rate=_RATE, count=_PIECES, seconds=_SECONDS)
    return pieces if isinstance(pieces, str) else statistics(pieces)


def statistics(pieces: Sequence[Samples]) -> _Numbers:
    """The numbers of some pieces of sound at 16 kHz, (105,)."""
    windows = [_windows(piece) for piece in pieces]
    loudness = [_decibels(np.square(each).mean(axis=1)) for each in windows]
    powers = [_power(each) for each in windows]
    bands = [_decibels(np.add.reduceat(power, _band_edges(), axis=1)) for power in powers]
    levels = np.concatenate(bands)
    return np.concatenate(
        [
            _scaled(levels.mean(axis=0)),
            levels.std(axis=0) / 25,
            _shape(np.concatenate(powers), np.concatenate(windows)),
            _loudness(np.concatenate(loudness)),
            np.mean([_rhythm(each) for each in bands], axis=0),
            np.mean([_swells(each) for each in loudness], axis=0),
        ]
    )


def _windows(piece: Samples) -> _Numbers:
    """Overlapping windows of a piece, (n_windows, 1024); a shorter piece is filled up with silence."""
    filled = np.pad(piece.astype(np.float64), (0, max(0, _WINDOW - len(piece))))
    every: _Numbers = np.lib.stride_tricks.sliding_window_view(filled, _WINDOW)
    return every[::_HOP]


def _power(windows: _Numbers) -> _Numbers:
    """The power of each frequency, (n_windows, 512), without the constant; a sine at full scale has 1 in all."""
    taper = np.hanning(_WINDOW)
    power: _Numbers = np.square(np.abs(np.fft.rfft(windows * taper, axis=1)[:, 1:]))
    return power * (4 / (_WINDOW * float(np.square(taper).sum())))


def _band_edges() -> NDArray[np.intp]:
    """Where each band begins among the frequencies, (32,). The mel scale is that of O'Shaughnessy 1987."""
    lowest, highest = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST_HZ, _RATE / 2))
    hertz = 700 * (10 ** (np.linspace(lowest, highest, _BANDS + 1)[:-1] / 2595) - 1)
    return np.round(hertz / (_RATE / _WINDOW)).astype(np.intp) - 1


def _decibels(power: _Numbers) -> _Numbers:
    decibels: _Numbers = 10 * np.log10(power + 10 ** (_FLOOR_DB / 10))
    return decibels


def _scaled(decibels: _Numbers) -> _Numbers:
    """Decibels within the floor and full scale, brought within -1 and 1."""
    return 1 - 2 * decibels / _FLOOR_DB


def _shape(power: _Numbers, windows: _Numbers) -> _Numbers:
    """Centroid, width, rolloff, flatness and zero crossings: their means and spreads over the windows, (10,)."""
    places = np.arange(1, power.shape[1] + 1) / power.shape[1]
    faint = power + 1e-12
    share = faint / faint.sum(axis=1, keepdims=True)
    centroid = share @ places
    width = np.sqrt(np.maximum(share @ places**2 - centroid**2, 0))
    rolloff = (share.cumsum(axis=1) < 0.85).mean(axis=1)  # noqa: PLR2004
    flatness = np.exp(np.log(faint).mean(axis=1)) / faint.mean(axis=1)
    crossings = (np.diff(np.signbit(windows), axis=1)).mean(axis=1)
    each = np.stack([centroid, 2 * width, rolloff, flatness, crossings])
    return np.concatenate([2 * each.mean(axis=1) - 1, 4 * each.std(axis=1)])


def _loudness(decibels: _Numbers) -> _Numbers:
    """Percentiles, mean, spread and the share of windows that are nearly silent, (8,)."""
    silent = (decibels < 0.6 * _FLOOR_DB).mean()
    scaled = [_scaled(np.percentile(decibels, _PERCENTILES)), _scaled(decibels.mean(keepdims=True))]
    return np.concatenate([*scaled, [decibels.std() / 25, 2 * silent - 1]])


def _rhythm(bands: _Numbers) -> _Numbers:
    """How alike the onsets of one piece are at each lag, and how strong and how sudden they are, (15,)."""
    onsets = np.maximum(np.diff(bands, axis=0), 0).mean(axis=1) if len(bands) > 1 else np.zeros(1)
    around = onsets - onsets.mean()
    energy = np.square(around).sum()
    if energy == 0:
        return np.zeros(len(_LAGS) - 1 + 3)
    alike = np.correlate(around, around, "full")[len(around) - 1 :] / energy
    alike = np.pad(alike, (0, max(0, _LAGS[-1] - len(alike))))
    by_lag = np.add.reduceat(alike[: _LAGS[-1]], _LAGS[:-1]) / np.diff(_LAGS)
    strong = (onsets > 2 * onsets.mean()).mean()
    return np.concatenate([by_lag, [onsets.mean() / 10, onsets.std() / 10, 2 * strong]])


def _swells(decibels: _Numbers) -> _Numbers:
    """How the changes of one piece's loudness are shared among rates, (8,)."""
    power = np.square(np.abs(np.fft.rfft(decibels - decibels.mean())))
    rates = np.fft.rfftfreq(len(decibels), 1 / _PER_SECOND)
    within = [power[(rates >= low) & (rates < high)].sum() for low, high in pairwise(_SWELLS)]
    shares: _Numbers = np.array(within) / max(power.sum(), 1e-12)
    return shares

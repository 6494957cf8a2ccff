"""Random numbers that depend on what they are for, and not on the order in which they are asked.

A draw is a hash of the seed, a word that says what is drawn, and whole-number keys (channel, day, …), so the same
video is the same in every range of days, in any process, and whatever version of NumPy draws it.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bits = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniform(seed: int, what: str, *keys: ArrayLike) -> Floats:
    """Uniform on the open interval (0, 1), one for each place of the broadcast keys.

    Source: splitmix64 (Steele, Lea & Flood 2014), one round for each key.
    """
    digest = blake2b(f"{seed}/{what}".encode(), digest_size=8).digest()
    state: Bits = np.frombuffer(digest, "<u8").astype(np.uint64)
    for key in keys:
        state = _mixed(state ^ _mixed(np.atleast_1d(np.asarray(key, np.int64)).astype(np.uint64) + _GOLDEN))
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54


def normal(seed: int, what: str, *keys: ArrayLike) -> Floats:
    """Standard normal, one for each place of the broadcast keys. Source: Box & Muller 1958."""
    radius = np.sqrt(-2.0 * np.log(uniform(seed, f"{what}/radius", *keys)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(seed, f"{what}/angle", *keys)), np.float64)


def choice(seed: int, what: str, n: int, *keys: ArrayLike) -> NDArray[np.int64]:
    """A whole number from 0 to n - 1, all equally likely, one for each place of the broadcast keys."""
    return (uniform(seed, what, *keys) * n).astype(np.int64)


def _mixed(bits: Bits) -> Bits:
    bits = bits + _GOLDEN
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))

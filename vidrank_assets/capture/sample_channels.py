"""The channels of the sample world: how large each is, how often it uploads, how its pictures look."""

from base64 import urlsafe_b64encode
from datetime import date
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.capture.sample_draws import choice, normal, uniform

#: Niche, its name in a channel's title, and YouTube's category.
NICHES = (
    ("tech", "Tech", "28"),
    ("gaming", "Gaming", "20"),
    ("education", "Lessons", "27"),
    ("entertainment", "Comedy", "24"),
    ("beauty", "Beauty", "26"),
    ("news", "News", "25"),
)
#: What a picture is made of; each is a standard normal within a channel, around the channel's own style.
PICTURE = ("warmth", "contrast", "face", "clutter")

_COUNTRIES = ("US", "GB", "IN", "DE", "BR", None)
_LANGUAGES = ("en", "en-US", "en-GB", None)
_SPOKEN = ("en", "en-US", "en-GB", "es", "de", None)

LEVEL_MEAN, LEVEL_SD, NICHE_SD = 9.8, 1.15, 0.35
STYLE_SD = 0.4
_SPARSE, _TINY, _HIDDEN = (13, 12), (29, 28), (23, 7)


def identifier(seed: int, what: str, n_bytes: int) -> str:
    """An id that looks like YouTube's: 8 bytes give the 11 characters of a video, 16 the 22 of a channel."""
    digest = blake2b(f"{seed}/{what}".encode(), digest_size=n_bytes).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def channels(seed: int, n_channels: int) -> pl.DataFrame:
    """One row a channel, `channel` counting from 0: what the API shows of it, and what drives its videos.

    level: its mean log views, before title and thumbnail. uploads_per_1000_days: its cadence, spread evenly.
    A few upload too rarely, have too few subscribers or hide them, so that inclusion has something to decide.
    """
    index = np.arange(n_channels)
    niche = index % len(NICHES)
    level = LEVEL_MEAN + LEVEL_SD * normal(seed, "level", index) + NICHE_SD * normal(seed, "niche", niche)
    subscribers = np.exp(level + 2.2 + 0.6 * normal(seed, "subscribers", index))
    subscribers = np.where(_every(index, _TINY), 40 + 50 * uniform(seed, "tiny", index), subscribers)
    cadence = 160 + 210 * uniform(seed, "cadence", index) ** 2
    return pl.DataFrame(
        {
            "channel": index,
            "channel_id": [f"UC{identifier(seed, f'channel/{i}', 16)}" for i in index],
            "channel_title": [f"Synthetic {NICHES[i % len(NICHES)][1]} {i // len(NICHES) + 1:02}" for i in index],
            "query": [NICHES[i][0] for i in niche],
            "category_id": [NICHES[i][2] for i in niche],
            "channel_country": _named(_COUNTRIES, seed, "country", index),
            "default_language": _named(_LANGUAGES, seed, "language", index),
            "default_audio_language": _named(_SPOKEN, seed, "spoken", index),
            "channel_created_at": _created(seed, index),
            "level": level,
            "speed": normal(seed, "speed", index),
            "subscribers": np.floor(subscribers).astype(np.int64),
            "subscribers_hidden": _every(index, _HIDDEN),
            "growth_per_day": 0.0003 + 0.002 * uniform(seed, "growth", index),
            "earlier_videos": 20 + choice(seed, "earlier", 900, index),
            "uploads_per_1000_days": np.where(_every(index, _SPARSE), 60, cadence).astype(np.int64),
            "upload_phase": choice(seed, "phase", 1000, index),
            "upload_hour": 24 * uniform(seed, "hour", index),
            "minutes": 5 + 10 * uniform(seed, "minutes", index),
            "like_rate": np.exp(-3.3 + 0.4 * normal(seed, "like_rate", index)),
            "links": choice(seed, "links", 5, index),
            **{f"style_{part}": STYLE_SD * normal(seed, f"style/{part}", index) for part in PICTURE},
        }
    )


def _every(index: NDArray[np.int64], cycle: tuple[int, int]) -> NDArray[np.bool_]:
    period, remainder = cycle
    return np.asarray(index % period == remainder)


def _named(names: tuple[str | None, ...], seed: int, what: str, index: NDArray[np.int64]) -> pl.Series:
    return pl.Series([names[i] for i in choice(seed, what, len(names), index)], dtype=pl.String)


def _created(seed: int, index: NDArray[np.int64]) -> pl.Series:
    """Between 2008 and 2024, so every channel is older than the world."""
    days = date(2008, 1, 1).toordinal() - date(1970, 1, 1).toordinal() + choice(seed, "created", 6000, index)
    return pl.Series(days * 86_400_000_000 + 43_200_000_000).cast(pl.Datetime("us", "UTC"))

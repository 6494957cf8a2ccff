"""The videos of the sample world: title, picture, and the log views that they are worth.

Views are made of known parts that add up on the log scale: the channel, the title's words, the picture, the moment and
form of publication, and noise. `Weights` are the truth that a model may find, by default `WEIGHTS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.capture.sample_channels import NICHES, PICTURE, identifier
from vidrank_assets.capture.sample_draws import Floats, choice, normal, uniform
from vidrank_assets.errors import InvalidInput

_DAY_US = 86_400_000_000
#: Which of a picture's uniform numbers opens the mouth, and the standard deviation of such a number.
_EXPRESSION, _UNIFORM_SD = 3, 12**-0.5
_SATURDAY = 5

#: Shares of the videos, and one in so many titles ends in a question or an exclamation mark.
_DIGIT_SHARE, _SHORT_SHARE, _LONG_SHARE, _LIVE_SHARE, _MARKS = 0.25, 0.07, 0.01, 0.01, 5

# Within each list good and bad words are equally long, so that the length of a title says nothing about them.
_HOOKS = {
    "Forbidden": 0.7, "Secret": 0.6, "Brutal": 0.5, "Genius": 0.4, "Perfect": 0.3, "Hidden": 0.2, "Rare": 0.1,
    "Simple": -0.1, "Classic": -0.2, "Typical": -0.3, "Quiet": -0.4, "Regular": -0.5, "Boring": -0.6, "Leftover": -0.7,
}  # fmt: skip
_CLOSERS = {
    "Nobody Expected": 0.4, "Gone Wrong": 0.3, "In One Day": 0.2, "From Scratch": 0.1,
    "For Archives": -0.1, "In Low Light": -0.2, "Part Four": -0.3, "Without Comment": -0.4,
}  # fmt: skip
_SUBJECTS = {
    "tech": ("Laptop", "Drone", "Camera", "Robot", "Router", "Phone", "Tablet", "Modem"),
    "gaming": ("Speedrun", "Boss", "Dungeon", "Racing", "Puzzle", "Farm", "Kingdom", "Tycoon"),
    "education": ("Physics", "Brain", "Volcano", "Rome", "Algebra", "Verbs", "Geology", "Logic"),
    "entertainment": ("Karaoke", "Magic", "Prank", "Stunt", "Parody", "Sketch", "Podcast", "Recap"),
    "beauty": ("Glow", "Eyeliner", "Haircut", "Perfume", "Toner", "Nails", "Lotion", "Sponge"),
    "news": ("Storm", "Election", "Rocket", "Border", "Budget", "Strike", "Census", "Treaty"),
}
_SUBJECT_STEPS = (0.28, 0.2, 0.12, 0.04, -0.04, -0.12, -0.2, -0.28)


_SUBJECT_WEIGHTS = {
    word: step for words in _SUBJECTS.values() for word, step in zip(words, _SUBJECT_STEPS, strict=True)
}
#: What adds to log views, and how much.
_BY_DEFAULT: Mapping[str, Mapping[str, float]] = {
    "words": _HOOKS | _CLOSERS | _SUBJECT_WEIGHTS,
    "picture": {"warmth": 0.32, "contrast": 0.24, "face": 0.36, "clutter": -0.26, "expression": 0.0},
    "form": {"question": 0.1, "exclamation": -0.06, "digit": 0.08, "weekend": 0.1, "length": 0.06},
}


@dataclass(frozen=True)
class Weights:
    """What each thing adds to a video's log views; all of them are named.

    words: of the title, by word or phrase, seen only by reading it.
    picture: for one standard deviation of each part of the thumbnail. An expression adds nothing unless it is told to;
    colours, edges and corners by place tell less of it than of any other part.
    form: question mark, exclamation mark, digit, weekend, and the log of the length over 8 minutes.
    noise_sd: what nothing explains.
    Raises InvalidInput: one of them is not named, or another is.
    """

    words: Mapping[str, float] = field(default_factory=lambda: dict(_BY_DEFAULT["words"]))
    picture: Mapping[str, float] = field(default_factory=lambda: dict(_BY_DEFAULT["picture"]))
    form: Mapping[str, float] = field(default_factory=lambda: dict(_BY_DEFAULT["form"]))
    noise_sd: float = 0.35

    def __post_init__(self) -> None:
        for what, known in _BY_DEFAULT.items():
            given = getattr(self, what).keys()
            if known.keys() != given:
                missing, unknown = ", ".join(sorted(known.keys() - given)), ", ".join(sorted(given - known.keys()))
                raise InvalidInput(
                    f"a sample world's {what} must be the known ones, each with its weight; missing: "
                    f"{missing or 'none'}, unknown: {unknown or 'none'}. Begin with those of WEIGHTS."
                )


WEIGHTS = Weights()


def published(seed: int, channels: pl.DataFrame, days: range, weights: Weights = WEIGHTS) -> pl.DataFrame:
    """The videos that go online on those days (counted from 1970-01-01), by day and channel.

    Holds the columns of `channels`, what the API shows of the video, and the parts of its log views: `level` of the
    channel, `title_part`, `picture_part`, `form_part`, `noise_part`, their sum `log_final`, and `scale_days`.
    """
    grid = channels.join(
        pl.DataFrame({"day": list(days)}, schema={"day": pl.Int64}), how="cross", maintain_order="right"
    )
    videos = grid.filter(uploads_before("day", after=1) > uploads_before("day"))
    channel, day = videos["channel"].to_numpy(), videos["day"].to_numpy()
    ids = [identifier(seed, f"video/{c}/{d}", 8) for c, d in zip(channel, day, strict=True)]
    frame = videos.with_columns(
        *_published_at(seed, videos),
        *_title(seed, videos, weights),
        *_length(seed, videos),
        *_picture(seed, videos),
        pl.Series("video_id", ids, pl.String),
        pl.Series("noise_part", weights.noise_sd * normal(seed, "noise", channel, day)),
        pl.Series(
            "scale_days", 4.0 * np.exp(0.3 * videos["speed"].to_numpy() + 0.3 * normal(seed, "pace", channel, day))
        ),
    )
    return _with_log_views(frame, weights)


def uploads_before(day: str, *, after: int = 0) -> pl.Expr:
    """How many videos a channel has published before that many days after `day`, evenly spaced at its cadence."""
    return ((pl.col(day) + after) * pl.col("uploads_per_1000_days") + pl.col("upload_phase")) // 1000


def _published_at(seed: int, videos: pl.DataFrame) -> list[pl.Series]:
    channel, day = videos["channel"].to_numpy(), videos["day"].to_numpy()
    hour = (videos["upload_hour"].to_numpy() + 1.5 * normal(seed, "minute", channel, day)) % 24
    at = day * _DAY_US + (hour * 3600).astype(np.int64) * 1_000_000
    # 1970-01-01 was a Thursday, weekday 3 of a week that begins at 0 with Monday.
    weekend = (day + 3) % 7 >= _SATURDAY
    return [pl.Series("published_at", at).cast(pl.Datetime("us", "UTC")), pl.Series("weekend", weekend)]


def _title(seed: int, videos: pl.DataFrame, weights: Weights) -> list[pl.Series]:
    channel, day = videos["channel"].to_numpy(), videos["day"].to_numpy()
    hooks, closers = list(_HOOKS), list(_CLOSERS)
    hook = [hooks[i] for i in choice(seed, "hook", len(hooks), channel, day)]
    closer = [closers[i] for i in choice(seed, "closer", len(closers), channel, day)]
    nth = choice(seed, "subject", len(_SUBJECT_STEPS), channel, day)
    subject = [_SUBJECTS[NICHES[c % len(NICHES)][0]][i] for c, i in zip(channel, nth, strict=True)]
    digit = uniform(seed, "digit", channel, day) < _DIGIT_SHARE
    take = 2 + choice(seed, "take", 98, channel, day)
    mark = choice(seed, "mark", _MARKS, channel, day)
    titles = [
        " ".join(words) + (f" {n}" if has else "") + {0: "?", 1: "!"}.get(m, "")
        for *words, n, has, m in zip(hook, subject, closer, take, digit, mark, strict=True)
    ]
    part = [sum(weights.words[word] for word in words) for words in zip(hook, subject, closer, strict=True)]
    return [
        pl.Series("title", titles, pl.String),
        pl.Series("caption", subject, pl.String),
        pl.Series("title_part", part, pl.Float64),
        pl.Series("digit", digit),
        pl.Series("question", mark == 0),
        pl.Series("exclamation", mark == 1),
    ]


def _length(seed: int, videos: pl.DataFrame) -> list[pl.Series]:
    """Mostly minutes; some Shorts, a few of more than an hour, and live streams, whose length nobody knows."""
    channel, day = videos["channel"].to_numpy(), videos["day"].to_numpy()
    seconds = 60 * videos["minutes"].to_numpy() * np.exp(0.4 * normal(seed, "length", channel, day))
    kind, u = uniform(seed, "kind", channel, day), uniform(seed, "kind_length", channel, day)
    seconds = np.clip(seconds, 75, 3500)
    seconds = np.where(kind < _SHORT_SHARE, 20 + 160 * u, seconds)
    seconds = np.where(kind > 1 - _LONG_SHARE, 3700 + 5000 * u, seconds)
    whole: NDArray[np.int64] = seconds.astype(np.int64)
    live = uniform(seed, "live", channel, day) < _LIVE_SHARE
    return [pl.Series("seconds", whole), pl.Series("live", live)]


def _picture(seed: int, videos: pl.DataFrame) -> list[pl.Series]:
    channel, day = videos["channel"].to_numpy(), videos["day"].to_numpy()
    styled = [
        pl.Series(part, videos[f"style_{part}"].to_numpy() + normal(seed, f"picture/{part}", channel, day))
        for part in PICTURE
    ]
    mouth = uniform(seed, "chance", channel, day, _EXPRESSION)
    return [*styled, pl.Series("expression", (mouth - 0.5) / _UNIFORM_SD)]


def _with_log_views(videos: pl.DataFrame, weights: Weights) -> pl.DataFrame:
    picture = pl.sum_horizontal(weight * pl.col(part) for part, weight in weights.picture.items())
    flags = pl.sum_horizontal(
        weights.form[flag] * pl.col(flag) for flag in ("question", "exclamation", "digit", "weekend")
    )
    length = weights.form["length"] * (pl.col("seconds") / 480).log()
    parts = ("level", "title_part", "picture_part", "form_part", "noise_part")
    return (
        videos.with_columns(picture_part=picture, form_part=flags + length)
        .with_columns(log_final=pl.sum_horizontal(parts))
        .sort("day", "channel")
    )


def truncated(part: Floats) -> Floats:
    """A part of the picture as it can be drawn: from 0 to 1, linear within 2.4 standard deviations of the middle."""
    return np.clip(0.5 + part / 4.8, 0.0, 1.0)


def openness(expression: Floats) -> Floats:
    """How far a mouth of that expression is open: from 0 to 1, evenly drawn."""
    return np.clip(0.5 + _UNIFORM_SD * expression, 0.0, 1.0)

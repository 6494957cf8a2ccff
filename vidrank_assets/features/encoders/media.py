"""Films and sound from outside, sampled evenly and within bounds.

Only as much is decoded as is asked for: each sample is sought, so a long film costs what a short one costs.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.errors import EncoderUnavailable
from vidrank_assets.features.encoders.pictures import MAX_PIXELS

if TYPE_CHECKING:
    from av import VideoFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from PIL.Image import Image

Samples = NDArray[np.float32]
_Taken = TypeVar("_Taken")

#: What a file lacks that is sound otherwise, as a silent film does: it has no vector, and that is no fault.
NO_SOUND, NO_PICTURES = "no audio track", "no picture track"
_DAMAGED = "truncated or damaged"

#: Containers that hold the media themselves. Others, playlists above all, name further files for FFmpeg to open.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegts,mp3,aac,flac,ogg,wav"
_BOUNDS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
_PIXELS = {"max_pixels": str(MAX_PIXELS)}
_ANSWER_SECONDS = 20
_MAX_HOURS = 12
_SAMPLE_RATES = range(4_000, 400_001)
#: Frames and packets of sound decoded for one sample at most; a file may have no keyframe but the first.
_MAX_STEPS, _MAX_PACKETS = 300, 30_000
#: A sample nearer than this to the one before is reached by decoding on, for a keyframe is seldom nearer.
_NEAR_SECONDS = 2.0
#: How long after its last frame a film may end.
_LAG_SECONDS = 0.5
#: A file that gives less than this share of the samples its length promises is cut.
_ENOUGH = 0.9


class Moment(NamedTuple):
    """A frame in RGB, and the one a short time after it; none where the film ends."""

    picture: "Image"
    after: "Image | None"


def require_av() -> None:
    """Raise EncoderUnavailable if PyAV is not installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        raise EncoderUnavailable(
            "the audio and video encoders need PyAV; av is not installed. Install it: pip install "
            "'vidrank-assets[media]'."
        ) from None


def moments(path: str, *, count: int, short_side: int, step: float | None = None) -> list[Moment] | str:
    """Frames from `count` equal stretches of a film, at most one of each, or the reason why it cannot be read.

    A stretch gives the last keyframe before its middle, if one lies in its first half, else the frame it begins with.
    short_side: larger frames are brought to it, in pixels. step: seconds to the frame after each, None for none.
    """

    def taken(film: "InputContainer", track: "VideoStream", seconds: float) -> list[Moment] | str:
        size = track.codec_context
        if size.width * size.height > MAX_PIXELS:
            return f"more than {MAX_PIXELS // 1_000_000} megapixels"
        size.options = _PIXELS  # a film may change its size on the way
        stretch = seconds / count
        begins, far = [i * stretch for i in range(count)], stretch > _NEAR_SECONDS
        found: list[Moment] = []
        for together in [[begin] for begin in begins] if far else [begins]:
            frames = _Frames(film, track, together[0] + stretch / 2 if far else 0)
            found += _moments(frames, together, short_side=short_side, step=step)
        return found if len(found) >= _ENOUGH * count else _DAMAGED

    return _read(path, "video", taken)


def sounds(path: str, *, rate: int, count: int, seconds: int) -> list[Samples] | str:
    """At most `count` pieces of a file's sound, or the reason why it cannot be read.

    The pieces are mono, `rate` samples a second within -1 and 1, and `seconds` long, one from the middle of each of
    `count` equal stretches; a shorter file is cut into pieces without gaps.
    """

    def taken(film: "InputContainer", track: "AudioStream", length: float) -> list[Samples] | str:
        if track.rate not in _SAMPLE_RATES:
            return f"{track.rate} samples a second"
        n = max(1, min(count, ceil(length / seconds)))
        stretch = length / n
        wanted = min(float(seconds), stretch)
        begins = [i * stretch + (stretch - wanted) / 2 for i in range(n)]
        pieces = [_piece(film, track, begin, rate, round(wanted * rate)) for begin in begins]
        enough = sum(map(len, pieces)) >= _ENOUGH * n * round(wanted * rate)
        return [piece for piece in pieces if len(piece)] if enough and any(map(len, pieces)) else _DAMAGED

    return _read(path, "audio", taken)


def _read(path: str, kind: str, taken: Callable[["InputContainer", Any, float], _Taken | str]) -> _Taken | str:
    """What is taken of the first track of a kind: `audio` or `video`, with the seconds it lasts."""
    import av

    try:
        film = av.open(f"file:{path}", "r", options=_PIXELS, container_options=_BOUNDS, timeout=_ANSWER_SECONDS)
    except OSError as fault:
        return (fault.strerror or "not readable").lower()
    except (av.FFmpegError, ValueError):
        return "no media file, or cut short"
    with film:
        tracks: Sequence[Any] = film.streams.audio if kind == "audio" else _films(film)
        if not tracks:
            return NO_SOUND if kind == "audio" else NO_PICTURES
        seconds = _seconds(film, tracks[0])
        try:
            return _refused(tracks[0], seconds) or taken(film, tracks[0], seconds)
        except (av.FFmpegError, OSError, ValueError, MemoryError):
            return _DAMAGED


def _refused(track: Any, seconds: float) -> str | None:
    """Why nothing of a track is decoded, if it isn't."""
    if track.codec_context is None:
        return "a codec that is not known"
    if seconds <= 0:
        return "no length"
    return f"longer than {_MAX_HOURS} hours" if seconds > _MAX_HOURS * 3600 else None


def _films(film: "InputContainer") -> list["VideoStream"]:
    """The picture tracks; the cover of a song is none."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails
    return [track for track in film.streams.video if not track.disposition & still]


def _seconds(film: "InputContainer", track: Any) -> float:
    """How long a track lasts, or else the file; 0 where neither says."""
    if track.duration and track.time_base:
        return float(track.duration * track.time_base)
    return (film.duration or 0) / 1_000_000


def _seek(film: "InputContainer", track: Any, to_seconds: float) -> float:
    """Go to the keyframe before a time, as seconds of the track; returns the time that the track starts at."""
    base = track.time_base or Fraction(1, 1_000_000)
    start = track.start_time or 0
    film.seek(start + int(to_seconds / base), stream=track)
    return float(start * base)


class _Frames:
    """The frames of a film in order, from the keyframe before a time; none after a fault."""

    def __init__(self, film: "InputContainer", track: "VideoStream", from_seconds: float) -> None:
        self._left = self._decoded(film, track, from_seconds)
        self._current = self._next = next(self._left, None)
        self.begin = self._current.begins if self._current else 0.0

    def shown(self, at: float) -> "VideoFrame | None":
        """The frame that is shown at a time, or the first if that comes later; none if the frames end before."""
        for _ in range(_MAX_STEPS):
            if self._next is None or self._next.begins > at:
                break
            self._current, self._next = self._next, next(self._left, None)
        if self._current is None or (self._next is None and at > self._current.ends + _LAG_SECONDS):
            return None
        return self._current.frame

    @staticmethod
    def _decoded(film: "InputContainer", track: "VideoStream", from_seconds: float) -> Iterator["_At"]:
        from av import FFmpegError

        with suppress(FFmpegError):
            start = _seek(film, track, from_seconds)
            for frame in film.decode(track):
                begins = (frame.time or 0.0) - start
                yield _At(begins, begins + float((frame.duration or 0) * (frame.time_base or 0)), frame)


class _At(NamedTuple):
    """A frame, and when it is shown, in seconds since the track's start."""

    begins: float
    ends: float
    frame: "VideoFrame"


def _moments(frames: _Frames, begins: list[float], *, short_side: int, step: float | None) -> Iterator[Moment]:
    """The frames that are shown at some times, or from the first that is there, each with the one a step later."""
    begins = [max(begin, frames.begin) for begin in begins]
    wanted = sorted({*begins, *(begin + step for begin in begins if step)})
    # Frames come once and in order, and are large: each is shrunk when it is met.
    pictures = {at: _picture(frame, short_side) if (frame := frames.shown(at)) else None for at in wanted}
    for begin in begins:
        if picture := pictures[begin]:
            yield Moment(picture, pictures[begin + step] if step else None)


def _picture(frame: "VideoFrame", short_side: int) -> "Image":
    """The frame as it is shown: upright, in RGB, its shorter side at most `short_side` pixels."""
    shrunk = min(1.0, short_side / min(frame.width, frame.height))
    width, height = (max(1, round(side * shrunk)) for side in (frame.width, frame.height))
    to_image: Any = frame.to_image
    picture: Image = to_image(width=width, height=height, interpolation="AREA")
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture


def _piece(film: "InputContainer", track: "AudioStream", begin: float, rate: int, n_samples: int) -> Samples:
    """Mono samples from a time on, as many as there are and at most `n_samples`; what follows a fault is left out."""
    from av import AudioResampler, FFmpegError

    resampler = AudioResampler(format="flt", layout="mono", rate=rate)
    parts: list[Samples] = []
    skipped: int | None = None
    n_left: float = n_samples
    with suppress(FFmpegError, ValueError):
        start = _seek(film, track, begin)
        for frame in islice(film.decode(track), _MAX_PACKETS):
            at = begin if frame.time is None else frame.time - start
            if at + frame.samples / frame.sample_rate <= begin:
                continue
            if skipped is None:
                skipped = max(0, round((begin - at) * rate))
                n_left += skipped
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
            n_left -= frame.samples * rate / frame.sample_rate
            if n_left < 0:
                break
        parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    whole: Samples = np.concatenate([np.zeros(0, np.float32), *parts])[skipped or 0 :][:n_samples]
    return np.clip(np.nan_to_num(whole), -1, 1)

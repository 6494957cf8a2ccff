import builtins
import shutil
from pathlib import Path

import numpy as np
import pytest

from vidrank_assets.errors import EncoderUnavailable
from vidrank_assets.features.encoders import media
from vidrank_assets.features.encoders.media import NO_PICTURES, NO_SOUND, moments, require_av, sounds

RATE = 16_000
NOT_MEDIA = "no media file, or cut short"


def light(moment_or_picture):
    """The mean of a picture, 0 to 255; in the films of these tests it falls from 100 % to 20 % over their length."""
    picture = getattr(moment_or_picture, "picture", moment_or_picture)
    return float(np.asarray(picture).mean())


def hertz(piece):
    return float(np.abs(np.fft.rfft(piece)).argmax() * RATE / len(piece))


@pytest.fixture
def made(tmp_path, film):
    """Makes a film in a folder of its own; returns its path."""
    return lambda name="film.mp4", seed=0, **options: film(tmp_path / name, seed, **options)


# ── frames ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi", "film.mov"])
@pytest.mark.parametrize("seconds", [2.0, 12.0])
def test_frames_come_from_equal_stretches_of_the_film(made, name, seconds):
    """Stretches of 3 seconds are sought, shorter ones are decoded one after the other."""
    lights = [light(each) for each in moments(made(name, seconds=seconds, audio=None), count=4, short_side=48)]
    for i, left in enumerate(lights):
        # Of the first half of stretch i; the first frame gives the light there is at the beginning.
        assert 0.8 * i / 4 - 0.05 <= 1 - left / lights[0] <= 0.8 * (i + 0.5) / 4 + 0.05


def test_a_step_later_the_film_is_a_little_darker(made):
    for moment in moments(made(seconds=4.0, audio=None), count=4, short_side=48, step=0.5):
        assert light(moment.after) < light(moment) - 5


def test_what_would_be_a_step_after_the_end_is_absent(made):
    last = moments(made(seconds=4.0, audio=None), count=2, short_side=48, step=3.0)[-1]
    assert last.after is None


def test_without_a_step_nothing_is_looked_for_after_a_frame(made):
    assert {moment.after for moment in moments(made(audio=None), count=4, short_side=48)} == {None}


def test_large_frames_are_brought_to_the_short_side_and_small_ones_stay(made):
    path = made(size=(160, 90), audio=None)
    assert moments(path, count=1, short_side=45)[0].picture.size == (80, 45)
    assert moments(path, count=1, short_side=720)[0].picture.size == (160, 90)


def test_a_film_of_a_single_keyframe_is_sampled_by_decoding_on(made):
    lights = [light(each) for each in moments(made(seconds=4.0, keyframes=999, audio=None), count=4, short_side=48)]
    assert lights == sorted(lights, reverse=True)
    assert lights[0] - lights[-1] > 40


def test_frames_to_one_sample_are_bounded(made, monkeypatch):
    monkeypatch.setattr(media, "_MAX_STEPS", 2)
    path = made(seconds=12.0, keyframes=999, audio=None)
    lights = [light(each) for each in moments(path, count=4, short_side=48)]
    assert max(lights) - min(lights) < 5  # none gets further than two frames from the only keyframe


def test_more_pixels_than_a_picture_may_have_are_not_decoded(made, monkeypatch):
    monkeypatch.setattr(media, "MAX_PIXELS", 64 * 48 - 1)
    assert moments(made(), count=1, short_side=48) == "more than 0 megapixels"


# ── sound ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "sound.m4a"])
def test_sound_comes_as_pieces_of_the_length_asked_for(made, name):
    pieces = sounds(made(name, seconds=9.0, video=None), rate=RATE, count=3, seconds=2)
    assert [len(piece) for piece in pieces] == [2 * RATE] * 3
    for piece in pieces:
        assert piece.dtype == np.float32
        assert hertz(piece) == pytest.approx(300, abs=1)
        assert piece.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


def test_a_short_file_is_cut_without_gaps(made):
    path = made("sound.wav", seconds=3.0, video=None, audio="pcm_s16le")
    pieces = sounds(path, rate=RATE, count=6, seconds=2)
    assert [len(piece) for piece in pieces] == [1.5 * RATE] * 2
    times = np.arange(3 * RATE) / RATE
    np.testing.assert_allclose(np.concatenate(pieces), 0.5 * np.sin(2 * np.pi * 300 * times), atol=1e-3)


def test_a_piece_comes_from_the_middle_of_its_stretch(made):
    """Nine seconds in three stretches: the pieces begin at 1, 4 and 7 seconds."""
    path = made("sound.wav", seconds=9.0, video=None, audio="pcm_s16le")
    pieces = sounds(path, rate=RATE, count=3, seconds=1)
    times = np.arange(RATE) / RATE
    for begin, piece in zip((1, 4, 7), pieces, strict=True):
        np.testing.assert_allclose(piece, 0.5 * np.sin(2 * np.pi * 300 * (begin + times)), atol=1e-3)


def test_another_rate_is_the_same_sound(made):
    (piece,) = sounds(made(seconds=2.0), rate=8_000, count=1, seconds=2)
    assert len(piece) == 2 * 8_000
    assert np.abs(np.fft.rfft(piece)).argmax() / 2 == pytest.approx(300, abs=1)


# ── what cannot be read ───────────────────────────────────────────────────────────────────────────────────────────────


def both(path):
    return moments(str(path), count=4, short_side=48), sounds(str(path), rate=RATE, count=3, seconds=1)


def test_a_silent_film_has_pictures_and_sound_alone_has_none(made):
    pictures, sound = both(made("silent.mp4", audio=None))
    assert (len(pictures), sound) == (4, NO_SOUND)
    pictures, sound = both(made("song.m4a", video=None))
    assert (pictures, len(sound)) == (NO_PICTURES, 2)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>" * 99, bytes(range(256)) * 40])
def test_other_files_are_no_media(tmp_path, content):
    (tmp_path / "film.mp4").write_bytes(content)
    assert both(tmp_path / "film.mp4") == (NOT_MEDIA, NOT_MEDIA)


def test_a_file_that_is_gone_or_is_a_folder_is_told_as_such(tmp_path):
    assert both(tmp_path / "none.mp4") == ("no such file or directory",) * 2
    assert both(tmp_path) == ("is a directory",) * 2


def test_a_file_cut_before_its_index_is_no_media_and_one_cut_after_it_is_truncated(made, tmp_path):
    for options, reason in (({}, NOT_MEDIA), ({"movflags": "faststart"}, "truncated or damaged")):
        whole = Path(made(seconds=12.0, **options)).read_bytes()
        (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
        assert both(tmp_path / "cut.mp4") == (reason, reason)


@pytest.mark.parametrize(
    "playlist",
    ["ffconcat version 1.0\nfile 'film.mp4'\n", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:4,\nfilm.mp4\n"],
)
def test_a_playlist_that_calls_itself_a_film_opens_no_other_file(made, tmp_path, playlist):
    made("film.mp4")
    (tmp_path / "playlist.mp4").write_text(playlist)
    assert both(tmp_path / "playlist.mp4") == (NOT_MEDIA, NOT_MEDIA)


def test_a_film_that_claims_to_be_too_long_is_not_read(made, monkeypatch):
    monkeypatch.setattr(media, "_MAX_HOURS", 1 / 3600)
    assert all(reason.startswith("longer than") for reason in both(made(seconds=2.0)))


@pytest.mark.parametrize("seed", range(12))
def test_a_film_with_bytes_changed_at_random_is_read_or_refused_and_nothing_else(made, tmp_path, seed):
    """Hostile files are not only cut ones: whatever they hold, there is a reason or something that looks sound."""
    content = bytearray(Path(made(f"film.{'mkv' if seed % 2 else 'mp4'}", seconds=2.0)).read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(content), rng.integers(1, 200)):
        content[place] = rng.integers(0, 256)
    (tmp_path / "hostile").write_bytes(content)
    pictures, sound = both(tmp_path / "hostile")
    assert isinstance(pictures, str) or all(min(moment.picture.size) <= 48 for moment in pictures)
    assert isinstance(sound, str) or all(np.isfinite(piece).all() and len(piece) <= RATE for piece in sound)


def test_a_name_that_looks_like_an_address_is_a_file(made, tmp_path):
    odd = tmp_path / "concat:a|b.mp4"
    shutil.copy(made(), odd)
    assert len(both(odd)[0]) == 4


def test_without_pyav_the_encoders_say_what_to_install(monkeypatch):
    imported = builtins.__import__

    def without_av(name, *args, **kwargs):
        if name == "av":
            raise ImportError(name="av")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(EncoderUnavailable, match=r"need PyAV; .* 'vidrank-assets\[media\]'"):
        require_av()

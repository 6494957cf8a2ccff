import numpy as np
import pytest

from vidrank_assets.features.encoders.sound_statistics import SoundStatistics, statistics

RATE = 16_000
LEVELS, SPREADS, SHAPE = slice(0, 32), slice(32, 64), slice(64, 74)
LOUDNESS, BEATS, ONSETS, SWELLS = slice(74, 82), slice(82, 94), slice(94, 97), slice(97, 105)
TIMES = np.arange(10 * RATE) / RATE


def sine(hertz, level=1.0):
    return (level * np.sin(2 * np.pi * hertz * TIMES)).astype(np.float32)


def clicks(a_minute):
    """A short burst of noise at every beat."""
    beat = (TIMES % (60 / a_minute)) < 0.03
    return (beat * np.random.default_rng(0).normal(0, 0.3, len(TIMES))).astype(np.float32)


def test_a_row_has_105_numbers():
    assert SoundStatistics().dim == len(statistics([sine(440)])) == SWELLS.stop == 105


def test_a_sine_at_full_scale_fills_its_band_and_one_of_40_decibels_less_is_four_tenths_down():
    loud, quiet = statistics([sine(1000)])[LEVELS], statistics([sine(1000, 0.01)])[LEVELS]
    assert loud.argmax() == quiet.argmax()
    assert loud.max() == pytest.approx(1, abs=0.02)
    assert quiet.max() == pytest.approx(1 - 0.8, abs=0.02)


def test_a_higher_tone_is_in_a_higher_band_and_has_a_higher_centroid():
    rows = [statistics([sine(hertz)]) for hertz in (100, 500, 2000, 7000)]
    assert sorted(row[LEVELS].argmax() for row in rows) == [row[LEVELS].argmax() for row in rows]
    # Of 8 kHz, each counted from -1 to 1.
    np.testing.assert_allclose([row[SHAPE][0] for row in rows], [-0.975, -0.875, -0.5, 0.75], atol=0.01)


def test_noise_is_flat_and_a_tone_is_not():
    noise = np.random.default_rng(0).normal(0, 0.1, len(TIMES)).astype(np.float32)
    assert statistics([noise])[SHAPE][3] > 0
    assert statistics([sine(440)])[SHAPE][3] < -0.9


def test_silence_has_the_least_of_everything_and_no_rhythm():
    row = statistics([np.zeros(len(TIMES), np.float32)])
    np.testing.assert_allclose(row[LEVELS], -1, atol=1e-6)
    np.testing.assert_allclose(row[LOUDNESS], [-1] * 6 + [0, 1], atol=1e-6)
    assert not row[BEATS].any()
    assert not row[SWELLS].any()


@pytest.mark.parametrize(("a_minute", "lags"), [(120, (15, 18)), (80, (20, 24)), (60, (31, 36))])
def test_the_beat_is_where_the_onsets_are_most_alike(a_minute, lags):
    """At 31.25 windows a second, a beat of 120 comes every 15.6 windows, of 80 every 23.4, of 60 every 31.25."""
    edges = [9, 10, 11, 13, 15, 18, 20, 24, 27, 31, 36, 41, 48]
    beats = statistics([clicks(a_minute)])[BEATS]
    slower = edges.index(lags[0])
    assert beats[: slower + 1].argmax() == slower


def test_sound_that_swells_four_times_a_second_has_its_share_there():
    swelling = (sine(440) * (0.55 + 0.45 * np.sin(2 * np.pi * 4.5 * TIMES))).astype(np.float32)
    shares = statistics([swelling])[SWELLS]
    assert shares.argmax() == 5  # from 4 to 6 hertz
    assert shares.sum() <= 1


def test_a_piece_shorter_than_a_window_is_still_a_row():
    assert np.isfinite(statistics([sine(440)[:100]])).all()


def test_the_order_of_the_pieces_does_not_matter():
    pieces = [sine(200), clicks(90), sine(3000, 0.1)]
    np.testing.assert_allclose(statistics(pieces), statistics(pieces[::-1]), atol=1e-9)


def test_every_number_of_ordinary_sound_is_within_reach_of_one():
    rows = np.stack([statistics([piece]) for piece in (sine(50), sine(7900), clicks(40), clicks(200))])
    assert np.abs(rows).max() < 2.5

"""The videos of the sample world, and what their views are made of."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from vidrank_assets.capture.sample_channels import channels
from vidrank_assets.capture.sample_videos import WEIGHTS, Weights, openness, published, truncated, uploads_before
from vidrank_assets.errors import InvalidInput

MONDAY = 20_458  # 2026-01-05


@pytest.fixture(scope="module")
def videos() -> pl.DataFrame:
    return published(42, channels(42, 60), range(MONDAY, MONDAY + 100))


def test_a_day_is_the_same_in_every_range(videos):
    alone = published(42, channels(42, 60), range(MONDAY + 30, MONDAY + 31))
    assert alone.height > 5
    assert_frame_equal(alone, videos.filter(pl.col("day") == MONDAY + 30))


def test_a_video_goes_online_on_its_day(videos):
    assert (videos["published_at"].dt.epoch("d") == videos["day"]).all()


def test_a_channel_uploads_evenly_at_its_cadence():
    channel = pl.DataFrame({"uploads_per_1000_days": [250], "upload_phase": [999], "day": [0]})
    counts = [channel.select(uploads_before("day", after=day)).item() for day in range(9)]
    assert counts == [0, 1, 1, 1, 1, 2, 2, 2, 2]


def test_the_words_of_a_title_are_worth_their_weights(videos):
    """Read back from the title alone, without its number and its mark."""
    for title, part in videos.select("title", "title_part").rows()[:200]:
        hook, subject, *closer = [word for word in title.rstrip("?!").split() if not word.isdigit()]
        assert sum(WEIGHTS.words[each] for each in (hook, subject, " ".join(closer))) == pytest.approx(part)


def test_the_words_are_worth_nothing_on_average():
    assert sum(WEIGHTS.words.values()) == pytest.approx(0, abs=1e-9)


def test_form_is_seen_in_the_metadata_and_worth_its_weights(videos):
    """A weekday's video of 8 minutes with a question mark and a digit is worth 0.1 + 0.08 more."""
    one = videos.with_columns(
        question=pl.col("title").str.ends_with("?"),
        exclamation=pl.col("title").str.ends_with("!"),
        digit=pl.col("title").str.contains(r"\d"),
        weekend=pl.col("published_at").dt.weekday() >= 6,
    )
    flags = sum(WEIGHTS.form[flag] * one[flag] for flag in ("question", "exclamation", "digit", "weekend"))
    length = WEIGHTS.form["length"] * np.log(one["seconds"] / 480)
    np.testing.assert_allclose(videos["form_part"], flags + length, atol=1e-12)


def test_the_noise_is_as_large_as_declared(videos):
    assert videos["noise_part"].std() == pytest.approx(WEIGHTS.noise_sd, rel=0.05)


def test_most_videos_last_minutes_and_a_few_are_shorts_very_long_or_live(videos):
    seconds = videos["seconds"]
    assert 0.03 < (seconds <= 180).mean() < 0.15
    assert 0.002 < (seconds > 3600).mean() < 0.03
    assert 0.002 < videos["live"].mean() < 0.03


def test_a_part_of_a_picture_is_drawn_in_proportion_and_at_most_whole():
    np.testing.assert_allclose(truncated(np.array([-9.0, -1.2, 0.0, 2.4, 9.0])), [0, 0.25, 0.5, 1, 1])


def test_an_expression_is_drawn_evenly_and_adds_what_the_weights_of_a_world_say(videos):
    """By default nothing."""
    expression = videos["expression"]
    assert np.histogram(openness(expression.to_numpy()), bins=4, range=(0, 1))[0] / len(videos) == pytest.approx(
        [0.25] * 4, abs=0.03
    )
    assert expression.std() == pytest.approx(1, abs=0.03)
    loud = published(
        42, channels(42, 60), range(MONDAY, MONDAY + 100), Weights(picture={**WEIGHTS.picture, "expression": 0.5})
    )
    np.testing.assert_allclose(loud["log_final"], videos["log_final"] + 0.5 * expression, atol=1e-9)


@pytest.mark.parametrize("what", ["words", "picture", "form"])
def test_weights_that_leave_something_out_or_name_what_is_not_there_are_refused(what):
    known = getattr(WEIGHTS, what)
    first, *others = known
    for given, told in [
        ({name: known[name] for name in others}, f"missing: {first}, unknown: none"),
        ({**known, "smile": 0.5}, "missing: none, unknown: smile"),
    ]:
        with pytest.raises(InvalidInput, match=f"sample world's {what} must be the known ones.*{told}"):
            Weights(**{what: given})


def test_a_world_whose_weights_were_changed_is_no_model_for_the_next():
    Weights().picture["warmth"] = 5.0
    assert Weights() == WEIGHTS

"""How the videos of the sample world grow, and which of their days are seen."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vidrank_assets.capture.sample_channels import channels
from vidrank_assets.capture.sample_growth import capture_instants, captures, counters_at, log_growth
from vidrank_assets.capture.sample_videos import published

DAYS = range(20_458, 20_488)


@pytest.fixture(scope="module")
def videos():
    return published(42, channels(42, 60), DAYS)


def test_at_the_age_of_its_scale_a_video_has_half_to_the_power_of_six_tenths():
    assert log_growth(np.array([4.0]), np.array([4.0]))[0] == pytest.approx(0.6 * np.log(0.5))


def test_growth_rises_and_ends_at_the_final_views():
    grown = log_growth(np.array([0.01, 0.1, 1, 10, 100, 1e9]), np.full(6, 4.0))
    assert (np.diff(grown) > 0).all()
    assert grown[-1] == pytest.approx(0, abs=1e-8)


def test_a_capture_begins_within_twenty_minutes_after_six():
    after_six = capture_instants(42, np.arange(20_458, 20_558)) % 86_400_000_000 - 6 * 3_600_000_000
    assert after_six.min() >= 0
    assert after_six.max() < 20 * 60_000_000
    assert len(set(after_six)) > 50


def test_rows_are_ordered_by_day_publication_and_channel(videos):
    rows = captures(42, videos)
    keys = rows.select("capture_day", "day", "channel").rows()
    assert keys == sorted(set(keys))


def test_captures_of_a_video_do_not_depend_on_the_other_videos(videos):
    some = videos.gather_every(7)
    assert captures(42, some).equals(captures(42, videos).join(some.select("video_id"), on="video_id", how="semi"))


def test_about_four_of_a_hundred_days_are_missed(videos):
    """3 in 100 by themselves, 1 in 100 with the whole channel; the few that are found late miss a little more."""
    seen = captures(42, videos).height / (videos.height * 32)
    assert 0.93 < seen < 0.97


def test_counters_at_a_moment_only_fall_in_an_audit_and_only_once(videos):
    moments = [datetime(2026, 2, 10, 6, tzinfo=UTC) + timedelta(days=day) for day in range(60)]
    views = np.array([counters_at(42, videos, moment)["view_count"].to_numpy() for moment in moments])
    falls = (np.diff(views, axis=0) < 0).sum(axis=0)
    assert falls.max() == 1
    assert 0.005 < falls.mean() < 0.06


def test_likes_and_comments_are_fewer_than_views(videos):
    rows = captures(42, videos)
    assert (rows["like_count"] <= rows["view_count"]).drop_nulls().all()
    assert (rows["comment_count"] <= rows["view_count"]).drop_nulls().all()

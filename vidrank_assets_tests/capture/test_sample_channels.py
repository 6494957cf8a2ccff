"""The channels of the sample world."""

import polars as pl
from polars.testing import assert_frame_equal

from vidrank_assets.capture.sample_channels import LEVEL_MEAN, channels, identifier


def test_a_channel_is_the_same_however_many_there_are():
    assert_frame_equal(channels(42, 6), channels(42, 60).head(6))


def test_every_niche_has_its_category_and_names_its_channels():
    niches = channels(42, 60).group_by("query", "category_id").len().sort("query")
    assert niches.rows() == [
        ("beauty", "26", 10), ("education", "27", 10), ("entertainment", "24", 10),
        ("gaming", "20", 10), ("news", "25", 10), ("tech", "28", 10),
    ]  # fmt: skip
    assert channels(42, 60)["channel_title"].n_unique() == 60


def test_the_mean_level_is_the_declared_one():
    assert abs(channels(42, 600)["level"].mean() - LEVEL_MEAN) < 0.5


def test_some_channels_upload_less_than_ten_times_in_90_days_and_most_do_more():
    in_90_days = channels(42, 60)["uploads_per_1000_days"] * 0.09
    assert (in_90_days < 10).sum() == 4
    assert (in_90_days > 14).sum() == 56


def test_a_subscriber_count_is_known_to_be_too_small_for_a_few():
    small = channels(42, 60).filter(pl.col("subscribers") < 100)
    assert small["channel"].to_list() == [28, 57]
    assert small["subscribers"].min() >= 40


def test_an_id_has_the_length_of_youtubes():
    assert len(identifier(1, "video", 8)) == 11
    assert len(identifier(1, "channel", 16)) == 22

"""The sample world is deterministic, dirty as real captures are, and its truth can be found by who reads and looks."""

import io
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from PIL import Image
from polars.testing import assert_frame_equal

from vidrank_assets.capture.sample_videos import WEIGHTS, Weights
from vidrank_assets.capture.sample_world import FIRST_DAY, SampleWorld
from vidrank_assets.catalog import SOURCES
from vidrank_assets.dataset.metric_definition import BREAKS
from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.settings import Settings
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS, THUMBNAILS

MARCH = [date(2026, 3, 2) + timedelta(days=i) for i in range(7)]


@pytest.fixture(scope="module")
def world() -> SampleWorld:
    return SampleWorld()


@pytest.fixture(scope="module")
def rows(world) -> pl.DataFrame:
    return world.snapshots(world.days()).rows


@pytest.fixture(scope="module")
def channels(world) -> pl.DataFrame:
    return world.channel_snapshots(world.days()).rows


@pytest.fixture(scope="module")
def pictures(world) -> pl.DataFrame:
    return world.thumbnails(MARCH).rows


def test_the_tables_are_the_declared_ones(world, rows, channels, pictures):
    SNAPSHOTS.checked(rows)
    CHANNEL_SNAPSHOTS.checked(channels)
    THUMBNAILS.checked(pictures)
    assert_frame_equal(world.snapshots(MARCH).rejected, REJECTED_CAPTURES.empty())


def test_it_is_the_source_that_the_catalog_calls_sample():
    assert SOURCES.load("sample") is SampleWorld
    assert SampleWorld.name == "sample"


def test_its_default_days_begin_where_the_partitions_do_and_lie_between_two_breaks(world, rows):
    days = world.days()
    assert days[0] == FIRST_DAY == Settings.model_fields["first_day"].default
    assert days == sorted(set(days))
    assert len(days) == 118
    shorts, every_format = (each.at for each in BREAKS)
    assert rows["published_at"].min() > shorts == datetime(2025, 3, 31, tzinfo=UTC)
    assert rows["captured_at"].max() < every_format == datetime(2026, 8, 24, tzinfo=UTC)


def test_it_is_as_large_as_a_small_sample_should_be(rows, channels):
    assert 55 <= channels["channel_id"].n_unique() <= 80
    assert 1_400 <= rows["video_id"].n_unique() <= 1_600
    assert 35_000 <= rows.height <= 50_000


def test_a_day_is_the_same_whatever_is_asked_beside_it(world, rows):
    in_march = rows.filter(pl.col("captured_at").dt.date().is_in(MARCH))
    assert_frame_equal(SampleWorld().snapshots(MARCH).rows, in_march)
    assert_frame_equal(world.snapshots(MARCH[::-1]).rows, in_march)
    assert_frame_equal(pl.concat(world.snapshots([day]).rows for day in MARCH), in_march)
    assert_frame_equal(world.snapshots([MARCH[0], MARCH[0]]).rows, world.snapshots(MARCH[:1]).rows)


def test_channels_and_thumbnails_of_a_day_are_the_same_whatever_is_asked_beside_it(world, channels, pictures):
    assert_frame_equal(pl.concat(SampleWorld().thumbnails([day]).rows for day in MARCH), pictures)
    in_march = channels.filter(pl.col("captured_at").dt.date().is_in(MARCH))
    assert_frame_equal(world.channel_snapshots(MARCH[::-1]).rows, in_march)


def test_another_process_makes_the_same_bytes(pictures, rows):
    script = (
        "from datetime import date; from vidrank_assets.capture.sample_world import SampleWorld as W; w = W();"
        "d = [date(2026, 3, 4)];"
        "print(*w.thumbnails(d).rows['content_hash'], w.snapshots(d).rows['view_count'].to_list())"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    on_the_day = pl.col("captured_at").dt.date() == date(2026, 3, 4)
    hashes = pictures.filter(on_the_day)["content_hash"]
    assert shown == " ".join([*hashes, str(rows.filter(on_the_day)["view_count"].to_list())])


def test_the_world_of_seed_42_is_the_one_that_was_tested(rows):
    """A change of the world changes every figure that was ever quoted from it, so it must be meant."""
    last = rows.row(-1, named=True)
    assert (last["video_id"], last["title"]) == ("H_-vutP8B2w", "Brutal Sponge From Scratch 24")
    assert last["view_count"] == 6198


def test_another_seed_is_another_world(rows):
    assert not set(SampleWorld(7).snapshots(MARCH).rows["video_id"]) & set(rows["video_id"])


def test_nothing_is_seen_before_the_world_begins_and_it_goes_on_after_its_default_days(world):
    before, after = [date(2026, 1, 4)], [date(2026, 11, 21)]
    for empty in ([], before):
        assert_frame_equal(world.snapshots(empty).rows, SNAPSHOTS.empty())
        assert_frame_equal(world.channel_snapshots(empty).rows, CHANNEL_SNAPSHOTS.empty())
        assert_frame_equal(world.thumbnails(empty).rows, THUMBNAILS.empty())
    assert world.snapshots(after).rows.height > 300


def test_a_video_is_captured_about_once_a_day_from_publication_to_the_age_of_32_days(rows):
    age = rows["captured_at"] - rows["published_at"]
    assert age.min() > timedelta(0)
    assert age.max() <= timedelta(days=32)
    grown = rows.filter(pl.col("published_at") < datetime(2026, 3, 1, tzinfo=UTC))
    captures = grown.group_by("video_id").len()["len"]
    assert 29 <= captures.mean() <= 32
    by_day = rows.group_by("video_id", pl.col("captured_at").dt.date()).len()
    assert by_day["len"].max() == 1


def test_captures_have_the_gaps_and_the_dirt_of_real_ones(rows):
    of_video = rows.sort("captured_at").group_by("video_id", maintain_order=True)
    seen = of_video.agg(
        late=(pl.col("captured_at").first() - pl.col("published_at").first()) > timedelta(hours=48),
        gap=pl.col("captured_at").diff().max() > timedelta(hours=36),
        decline=(pl.col("view_count").diff() < 0).any(),
        live=pl.col("duration_sec").is_null().any(),
        likes_hidden=pl.col("like_count").is_null().all(),
        comments_off=pl.col("comment_count").is_null().all(),
    ).select(pl.col(pl.Boolean).mean())
    shares = seen.row(0, named=True)
    assert 0.4 < shares.pop("gap") < 0.9
    assert all(0.005 < share < 0.1 for share in shares.values()), shares


def test_a_counter_that_goes_down_goes_down_once(rows):
    declines = rows.sort("captured_at").group_by("video_id").agg(n=(pl.col("view_count").diff() < 0).sum())
    assert declines["n"].max() == 1


def test_ids_look_like_youtubes(rows):
    assert all(re.fullmatch(r"[\w-]{11}", each) for each in rows["video_id"].unique())
    assert all(re.fullmatch(r"UC[\w-]{22}", each) for each in rows["channel_id"].unique())


def test_it_is_labelled_synthetic_wherever_it_shows(rows, channels, pictures):
    assert all(set(table["source"]) == {"sample"} for table in (rows, channels, pictures))
    assert rows["channel_title"].str.starts_with("Synthetic ").all()
    assert channels["channel_title"].str.starts_with("Synthetic ").all()
    assert rows["description"].str.starts_with("Synthetic").all()
    assert rows["thumbnail_url"].str.starts_with("sample:").all()


def test_channels_grow_slowly_and_a_few_hide_their_subscribers_or_have_too_few(channels):
    of_channel = channels.sort("captured_at").group_by("channel_id").agg(
        first=pl.col("subscriber_count").first(), last=pl.col("subscriber_count").last(),
        uploads=pl.col("video_count").last() - pl.col("video_count").first(),
    )  # fmt: skip
    assert 1 <= of_channel["first"].null_count() <= 5
    assert 1 <= (of_channel["last"] < 100).sum() <= 5
    growth = (of_channel["last"] / of_channel["first"]).drop_nulls()
    assert growth.min() >= 1
    assert growth.max() < 1.4
    assert (of_channel["uploads"] >= 0).all()


def test_the_video_count_of_a_channel_rises_by_its_uploads(world, rows, channels):
    channel = channels["channel_id"][0]
    counts = channels.filter(pl.col("channel_id") == channel)["video_count"]
    days = world.days()
    uploads = world.truth(days[:-1], age=timedelta(days=1)).filter(pl.col("channel_id") == channel)
    assert counts[-1] - counts[0] == uploads.height > 10


def test_at_the_moment_of_a_capture_a_video_shows_what_the_capture_says(world, rows):
    """All the same, whatever its age, with the audits and with what is hidden."""
    videos = world.videos(FIRST_DAY, MARCH[-1])
    seen = rows.filter(pl.col("captured_at").dt.date() == MARCH[-1])
    for moment in seen["captured_at"].unique().sort().head(5):
        online = videos.filter(pl.col("published_at") < moment)
        now = pl.concat([online, world.counters(online, moment)], how="horizontal")
        then = seen.filter(pl.col("captured_at") == moment)
        assert_frame_equal(now.join(then, on="video_id", how="semi").select(COUNTERS), then.select(COUNTERS))
        assert then.height > 0


COUNTERS = ["video_id", "title", "description", "tags", "duration_sec", "view_count", "like_count", "comment_count"]


def test_a_video_goes_on_growing_after_the_age_at_which_it_is_captured_no_more(world):
    videos = world.videos(FIRST_DAY, FIRST_DAY)
    views = [world.counters(videos, datetime(2026, month, 1, tzinfo=UTC))["view_count"] for month in (3, 6, 12)]
    assert (views[0] < views[1]).all()
    assert (views[1] < views[2]).all()


def test_no_video_is_older_than_the_world(world):
    assert world.videos(date(2025, 1, 1), date(2026, 1, 4)).is_empty()
    assert world.videos(date(2025, 1, 1), FIRST_DAY)["published_at"].dt.date().unique().to_list() == [FIRST_DAY]


def test_a_channel_has_the_counters_of_its_capture_all_day(world, channels):
    captured = channels.filter(pl.col("captured_at").dt.date() == MARCH[0])
    counters = ["channel_id", "subscriber_count", "video_count", "channel_view_count", "uploads_playlist_id"]
    assert_frame_equal(world.channels(MARCH[0]).select(counters), captured.select(counters))


def test_a_thumbnail_is_given_once_on_the_day_its_video_is_first_captured(world, rows, pictures):
    first = rows.sort("captured_at").unique("video_id", keep="first").select("video_id", "captured_at")
    expected = first.filter(pl.col("captured_at").dt.date().is_in(MARCH)).sort("video_id")
    assert_frame_equal(pictures.select("video_id", "captured_at").sort("video_id"), expected)


def test_a_thumbnail_is_a_jpeg_of_the_stated_size_and_no_two_are_alike(pictures):
    for row in pictures.head(5).iter_rows(named=True):
        picture = Image.open(io.BytesIO(row["image"]))
        assert (picture.format, picture.size) == ("JPEG", (row["width"], row["height"]))
    assert pictures["content_hash"].n_unique() == pictures.height


def test_in_a_world_of_other_weights_views_follow_them_and_everything_else_is_the_same(world):
    loud = SampleWorld(weights=Weights(picture={**WEIGHTS.picture, "expression": 0.5}))
    truths = [each.truth(MARCH, age=timedelta(days=7)) for each in (world, loud)]
    videos = world.videos(MARCH[0], MARCH[-1])
    gain = truths[0].join(
        videos.select("video_id", gain=0.5 * pl.col("expression")), on="video_id", maintain_order="left"
    )["gain"]
    for part in ("picture_part", "log_views"):
        np.testing.assert_allclose(truths[1][part], truths[0][part] + gain, atol=1e-9)
    shown = [each.snapshots(MARCH).rows for each in (world, loud)]
    assert_frame_equal(*(each.select("video_id", "title", "captured_at") for each in shown))
    assert (shown[0]["view_count"] != shown[1]["view_count"]).mean() > 0.9


def test_the_default_vectors_tell_most_of_each_part_of_a_picture_and_least_of_its_expression(world, pictures):
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    videos = world.videos(world.days()[0], world.days()[-1]).join(pictures, on="video_id")
    seen = StandardScaler().fit_transform(ThumbnailStatistics().encode(videos["image"].to_list()).matrix)
    train = np.random.default_rng(0).random(videos.height) < 0.7

    def explained(part: str) -> float:
        drawn = np.clip(videos[part].to_numpy(), -2.4, 2.4)
        return RidgeCV(np.logspace(0, 4, 9)).fit(seen[train], drawn[train]).score(seen[~train], drawn[~train])

    told = {part: explained(part) for part in WEIGHTS.picture}
    assert min(told, key=told.__getitem__) == "expression"
    assert told.pop("expression") < 0.6
    assert min(told.values()) > 0.7


def test_a_mouth_is_open_as_far_as_counts(world):
    videos = world.videos(MARCH[0], MARCH[-1])
    drawn = [picture.expression for picture in world.pictures(videos)]
    np.testing.assert_allclose(drawn, 0.5 + videos["expression"].to_numpy() / np.sqrt(12), atol=1e-12)
    assert np.std(drawn) > 0.2


@pytest.mark.parametrize(("what", "value"), [("seed", "x"), ("n_channels", "0"), ("n_days", "1.5")])
def test_a_number_that_is_none_is_refused_by_name(what, value):
    with pytest.raises(InvalidInput, match=f"{what} of the sample world"):
        SampleWorld(**{what: value})


def test_numbers_may_come_as_text_from_a_configuration():
    small = SampleWorld("42", n_channels="6", n_days="10")
    assert len(small.days()) == 10
    assert_frame_equal(small.snapshots(MARCH).rows, SampleWorld(42, n_channels=6).snapshots(MARCH).rows)


PARTS = ("channel_part", "title_part", "picture_part", "form_part", "growth_part", "noise_part")


@pytest.fixture(scope="module")
def truth(world) -> pl.DataFrame:
    return world.truth(world.days(), age=timedelta(days=7))


def test_the_parts_add_up(truth):
    total = truth.select(pl.sum_horizontal(PARTS)).to_series()
    np.testing.assert_allclose(total, truth["log_views"], rtol=1e-12)


def test_the_counters_show_it(world, rows):
    """A video read at an age of exactly its truth has those views, rounded down, or less after an audit."""
    row = rows.row(0, named=True)
    truth = world.truth([row["published_at"].date()], age=row["captured_at"] - row["published_at"])
    (log_views,) = truth.filter(pl.col("video_id") == row["video_id"])["log_views"]
    assert row["view_count"] == int(np.exp(log_views))


def test_picture_and_title_each_explain_a_solid_part_within_channels(truth):
    within = truth.select(pl.col(part) - pl.col(part).mean().over("channel_id") for part in (*PARTS, "log_views"))
    shares = {part: within[part].var() / within["log_views"].var() for part in PARTS}
    assert 0.30 < shares["title_part"] < 0.50
    assert 0.30 < shares["picture_part"] < 0.50
    assert shares["form_part"] < 0.03
    assert 0.10 < shares["noise_part"] < 0.20
    assert 0.8 < within["log_views"].std() < 1.0


def test_channels_differ_by_about_a_factor_of_three(truth):
    assert 0.9 < truth.group_by("channel_id").agg(pl.col("channel_part").first())["channel_part"].std() < 1.5


def test_the_length_of_a_title_says_nothing_about_its_words(world, rows, truth):
    titles = rows.unique("video_id").join(truth, on="video_id")
    for measure in (pl.col("title").str.len_chars(), pl.col("title").str.count_matches(r"\S+")):
        correlation = titles.select(pl.corr(measure, "title_part")).item()
        assert abs(correlation) < 0.1


def test_most_videos_reach_a_thousand_views_and_some_do_not(truth):
    assert 0.01 < (truth["log_views"] < np.log(1000)).mean() < 0.1


def test_log_views_at_30_days_are_nearly_linear_in_those_at_7_with_slope_one(world, truth):
    later = world.truth(world.days(), age=timedelta(days=30))["log_views"]
    slope, _ = np.polyfit(truth["log_views"], later, 1)
    assert abs(slope - 1) < 0.03
    assert np.corrcoef(truth["log_views"], later)[0, 1] > 0.99

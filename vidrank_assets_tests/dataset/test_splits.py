from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.dataset.splits import PARTS, split_manifest, without
from vidrank_assets.errors import InvalidInput, SplitTooSmall
from vidrank_assets.tables import SPLIT_MANIFEST

POLICIES = ("random", "time", "channel", "time_channel")
START = datetime(2026, 1, 1, tzinfo=UTC)


def videos(hours, channels=None, **others):
    """Video 000, 001, … published so many hours after START."""
    n = len(hours)
    columns = {
        "video_id": [f"{i:03}" for i in range(n)],
        "channel_id": [f"c{i}" for i in (channels or range(n))],
        "published_at": [START + timedelta(hours=each) for each in hours],
        "text_present": [1] * n,
        "target_log": [1.0 * i for i in range(n)],
        "target_raw": [2.0 * i for i in range(n)],
    }
    return pl.DataFrame(columns | others)


def sizes(manifest):
    return [(manifest["split"] == part).sum() for part in PARTS]


def parts(manifest):
    return dict(manifest.select("video_id", "split").iter_rows())


RATIOS = st.sampled_from([(0.70, 0.15, 0.15), (0.5, 0.25, 0.25), (0.6, 0.1, 0.3), (1 / 3, 1 / 3, 1 / 3)])
TABLES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 15)), min_size=12, max_size=80).map(
    lambda rows: videos([hours for hours, _ in rows], [channel for _, channel in rows])
)


def split_or_refusal(table, **asked):
    """A manifest, or None where a part would be empty, which the rules allow."""
    try:
        return split_manifest(table, **asked)
    except SplitTooSmall:
        return None


@settings(deadline=None)
@given(TABLES, RATIOS, st.sampled_from(["random", "time"]))
def test_random_and_time_deal_every_video_once_and_each_part_is_within_a_row_of_its_share(table, ratios, policy):
    manifest = split_or_refusal(table, policy=policy, ratios=ratios)
    if manifest is not None:
        assert manifest["video_id"].to_list() == table["video_id"].to_list()
        for size, ratio in zip(sizes(manifest), ratios, strict=True):
            assert abs(size - ratio * table.height) <= 1


@settings(deadline=None)
@given(TABLES, RATIOS, st.sampled_from(["time", "time_channel"]))
def test_no_train_video_is_newer_than_a_val_video_and_no_val_video_than_a_test_video(table, ratios, policy):
    manifest = split_or_refusal(table, policy=policy, ratios=ratios)
    if manifest is not None:
        joined = manifest.join(table, on="video_id")
        train, val, test = (joined.filter(split=part)["published_at"] for part in PARTS)
        assert train.max() <= val.min()
        assert val.max() <= test.min()


@settings(deadline=None)
@given(TABLES, RATIOS, st.sampled_from(["channel", "time_channel"]))
def test_no_channel_is_in_two_parts(table, ratios, policy):
    manifest = split_or_refusal(table, policy=policy, ratios=ratios)
    if manifest is not None:
        found = manifest.join(table, on="video_id").select("channel_id", "split").unique()
        assert found["channel_id"].is_unique().all()
        assert policy == "time_channel" or manifest.height == table.height


@settings(deadline=None)
@given(TABLES, st.sampled_from(POLICIES), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_same_videos_in_another_order_are_dealt_the_same(table, policy, seed, random):
    order = random.sample(range(table.height), table.height)
    whole = split_or_refusal(table, policy=policy, seed=seed)
    shuffled = split_or_refusal(table[order], policy=policy, seed=seed)
    assert whole is shuffled if whole is None else whole.equals(shuffled)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_manifest_has_the_declared_columns_and_the_values_of_its_videos(policy):
    table = videos(list(range(40)))
    manifest = SPLIT_MANIFEST.checked(split_manifest(table, policy=policy))
    assert manifest.schema == SPLIT_MANIFEST.schema
    assert manifest["video_id"].is_sorted()
    assert manifest.drop("split").equals(table.select(manifest.drop("split").columns))


@pytest.mark.parametrize(("policy", "changes"), [("random", True), ("channel", True), ("time", False)])
def test_another_seed_deals_random_and_channel_anew_and_time_alike(policy, changes):
    table = videos(list(range(60)), [i % 20 for i in range(60)])
    dealt = [parts(split_manifest(table, policy=policy, seed=seed)) for seed in (42, 43)]
    assert (dealt[0] != dealt[1]) is changes


def test_the_default_deals_seventy_fifteen_fifteen():
    assert sizes(split_manifest(videos(list(range(100))), policy="time")) == [70, 15, 15]


def test_of_videos_published_at_one_moment_the_id_decides():
    dealt = parts(split_manifest(videos([0] * 20), policy="time"))
    assert [dealt[f"{i:03}"] for i in (0, 13, 14, 16, 17, 19)] == ["train", "train", "val", "val", "test", "test"]


def test_channels_of_any_size_are_dealt_near_the_ratios():
    channels = [0] * 50 + [1] * 20 + [2] * 10 + [3 + i // 2 for i in range(20)]
    for seed in range(5):
        manifest = split_manifest(videos([0] * 100, channels), policy="channel", seed=seed)
        assert sizes(manifest) == pytest.approx([70, 15, 15], abs=5)


def test_three_channels_are_one_a_part_and_two_are_too_few():
    assert min(sizes(split_manifest(videos([0] * 15, [0, 1, 2] * 5), policy="channel"))) == 5
    with pytest.raises(SplitTooSmall, match="at least 1 video in train, val and test"):
        split_manifest(videos([0] * 16, [0, 1] * 8), policy="channel")


def test_channels_that_each_live_for_a_short_time_lose_no_video_to_time_channel():
    table = videos(list(range(100)), [i // 5 for i in range(100)])
    assert sizes(split_manifest(table, policy="time_channel")) == [70, 15, 15]


def test_channels_that_are_active_all_the_time_keep_what_the_square_roots_of_the_ratios_allow():
    table = videos(list(range(4000)), [i % 100 for i in range(4000)])
    kept = sizes(split_manifest(table, policy="time_channel"))
    assert sum(kept) / 4000 == pytest.approx(0.385, abs=0.02)  # 1 / (sqrt .7 + sqrt .15 + sqrt .15) ** 2
    assert [size / sum(kept) for size in kept] == pytest.approx([0.70, 0.15, 0.15], abs=0.01)


def test_videos_without_a_channel_are_taken_for_one_channel():
    table = videos([0] * 40).with_columns(channel_id=pl.when(pl.int_range(40) >= 10).then("channel_id"))
    manifest = split_manifest(table, policy="channel")
    assert manifest.join(table, on="video_id").filter(pl.col("channel_id").is_null())["split"].n_unique() == 1


def test_videos_that_are_taken_out_leave_every_other_where_it_was():
    whole = split_manifest(videos(list(range(100))), policy="time")
    rest = without(whole, pl.Series(["000", "001", "099"]))
    assert sizes(rest) == [68, 15, 14]
    assert parts(rest).items() <= parts(whole).items()
    assert without(whole, pl.Series([], dtype=pl.String)).equals(whole)


def test_of_a_video_with_several_rows_the_latest_capture_counts():
    table = videos(list(range(20)), captured_at=[START] * 20)
    later = table.head(1).with_columns(captured_at=pl.lit(START + timedelta(days=1)), target_raw=pl.lit(77.0))
    manifest = split_manifest(pl.concat([later, table]), policy="time")
    assert manifest.height == 20
    assert manifest["target_raw"][0] == 77
    with pytest.raises(InvalidInput, match="1 rows repeat a video_id"):
        split_manifest(pl.concat([later, table]).drop("captured_at"), policy="time")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("n_videos", [0, 11])
def test_fewer_than_twelve_videos_are_too_few_and_the_message_names_the_horizon(n_videos, policy):
    with pytest.raises(SplitTooSmall, match=f"a split needs at least 12 videos; horizon 30d has {n_videos}"):
        split_manifest(videos(list(range(n_videos))), policy=policy, horizon="30d")


def test_a_part_without_videos_is_refused_with_the_sizes():
    with pytest.raises(SplitTooSmall, match="has train 13, val 0, test 0 by time"):
        split_manifest(videos(list(range(13))), policy="time", ratios=(0.98, 0.01, 0.01))


def test_a_part_or_a_split_left_without_videos_is_refused():
    whole = split_manifest(videos(list(range(100))), policy="time")
    with pytest.raises(SplitTooSmall, match="train 0, val 15, test 15 by the inclusion rules"):
        without(whole, whole.filter(split="train")["video_id"])
    with pytest.raises(SplitTooSmall, match="at least 12 videos; horizon 30d has 11"):
        without(whole, whole["video_id"].head(89), horizon="30d")


@pytest.mark.parametrize("ratios", [(0.7, 0.2, 0.2), (0.7, 0.1, 0.1), (1.0, 0.0, 0.0), (1.2, -0.1, -0.1)])
def test_ratios_must_be_positive_and_sum_to_one(ratios):
    with pytest.raises(InvalidInput, match="ratios must be positive and sum to 1"):
        split_manifest(videos(list(range(20))), policy="time", ratios=ratios)


def test_an_unknown_policy_and_an_unknown_publication_are_refused():
    table = videos(list(range(20)))
    with pytest.raises(InvalidInput, match="policy must be one of: random, time, channel, time_channel"):
        split_manifest(table, policy="newest")
    with pytest.raises(InvalidInput, match="published_at must be known of each video; 20 have none"):
        split_manifest(table.with_columns(published_at=pl.lit(None, table.schema["published_at"])), policy="time")

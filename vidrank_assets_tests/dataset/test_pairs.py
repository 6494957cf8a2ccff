from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.dataset import pairs as pairs_module
from vidrank_assets.dataset.channel_history import channel_history, target_events
from vidrank_assets.dataset.pairs import candidate_pairs, pair_moments, training_pairs
from vidrank_assets.pair_tables import TRAINING_PAIRS
from vidrank_assets.schema import INSTANT

START = datetime(2026, 1, 5, tzinfo=UTC)
SCHEMA = {
    "video_id": pl.String,
    "channel_id": pl.String,
    "split": pl.String,
    "published_at": INSTANT,
    "target_raw": pl.Float64,
}
ALL = {"pairs_per_video": 1_000, "pairs_per_channel": 1_000_000}


def videos(*rows):
    """Videos v000, v001, ... of (channel, split, day, target)."""
    named = [
        (f"v{i:03}", c, split, START + timedelta(days=day), target) for i, (c, split, day, target) in enumerate(rows)
    ]
    return pl.DataFrame(named, schema=SCHEMA, orient="row")


def ids(pairs):
    return pairs.select("video_id_a", "video_id_b").rows()


def test_a_pair_says_which_of_two_won_by_how_much_and_how_far_apart_they_are():
    pairs = training_pairs(videos(("c", "train", 3, 80.0), ("c", "train", 1, 100.0)))
    assert TRAINING_PAIRS.checked(pairs).rows() == [("v001", "v000", "c", 1, pytest.approx(0.2), 2.0, "train", "views")]
    assert training_pairs(videos(("c", "train", 3, 100.0), ("c", "train", 1, 0.0))).row(0)[3:5] == (0, 1.0)


def test_of_two_videos_published_at_once_the_smaller_id_is_first():
    assert ids(training_pairs(videos(("c", "train", 1, 1.0), ("c", "train", 1, 2.0)))) == [("v000", "v001")]


def test_thirty_days_apart_make_a_pair_and_a_moment_more_does_not():
    at_30 = videos(("c", "train", 0, 1.0), ("c", "train", 30, 2.0))
    assert ids(training_pairs(at_30)) == [("v000", "v001")]
    assert training_pairs(videos(("c", "train", 0, 1.0), ("c", "train", 30 + 1e-9, 2.0))).is_empty()
    assert training_pairs(at_30, days_apart=29).is_empty()


@pytest.mark.parametrize(
    "other",
    [
        ("d", "train", 2, 2.0),
        ("c", "val", 2, 2.0),
        ("c", "train", 2, 1.0),
        ("c", None, 2, 2.0),
        ("c", "train", 2, None),
    ],
    ids=["other channel", "other split", "equal target", "in no split", "no target"],
)
def test_what_is_no_pair(other):
    assert training_pairs(videos(("c", "train", 1, 1.0), other)).equals(TRAINING_PAIRS.empty())


def test_two_videos_of_an_unknown_channel_are_not_of_one_channel():
    assert training_pairs(videos((None, "train", 1, 1.0), (None, "train", 2, 2.0))).is_empty()


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["c", "d", None]),
        st.sampled_from(["train", "val", None]),
        st.integers(0, 60),
        st.sampled_from([1.0, 2.0, 3.0, None]),
    ),
    max_size=30,
)
CTRS = st.lists(st.sampled_from([0.1, 0.2, 0.3, None]), min_size=30, max_size=30)


def measured(table, ctrs):
    """The videos with the click-through rate of each."""
    return table.with_columns(ctr=pl.Series(ctrs[: table.height], dtype=pl.Float64))


def by_loop(table):
    """Every pair there is: (a, b) to whether a won and what judged it."""
    ctrs = table["ctr"] if "ctr" in table.columns else [None] * table.height
    rows = [(*row, ctr) for row, ctr in zip(table.select(*SCHEMA).rows(), ctrs, strict=True) if None not in row]
    found = {}
    for a in rows:
        for b in rows:
            judge = 4 if a[5] is None or b[5] is None else 5
            apart = b[3] - a[3] <= timedelta(days=30)
            if (a[3], a[0]) < (b[3], b[0]) and a[1:3] == b[1:3] and apart and a[judge] != b[judge]:
                found[a[0], b[0]] = (int(a[judge] > b[judge]), "views" if judge == 4 else "ctr")
    return found


def all_candidates(table, **options):
    """The ids of every pair of the stream, in its order."""
    batches = [np.stack(batch, axis=1) for batch in candidate_pairs(table, **options)]
    return [(table["video_id"][a], table["video_id"][b]) for batch in batches for a, b in batch.tolist()]


@given(ROWS, CTRS, st.integers(1, 40), st.randoms(use_true_random=False))
def test_the_candidates_are_all_pairs_there_are_in_batches_of_any_size(rows, ctrs, size, random):
    table = measured(videos(*rows), ctrs)
    order = list(range(table.height))
    random.shuffle(order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_module, "_PAIRS_AT_A_TIME", size)
        found = all_candidates(table[order])
    assert found == all_candidates(table)
    assert len(found) == len(set(found))
    assert set(found) == set(by_loop(table))


@given(ROWS, CTRS)
def test_the_candidates_are_the_same_where_microseconds_of_every_group_are_no_number_of_64_bits(rows, ctrs):
    table = measured(videos(*rows), ctrs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_module, "_LARGEST", 0)
        found = all_candidates(table)
    assert found == all_candidates(table)


def test_the_candidates_come_by_channel_split_and_publication():
    table = videos(("d", "val", 1, 1.0), ("c", "val", 9, 2.0), ("d", "val", 0, 3.0), ("c", "val", 5, 4.0)).vstack(
        videos(*[("x", "x", 0, 0.0)] * 4, ("c", "train", 9, 5.0), ("c", "train", 8, 6.0), ("c", "val", 7, 2.0))[4:]
    )
    assert all_candidates(table) == [("v005", "v004"), ("v003", "v006"), ("v003", "v001"), ("v002", "v000")]
    assert all_candidates(table, days_apart=1) == [("v005", "v004"), ("v002", "v000")]


def test_no_videos_have_no_pairs():
    assert list(candidate_pairs(videos())) == []
    assert training_pairs(videos()).equals(TRAINING_PAIRS.empty())


def test_a_batch_holds_what_was_asked_or_all_pairs_of_one_video(monkeypatch):
    monkeypatch.setattr(pairs_module, "_PAIRS_AT_A_TIME", 50)
    sizes = [len(earlier) for earlier, _ in candidate_pairs(busy_channel())]
    assert sum(sizes) == 40 * 39 // 2
    assert max(sizes) < 50 + 39


def test_measured_rates_judge_a_pair_where_both_videos_have_one():
    table = measured(
        videos(*(("c", "train", day, views) for day, views in enumerate((100.0, 400.0, 100.0)))), [0.05, 0.02, None]
    )
    described = training_pairs(table).select("video_id_a", "video_id_b", "winner", "margin", "judged_by").rows()
    assert described == [
        ("v000", "v001", 1, pytest.approx(0.6), "ctr"),
        ("v001", "v002", 1, pytest.approx(0.75), "views"),
    ]


def test_equal_rates_make_no_pair_whatever_the_views_and_equal_views_do_with_different_rates():
    table = videos(("c", "train", 1, 1.0), ("c", "train", 2, 9.0), ("c", "train", 3, 9.0))
    assert ids(training_pairs(measured(table, [0.1, 0.1, 0.2]))) == [("v000", "v002"), ("v001", "v002")]
    assert all_candidates(measured(table, [0.1, 0.1, 0.2])) == [("v000", "v002"), ("v001", "v002")]


@given(ROWS, CTRS)
def test_without_a_cap_the_pairs_are_those_of_a_loop_over_all_of_them(rows, ctrs):
    table = measured(videos(*rows), ctrs)
    pairs = TRAINING_PAIRS.checked(training_pairs(table, **ALL))
    judged = pairs.select("winner", "judged_by").rows()
    assert dict(zip(ids(pairs), judged, strict=True)) == by_loop(table)
    assert ids(pairs) == sorted(ids(pairs))


@given(ROWS, st.integers(1, 4), st.integers(1, 12), st.integers(0, 9))
def test_with_caps_the_pairs_are_some_of_those_and_no_cap_is_broken(rows, per_video, per_channel, seed):
    table = videos(*rows)
    pairs = training_pairs(table, pairs_per_video=per_video, pairs_per_channel=per_channel, seed=seed)
    assert set(ids(pairs)) <= set(by_loop(table))
    assert len(set(ids(pairs))) == pairs.height
    assert max(Counter(video for pair in ids(pairs) for video in pair).values(), default=0) <= per_video
    assert max(Counter(pairs.select("channel_id", "split").rows()).values(), default=0) <= per_channel


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 9))
def test_the_order_of_the_rows_does_not_matter(rows, random, seed):
    table = videos(*rows)
    order = list(range(table.height))
    random.shuffle(order)
    caps = {"pairs_per_video": 2, "pairs_per_channel": 9, "seed": seed}
    assert training_pairs(table[order], **caps).equals(training_pairs(table, **caps))


def busy_channel(n=40):
    return videos(*(("c", "train", day / 4, float(day)) for day in range(n)))


def test_a_seed_gives_the_same_pairs_and_another_gives_others():
    assert training_pairs(busy_channel(), seed=1).equals(training_pairs(busy_channel(), seed=1))
    assert not training_pairs(busy_channel(), seed=1).equals(training_pairs(busy_channel(), seed=2))


def test_which_pairs_are_kept_does_not_depend_on_other_channels_worked_on_at_another_time(monkeypatch):
    """With a block of videos for each channel, the pairs of the first are what they are alone."""
    monkeypatch.setattr(pairs_module, "_VIDEOS_AT_A_TIME", 40)
    both = videos(*(("c", "train", day / 4, float(day)) for day in range(40)), ("d", "train", 1, 1.0))
    both = both.vstack(videos(*[("x", "x", 0, 0.0)] * 41, ("d", "train", 2, 2.0))[41:])
    pairs = training_pairs(both)
    assert pairs.filter(channel_id="c").equals(training_pairs(busy_channel()))
    assert ids(pairs.filter(channel_id="d")) == [("v040", "v041")]


def test_a_cap_leaves_most_of_what_it_allows():
    # 40 videos in at most 8 pairs each make at most 160 pairs
    assert 120 <= training_pairs(busy_channel(), pairs_per_video=8).height <= 160


def test_which_pairs_are_kept_follows_neither_target_nor_id():
    """Of 12 videos published at once, each of the 66 pairs is kept equally often."""
    table = videos(*(("c", "train", 0, float(target)) for target in range(12)))
    kept = Counter(
        pair
        for seed in range(400)
        for pair in ids(training_pairs(table, pairs_per_video=3, pairs_per_channel=11, seed=seed))
    )
    expected = sum(kept.values()) / 66
    chi_squared = sum((n - expected) ** 2 / expected for n in kept.values())
    assert len(kept) == 66
    assert chi_squared < 105  # one in a thousand above it, with 65 degrees of freedom


def test_the_later_video_of_a_pair_is_looked_at_when_the_earlier_was_published():
    table = videos(("c", "train", 5, 1.0), ("c", "train", 1, 2.0), ("c", "train", 3, 3.0))
    moments = pair_moments(training_pairs(table), table)
    first, third = START + timedelta(days=1), START + timedelta(days=3)
    assert moments.rows() == [("v000", first), ("v002", first), ("v000", third)]


def noise_world(seed=7, n_channels=60, n_videos=40):
    """Channels of different levels whose videos differ by noise alone; a label is known a week after publication."""
    generator = np.random.default_rng(seed)
    days = np.sort(generator.uniform(0, 120, (n_channels, n_videos)), axis=1).ravel()
    targets = np.repeat(generator.normal(9, 2, n_channels), n_videos) + generator.normal(0, 1, n_channels * n_videos)
    channels = np.repeat([f"c{i:02}" for i in range(n_channels)], n_videos)
    table = videos(*zip(channels, ["test"] * len(days), days.tolist(), np.expm1(targets).tolist(), strict=True))
    return table.with_columns(
        category_id=pl.lit("g"),
        target_log=pl.col("target_raw").log1p(),
        label_known_at=pl.col("published_at") + timedelta(days=7),
    )


def pair_auc(pairs, score_a, score_b):
    """Share of pairs whose winner has the higher score; equal scores count half."""
    right = np.sign(score_a - score_b) * np.where(pairs["winner"] == 1, 1, -1)
    return float(((right + 1) / 2).mean())


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_noise_scores_a_half_with_one_history_date_and_not_with_two(statistic):
    table = noise_world()
    pairs = training_pairs(table, **ALL)
    asked = table.select("video_id", "channel_id", "category_id", as_of="published_at")

    def scores(side, as_of=None):
        videos_asked = pairs.select(video_id=side).join(asked, on="video_id", how="left", maintain_order="left")
        dated = videos_asked if as_of is None else videos_asked.with_columns(as_of)
        return channel_history(dated, target_events(table))[statistic].fill_null(0).to_numpy()

    a, b, b_dated = (
        scores("video_id_a"),
        scores("video_id_b"),
        scores("video_id_b", pair_moments(pairs, table)["as_of"]),
    )
    assert pair_auc(pairs, a, b_dated) == 0.5  # one channel at one moment: a tie
    assert pair_auc(pairs, a, b) < 0.46

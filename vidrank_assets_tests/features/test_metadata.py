from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.metadata import CATEGORICAL, Captured, feature_columns, metadata_features
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, HORIZON_TARGETS, METADATA_FEATURES, SNAPSHOTS

SATURDAY = datetime(2026, 1, 10, 18, 30, tzinfo=UTC)


def table(declared, rows, **defaults):
    """A declared table with nulls where neither a row nor a default says otherwise."""
    names = declared.schema.names()
    filled = [{name: row.get(name, defaults.get(name)) for name in names} for row in rows]
    return pl.DataFrame(filled, schema=declared.schema, orient="row")


def first_captures(*rows):
    common = {"source": "archive", "channel_id": "c", "published_at": SATURDAY}
    return table(SNAPSHOTS, rows, **common, captured_at=SATURDAY + timedelta(hours=4))


def captured(*videos, labels=(), channels=()):
    return Captured(
        first_captures(*videos),
        table(HORIZON_TARGETS, labels, channel_id="c", horizon_days=7, published_at=SATURDAY - timedelta(days=20)),
        table(CHANNEL_SNAPSHOTS, channels, channel_id="c", source="archive"),
    )


def features(**video):
    return metadata_features(captured({"video_id": "v", **video})).row(0, named=True)


def test_a_title_is_counted_in_characters_words_and_capitals():
    found = features(title="Why ÉCLAIRS win 3x! 🎉")
    assert (found["title_length"], found["title_words"]) == (21, 5)
    assert found["title_capital_share"] == pytest.approx(8 / 14)  # W ÉCLAIRS of Why ÉCLAIRS win x
    flags = ("title_has_question", "title_has_exclamation", "title_has_digit", "title_has_emoji")
    assert [found[flag] for flag in flags] == [False, True, True, True]


@pytest.mark.parametrize("title", ["🎉", "I ❤️ it", "1️⃣ first", "🇫🇷", "👩‍🚀"])
def test_an_emoji_is_what_is_drawn_as_one(title):
    assert features(title=title)["title_has_emoji"]


@pytest.mark.parametrize("title", ["Acme™ ©2026", "3 #1 *", "日本語", "→ 50%", ""])
def test_signs_and_scripts_are_no_emoji(title):
    assert features(title=title)["title_has_emoji"] is False


def test_question_and_exclamation_marks_are_known_in_other_scripts():
    assert features(title="何？")["title_has_question"]
    assert features(title="لماذا؟")["title_has_question"]
    assert features(title="何！")["title_has_exclamation"]


def test_what_is_missing_is_null_and_not_zero():
    found = features()
    expected_null = [
        name for name in METADATA_FEATURES.named(["publish"]) if name.startswith(("title", "desc", "tag", "dur"))
    ]
    assert {name: found[name] for name in [*expected_null, "is_short", "like_rate"]} == dict.fromkeys(
        [*expected_null, "is_short", "like_rate"]
    )


def test_what_is_empty_is_zero_and_not_null():
    found = features(title="", description="", tags=[])
    assert (found["title_length"], found["title_words"], found["description_links"], found["tag_count"]) == (0, 0, 0, 0)
    assert found["title_capital_share"] is None  # of no letters


def test_links_and_tags_are_counted():
    text = "see https://www.a.org/x?y=1, www.b.org and http://c.org\nnot a www or https"
    found = features(description=text, tags=["a", "b"])
    assert (found["description_links"], found["tag_count"], found["description_length"]) == (3, 2, len(text))


@pytest.mark.parametrize(
    ("duration", "bucket", "short"),
    [
        (59, 0, True),
        (60, 1, True),
        (180, 1, True),
        (181, 1, False),
        (240, 2, False),
        (1_200, 4, False),
        (3_600, 5, False),
    ],
)
def test_durations_fall_into_steps(duration, bucket, short):
    found = features(duration_sec=duration)
    assert (found["duration_sec"], found["duration_bucket"], found["is_short"]) == (duration, bucket, short)


def test_the_moment_of_publication_is_read_in_utc_and_lies_on_a_circle():
    found = features()
    assert (found["publish_hour"], found["publish_weekday"], found["is_weekend"]) == (18, 6, True)
    assert (found["publish_hour_sin"], found["publish_hour_cos"]) == pytest.approx((-1, 0), abs=1e-12)
    monday = features(published_at=SATURDAY + timedelta(days=2))
    assert (monday["publish_weekday_sin"], monday["publish_weekday_cos"], monday["is_weekend"]) == (0, 1, False)


def test_rates_are_shares_of_the_first_views():
    found = features(view_count=200, like_count=10, comment_count=2)
    assert (found["views_at_snapshot1"], found["likes_at_snapshot1"], found["comments_at_snapshot1"]) == (200, 10, 2)
    assert (found["like_rate"], found["comment_rate"], found["engagement_rate"]) == pytest.approx((0.05, 0.01, 0.06))
    assert (found["age_hours_at_snapshot1"], found["views_per_hour_at_snapshot1"]) == (4, 50)


def test_a_rate_of_nothing_or_of_something_hidden_is_null():
    assert features(view_count=0, like_count=3)["like_rate"] is None
    assert features(view_count=None, like_count=3)["like_rate"] is None
    assert features(view_count=100, like_count=None, comment_count=3)["engagement_rate"] is None
    assert features(view_count=100, captured_at=SATURDAY)["views_per_hour_at_snapshot1"] is None


CHANNEL = [
    {"captured_at": SATURDAY - timedelta(days=2), "subscriber_count": 10, "video_count": 5, "channel_country": "DE"},
    {"captured_at": SATURDAY + timedelta(hours=3), "subscriber_count": 40, "video_count": 6, "channel_country": "FR"},
]


def test_the_channel_is_seen_as_it_last_was_at_publication():
    created = SATURDAY - timedelta(days=100, hours=12)
    channels = [{**row, "channel_created_at": created} for row in CHANNEL]
    found = metadata_features(captured({"video_id": "v", "view_count": 20}, channels=channels)).row(0, named=True)
    assert (found["channel_subscribers"], found["channel_videos"], found["channel_country"]) == (10, 5, "DE")
    assert found["channel_age_days"] == 100.5


def test_views_per_subscriber_use_the_subscribers_at_the_first_capture_whenever_the_channel_is_looked_at():
    known = captured({"video_id": "v", "view_count": 20}, channels=CHANNEL)
    moments = pl.DataFrame({"video_id": ["v", "v"], "as_of": [SATURDAY, SATURDAY - timedelta(days=5)]})
    assert metadata_features(known, moments)["views_per_subscriber"].to_list() == [0.5, 0.5]
    assert metadata_features(known, moments)["channel_subscribers"].to_list() == [10, None]


def test_earlier_videos_are_history_once_their_label_was_known():
    at = [SATURDAY - timedelta(days=days) for days in (12, 5, -1)]
    labels = [
        {"video_id": video, "label_known_at": known, "target_log": target}
        for video, known, target in zip("xyz", at, (2.0, 6.0, 99.0), strict=True)
    ]
    moments = pl.DataFrame({"video_id": ["v", "v", "v"], "as_of": [SATURDAY, at[0], at[0] - timedelta(hours=1)]})
    found = metadata_features(captured({"video_id": "v"}, labels=labels), moments)
    assert found["channel_target_count"].to_list() == [2, 1, 0]
    assert found["channel_target_median"].to_list() == [4.0, 2.0, None]
    assert found["channel_target_latest"].to_list() == [6.0, 2.0, None]


def test_earlier_first_captures_are_history_and_a_videos_own_is_not():
    earlier = {
        "video_id": "u",
        "published_at": SATURDAY - timedelta(days=1),
        "captured_at": SATURDAY,
        "view_count": 999,
    }
    known = captured({"video_id": "v", "view_count": 5}, earlier)
    found = metadata_features(known).sort("video_id")
    assert found["channel_first_count"].to_list() == [0, 1]
    assert found["channel_first_latest"].to_list() == [None, pytest.approx(np.log(1000))]
    assert found["channel_uploads_30d"].to_list() == [0, 1]


def world(seed=0, n=60):
    """Captures of three channels, uneven in every column, with labels a week after publication."""
    generator = np.random.default_rng(seed)
    published = [SATURDAY + timedelta(hours=float(hours)) for hours in generator.uniform(0, 900, n)]
    titles = ["Why NOT?", None, "10 tips 🎉", "日本語!"]
    videos = [
        {
            "video_id": f"v{i:02}",
            "channel_id": [*"abc", None][generator.integers(4)],
            "category_id": [*"gh", None][generator.integers(3)],
            "title": titles[generator.integers(4)],
            "description": "x" * int(generator.integers(9)) + " https://a.org",
            "tags": ["t"] * int(generator.integers(4)),
            "duration_sec": int(generator.integers(4_000)),
            "published_at": published[i],
            "captured_at": published[i] + timedelta(hours=float(generator.uniform(0.1, 90))),
            "view_count": int(generator.lognormal(8)),
            "like_count": int(generator.lognormal(4)),
            "comment_count": int(generator.lognormal(2)),
        }
        for i in range(n)
    ]
    labels = [
        {name: video[name] for name in ("video_id", "channel_id", "category_id", "published_at")}
        | {"label_known_at": video["published_at"] + timedelta(days=7), "target_log": generator.normal(9)}
        for video in videos
    ]
    channels = [
        {"channel_id": channel, "captured_at": SATURDAY + timedelta(days=days), "subscriber_count": 100 * days + 1}
        | {"video_count": days, "channel_created_at": SATURDAY - timedelta(days=50), "channel_country": "DE"}
        for channel in "abc"
        for days in range(1, 30)
    ]
    return captured(*videos, labels=labels, channels=channels)


def test_a_single_video_has_the_tables_row_to_the_last_bit():
    known = world()
    whole = METADATA_FEATURES.checked(metadata_features(known))
    assert all(whole[name].null_count() < whole.height for name in whole.columns if name not in CATEGORICAL)
    published = known.first_captures.select("video_id", as_of="published_at").sort("video_id")
    for i in range(whole.height):
        assert metadata_features(known, published[i]).equals(whole[i], null_equal=True)


def test_moments_come_in_their_order_and_a_video_may_occur_again():
    known = world()
    published = known.first_captures.select("video_id", as_of="published_at").sort("video_id")
    order = [5, 0, 5, 17]
    assert metadata_features(known, published[order]).equals(metadata_features(known)[order], null_equal=True)


def test_an_earlier_moment_changes_the_channel_and_nothing_else():
    known = world()
    moments = known.first_captures.select("video_id", as_of=pl.col("published_at") - timedelta(days=10)).sort(
        "video_id"
    )
    at_publication, earlier = metadata_features(known), metadata_features(known, moments)
    changed = {name for name in earlier.columns if not earlier[name].equals(at_publication[name], null_equal=True)}
    assert changed
    assert all(name.startswith("channel_") for name in changed)


def test_what_is_captured_later_changes_no_bit_of_an_earlier_row():
    known = world()
    today = SATURDAY + timedelta(days=20)
    then = Captured(
        known.first_captures.filter(pl.col("captured_at") <= today),
        known.labels.filter(pl.col("label_known_at") <= today),
        known.channels.filter(pl.col("captured_at") <= today),
    )
    rows = metadata_features(then)
    assert rows.height > 10
    later = metadata_features(known).filter(pl.col("video_id").is_in(rows["video_id"].to_list()))
    assert rows.equals(later, null_equal=True)


def test_the_order_of_the_captures_does_not_matter():
    known = world()
    shuffled = Captured(
        *(
            part.sample(fraction=1, shuffle=True, seed=1)
            for part in (known.first_captures, known.labels, known.channels)
        )
    )
    assert metadata_features(shuffled).equals(metadata_features(known), null_equal=True)


@pytest.mark.parametrize(
    ("video", "late"), [("unknown", timedelta()), ("v", timedelta(microseconds=1))], ids=["never captured", "too late"]
)
def test_a_moment_of_an_unknown_video_or_after_publication_is_refused(video, late):
    moments = pl.DataFrame({"video_id": [video], "as_of": [SATURDAY + late]})
    with pytest.raises(InvalidInput, match="a moment must be of a captured video and no later than its publication"):
        metadata_features(captured({"video_id": "v"}), moments)


def test_two_first_captures_of_a_video_or_labels_of_two_horizons_are_refused():
    with pytest.raises(InvalidInput, match="found 1 repeated videos"):
        captured({"video_id": "v"}, {"video_id": "v"})
    with pytest.raises(InvalidInput, match=r"horizons \[7, 14\]"):
        captured({"video_id": "v"}, labels=[{"video_id": "v", "horizon_days": days} for days in (7, 14)])


def test_no_videos_make_an_empty_table():
    assert metadata_features(captured()).equals(METADATA_FEATURES.empty())


def test_an_information_set_has_its_features_and_none_of_the_other():
    publish, snapshot1 = feature_columns("publish"), feature_columns("snapshot1")
    assert len(publish) >= 22
    assert set(snapshot1) - set(publish) >= {"views_at_snapshot1", "views_per_subscriber", "age_hours_at_snapshot1"}
    assert set(publish) < set(snapshot1)
    assert set(CATEGORICAL) - set(publish) == {"query"}
    assert "video_id" not in snapshot1
    text = {name for name, dtype in METADATA_FEATURES.schema.items() if dtype == pl.String}
    assert text - {"video_id"} == set(CATEGORICAL)

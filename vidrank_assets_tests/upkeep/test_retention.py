from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from vidrank_assets.capture.remembered import THUMBNAIL_CHECKS, VIDEO_CATALOGUE
from vidrank_assets.tables import TABLES
from vidrank_assets.upkeep.retention import OF_TABLES, Limits, Readings, Retention, Rules

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
LIMITS = Limits(described=NOW - timedelta(days=30), counted=NOW - timedelta(days=30))
OLD, FRESH = NOW - timedelta(days=31), NOW - timedelta(days=1)


def rows_of(schema, **columns):
    n = len(next(iter(columns.values())))
    return pl.DataFrame({name: pl.Series(columns.get(name, [None] * n), dtype=t) for name, t in schema.items()})


def table(name, **columns):
    return rows_of(TABLES[name].schema, **columns)


def catalogue(**columns):
    return rows_of(VIDEO_CATALOGUE.schema, **columns)


@pytest.mark.parametrize("time", [datetime(2026, 6, 15, 0, 15, tzinfo=UTC), datetime(2026, 6, 15, 23, 59, tzinfo=UTC)])
def test_a_day_is_kept_on_the_29_days_after_it_whatever_the_hour_of_the_sweep(time):
    assert Retention().limits(time) == Limits(*[datetime(2026, 5, 17, tzinfo=UTC)] * 2)


def test_only_an_audit_parts_counters_from_descriptions_and_only_own_channel_keeps_channels():
    own = ("UCmine",)
    assert Retention("default", own).limits(NOW).own_channels == ()
    assert Retention("own_channel", own).limits(NOW).own_channels == own
    audited = Retention("audited", own, audited_days=365).limits(NOW)
    assert (audited.own_channels, audited.described.date()) == ((), date(2026, 5, 17))
    assert audited.counted == datetime(2025, 6, 16, tzinfo=UTC)


def test_a_capture_goes_when_it_has_expired_and_those_of_other_sources_never_do():
    sources = ["youtube_api", "youtube_api", "archive", "sample"]
    rows = table("snapshots", video_id=list("abcd"), captured_at=[OLD, FRESH, OLD, OLD], source=sources)
    outcome = Rules(LIMITS).snapshots(rows)
    assert (outcome.rows["video_id"].to_list(), outcome.removed, outcome.refreshed) == (["b", "c", "d"], 1, 0)


def test_a_capture_of_a_video_without_a_channel_is_nobodys_own():
    rows = table("snapshots", video_id=["a"], captured_at=[OLD], source=["youtube_api"])
    assert Rules(Limits(OLD + timedelta(1), OLD + timedelta(1), ("UCmine",))).snapshots(rows).removed == 1


def test_what_describes_a_video_is_as_old_as_what_the_catalogue_copied_it_from():
    """Tags of 40 days ago, copied into yesterday's capture, have expired; the title, read since, has not."""
    known = catalogue(
        video_id=["v"], title=["now"], tags=[["t"]], described_at=[FRESH], metadata_at=[NOW - timedelta(days=40)]
    )
    rows = table(
        "snapshots",
        video_id=["v"],
        captured_at=[FRESH],
        title=["then"],
        tags=[["t"]],
        view_count=[3],
        source=["youtube_api"],
    )
    outcome = Rules(LIMITS, Readings(catalogue=known)).snapshots(rows)
    assert outcome.rows.select("title", "tags", "view_count").row(0) == ("then", None, 3)
    assert (outcome.removed, outcome.refreshed) == (0, 1)


def test_of_a_video_that_is_gone_the_moment_it_was_missed_is_no_reading():
    known = catalogue(
        video_id=["v"], tags=[["t"]], described_at=[OLD], metadata_at=[FRESH], gone_at=[FRESH], captured_at=[FRESH]
    )
    assert Rules(LIMITS).video_catalogue(known).rows.select("video_id", "tags").row(0) == ("v", None)
    alive = known.with_columns(gone_at=pl.lit(None, pl.Datetime("us", "UTC")))
    assert Rules(LIMITS).video_catalogue(alive).rows["tags"].to_list() == [["t"]]


def test_a_video_of_which_nothing_was_read_in_time_leaves_the_catalogue():
    known = catalogue(video_id=["gone", "counted"], title=["x", "y"], described_at=[OLD, OLD], captured_at=[OLD, FRESH])
    outcome = Rules(LIMITS).video_catalogue(known)
    assert outcome.rows.select("video_id", "title").rows() == [("counted", None)]
    assert (outcome.removed, outcome.refreshed) == (1, 1)


def test_a_version_stays_while_it_is_the_one_that_is_shown():
    known = catalogue(video_id=["v"], title=["B"], described_at=[FRESH])
    rows = table(
        "video_versions",
        video_id=["v", "v", "w"],
        part=["title", "title", "title"],
        title=["A", "B", "B"],
        content_hash=["a", "b", "b"],
        seen_at=[OLD, OLD, OLD],
        source=["youtube_api"] * 3,
    )
    assert Rules(LIMITS, Readings(catalogue=known)).video_versions(rows).rows["title"].to_list() == ["B"]


def test_a_row_that_was_set_aside_without_a_day_is_not_kept_on_trust():
    rows = table("rejected_captures", day=[None, None], reason=["x", "x"], source=["youtube_api", "archive"])
    assert Rules(LIMITS).rejected_captures(rows).rows["source"].to_list() == ["archive"]


def test_a_pair_goes_with_either_of_its_videos():
    targets = table(
        "horizon_targets", video_id=["a", "b", "c"], first_captured_at=[OLD, FRESH, FRESH], source=["youtube_api"] * 3
    )
    pairs = table("training_pairs", video_id_a=["a", "b", "b"], video_id_b=["b", "a", "c"])
    assert Rules(LIMITS).features(pairs, targets).rows.select("video_id_a", "video_id_b").rows() == [("b", "c")]
    learned = table("ranking_targets", video_id=["a", "b", "c"], ctr=[0.1, 0.2, 0.3])
    assert Rules(LIMITS).features(learned, targets).rows["ctr"].to_list() == [0.2, 0.3]


def test_scores_of_a_picture_stay_while_the_picture_does():
    checks = rows_of(THUMBNAIL_CHECKS.schema, video_id=["b"], checked_at=[FRESH], content_hash=["h"])
    columns = {"video_id": list("abcd"), "content_hash": ["h"] * 4, "captured_at": [OLD, OLD, FRESH, OLD]}
    sources = ["youtube_api"] * 3 + ["archive"]
    rules = Rules(LIMITS, Readings(checks=checks))
    for name in ("thumbnails", "thumbnail_scores"):
        outcome = OF_TABLES[name](rules, table(name, **columns, source=sources))
        assert (outcome.rows["video_id"].to_list(), outcome.removed) == (["b", "c", "d"], 1)


def test_the_country_of_a_feature_is_the_one_that_the_channel_states_now():
    limits = Limits(described=NOW - timedelta(days=30), counted=NOW - timedelta(days=365))
    channels = pl.DataFrame({"channel_id": ["UC1"], "channel_title": ["one"], "channel_country": ["DE"]})
    targets = table(
        "horizon_targets",
        video_id=["a", "b"],
        channel_id=["UC1", "UC2"],
        first_captured_at=[OLD] * 2,
        source=["youtube_api"] * 2,
    )
    features = table("metadata_features", video_id=["a", "b"], channel_country=["FR", "FR"], title_length=[3, 4])
    outcome = Rules(limits, Readings(channels=channels)).features(features, targets)
    assert outcome.rows.select("channel_country", "title_length").rows() == [("DE", 3), (None, 4)]
    assert outcome.refreshed == 2 and outcome.rows.columns == features.columns

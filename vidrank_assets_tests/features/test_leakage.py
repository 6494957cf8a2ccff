import pytest

from vidrank_assets.errors import LeakageError
from vidrank_assets.features import leakage
from vidrank_assets.features.leakage import assert_no_feature_leakage
from vidrank_assets.features.metadata import feature_columns


@pytest.mark.parametrize("information_set", ["publish", "snapshot1"])
def test_the_features_of_an_information_set_do_not_leak(information_set):
    assert_no_feature_leakage(feature_columns(information_set), information_set)


def test_first_counters_leak_into_a_prediction_made_at_publication():
    with pytest.raises(LeakageError, match="'publish'; these are not: views_at_snapshot1, like_rate. Drop them"):
        assert_no_feature_leakage(["title_length", "views_at_snapshot1", "like_rate"], "publish")
    assert_no_feature_leakage(["title_length", "views_at_snapshot1", "like_rate"], "snapshot1")


def test_the_list_that_found_a_video_is_known_at_its_first_capture_and_not_at_publication():
    """A trending list finds a video because it did well."""
    assert "query" not in feature_columns("publish")
    assert "query" in feature_columns("snapshot1")


NEVER = [
    *("horizon_view_count", "target_log", "delta_like_count", "view_count", "like_count", "comment_count"),
    *("views_per_day", "age_days", "virality_score", "channel_id", "channel_title"),
]


@pytest.mark.parametrize("column", [*NEVER, "video_id", "never_declared"])
def test_what_is_not_declared_is_no_feature_of_any_set(column):
    with pytest.raises(LeakageError, match=f"these are not: {column}[.]"):
        assert_no_feature_leakage(["title_length", column], "snapshot1")


@pytest.mark.parametrize("column", NEVER)
def test_an_outcome_is_no_feature_even_if_a_table_declares_it_one(column, monkeypatch):
    monkeypatch.setattr(leakage, "feature_columns", lambda _: [column, "title_length"])
    with pytest.raises(LeakageError, match=f"these are not: {column}[.]"):
        assert_no_feature_leakage(["title_length", column], "snapshot1")

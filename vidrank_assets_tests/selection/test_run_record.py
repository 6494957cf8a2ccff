import json
from datetime import UTC, datetime

import polars as pl
import pytest

from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import leaderboard
from vidrank_assets.selection.run_record import config_used, data_summary, differing_numbers, git_sha, merged_config


@pytest.fixture(scope="module")
def made(small_task):
    return [trial(small_task, family, seed=3) for family in ("channel_mean", "ridge")]


@pytest.fixture
def config(small_task, made):
    return config_used(small_task, made, data_versions={"split_manifest": "abc"})


def test_a_configuration_names_the_cell_the_columns_the_parameters_the_versions_and_the_data(config, small_task):
    assert config["cell"] == {
        "fusion_strategy": "concat",
        "horizon_days": 7,
        "information_set": "publish",
        "data_source": "unknown",
    }
    features = config["features"]
    columns = small_task.parts["train"].columns.columns
    assert sorted(features["numeric"] + features["categorical"]) == sorted(columns)
    assert "views_at_snapshot1" in features["dropped"] and "title_length" not in features["dropped"]
    assert features["fused"] == {"image": 2}
    assert config["families"]["ridge"]["seed"] == 3
    assert config["families"]["ridge"]["parameters"]["alphas"] == [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]
    assert config["families"]["ridge"]["data_versions"] == {"split_manifest": "abc"}
    assert config["packages"]["polars"] == pl.__version__
    assert config["settings"]["split_policy"] == "time"


def test_no_secret_of_the_environment_is_in_a_configuration(small_task, made, monkeypatch):
    planted = "s3cr3t-pl4nted"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", planted)
    monkeypatch.setenv("YOUTUBE_API_KEY", planted)
    monkeypatch.setenv("VIDRANK_S3_ENDPOINT", f"https://reader:{planted}@objects.example/")
    monkeypatch.setenv("VIDRANK_STORAGE", f"s3://reader:{planted}@bucket/prefix")
    config = config_used(small_task, made, data_versions={})
    assert config["settings"]["s3_endpoint"] == "https://***@objects.example/"
    assert planted not in json.dumps(config)


def test_the_commit_is_that_of_the_checkout_and_none_without_git(monkeypatch):
    sha = git_sha()
    assert sha is None or (len(sha) == 40 and int(sha, 16))
    monkeypatch.setenv("PATH", "")
    assert git_sha() is None


def test_merged_configurations_keep_each_family_and_say_how_they_are_ranked(small_task, made):
    apart = [config_used(small_task, [each], data_versions={"a": each.name}) for each in made]
    merged = merged_config(apart, ranking={"rank_metric": "mae_log"})
    assert {name: each["data_versions"]["a"] for name, each in merged["families"].items()} == {
        "channel_mean": "channel_mean",
        "ridge": "ridge",
    }
    assert merged["ranking"] == {"rank_metric": "mae_log"} and merged["cell"] == apart[0]["cell"]


def test_the_data_is_summed_up_by_part_label_feature_and_target(small_task, tables):
    targets = tables["horizon_targets"].with_columns(
        horizon_label_type=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("missing")).otherwise("horizon_label_type"),
        horizon_missing_reason=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("not_reached")),
    )
    data = data_summary(small_task, targets)
    assert data["rows"] == {"train": 80, "val": 20, "test": 20}
    assert data["label_counts"] == {"observed": 117, "missing": {"not_reached": 3}}
    assert data["missing_share"]["channel_target_mean"] == 0 and data["missing_share"]["title_length"] == 1
    train = small_task.parts["train"].targets
    assert data["target"]["train"]["mean"] == pytest.approx(train.mean())
    assert data["target"]["train"]["max"] == train.max()
    assert json.dumps(data, allow_nan=False)


def test_a_run_made_again_differs_in_nothing_but_its_name_and_the_clock(small_task, made):
    again = [trial(small_task, each.name, seed=3) for each in made]
    boards = [leaderboard(each, ["ridge"], run_id=name) for name, each in (("r1", made), ("r2", again))]
    assert differing_numbers(*boards).is_empty()


def test_the_smallest_difference_is_named_by_model_and_column():
    before = pl.DataFrame({"model": ["ridge", "gone"], "run_id": ["a", "a"], "test_rmse_log": [0.1, 0.5]})
    after = pl.DataFrame({"model": ["ridge"], "run_id": ["b"], "test_rmse_log": [0.1 + 1.6e-16]})
    assert differing_numbers(before, after).rows() == [
        ("gone", "model", "'gone'", None),
        ("gone", "test_rmse_log", "0.5", None),
        ("ridge", "test_rmse_log", "0.1", "0.10000000000000017"),
    ]


def test_the_oldest_capture_from_the_data_api_is_recorded_and_none_of_an_archive(small_task, tables):
    first, second = datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 3, 2, 5, tzinfo=UTC)
    n = tables["horizon_targets"].height
    seen = tables["horizon_targets"].with_columns(
        first_captured_at=pl.Series([first, *[second] * (n - 1)], dtype=pl.Datetime("us", "UTC")),
        source=pl.Series(["archive", *["youtube_api"] * (n - 1)]),
    )
    assert data_summary(small_task, seen)["oldest_api_capture_at"] == "2026-03-02T05:00:00+00:00"
    assert data_summary(small_task, seen.with_columns(source=pl.lit("sample")))["oldest_api_capture_at"] is None


def test_a_configuration_names_no_channel_that_could_be_forgotten(small_task, made, monkeypatch):
    monkeypatch.setenv("VIDRANK_OWN_CHANNELS", '["UCplanted"]')
    assert "UCplanted" not in json.dumps(config_used(small_task, made, data_versions={}))

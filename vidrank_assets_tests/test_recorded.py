import json

import polars as pl
import pytest

from vidrank_assets import recorded
from vidrank_assets.errors import ArtifactMissing, ChecksumMismatch
from vidrank_assets.results import LEADERBOARD
from vidrank_assets.storage import Storage


@pytest.fixture
def store(tmp_path):
    return Storage(str(tmp_path / "store"))


def leaderboard(run_id, days, strategy="concat"):
    known = {
        "run_id": run_id,
        "fusion_strategy": strategy,
        "horizon_days": days,
        "model": "ridge",
        "information_set": "publish",
        "rank_metric": "rmse_log",
        "test_rmse_log": 0.5,
        "test_improvement": 0.25,
        "test_improvement_low": 0.125,
        "test_improvement_high": 0.375,
    }
    return pl.DataFrame({name: pl.Series([known.get(name)], dtype=t) for name, t in LEADERBOARD.schema.items()})


@pytest.fixture
def record(store, tmp_path):
    """Leaves the folder of one cell of a run in the store."""

    def left(run_id, made_at, *, days=7, strategy="concat", model=None, table=None):
        folder = tmp_path / f"{run_id}-{days}-{strategy}-{model}"
        folder.mkdir()
        table = leaderboard(run_id, days, strategy) if table is None else table
        table.write_parquet(folder / "leaderboard.parquet")
        summary = {"made_at": made_at, "best": "ridge", "models": {"ridge": table.to_dicts()[0]}}
        (folder / "metrics_summary.json").write_text(json.dumps(summary))
        (folder / "data_summary.json").write_text(json.dumps({"label_counts": {"observed": len(run_id)}}))
        family = f"model={model}/" if model else ""
        key = f"{recorded.SNAPSHOTS}/run_id={run_id}/{family}strategy={strategy}/horizon={days}d"
        store.write_artifact(key, folder)
        return key

    return left


def test_runs_are_listed_newest_first_with_what_was_best_and_what_it_gained(store, record):
    record("a", "2026-03-02T07:01:00+00:00")
    record("b", "2026-03-09T07:01:00+00:00", days=14, strategy="sum_pool")
    record("b", "2026-03-09T07:02:00+00:00", model="ridge")  # of one family: part of its cell, or asked for alone
    assert recorded.runs(store).rows() == [
        ("b", "2026-03-09 07:01", "sum_pool × 14d · publish", 1, "ridge", "rmse_log", 0.5, "0.250 [0.125, 0.375]"),
        ("a", "2026-03-02 07:01", "concat × 7d · publish", 1, "ridge", "rmse_log", 0.5, "0.250 [0.125, 0.375]"),
    ]


@pytest.mark.parametrize("name", ["metrics_summary.json", "leaderboard.parquet", "data_summary.json"])
def test_nothing_of_a_run_is_compared_that_was_changed_since(store, record, name):
    file = store.root / record("a", "2026-03-02T07:01:00+00:00") / name
    file.write_bytes(file.read_bytes().replace(b"0.5", b"0.4") + b" ")
    with pytest.raises(ChecksumMismatch, match=name):
        recorded.all_leaderboards(store)


def test_a_run_whose_rank_metric_is_not_defined_on_test_is_listed_without_it(store, record):
    table = leaderboard("a", 7).with_columns(test_rmse_log=pl.lit(None, pl.Float64))
    record("a", "2026-03-02T07:01:00+00:00", table=table)
    assert recorded.runs(store)["test"].to_list() == [None]


def test_a_folder_whose_writer_was_killed_is_no_run(store, record):
    key = record("a", "2026-03-02T07:01:00+00:00")
    (store.root / key / "checksums.json").unlink()
    assert recorded.folders(store) == []


def test_the_cells_of_a_run_are_its_own_and_not_those_of_a_run_with_a_longer_name(store, record):
    key = record("a", "2026-03-02T07:01:00+00:00")
    record("ab", "2026-03-02T07:01:00+00:00")
    assert recorded.cells_of(store, "a") == [key]
    with pytest.raises(ArtifactMissing, match="'b' is none of: a, ab. vidrank runs lists them"):
        recorded.cells_of(store, "b")


def test_cells_come_by_strategy_and_then_by_days():
    folders = [
        f"run/strategy={strategy}/horizon={days}d" for strategy in ("concat", "sum_pool") for days in (7, 14, 30)
    ]
    assert sorted(reversed(folders), key=recorded._place) == folders


def test_all_leaderboards_come_oldest_run_first_with_the_newest_label_counts_of_each_horizon(store, record):
    record("newer", "2026-03-09T07:01:00+00:00")
    record("old", "2026-03-02T07:01:00+00:00")
    record("old", "2026-03-02T07:03:00+00:00", days=14)
    found = recorded.all_leaderboards(store)
    assert found.rows["run_id"].to_list() == ["old", "old", "newer"]
    assert found.label_counts == {"7d": {"observed": 5}, "14d": {"observed": 3}}
    assert found.other_columns == []


def test_a_leaderboard_of_a_version_that_measured_something_else_is_named_and_not_compared(store, record):
    other = record("a", "2026-03-02T07:01:00+00:00", table=leaderboard("a", 7).drop("test_spearman"))
    found = recorded.all_leaderboards(store)
    assert found.rows.is_empty() and found.other_columns == [other]


def test_a_leaderboard_that_was_never_made_says_how_to_make_it(store):
    with pytest.raises(ArtifactMissing, match="Run vidrank backfill"):
        recorded.leaderboards(store, ["7d"], ["concat"])


def test_the_latest_leaderboards_are_those_that_there_are(store):
    store.write_table("leaderboard/strategy=concat/horizon=7d/data.parquet", leaderboard("a", 7))
    (table,) = recorded.leaderboards(store, ["7d", "14d"], ["concat", "sum_pool"])
    assert table["run_id"].to_list() == ["a"]

import json

import polars as pl

from vidrank_assets.selection.comparison_record import ComparisonRecord


def test_a_comparison_comes_back_whole_and_says_what_it_is_of(tmp_path):
    table = pl.DataFrame(
        {
            "run_id": ["b", "a", "a"],
            "fusion_strategy": ["concat"] * 3,
            "horizon_days": [7] * 3,
            "scored_videos": ["x"] * 3,
            "model": ["ridge", "ridge", "train_mean"],
        }
    )
    ComparisonRecord(table, "<p>page</p>").save(tmp_path)
    loaded = ComparisonRecord.load(tmp_path)
    assert loaded.table.equals(table) and loaded.page == "<p>page</p>"
    compared = json.loads((tmp_path / "config_used.json").read_text())["compared"]
    assert [each["run_id"] for each in compared] == ["a", "b"]
    assert pl.read_csv(tmp_path / "comparison.csv").height == 3

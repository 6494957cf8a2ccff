import json
from dataclasses import replace

import polars as pl
import pytest

from vidrank_assets.selection.model_snapshot import SWEPT, is_of_videos
from vidrank_assets.selection.pair_probability import PairProbability
from vidrank_assets.selection.pair_record import PairRecord, finite
from vidrank_assets.tables import SPLIT_MANIFEST

PROBABILITY = PairProbability((0.0, 1.0), (0.5, 0.7), (0.5, 0.6), (0.5, 0.8), 100, 10)
SPLIT = pl.DataFrame(
    {"video_id": ["a"], "split": ["test"], "text_present": [1], "target_log": [1.0], "target_raw": [1.7]},
    schema=SPLIT_MANIFEST.schema,
)
RECORD = PairRecord(
    PROBABILITY, {"brier": 0.2, "correlation_ctr": None}, {"cell": {}}, {"rows": {}}, SPLIT, "<p>page</p>"
)


def test_what_is_saved_is_what_is_loaded(tmp_path):
    RECORD.save(tmp_path)
    found = PairRecord.load(tmp_path)
    assert found.split_manifest.equals(SPLIT)
    assert replace(found, split_manifest=SPLIT) == RECORD


def test_a_record_of_too_few_pairs_has_a_page_and_no_probability(tmp_path):
    untold = replace(RECORD, probability=None, figures={})
    untold.save(tmp_path)
    found = PairRecord.load(tmp_path)
    assert (found.probability, found.figures, found.page) == (None, {}, "<p>page</p>")


def test_after_a_sweep_the_figures_are_left_and_nothing_of_single_videos(tmp_path):
    RECORD.save(tmp_path)
    gone = [path for path in tmp_path.iterdir() if is_of_videos(path.name)]
    assert {path.name for path in gone} == {"report.html", "split_manifest.parquet"}
    for path in gone:
        path.unlink()
    (tmp_path / SWEPT).write_text(json.dumps({"at": "2026-03-01", "why": "expired", "files": []}))
    found = PairRecord.load(tmp_path)
    assert found.page is None and found.split_manifest.is_empty()
    assert (found.probability, found.figures) == (PROBABILITY, RECORD.figures)


def test_a_figure_that_is_not_finite_is_null_and_one_that_is_not_said_so_is_refused(tmp_path):
    assert finite({"a": 1.0, "b": float("nan"), "c": float("inf")}) == {"a": 1.0, "b": None, "c": None}
    with pytest.raises(ValueError, match="JSON"):
        replace(RECORD, figures={"a": float("nan")}).save(tmp_path)

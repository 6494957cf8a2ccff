import dagster as dg
import polars as pl
import pytest

from vidrank_assets.assets.checks import conforming, label_coverage, schema_check
from vidrank_assets.errors import InvalidTable
from vidrank_assets.tables import SPLIT_MANIFEST

ROWS = pl.DataFrame(
    {
        "video_id": ["a", "b"],
        "split": ["train", "val"],
        "text_present": [1, 0],
        "target_log": [1.0, 2.0],
        "target_raw": [1.7, 6.4],
    }
)


def test_a_conforming_table_passes_the_check_that_was_declared():
    table, check = conforming(SPLIT_MANIFEST, ROWS)
    declared = schema_check(SPLIT_MANIFEST)
    assert table.equals(ROWS)
    assert (check.check_name, check.asset_key, check.passed) == (declared.name, declared.asset_key, True)
    assert declared.blocking


def test_a_structural_fault_raises_before_anything_is_stored():
    with pytest.raises(InvalidTable, match="split_manifest must have the columns and the key"):
        conforming(SPLIT_MANIFEST, pl.concat([ROWS, ROWS]))


@pytest.mark.parametrize(("labels", "share", "passed"), [(600, 0.6, True), (600, 0.4, False), (11, 1.0, False)])
def test_few_labels_warn_and_block_nothing(labels, share, passed):
    check = label_coverage({"labels": labels, "label_coverage": share})
    assert (check.passed, check.severity) == (passed, dg.AssetCheckSeverity.WARN)

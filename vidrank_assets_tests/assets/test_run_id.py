import dagster as dg
import pytest

from vidrank_assets.assets.run_id import BACKFILL, run_id_of
from vidrank_assets.errors import InvalidInput


def test_the_run_id_is_shared_by_a_retry_and_by_a_backfill_of_the_ui_or_of_the_command_line():
    run = dg.DagsterRun(job_name="train_suite", run_id="b", root_run_id="a", parent_run_id="a")
    assert run_id_of(run) == "a"
    assert run_id_of(run.with_tags({"dagster/backfill": "backfill"})) == "backfill"
    assert run_id_of(run.with_tags({BACKFILL: "mine"})) == "mine"
    assert run_id_of(dg.DagsterRun(job_name="train_suite", run_id="c")) == "c"


@pytest.mark.parametrize("tag", ["../../elsewhere", "a/b", "/etc", ".hidden", "a\n"])
def test_a_tag_cannot_lead_results_out_of_the_folder_of_runs(tag):
    with pytest.raises(InvalidInput, match="names a folder"):
        run_id_of(dg.DagsterRun(job_name="train_suite", run_id="c", tags={BACKFILL: tag}))

"""Which run a result belongs to."""

import dagster as dg

#: The tag that the runs of one `vidrank backfill` share.
BACKFILL = "vidrank/backfill"


def run_id_of(run: dg.DagsterRun) -> str:
    """What every run of one backfill shares, and a retry shares with its original: the run that results belong to."""
    return run.tags.get(BACKFILL) or run.tags.get("dagster/backfill") or run.root_run_id or run.run_id

"""Which run a result belongs to."""

import re

import dagster as dg

from vidrank_assets.errors import InvalidInput

#: The tag that the runs of one `vidrank backfill` share.
BACKFILL = "vidrank/backfill"

_FOLDER = re.compile(r"\w[\w.-]*")


def run_id_of(run: dg.DagsterRun) -> str:
    """What every run of one backfill shares, and a retry shares with its original: the run that results belong to.

    Raises InvalidInput: a tag that somebody set names no folder.
    """
    run_id = run.tags.get(BACKFILL) or run.tags.get("dagster/backfill") or run.root_run_id or run.run_id
    if not _FOLDER.fullmatch(run_id):
        raise InvalidInput(
            f"a run id names a folder, so it must be of letters, digits, '_', '.' and '-'; got {run_id!r}. "
            f"Launch the run with another tag {BACKFILL}."
        )
    return run_id

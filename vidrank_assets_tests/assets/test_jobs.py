import pytest

from vidrank_assets.assets.jobs import JOBS
from vidrank_assets.definitions import definitions


@pytest.mark.parametrize("job", [job.name for job in JOBS])
def test_every_job_has_one_level_of_partitions(job):
    resolved = definitions().get_repository_def().get_job(job)
    levels = {resolved.asset_layer.get(key).partitions_def for key in resolved.asset_layer.selected_asset_keys}
    assert len(levels) == 1

import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import psutil
import pytest

from vidrank_assets import runs
from vidrank_assets.capture.archives import Archive
from vidrank_assets.errors import ArtifactMissing, InvalidInput

INSTANCE = Path(__file__).parents[1] / "dagster_home" / "dagster.yaml"
HEADER = "video_id,captured_at,published_at,channel_id,title,view_count\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An instance of its own, and a store beside it."""
    shutil.copy(INSTANCE, tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("VIDRANK_STORAGE", raising=False)
    return tmp_path


def archive(folder, *days):
    folder.mkdir()
    rows = "".join(f"aaaaaaaaaaa,{day}T12:00:00Z,2016-12-01T00:00:00Z,c,Cats,10\n" for day in days)
    (folder / "captures.csv").write_text(HEADER + rows)
    return Archive(folder=str(folder), mapping="generic")


def test_days_are_cut_into_stretches_wherever_one_is_missing():
    days = [date(2026, 1, day) for day in (30, 31)] + [date(2026, 2, day) for day in (1, 5, 7, 8)]
    assert [[day.day for day in stretch] for stretch in runs._unbroken(days)] == [[30, 31, 1], [5], [7, 8]]


def test_captures_before_the_first_partition_are_refused_with_the_day_to_set(home, tmp_path):
    with (
        runs.runner(lambda _: None) as runner,
        pytest.raises(InvalidInput, match="Set VIDRANK_FIRST_DAY=2017-01-02, for this command and for the UI"),
    ):
        runner.capture(archive(tmp_path / "old", "2017-01-02"), {})


def test_a_home_without_an_instance_says_what_to_copy(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with pytest.raises(InvalidInput, match=r"must be a folder with a dagster\.yaml"), runs.runner(lambda _: None):
        pytest.fail("a runner without an instance")


def test_a_leaderboard_that_was_never_made_says_how_to_make_it(home):
    with pytest.raises(ArtifactMissing, match="Run vidrank backfill"):
        list(runs.leaderboards(["7d"], ["concat"]))


def test_one_horizon_or_all_and_no_other():
    assert runs.chosen_cells("7d", "concat") == (["7d"], ["concat"])
    assert runs.chosen_cells(None, None)[0] == ["7d", "14d", "21d", "30d"]
    with pytest.raises(InvalidInput, match="horizon must be one of: 7d, 14d, 21d, 30d; got '8d'"):
        runs.chosen_cells("8d", None)


@dg.job
def capture_day():
    """Stands for a run of the command line."""


def test_a_run_whose_process_is_gone_is_told_failed_and_a_living_one_is_left(home):
    gone = runs._name_of(psutil.Process()).rsplit(" ", 1)[0] + " 1.00"  # this process id, begun at another time
    with dg.DagsterInstance.get() as instance:
        killed, living = (
            instance.create_run_for_job(capture_day, tags={runs._PROCESS: process}, status=dg.DagsterRunStatus.STARTED)
            for process in (gone, runs._name_of(psutil.Process()))
        )
        with runs.runner(lambda _: None):
            assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE
            assert instance.get_run_by_id(living.run_id).status == dg.DagsterRunStatus.STARTED

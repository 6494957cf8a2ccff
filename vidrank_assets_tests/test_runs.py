import os
import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import psutil
import pytest

from vidrank_assets import runs
from vidrank_assets.capture.archives import Archive
from vidrank_assets.errors import InvalidInput, NoRows

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


def test_one_horizon_or_all_and_no_other():
    assert runs.chosen_cells("7d", "concat") == (["7d"], ["concat"])
    assert runs.chosen_cells(None, None)[0] == ["7d", "14d", "21d", "30d"]
    with pytest.raises(InvalidInput, match="horizon must be one of: 7d, 14d, 21d, 30d; got '8d'"):
        runs.chosen_cells("8d", None)


@dg.job
def capture_day():
    """Stands for a run of the command line."""


def test_a_run_whose_process_is_gone_is_told_failed_and_a_living_one_is_left(home):
    """The pool admits one step at a time, so a slot that a killed run kept would stop every later run."""
    gone = runs._name_of(psutil.Process()).rsplit(" ", 1)[0] + " 1.00"  # this process id, begun at another time
    with dg.DagsterInstance.get() as instance:
        killed, living = (
            instance.create_run_for_job(capture_day, tags={runs._PROCESS: process}, status=dg.DagsterRunStatus.STARTED)
            for process in (gone, runs._name_of(psutil.Process()))
        )
        slots = instance.event_log_storage
        for pool, run in (("capture", killed), ("gpu", living)):
            slots.set_concurrency_slots(pool, 1)
            assert slots.claim_concurrency_slot(pool, run.run_id, "step").is_claimed
        with runs.runner(lambda _: None):
            assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE
            assert instance.get_run_by_id(living.run_id).status == dg.DagsterRunStatus.STARTED
        claimed = {pool: len(slots.get_concurrency_info(pool).claimed_slots) for pool in ("capture", "gpu")}
        assert claimed == {"capture": 0, "gpu": 1}


def test_a_run_of_another_machine_is_none_of_ours_to_end(home):
    elsewhere = "some.other.host 1 1.00"
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(
            capture_day, tags={runs._PROCESS: elsewhere}, status=dg.DagsterRunStatus.STARTED
        )
        with runs.runner(lambda _: None):
            assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED


@pytest.fixture
def told_jobs(home, monkeypatch):
    """A runner whose jobs are written down and not run; those of the horizons in `unlearnable` raise a fault."""
    jobs, unlearnable = [], set()

    def run(self, job, what, **options):
        jobs.append((job, what))
        if what in unlearnable:
            raise NoRows(f"{what} has no labels.")

    monkeypatch.setattr(runs.Runner, "_run", run)
    with runs.runner(lambda line: jobs.append(("told", line))) as runner:
        yield runner, jobs, unlearnable


def test_a_backfill_fuses_each_strategy_and_then_refreshes_and_trains_each_horizon(told_jobs):
    runner, jobs, _ = told_jobs
    runner.backfill(["7d", "14d"], ["concat", "sum_pool"])
    assert jobs == [
        ("fuse", "concat"),
        ("fuse", "sum_pool"),
        ("refresh_targets", "7d"),
        ("train_suite", "concat × 7d"),
        ("train_suite", "sum_pool × 7d"),
        ("refresh_targets", "14d"),
        ("train_suite", "concat × 14d"),
        ("train_suite", "sum_pool × 14d"),
        ("compare", "all leaderboards"),
    ]


def test_a_horizon_that_cannot_be_learned_stops_no_other_and_is_raised_at_last(told_jobs):
    runner, jobs, unlearnable = told_jobs
    unlearnable.add("7d")
    with pytest.raises(NoRows, match="7d has no labels"):
        runner.backfill(["7d", "14d"], ["concat"])
    assert ("told", "7d was left out: 7d has no labels.") in jobs
    assert ("train_suite", "concat × 7d") not in jobs
    assert jobs[-2:] == [("train_suite", "concat × 14d"), ("compare", "all leaderboards")]


def test_every_unbroken_stretch_of_days_is_one_run(told_jobs, tmp_path):
    runner, jobs, _ = told_jobs
    assert runner.capture(archive(tmp_path / "new", "2026-01-05", "2026-01-06", "2026-01-09"), {}) == 3
    assert jobs == [("capture_day", "2026-01-05 … 2026-01-06"), ("capture_day", "2026-01-09 … 2026-01-09")]


def test_what_a_killed_writer_left_behind_is_swept_away_a_day_later(home):
    left = {age: home / "vidrank" / f".data.parquet.{age * 32}.partial" for age in ("0", "1")}
    for age, file in left.items():
        file.parent.mkdir(exist_ok=True)
        file.touch()
        os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 2 * 86_400 * int(age)))
    with runs.runner(lambda _: None):
        assert [age for age, file in left.items() if file.exists()] == ["0"]


def test_analytics_are_imported_and_counted_and_a_bad_file_is_one_sentence(home, tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_text("Content,Impressions,Impressions click-through rate (%)\nTotal,9,5\naaaaaaaaaaa,9,50\nx,1,1\n")
    with runs.runner(lambda _: None) as runner:
        said = runner.import_analytics(file)
        counted = "1 videos imported, 1 of them new, of 1 in all; 1 rows set aside: 1 invalid_video_id. "
        assert said == counted + "Pairs are judged by them from the next vidrank backfill on."
        assert "0 of them new, of 1 in all" in runner.import_analytics(file)
        file.write_text("title,ctr\n")
        with pytest.raises(InvalidInput, match="must have one column `video_id` or `Content`"):
            runner.import_analytics(file)
    assert runs.opened_store().read_table("video_analytics/data.parquet")["ctr"].to_list() == [0.5]

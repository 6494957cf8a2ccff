import polars as pl
import pytest
from typer.testing import CliRunner

from vidrank_assets import runs
from vidrank_assets.cli import app


@pytest.fixture
def vidrank():
    """Runs a command in this process and gives its exit status and what it printed."""

    def run(*arguments):
        done = CliRunner().invoke(app, arguments)
        return done.exit_code, done.output

    return run


def test_a_fault_is_one_sentence_and_exit_status_1(vidrank, tmp_path):
    status, printed = vidrank("import", str(tmp_path), "--mapping", "trending_daily")
    assert status == 1 and printed.count("\n") == 1
    assert printed.startswith("InvalidInput: an archive must hold the files that its mapping names; ")


def test_square_brackets_of_a_fault_are_printed_as_they_are(vidrank, tmp_path):
    status, printed = vidrank("import", str(tmp_path), "--mapping", "a [none] mapping")
    assert status == 1 and "got a [none] mapping." in printed


@pytest.mark.parametrize("command", ["backfill", "leaderboard"])
def test_a_name_that_is_none_is_refused_with_those_there_are(vidrank, command):
    status, printed = vidrank(command, "--horizon", "8d")
    assert (status, printed) == (1, "InvalidInput: horizon must be one of: 7d, 14d, 21d, 30d; got '8d'.\n")
    status, printed = vidrank(command, "--strategy", "mean")
    assert (status, printed) == (
        1,
        "InvalidInput: fusion strategy must be one of: concat, sum_pool, max_pool; got 'mean'.\n",
    )


def test_a_setting_that_is_wrong_is_named(vidrank, monkeypatch):
    monkeypatch.setenv("VIDRANK_SPLIT_POLICY", "alphabet")
    status, printed = vidrank("leaderboard")
    assert status == 1 and printed.startswith("InvalidSetting: VIDRANK_SPLIT_POLICY: ")
    assert "'alphabet'" in printed


def test_leaderboards_are_printed_under_their_titles_with_nothing_where_a_value_is_missing(vidrank, monkeypatch):
    rows = pl.DataFrame({"model": ["ridge", "train_mean"], "test_rmse_log": [0.5, None]})
    monkeypatch.setattr(runs, "leaderboards", lambda horizons, strategies: [(f"{horizons} {strategies}", rows)])
    status, printed = vidrank("leaderboard", "--horizon", "7d", "--strategy", "concat")
    assert status == 0
    title, names, _, *lines = [line.split() for line in printed.splitlines() if line.strip()]
    assert title == ["['7d']", "['concat']"]
    assert names == ["model", "test_rmse_log"]
    assert lines == [["ridge", "0.5"], ["train_mean"]]


def test_without_a_command_the_help_names_them_all(vidrank):
    _, printed = vidrank()
    for command in ("demo", "import", "import-fused", "backfill", "leaderboard"):
        assert f" {command} " in printed

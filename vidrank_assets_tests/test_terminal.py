import polars as pl
import pytest
from typer.testing import CliRunner

from vidrank_assets.cli import app
from vidrank_assets.terminal import print_table


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


def test_a_setting_that_is_wrong_is_named(vidrank, monkeypatch):
    monkeypatch.setenv("VIDRANK_SPLIT_POLICY", "alphabet")
    status, printed = vidrank("leaderboard")
    assert status == 1 and printed.startswith("InvalidSetting: VIDRANK_SPLIT_POLICY: ")
    assert "'alphabet'" in printed


def test_rows_are_printed_under_their_title_with_nothing_where_a_value_is_missing(capsys):
    print_table(pl.DataFrame({"model": ["ridge", "train_mean"], "test_rmse_log": [0.5, None]}), "7d · concat")
    title, names, _, *lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert title == ["7d", "·", "concat"]
    assert names == ["model", "test_rmse_log"]
    assert lines == [["ridge", "0.5"], ["train_mean"]]

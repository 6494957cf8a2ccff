import pytest
from typer.testing import CliRunner

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

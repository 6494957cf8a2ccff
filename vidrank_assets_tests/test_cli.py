import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from vidrank_assets.assets.encoder_tuning import EncoderTuningConfig
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.cli import app
from vidrank_assets.runs import Runner, _loaded
from vidrank_assets_tests.fake_youtube import FakeYouTube


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An instance of its own, and an empty store beside it."""
    shutil.copy(Path(__file__).parents[1] / "dagster_home" / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("VIDRANK_STORAGE", raising=False)
    _loaded.cache_clear()  # the graph of one process has one store


@pytest.fixture
def vidrank():
    """Runs a command in this process and gives its exit status and what it printed."""

    def run(*arguments):
        done = CliRunner().invoke(app, arguments)
        return done.exit_code, done.output

    return run


@pytest.mark.parametrize("command", ["backfill", "leaderboard"])
def test_a_name_that_is_none_is_refused_with_those_there_are(vidrank, command):
    status, printed = vidrank(command, "--horizon", "8d")
    assert (status, printed) == (1, "InvalidInput: horizon must be one of: 7d, 14d, 21d, 30d; got '8d'.\n")
    status, printed = vidrank(command, "--strategy", "mean")
    assert (status, printed) == (
        1,
        "InvalidInput: fusion strategy must be one of: concat, sum_pool, max_pool; got 'mean'.\n",
    )


@pytest.mark.parametrize("command", ["show", "retrain-run"])
def test_a_run_that_was_never_recorded_is_refused_with_those_that_were(vidrank, home, command):
    status, printed = vidrank(command, "nowhere")
    assert status == 1
    assert printed.startswith("ArtifactMissing: a run must have been recorded; 'nowhere' is none of: none at all.")


@pytest.fixture
def stand_in(home, tmp_path, monkeypatch):
    """The stand-in for the Data API, in the real present, and a watch list of its channels in the environment."""
    with FakeYouTube(SampleWorld(n_channels=5), moment=datetime.now(UTC)) as fake:
        (tmp_path / "watch.yaml").write_text(yaml.safe_dump({"niches": {"tech": {"channels": fake.channel_ids}}}))
        monkeypatch.setenv("VIDRANK_WATCH_LIST", str(tmp_path / "watch.yaml"))
        monkeypatch.setenv("VIDRANK_YOUTUBE_ENDPOINT", fake.endpoint)
        monkeypatch.setenv("VIDRANK_YOUTUBE_API_KEY", fake.key)
        monkeypatch.setenv("VIDRANK_THUMBNAIL_ORIGINS", f'["{fake.endpoint.rstrip("/")}"]')
        yield fake


def test_a_dry_run_prints_what_a_capture_would_cost_and_asks_nothing(vidrank, stand_in):
    status, printed = vidrank("capture", "--dry-run")
    assert status == 0
    assert [line.split() for line in printed.splitlines() if "shared" in line] == [
        ["shared", "7", "0", "9000", "0.1", "%", "True"]
    ]
    assert "It would end at about" in printed
    assert not stand_in.asked


def test_a_capture_says_how_far_it_came_and_a_channel_can_be_forgotten(vidrank, stand_in, tmp_path):
    status, printed = vidrank("capture")
    assert status == 0, printed
    assert "state complete" in printed
    (channel, *_) = stand_in.channel_ids
    status, printed = vidrank("forget", channel)
    assert status == 0 and "snapshots: " in printed
    assert "Take it off the watch list too, and out of what you import" in printed
    stored = pl.read_parquet(tmp_path / "vidrank/snapshots/*/data.parquet", hive_partitioning=False)
    assert channel not in stored["channel_id"] and stored.height > 0
    status, printed = vidrank("forget", channel)
    assert printed.startswith(f"nothing names {channel}.")


def test_a_doctor_that_finds_a_fault_ends_with_exit_status_1(vidrank, stand_in, monkeypatch):
    status, printed = vidrank("doctor", "--yes")
    assert status == 0 and "FAULT" not in printed
    monkeypatch.delenv("VIDRANK_YOUTUBE_API_KEY")
    status, printed = vidrank("doctor", "--yes")
    assert status == 1 and "FAULT" in printed


def test_click_through_rates_are_imported_beside_those_of_earlier_files(vidrank, home, tmp_path):
    (tmp_path / "first.csv").write_text("video_id,impressions,ctr\nabcdefghijk,1000,0.05\n")
    (tmp_path / "second.csv").write_text("video_id,impressions,ctr\nabcdefghijk,2000,0.06\nkjihgfedcba,10,7\n")
    assert vidrank("import-analytics", str(tmp_path / "first.csv"))[0] == 0
    status, printed = vidrank("import-analytics", str(tmp_path / "second.csv"))
    assert status == 0 and "1 videos imported, 0 of them new, of 1 in all; 1 rows set aside" in printed
    stored = pl.read_parquet(tmp_path / "vidrank/video_analytics/data.parquet")
    assert stored.rows() == [("abcdefghijk", 2000, 0.06)]


def test_a_file_that_still_names_a_forgotten_video_brings_it_back(vidrank, stand_in, tmp_path):
    """Nothing of a forgotten channel is kept: neither that it was forgotten, nor which videos were its."""
    assert vidrank("capture")[0] == 0
    captured = pl.read_parquet(tmp_path / "vidrank/snapshots/*/data.parquet", hive_partitioning=False)
    channel, video = captured.select("channel_id", "video_id").row(0)
    (tmp_path / "own.csv").write_text(f"video_id,impressions,ctr\n{video},1000,0.05\n")

    def videos_after(*command):
        assert vidrank(*command)[0] == 0
        return pl.read_parquet(tmp_path / "vidrank/video_analytics/data.parquet")["video_id"].to_list()

    importing, forgetting = ("import-analytics", str(tmp_path / "own.csv")), ("forget", channel)
    assert videos_after(*importing) == [video]
    assert videos_after(*forgetting) == []
    assert videos_after(*importing) == videos_after(*forgetting) == [video]


@pytest.mark.parametrize("pictures", [1, 11])
def test_one_variant_and_eleven_are_refused(vidrank, home, tmp_path, pictures):
    (tmp_path / "a.jpg").touch()
    status, printed = vidrank("compare", *[str(tmp_path / "a.jpg")] * pictures, "--title", "t", "--channel", "c")
    assert status == 1 and printed.startswith("InvalidInput: 2 to 10 variants are compared")


def test_without_a_trained_ranker_nothing_is_compared(vidrank, home, tmp_path):
    (tmp_path / "a.jpg").touch()
    asked = (str(tmp_path / "a.jpg"), "--title", "one", "--title", "another", "--channel", "c")
    status, printed = vidrank("compare", *asked)
    assert status == 1 and printed.startswith("ArtifactMissing: "), printed


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ([], {"last_blocks": 4}),
        (["--all", "--model", "here"], {"last_blocks": None, "model": "here"}),
        (["--seeing-epochs", "12", "--epochs", "8"], {"last_blocks": 4, "seeing_epochs": 12, "max_epochs": 8}),
    ],
)
def test_a_tuning_is_configured_by_what_is_given_and_prints_what_came_of_it(vidrank, home, monkeypatch, given, config):
    asked = []

    def tuned(_, *arguments):
        asked.append(arguments)
        return ["test  tuned  0.9"]

    monkeypatch.setattr(Runner, "tune_encoder", tuned)
    assert vidrank("tune-encoder", "--horizon", "14d", *given) == (0, "test  tuned  0.9\n")
    assert asked == [("14d", config)]
    EncoderTuningConfig(**config)


def test_without_recorded_runs_the_list_of_them_is_empty(vidrank, home):
    status, printed = vidrank("runs")
    assert status == 0 and "run_id" in printed


def test_without_a_command_the_help_names_them_all(vidrank):
    _, printed = vidrank()
    captures = ("capture", "doctor", "forget", "import", "import-analytics", "import-fused")
    results = ("leaderboard", "compare", "runs", "show", "retrain-run")
    for command in ("demo", *captures, "backfill", *results):
        assert f" {command} " in printed

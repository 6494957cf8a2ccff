"""The commands, as processes, on a small world: what a second capture, a backfill and a wrong word come to."""

import re

import dagster as dg
import pytest

from vidrank_assets_tests.graph.conftest import Home, tables

GENERIC = "video_id,captured_at,published_at,channel_id,title,view_count\n"
OLD = GENERIC + "aaaaaaaaaaa,2020-01-05T12:00:00Z,2020-01-01T00:00:00Z,channel,Title,10\n"


def sentence(done) -> str:
    """What a command that failed said: a line, and no traceback."""
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(said) == 1, said
    return said[0]


@pytest.mark.slow
def test_a_backfill_makes_one_horizon_and_shows_its_leaderboard_and_a_second_capture_embeds_nothing(home):
    home.environment |= {"VIDRANK_INCLUSION": "all", "VIDRANK_SPLIT_POLICY": "random"}
    home.capture(n_channels="20", n_days="28")
    embedded = tables(home.store)
    done = home.vidrank("backfill", "--horizon", "7d", "--strategy", "concat")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"7d · concat · publish · SYNTHETIC", done.stdout)
    for family in ("ridge", "lightgbm", "channel_mean"):
        assert family in done.stdout
    made = {key.split("/horizon=")[1].split("/")[0] for key in home.store.keys("") if "/horizon=" in key}
    assert made == {"7d"}

    shown = home.vidrank("leaderboard", "--horizon", "7d", "--strategy", "concat")
    assert shown.returncode == 0 and shown.stdout in done.stdout
    other = sentence(home.vidrank("leaderboard", "--horizon", "30d"))
    assert other.startswith("ArtifactMissing: a leaderboard must be made before it is shown")

    home.capture(n_channels="20", n_days="28")
    again = {key: table for key, table in tables(home.store).items() if key in embedded}
    assert [key for key in embedded if not again[key].equals(embedded[key])] == []
    assert latest_embedded(home) == {"thumbnail_statistics": 0, "title_ngrams": 0}


def latest_embedded(home: Home) -> dict[str, int]:
    """How many items each encoder embedded in its latest run."""
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        found = {}
        for encoder in ("thumbnail_statistics", "title_ngrams"):
            latest = instance.get_latest_materialization_event(dg.AssetKey(["embeddings", encoder]))
            found[encoder] = latest.asset_materialization.metadata["embedded"].value
        return found


def test_an_unknown_horizon_is_one_sentence_with_those_there_are(home):
    said = sentence(home.vidrank("backfill", "--horizon", "8d"))
    assert said == "InvalidInput: horizon must be one of: 7d, 14d, 21d, 30d; got '8d'."


def test_an_import_of_days_before_the_first_partition_is_one_sentence_that_names_the_setting(home, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "captures.csv").write_text(OLD)
    said = sentence(home.vidrank("import", str(tmp_path / "old"), "--mapping", "generic"))
    assert said.startswith("InvalidInput: captures must not be older than the first daily partition, 2026-01-05; ")
    assert "VIDRANK_FIRST_DAY=2020-01-05" in said


@pytest.mark.slow
def test_an_import_of_old_days_is_taken_when_the_setting_says_so(home, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "captures.csv").write_text(OLD)
    done = home.vidrank("import", str(tmp_path / "old"), "--mapping", "generic", VIDRANK_FIRST_DAY="2020-01-05")
    assert done.returncode == 0, done.stdout + done.stderr
    assert home.store.read_table("snapshots/day=2020-01-05/data.parquet")["view_count"].to_list() == [10]


@pytest.mark.slow
def test_a_horizon_that_cannot_be_learned_yet_is_one_sentence(home):
    home.capture(n_channels="12", n_days="9")
    said = home.vidrank("backfill", "--horizon", "30d", "--strategy", "concat")
    assert said.returncode == 1 and "Traceback" not in said.stdout + said.stderr
    assert "a horizon needs labelled videos" in said.stdout

import json
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import polars as pl
import pytest

from vidrank_assets.assets.io_managers import Artifacts, Tables
from vidrank_assets.assets.models import MODEL_SNAPSHOT
from vidrank_assets.assets.pair_report import first_pictures, pair_report, ranker_of
from vidrank_assets.assets.partitions import by_horizon, by_strategy, by_strategy_and_horizon
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.errors import InvalidInput
from vidrank_assets.selection.model_snapshot import is_of_videos
from vidrank_assets.selection.pair_probability import PairProbability
from vidrank_assets.selection.pair_record import PairRecord
from vidrank_assets.upkeep import run_folders
from vidrank_assets.upkeep.changes import Changes
from vidrank_assets_tests.trained_ranker import CELL, ENCODERS, N_CHANNELS, RUN, picture, record, table, trained_ranker


def made_elsewhere(key, partitions_def, **options):
    """An asset whose partitions are in the store already."""

    @dg.asset(key=key, partitions_def=partitions_def, **options)
    def stored() -> None: ...

    return stored


READ = [
    made_elsewhere("training_pairs", by_horizon, io_manager_key="tables"),
    made_elsewhere("ranking_targets", by_horizon, io_manager_key="tables"),
    made_elsewhere("fused_embeddings", by_strategy, io_manager_key="tables"),
    made_elsewhere(
        ["models", "pairwise_ranker"], by_strategy_and_horizon, io_manager_key="artifacts", dagster_type=MODEL_SNAPSHOT
    ),
]


def reported(trained, *, raise_on_error=True, **tags):
    """Materialize the report on what was trained."""
    root = FolderStore(root=str(trained.store.root))
    return dg.materialize(
        [pair_report, *READ],
        selection=["models/pair_report"],
        partition_key=CELL,
        instance=trained.instance,
        resources={"store": root, "tables": Tables(store=root), "artifacts": Artifacts(store=root)},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags=tags,
        raise_on_error=raise_on_error,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with trained_ranker(tmp_path_factory.mktemp("trained")) as made:
        yield made


@pytest.fixture(scope="module")
def shown(trained):
    result = reported(trained, **{"vidrank/backfill": "r1"})
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_the_report_lies_beside_the_rankers_folder_and_opens_again(trained, shown):
    assert shown["artifact"] == "models/snapshots/run_id=r1/model=pair_report/strategy=concat/horizon=7d"
    with trained.store.open_artifact(shown["artifact"], sha256=shown["sha256"]) as folder:
        found = PairRecord.load(folder)
        stored = json.loads((folder / "pair_probability.json").read_text())
    assert found.probability == PairProbability.of_json(stored)
    assert found.config == trained.snapshot.config and found.data == trained.snapshot.data
    assert found.page.startswith("<!doctype html>") and "SYNTHETIC sample world" in found.page
    assert found.page.count('class="pair"') >= 5 and "data:image/jpeg;base64," in found.page


def test_the_ui_shows_how_good_its_probabilities_are(trained, shown):
    assert shown["of_run"] == "r1" and "changed_since_training" not in shown
    assert shown["n_pairs"] == 10 * N_CHANNELS  # the pairs of five test videos of every channel
    assert shown["pairwise_auc"] == pytest.approx(trained.snapshot.leaderboard["test_pairwise_auc"][0])
    assert 0.7 < shown["pairwise_auc_low"] <= shown["pairwise_auc"] <= shown["pairwise_auc_high"]
    assert shown["brier"] < shown["coin_brier"] == 0.25
    assert shown["calibration_error"] < shown["coin_calibration_error"]
    assert shown["correlation_contrast"] > 0.5 > -0.5 > -shown["correlation_clarity"]
    for name in ("probabilities", "order", "heads"):
        assert shown[name].startswith("![chart](data:image/png;base64,")


def test_no_picture_of_a_video_is_in_the_event_log(shown):
    assert not [name for name, value in shown.items() if "image/jpeg" in str(value)]


def test_a_sweep_finds_the_page_and_takes_all_that_is_of_single_videos(trained, shown):
    ((folder, sums),) = [each for each in run_folders.folders(trained.store) if "model=pair_report" in each[0]]
    assert run_folders.oldest_capture(trained.store, folder) is None
    assert {name for name in sums if is_of_videos(name)} == {"report.html", "split_manifest.parquet"}


def test_the_same_ranker_gives_the_same_page(trained, shown):
    (event,) = reported(trained, **{"vidrank/backfill": "again"}).get_asset_materialization_events()
    again = event.materialization.metadata
    with (
        trained.store.open_artifact(again["artifact"].value) as one,
        trained.store.open_artifact(shown["artifact"]) as other,
    ):
        assert (one / "report.html").read_text() == (other / "report.html").read_text()


@pytest.fixture
def of_api(trained, tmp_path):
    """What a report of a ranker that learned from the Data API showed."""
    data = {**trained.snapshot.data, "oldest_api_capture_at": "2026-01-05T00:00:00+00:00"}
    replace(trained.snapshot, data=data).save(tmp_path)
    stored = trained.store.write_artifact(RUN.replace("run_id=r1", "run_id=api"), tmp_path)
    record(trained.instance, "models/pairwise_ranker", CELL, sha256=stored.sha256, artifact=stored.key)
    (event,) = reported(trained, **{"vidrank/backfill": "api"}).get_asset_materialization_events()
    return event.materialization.metadata


def test_of_api_data_no_dot_of_a_video_is_logged_and_a_sweep_leaves_the_figures(trained, of_api):
    assert "heads" not in of_api and "order" in of_api
    folder = of_api["artifact"].value
    sums = json.loads(trained.store.read(f"{folder}/checksums.json"))
    assert run_folders.oldest_capture(trained.store, folder) == datetime(2026, 1, 5, tzinfo=UTC)
    changes = Changes(trained.store, lambda *_: None)
    run_folders.strip(changes, folder, sums, now=datetime(2026, 3, 1, tzinfo=UTC), why="expired")
    with trained.store.open_artifact(folder) as files:
        found = PairRecord.load(files)
        assert not (files / "report.html").exists()
    assert found.page is None and found.figures["pairwise_auc"] == of_api["pairwise_auc"].value


@pytest.fixture
def latest_again(trained):
    """Afterwards the latest ranker is the trained one."""
    yield
    stored = trained.store.stored_artifact(RUN)
    record(trained.instance, "models/pairwise_ranker", CELL, sha256=stored.sha256, artifact=stored.key)


@pytest.mark.usefixtures("latest_again")
@pytest.mark.parametrize(
    ("of_val", "of_test", "missing"),
    [
        (
            19,
            10,
            "is learned from at least 20 pairs of at least 5 channels whose scores and targets differ; there are 19",
        ),
        (0, 0, "there are 0 of 0"),
        (240, 0, "Probabilities of pairs are checked on pairs with a winner; of 0 none has one"),
    ],
)
def test_with_too_few_pairs_the_report_says_what_is_missing(trained, tmp_path, of_val, of_test, missing):
    all_pairs = trained.snapshot.trial.pair_predictions
    few = pl.concat([all_pairs.filter(split="val").head(of_val), all_pairs.filter(split="test").head(of_test)])
    snapshot = replace(trained.snapshot, trials=[replace(trained.snapshot.trial, pair_predictions=few)])
    snapshot.save(tmp_path)
    run_id = f"few{of_val}and{of_test}"
    stored = trained.store.write_artifact(RUN.replace("run_id=r1", f"run_id={run_id}"), tmp_path)
    record(trained.instance, "models/pairwise_ranker", CELL, sha256=stored.sha256, artifact=stored.key)
    (event,) = reported(trained, **{"vidrank/backfill": run_id}).get_asset_materialization_events()
    told = event.materialization.metadata
    assert missing[1:] in told["missing"].value and "pairwise_auc" not in told
    with trained.store.open_artifact(told["artifact"].value) as folder:
        found = PairRecord.load(folder)
    assert found.probability is None and found.figures == {}
    assert "Too few pairs to say" in found.page and missing in found.page


@pytest.fixture
def turned(trained):
    """Stores tables with their rows the other way round; afterwards they are as the ranker learned from them."""
    before = {}

    def turn(name, partition, **metadata):
        key = f"{name}/{'strategy' if name == 'fused_embeddings' else 'horizon'}={partition}/data.parquet"
        before[name, partition, key] = trained.store.read_table(key)
        stored = trained.store.write_table(key, before[name, partition, key].reverse())
        record(trained.instance, name, partition, sha256=stored.sha256, **metadata)

    yield turn
    for (name, partition, key), rows in before.items():
        encoders = {"encoders": ENCODERS} if name == "fused_embeddings" else {}
        record(trained.instance, name, partition, sha256=trained.store.write_table(key, rows).sha256, **encoders)


def test_a_page_about_tables_that_are_others_now_than_the_ranker_learned_from_says_so(trained, turned):
    turned("training_pairs", "7d")
    turned("fused_embeddings", "concat", encoders=ENCODERS)
    (event,) = reported(trained, **{"vidrank/backfill": "later"}).get_asset_materialization_events()
    told = event.materialization.metadata
    assert told["changed_since_training"].value == "fused_embeddings, training_pairs"
    with trained.store.open_artifact(told["artifact"].value) as folder:
        page = PairRecord.load(folder).page
    assert "Since the ranker was trained fused_embeddings and training_pairs changed" in page


def test_vectors_that_other_encoders_have_made_since_are_not_told_of(trained, turned):
    turned("fused_embeddings", "concat", encoders={"image": "clip@x"})
    result = reported(trained, raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "those of concat are now made by clip@x" in failure.step_failure_data.error.message


def test_other_encoders_than_those_it_learned_from_are_refused(trained):
    """The last test: it records another fusion with those bytes."""
    sha256 = trained.snapshot.config["families"]["pairwise_ranker"]["data_versions"]["fused_embeddings"]
    record(trained.instance, "fused_embeddings", "concat", sha256=sha256, encoders={"image": "clip@x"})
    result = reported(trained, raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "image must be encoded as pairwise_ranker learned it, by clip@x" in failure.step_failure_data.error.message


def test_the_first_readable_thumbnail_of_a_video_is_shown(tmp_path):
    store = FolderStore(root=str(tmp_path)).open()
    rows = table(
        "thumbnails",
        video_id=["a", "a", "a", "b", "c"],
        content_hash=list("12345"),
        image=[b"damaged", picture(50), picture(90), b"damaged", picture(70)],
    )
    store.write_table("thumbnails/day=2026-01-05/data.parquet", rows)
    assert first_pictures(store, ["a", "b"]) == {"a": picture(50)}
    assert first_pictures(FolderStore(root=str(tmp_path / "empty")).open(), ["a"]) == {}


def test_another_family_is_no_ranker(trained):
    class Other:
        trial = type("Trial", (), {"model": type("Model", (), {"name": "ridge"})()})()

    with pytest.raises(InvalidInput, match="this is a ridge"):
        ranker_of(Other())

import dagster as dg
import pytest

from vidrank_assets.assets.trained_tables import changed_since_training
from vidrank_assets_tests.trained_ranker import record

LEARNED = {"training_pairs": "pairs-1", "ranking_targets": "targets-1", "fused_embeddings": "fused-1"}
CONFIG = {"families": {"pairwise_ranker": {"data_versions": LEARNED}}}
READ = {"training_pairs": "7d", "ranking_targets": "7d", "fused_embeddings": "concat", "thumbnails": "2026-01-05"}


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        for name, sha256 in LEARNED.items():
            record(made, name, READ[name], sha256=sha256)
        yield made


def changed(instance):
    return changed_since_training(instance, CONFIG, "pairwise_ranker", read=READ)


def test_tables_that_are_as_they_were_learned_from_have_not_changed(instance):
    record(instance, "training_pairs", "14d", sha256="of another horizon")
    record(instance, "thumbnails", "2026-01-05", sha256="of a table that the family does not read")
    assert changed(instance) == []


def test_what_was_made_anew_with_other_bytes_or_rewritten_by_an_upkeep_has(instance):
    record(instance, "training_pairs", "7d", sha256="pairs-2")
    record(instance, "ranking_targets", "7d", sha256="targets-1")
    instance.report_runless_asset_event(
        dg.AssetObservation("fused_embeddings", partition="concat", metadata={"sha256": "fused-2"})
    )
    assert changed(instance) == ["fused_embeddings", "training_pairs"]


def test_of_what_nobody_recorded_nothing_is_said(instance):
    record(instance, "training_pairs", "7d")
    assert changed(instance) == []

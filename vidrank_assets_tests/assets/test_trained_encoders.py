import dagster as dg
import pytest

from vidrank_assets.assets.trained_encoders import assert_fused_as_trained, encoders_as_trained, trained_encoders
from vidrank_assets.errors import InvalidInput
from vidrank_assets.settings import Settings
from vidrank_assets_tests.trained_ranker import ENCODERS, record

CONFIG = {
    "cell": {"fusion_strategy": "concat"},
    "features": {"modalities": {"image": 256, "text": 384}},
    "families": {"pairwise_ranker": {"data_versions": {"fused_embeddings": "sha-1"}}},
}
OTHERS = {"image": "clip@x", "text": "minilm@y"}


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def rewritten(instance, sha256):
    """What an upkeep says of a manifest that it took rows out of."""
    instance.report_runless_asset_event(
        dg.AssetObservation("fused_embeddings", partition="concat", metadata={"sha256": sha256})
    )


def test_the_encoders_are_those_of_the_fusion_that_was_learned_from_and_not_of_the_newest(instance):
    record(instance, "fused_embeddings", "concat", sha256="sha-1", encoders=ENCODERS)
    record(instance, "fused_embeddings", "concat", sha256="sha-2", encoders=OTHERS)
    record(instance, "fused_embeddings", "sum_pool", sha256="sha-1", encoders=OTHERS)
    assert trained_encoders(instance, CONFIG, "pairwise_ranker") == ENCODERS


def test_a_manifest_that_an_upkeep_rewrote_keeps_its_encoders(instance):
    record(instance, "fused_embeddings", "concat", sha256="sha-0", encoders=ENCODERS)
    rewritten(instance, "sha-1")
    record(instance, "fused_embeddings", "concat", sha256="sha-2", encoders=OTHERS)
    assert trained_encoders(instance, CONFIG, "pairwise_ranker") == ENCODERS


def test_vectors_of_another_system_have_no_encoders_here(instance):
    record(instance, "fused_embeddings", "concat", sha256="sha-1", foreign_manifest="theirs.parquet")
    with pytest.raises(InvalidInput, match="of another system or of no recorded fusion"):
        trained_encoders(instance, CONFIG, "pairwise_ranker")


def test_vectors_of_another_system_are_not_taken_for_those_that_were_fused_here_before(instance):
    record(instance, "fused_embeddings", "concat", sha256="sha-0", encoders=ENCODERS)
    record(instance, "fused_embeddings", "concat", sha256="sha-1", foreign_manifest="theirs.parquet")
    with pytest.raises(InvalidInput, match="of another system or of no recorded fusion"):
        trained_encoders(instance, CONFIG, "pairwise_ranker")


def test_vectors_of_now_by_the_encoders_that_were_learned_from_are_as_trained(instance):
    record(instance, "fused_embeddings", "concat", sha256="sha-1", encoders=ENCODERS)
    record(instance, "fused_embeddings", "concat", sha256="sha-2", encoders=ENCODERS)
    rewritten(instance, "sha-3")
    assert_fused_as_trained(instance, CONFIG, "pairwise_ranker")


@pytest.mark.parametrize("now", [{"encoders": OTHERS}, {"foreign_manifest": "theirs.parquet"}])
def test_vectors_of_now_by_other_encoders_or_of_another_system_are_refused(instance, now):
    record(instance, "fused_embeddings", "concat", sha256="sha-1", encoders=ENCODERS)
    record(instance, "fused_embeddings", "concat", sha256="sha-2", **now)
    with pytest.raises(InvalidInput, match="those of concat are now made by (clip@x, minilm@y|no known encoder)"):
        assert_fused_as_trained(instance, CONFIG, "pairwise_ranker")


def test_a_fusion_that_nobody_recorded_is_refused(instance):
    with pytest.raises(InvalidInput, match="SHA-256 sha-1 "):
        trained_encoders(instance, CONFIG, "pairwise_ranker")


def test_the_encoders_of_now_are_loaded_when_they_are_the_same(instance):
    record(instance, "fused_embeddings", "concat", sha256="sha-1", encoders=ENCODERS)
    loaded = encoders_as_trained(instance, CONFIG, "pairwise_ranker", settings=Settings())
    assert {name: each.identity for name, each in loaded.items()} == ENCODERS


@pytest.mark.parametrize("encoders", [{**ENCODERS, "text": "title_ngrams@2"}, {"image": ENCODERS["image"]}])
def test_another_revision_or_an_encoder_that_was_not_there_is_refused_by_its_setting(instance, encoders):
    record(instance, "fused_embeddings", "concat", sha256="sha-1", encoders=encoders)
    with pytest.raises(InvalidInput, match="VIDRANK_TEXT_ENCODER is now title_ngrams@1"):
        encoders_as_trained(instance, CONFIG, "pairwise_ranker", settings=Settings())


def test_a_modality_that_the_ranker_never_saw_is_not_asked_for(instance):
    record(instance, "fused_embeddings", "concat", sha256="sha-1", encoders={"text": ENCODERS["text"]})
    config = {**CONFIG, "features": {"modalities": {"text": 384, "audio": 8}}}
    assert list(encoders_as_trained(instance, config, "pairwise_ranker", settings=Settings())) == ["text"]

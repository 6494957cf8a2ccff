"""From pixels the graph learns what drives the sample world's views, with a vision model that knew nothing before.

How it compares with the default vectors takes more pictures and most of an hour: benchmarks/encoder_tuning.py tells it.
"""

import json
from typing import Any

import pytest

from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.features.encoders.clip import Clip
from vidrank_assets_tests.graph.conftest import Home, running_in

pytestmark = pytest.mark.slow

WORLD = {"n_channels": "60", "n_days": "75"}
#: Weights that know nothing learn to see first, and are learned faster than those that are tuned.
TUNING = {
    "last_blocks": 2,
    "encoder_rate": 1e-3,
    "rate_decay": 1.0,
    "learning_rate": 1e-3,
    "max_epochs": 8,
    "seeing_epochs": 4,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A vision model of random weights, two blocks deep; it sees the whole picture, squeezed into 48 x 48."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    folder = tmp_path_factory.mktemp("small")
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, image_size=48,
        patch_size=16, projection_dim=32,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    CLIPImageProcessorPil(size={"height": 48, "width": 48}, do_center_crop=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory, model):
    """A world that was captured, labelled at 7 days and fused, and an encoder that was tuned on it."""
    home = Home(tmp_path_factory.mktemp("tuned") / "home")
    with running_in(home) as runs:
        runs.capture(SampleWorld(**WORLD), WORLD)
        runs._run("refresh_targets", "", partition_key="7d")
        runs.fuse("concat")
        settings = {"model": str(model), **TUNING}
        runs._run("tune_encoder", "", partition_key="7d", ops={"tuned_encoder": {"config": settings}})
    return home


@pytest.fixture(scope="module")
def found(home) -> dict[str, Any]:
    """What the tuning found on test: pairwise AUC, by who ranks."""
    (key,) = home.store.keys("models/encoders", suffix="/facts.json")
    assert key.startswith("models/encoders/horizon=7d/run_id=")
    figures: dict[str, Any] = json.loads(home.store.read(key))["pairwise_auc"]["test"]
    return figures


def test_tuned_from_pixels_an_encoder_ranks_test_pairs_and_is_judged_beside_what_it_was_and_what_is_stored(found):
    """Better than chance; 90 pairs are too few to tell it from heads alone on the untuned model's vectors."""
    assert found["tuned"]["low"] > 0.5
    assert {"untuned", "stored", "tuned_over_untuned", "tuned_over_stored"} <= set(found)


def test_the_tuned_encoder_embeds_as_another_revision(home, model):
    (config,) = home.folder.glob("vidrank/models/encoders/horizon=7d/*/encoder/config.json")
    assert Clip(str(config.parent)).revision.rpartition("-")[0] != Clip(str(model)).revision.rpartition("-")[0]


def test_no_file_of_it_names_a_video(home):
    videos = home.store.read_table("training_pairs/horizon=7d/data.parquet")["video_id_a"].to_list()
    files = [file for file in home.folder.glob("vidrank/models/encoders/**/*") if file.is_file()]
    assert len(videos) > 100 and len(files) > 6
    held = b"".join(file.read_bytes() for file in files)
    assert not any(video.encode() in held for video in videos)

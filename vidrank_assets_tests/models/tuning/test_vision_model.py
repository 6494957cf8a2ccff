import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vidrank_assets.errors import EncoderUnavailable, InvalidInput
from vidrank_assets.features.encoders.clip import Clip
from vidrank_assets.models.tuning.vision_model import (
    moved,
    moves,
    save_vision_model,
    scaled,
    trained_groups,
    unit,
    vision_model,
)

N_BLOCKS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A vision model of three blocks and random weights, as `transformers` writes it."""
    folder = tmp_path_factory.mktemp("vision")
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=N_BLOCKS, num_attention_heads=2, image_size=32,
        patch_size=8, projection_dim=12,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture
def model(folder):
    return vision_model(folder)


def processor(folder):
    return CLIPImageProcessorPil.from_pretrained(folder)


def trained(model):
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


def test_the_last_blocks_are_trained_with_the_norm_and_the_projection_after_them(model):
    trained_groups(model, last_blocks=2, rate=1e-3, decay=0.5)
    parts = {
        name.removeprefix("vision_model.").removeprefix("encoder.layers.").split(".")[0] for name in trained(model)
    }
    assert parts == {"1", "2", "post_layernorm", "visual_projection"}


def test_all_of_the_model_is_trained_with_every_weight_in_one_group(model):
    groups = trained_groups(model, last_blocks=None, rate=1e-3, decay=0.5)
    assert len(trained(model)) == len(list(model.parameters()))
    grouped = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(grouped) == sorted(id(weight) for weight in model.parameters())


def test_each_block_learns_at_a_share_of_the_rate_of_the_next(model):
    groups = trained_groups(model, last_blocks=None, rate=0.8, decay=0.5)
    assert [group["lr"] for group in groups] == [0.8, 0.4, 0.2, 0.1]
    (of_patches,) = (group["lr"] for group in groups if any(
        weight is model.vision_model.embeddings.patch_embedding.weight for weight in group["params"]
    ))  # fmt: skip
    assert of_patches == 0.1


def test_blocks_that_were_trained_before_are_frozen_when_fewer_are_asked_for(model):
    trained_groups(model, last_blocks=None, rate=1e-3, decay=0.5)
    trained_groups(model, last_blocks=1, rate=1e-3, decay=0.5)
    assert not any("layers.0" in name or "embeddings" in name for name in trained(model))


@pytest.mark.parametrize("last_blocks", [0, N_BLOCKS + 1])
def test_more_blocks_than_there_are_or_none_are_refused(model, last_blocks):
    with pytest.raises(InvalidInput, match="1 to the 3 blocks"):
        trained_groups(model, last_blocks=last_blocks, rate=1e-3, decay=0.5)


def test_pixels_are_scaled_as_the_processor_scales_them(folder):
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    expected = processor(folder)(images=[Image.fromarray(picture)], return_tensors="pt")["pixel_values"]
    found = scaled(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()), processor(folder))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_moved_picture_shows_the_same_further_on_and_repeats_its_edge_in_each_direction_alike():
    picture = torch.arange(3 * 5 * 5, dtype=torch.uint8).view(1, 3, 5, 5)
    seen = {
        (down, across): torch.nn.functional.pad(picture.float(), (1, 1, 1, 1), mode="replicate")[
            :, :, 1 + down : 6 + down, 1 + across : 6 + across
        ]
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    }
    drawn = moved(picture.repeat(200, 1, 1, 1), moves(200, 1, torch.Generator().manual_seed(0)))
    places = [[place for place, each in seen.items() if torch.equal(found[None].float(), each)] for found in drawn]
    assert {len(each) for each in places} == {1}
    assert {each[0] for each in places} == set(seen)


def test_the_vectors_of_pictures_have_unit_length(model, folder):
    pixels = torch.randint(0, 255, (5, 3, 32, 32), dtype=torch.uint8)
    rows = unit(model(scaled(pixels, processor(folder))))
    assert rows.shape == (5, 12)
    np.testing.assert_allclose(rows.norm(dim=1).detach(), np.ones(5), atol=1e-6)


def test_a_changed_model_is_another_revision_of_the_encoder_that_reads_its_folder(model, folder, tmp_path):
    with torch.no_grad():
        model.visual_projection.weight += 0.1
    save_vision_model(model, processor(folder), tmp_path)
    before, after = Clip(str(folder)), Clip(str(tmp_path))
    assert after.revision.split("-")[-2] != before.revision.split("-")[-2]
    assert after.dim == before.dim == 12


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(EncoderUnavailable, match="VIDRANK_CLIP_MODEL"):
        vision_model(tmp_path)

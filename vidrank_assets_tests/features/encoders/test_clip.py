import numpy as np
import pytest
import torch

from vidrank_assets.errors import EncoderUnavailable
from vidrank_assets.features.encoders import clip as module
from vidrank_assets.features.encoders.clip import Clip
from vidrank_assets.features.encoders.pictures import decoded
from vidrank_assets.features.encoders.transformers_model import Precision


@pytest.fixture
def vision_only(tiny_clip, tmp_path):
    """The vision half of the tiny model, saved alone."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    config = CLIPVisionConfig.from_pretrained(tiny_clip)
    config.projection_dim = 24
    model = CLIPVisionModelWithProjection.from_pretrained(tiny_clip, config=config)
    model.save_pretrained(tmp_path)
    CLIPImageProcessorPil.from_pretrained(tiny_clip).save_pretrained(tmp_path)
    return tmp_path


def test_the_rows_are_those_of_the_whole_model(tiny_clip, items_by_modality):
    """CLIPModel with its text half, fed by hand: resized, cropped, scaled by the published mean and deviation."""
    from PIL import Image
    from transformers import CLIPModel

    pixels = []
    for content in items_by_modality["image"]:
        picture = decoded(content)
        short = min(picture.size)
        width, height = (int(side * 32 / short) for side in picture.size)
        small = picture.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - 32) // 2, (height - 32) // 2
        pixels.append(np.asarray(small.crop((left, top, left + 32, top + 32)), np.float32) / 255)
    mean, deviation = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    scaled = ((np.stack(pixels) - mean) / deviation).transpose(0, 3, 1, 2).astype(np.float32)
    whole = CLIPModel.from_pretrained(tiny_clip).eval()
    with torch.inference_mode():
        expected = whole.visual_projection(whole.vision_model(torch.from_numpy(scaled)).pooler_output).numpy()
    np.testing.assert_allclose(Clip(str(tiny_clip)).encode(items_by_modality["image"]).matrix, expected, atol=1e-5)


def test_the_vision_half_alone_gives_the_same_rows(tiny_clip, vision_only, items_by_modality):
    pictures = items_by_modality["image"]
    np.testing.assert_allclose(
        Clip(str(vision_only)).encode(pictures).matrix, Clip(str(tiny_clip)).encode(pictures).matrix, atol=1e-6
    )


def test_more_than_one_batch_keeps_the_order(tiny_clip, items_by_modality, monkeypatch):
    encoder, pictures = Clip(str(tiny_clip)), items_by_modality["image"]
    whole = encoder.encode(pictures).matrix
    monkeypatch.setattr(module, "_BATCH", 3)
    np.testing.assert_allclose(encoder.encode(pictures).matrix, whole, atol=1e-6)


def test_the_revision_names_the_model_and_its_numbers(tiny_clip, monkeypatch):
    monkeypatch.setattr(module, "precision", lambda: Precision("cpu", "bf16"))
    assert Clip(str(tiny_clip)).revision.startswith(tiny_clip.name)
    assert Clip(str(tiny_clip)).revision.endswith("-bf16")


def test_bf16_changes_the_direction_of_a_row_by_little(tiny_clip, items_by_modality, monkeypatch):
    exact = Clip(str(tiny_clip)).encode(items_by_modality["image"]).matrix
    monkeypatch.setattr(module, "precision", lambda: Precision("cpu", "bf16"))
    rounded = Clip(str(tiny_clip)).encode(items_by_modality["image"]).matrix
    cosine = (exact * rounded).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    assert cosine.min() > 0.999
    assert not np.array_equal(exact, rounded)


def test_a_model_of_another_kind_is_refused_with_the_setting(tiny_minilm):
    with pytest.raises(EncoderUnavailable, match="VIDRANK_CLIP_MODEL must name a CLIP model; .* holds a bert model"):
        Clip(str(tiny_minilm))

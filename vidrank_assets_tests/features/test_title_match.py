import shutil
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vidrank_assets.errors import EncoderUnavailable
from vidrank_assets.features import title_match as module
from vidrank_assets.features.title_match import TitleMatch, load_title_match
from vidrank_assets.settings import Settings

TITLES = ["red car", "a blue house", "red car in a very long title that has more words than this model reads"]


def picture(seed):
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(blocks).resize((160, 90), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = [picture(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with both halves of a CLIP model of random weights, its image processor and a tokenizer of letters."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    folder = tmp_path_factory.mktemp("whole-clip")
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[]).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    signs = {"vocab_size": len(words), "bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1}
    text = {**shape, **signs, "max_position_embeddings": 16}
    vision = {**shape, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def match(whole):
    return TitleMatch(str(whole))


@pytest.fixture
def cosines(whole):
    """The cosine of each picture and its title, by the whole model in one call, as the source has it."""
    import torch
    from transformers import AutoTokenizer, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    images = [Image.open(BytesIO(content)).convert("RGB") for content in PICTURES]
    pixels = CLIPImageProcessorPil.from_pretrained(whole)(images=images, return_tensors="pt")["pixel_values"]
    tokens = AutoTokenizer.from_pretrained(whole)(
        TITLES, padding=True, truncation=True, max_length=16, return_tensors="pt"
    )
    model = CLIPModel.from_pretrained(whole).eval()
    with torch.inference_mode():
        told = model(pixel_values=pixels, **tokens)
    return (told.image_embeds * told.text_embeds).sum(dim=1).numpy()


def test_the_score_is_two_and_a_half_times_the_cosine_between_0_and_1(match, cosines):
    assert min(cosines) < 0 or max(cosines) < 0.4  # so that not all are cut off
    np.testing.assert_allclose(match.of(PICTURES, TITLES), np.clip(2.5 * cosines, 0, 1), atol=1e-5)


def test_what_has_no_title_or_cannot_be_read_is_not_measured_and_not_zero(match):
    whole = match.of(PICTURES, TITLES)
    found = match.of(
        [PICTURES[0], PICTURES[1], b"no picture", PICTURES[2], PICTURES[0]], [*TITLES[:2], *TITLES[1:], " "]
    )
    np.testing.assert_allclose(found, [whole[0], whole[1], np.nan, whole[2], np.nan], atol=1e-6)
    assert np.isnan(match.of(PICTURES, [None] * 3)).all() and match.of([], []).shape == (0,)


def test_more_than_one_batch_keeps_the_order(match, monkeypatch):
    at_once = match.of(PICTURES, TITLES)
    monkeypatch.setattr(module, "_BATCH", 2)
    np.testing.assert_allclose(match.of(PICTURES, TITLES), at_once, atol=1e-6)


def test_it_is_measured_by_the_model_of_the_clip_encoder_only(whole):
    assert load_title_match(Settings(clip_model=str(whole))) == "VIDRANK_IMAGE_ENCODER is not clip"
    loaded = load_title_match(Settings(image_encoder="clip", clip_model=str(whole)))
    assert isinstance(loaded, TitleMatch) and loaded.revision.startswith(whole.name)


@pytest.mark.parametrize("lacking", ["tokenizer", "text"])
def test_half_a_model_measures_nothing_and_says_why(whole, tmp_path, lacking):
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    folder = shutil.copytree(whole, tmp_path / "half")
    if lacking == "tokenizer":
        (folder / "tokenizer.json").unlink()
    else:
        config = CLIPVisionConfig.from_pretrained(whole)
        config.projection_dim = 24
        CLIPVisionModelWithProjection.from_pretrained(whole, config=config).save_pretrained(folder)
    assert load_title_match(Settings(image_encoder="clip", clip_model=str(folder))) == (
        "VIDRANK_CLIP_MODEL lacks the model for text, or its tokenizer"
    )


def test_a_model_that_cannot_be_had_is_refused_as_the_encoder_refuses_it(tmp_path):
    with pytest.raises(EncoderUnavailable, match="VIDRANK_CLIP_MODEL must name a model"):
        load_title_match(Settings(image_encoder="clip", clip_model=str(tmp_path)))

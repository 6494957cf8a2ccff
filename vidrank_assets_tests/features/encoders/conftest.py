"""Pictures, titles, and tiny models with the files that real ones have."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vidrank_assets.features.encoders.base import load_encoder
from vidrank_assets.settings import Settings

TITLES = [
    "10 Tips for Better Sleep",
    "I Built a House in 24 Hours!!",
    "猫の一日 | ねこ動画",
    "Лучшие моменты 2024",
    "a",
    "🔥🔥🔥",
    "I Built a House in 24 Hours and then I had to take it all down again because of one mistake",
]


def picture(seed: int, *, kind: str = "JPEG", size: tuple[int, int] = (160, 90)) -> bytes:
    """A picture of coloured blocks, other blocks for another seed."""
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(buffer, kind)
    return buffer.getvalue()


ITEMS = {"image": [picture(seed, size=(160 - 8 * seed, 90)) for seed in range(7)], "text": TITLES}


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory):
    """A folder with a whole CLIP model of random weights and its image processor."""
    import torch
    from transformers import CLIPConfig, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    folder = tmp_path_factory.mktemp("tiny-clip")
    vision = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**vision, "vocab_size": 99, "max_position_embeddings": 16}
    torch.manual_seed(0)
    CLIPModel(
        CLIPConfig(text_config=text, vision_config={**vision, "image_size": 32, "patch_size": 8}, projection_dim=24)
    ).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_minilm(tmp_path_factory):
    """A folder with a BERT of random weights and its tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("tiny-minilm")
    signs = sorted(set("".join(TITLES).lower()) - {" "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *signs, *(f"##{sign}" for sign in signs)]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=128, **shape)).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_settings(tiny_clip, tiny_minilm):
    """Settings that name the tiny models."""
    return Settings(clip_model=str(tiny_clip), minilm_model=str(tiny_minilm))


@pytest.fixture
def built(tiny_settings):
    """An encoder by its catalog name, on the tiny models."""
    return lambda name: load_encoder(name, tiny_settings)


@pytest.fixture
def items_by_modality():
    """Seven readable items of each modality, all different."""
    return ITEMS

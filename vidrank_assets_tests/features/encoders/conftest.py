"""Pictures, titles, films, and tiny models with the files that real ones have."""

from fractions import Fraction
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


FPS, RATE = 10, 16_000
#: The audio half of a CLAP model, small.
CLAP_AUDIO = {
    "spec_size": 128, "window_size": 4, "hidden_size": 32, "patch_embeds_hidden_size": 8, "depths": [1, 1, 1],
    "num_attention_heads": [2, 2, 2], "num_hidden_layers": 3, "num_mel_bins": 32,
}  # fmt: skip


def picture(seed: int, *, kind: str = "JPEG", size: tuple[int, int] = (160, 90)) -> bytes:
    """A picture of coloured blocks, other blocks for another seed."""
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(buffer, kind)
    return buffer.getvalue()


ITEMS = {"image": [picture(seed, size=(160 - 8 * seed, 90)) for seed in range(7)], "text": TITLES}


def filmed(path, seed=0, *, seconds=2.0, video="mpeg4", audio="aac", **options):
    """A media file: blocks that darken from frame to frame, and a tone; another seed has others. Returns its path.

    options: size and keyframes (how many frames from one to the next) of the pictures, and those of the container.
    """
    import av

    blocks = np.random.default_rng(seed).integers(64, 256, (3, 4, 3), dtype=np.uint8)
    size, keyframes = options.pop("size", (64, 48)), str(options.pop("keyframes", 12))
    with av.open(str(path), "w", options=options) as container:
        pictures = container.add_stream(video, rate=FPS, options={"g": keyframes}) if video else None
        sound = container.add_stream(audio, rate=RATE, layout="mono") if audio else None
        if pictures is not None:
            pictures.width, pictures.height = size
            pictures.pix_fmt = "yuv420p"
            for at in np.linspace(1, 0.2, round(seconds * FPS)):
                image = Image.fromarray((blocks * at).astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
                container.mux(pictures.encode(av.VideoFrame.from_image(image)))
            container.mux(pictures.encode())
        if sound is not None:
            wave = tone(300 * (seed + 1), seconds)
            for start in range(0, len(wave), 1024):
                frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
                container.mux(sound.encode(frame))
            container.mux(sound.encode())
    return str(path)


def tone(hertz, seconds):
    """A sine at half of full scale."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture(scope="session")
def film():
    """The function that makes a media file."""
    return filmed


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """Seven films of two seconds, with sound, in several containers."""
    folder = tmp_path_factory.mktemp("films")
    return [filmed(folder / f"{seed}.{'mkv' if seed % 2 else 'mp4'}", seed) for seed in range(7)]


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


def saved_clap(folder, truncation, **audio):
    """A whole CLAP model of random weights and its feature extractor, saved in a folder."""
    import torch
    from transformers import ClapAudioConfig, ClapConfig, ClapFeatureExtractor, ClapModel, ClapTextConfig

    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = ClapTextConfig(**shape, vocab_size=99, max_position_embeddings=16)
    torch.manual_seed(0)
    config = ClapConfig(text_config=text, audio_config=ClapAudioConfig(**CLAP_AUDIO, **audio), projection_dim=24)
    ClapModel(config).save_pretrained(folder)
    ClapFeatureExtractor(feature_size=32, max_length_s=1, truncation=truncation).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_clap(tmp_path_factory):
    """A CLAP model that takes sound as it is."""
    return saved_clap(tmp_path_factory.mktemp("tiny-clap"), "rand_trunc")


@pytest.fixture(scope="session")
def tiny_clap_fusing(tmp_path_factory):
    """A CLAP model that also fuses parts of longer sound."""
    fusing = {"enable_fusion": True, "fusion_type": "aff_2d"}
    return saved_clap(tmp_path_factory.mktemp("tiny-clap-fusing"), "fusion", **fusing)


@pytest.fixture
def tiny_settings(tiny_clip, tiny_minilm, tiny_clap):
    """Settings that name the tiny models."""
    return Settings(clip_model=str(tiny_clip), minilm_model=str(tiny_minilm), clap_model=str(tiny_clap))


@pytest.fixture
def built(tiny_settings):
    """An encoder by its catalog name, on the tiny models."""
    return lambda name: load_encoder(name, tiny_settings)


@pytest.fixture
def items_by_modality(films):
    """Seven readable items of each modality, all different."""
    return {**ITEMS, "audio": films, "video": films}

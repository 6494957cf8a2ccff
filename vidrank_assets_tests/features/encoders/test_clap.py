import numpy as np
import pytest
import torch

from vidrank_assets.errors import EncoderUnavailable
from vidrank_assets.features.encoders import clap as module
from vidrank_assets.features.encoders.clap import Clap
from vidrank_assets.features.encoders.media import sounds
from vidrank_assets.features.encoders.transformers_model import Precision


@pytest.fixture(autouse=True)
def in_fp32(monkeypatch):
    monkeypatch.setattr(module, "precision", lambda: Precision("cpu", "fp32"))


def test_the_rows_are_those_of_the_whole_model_over_the_pieces(tiny_clap, films):
    """ClapModel with its text half, fed one second at a time."""
    from transformers import ClapFeatureExtractor, ClapModel

    whole = ClapModel.from_pretrained(tiny_clap).eval()
    extractor = ClapFeatureExtractor.from_pretrained(tiny_clap)
    directions = []
    for piece in sounds(films[2], rate=48_000, count=6, seconds=1):
        features = extractor(piece, sampling_rate=48_000, return_tensors="pt")["input_features"]
        with torch.inference_mode():
            pooled = whole.audio_model(input_features=features).pooler_output
            vector = whole.audio_projection(pooled).numpy()[0]
        directions.append(vector / np.sqrt((vector**2).sum()))
    np.testing.assert_allclose(
        Clap(str(tiny_clap)).encode([films[2]]).matrix[0], np.mean(directions, axis=0), atol=1e-5
    )


def test_the_audio_half_alone_gives_the_same_rows(tiny_clap, tmp_path, films):
    from transformers import ClapAudioModelWithProjection, ClapConfig, ClapFeatureExtractor

    config = ClapConfig.from_pretrained(tiny_clap).audio_config
    ClapAudioModelWithProjection.from_pretrained(tiny_clap, config=config).save_pretrained(tmp_path)
    ClapFeatureExtractor.from_pretrained(tiny_clap).save_pretrained(tmp_path)
    alone, whole = Clap(str(tmp_path)), Clap(str(tiny_clap))
    np.testing.assert_allclose(alone.encode(films[:2]).matrix, whole.encode(films[:2]).matrix, atol=1e-6)


def test_a_model_that_fuses_longer_sound_gives_each_file_the_same_row_in_any_company(tiny_clap_fusing, films):
    """Its extractor picks one sound of a batch at random and calls it longer."""
    encoder = Clap(str(tiny_clap_fusing))
    rows = [encoder.encode(films[:3]).matrix for _ in range(3)]
    np.testing.assert_allclose(rows[1], rows[0], atol=1e-6)
    np.testing.assert_allclose(rows[2], rows[0], atol=1e-6)


def test_bf16_changes_the_direction_of_a_row_by_little(tiny_clap, films, monkeypatch):
    exact = Clap(str(tiny_clap)).encode(films).matrix
    monkeypatch.setattr(module, "precision", lambda: Precision("cpu", "bf16"))
    encoder = Clap(str(tiny_clap))
    rounded = encoder.encode(films).matrix
    cosine = (exact * rounded).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    assert cosine.min() > 0.99
    assert "-bf16-" in encoder.revision


def test_a_model_of_another_kind_is_refused_with_the_setting(tiny_minilm):
    with pytest.raises(EncoderUnavailable, match="VIDRANK_CLAP_MODEL must name a CLAP model; .* holds a bert model"):
        Clap(str(tiny_minilm))

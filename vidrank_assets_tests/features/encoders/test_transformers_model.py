"""Where weights come from, on what they run, and how it is said that they cannot be had."""

import json
import shutil
import sys

import httpx
import pytest
import torch
from transformers import AutoModel

from vidrank_assets.errors import EncoderUnavailable
from vidrank_assets.features.encoders.minilm import MiniLM
from vidrank_assets.features.encoders.transformers_model import Precision, load_model, precision, weights

CPU = Precision("cpu", "fp32")


@pytest.fixture
def copied(tiny_minilm, tmp_path):
    folder = tmp_path / "copied"
    shutil.copytree(tiny_minilm, folder)
    return folder


def test_a_folder_is_known_by_its_name_and_contents(tiny_minilm, copied):
    name, _, fingerprint = weights(str(tiny_minilm), setting="S").identity.rpartition("-")
    assert name == tiny_minilm.name
    assert weights(str(copied), setting="S").identity == f"copied-{fingerprint}"


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_another_identity(copied, file):
    before = weights(str(copied), setting="S").identity
    with (copied / file).open("ab") as opened:
        opened.write(b" ")
    assert weights(str(copied), setting="S").identity != before


@pytest.mark.parametrize("model", ["/no/such/folder", "no model : at all"])
def test_what_is_neither_a_folder_nor_a_name_is_refused_with_the_setting(model):
    with pytest.raises(EncoderUnavailable, match="VIDRANK_X must name a model"):
        weights(model, setting="VIDRANK_X")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(EncoderUnavailable, match="no config.json"):
        weights(str(tmp_path), setting="VIDRANK_X")


@pytest.mark.parametrize("fault", [httpx.ConnectError("no route"), OSError("offline"), httpx.ReadTimeout("slow")])
def test_a_hub_that_does_not_answer_is_asked_once(monkeypatch, tmp_path, fault):
    from huggingface_hub import HfApi, constants

    asked = []

    def refuse(self, model, **options):
        asked.append((model, options["timeout"]))
        raise fault

    monkeypatch.setattr(HfApi, "model_info", refuse)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EncoderUnavailable, match=f"VIDRANK_X.*{type(fault).__name__}"):
        weights("nobody/no-such-model", setting="VIDRANK_X")
    assert asked == [("nobody/no-such-model", 10)]


def test_a_model_that_was_downloaded_before_needs_no_network(monkeypatch, tmp_path, tiny_minilm):
    from huggingface_hub import HfApi, constants

    revision = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--somebody--tiny"
    shutil.copytree(tiny_minilm, repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(HfApi, "model_info", lambda *args, **options: pytest.fail("the hub was asked"))
    assert weights("somebody/tiny", setting="S").identity == "somebody/tiny-0123456789ab"


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_missing_packages_are_named_with_the_extra_that_has_them(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EncoderUnavailable, match=rf"{package} is not installed.*'vidrank-assets\[encoders\]'"):
        MiniLM("anything")


def test_weights_that_are_missing_are_not_filled_with_random_numbers(copied):
    from safetensors.torch import load_file, save_file

    state = load_file(copied / "model.safetensors")
    del state["encoder.layer.1.output.dense.weight"]
    save_file(state, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderUnavailable, match="1 of its weights are missing, first encoder.layer.1.output"):
        load_model(AutoModel, copied, CPU, setting="VIDRANK_X")


def test_a_model_without_a_pooler_is_taken(copied):
    from safetensors.torch import load_file, save_file

    state = {name: tensor for name, tensor in load_file(copied / "model.safetensors").items() if "pooler" not in name}
    save_file(state, copied / "model.safetensors", {"format": "pt"})
    assert not load_model(AutoModel, copied, CPU, setting="S").training


@pytest.mark.parametrize("damage", ["cut", "gone", "unsafe"])
def test_damaged_missing_and_unsafe_weights_are_refused(copied, damage):
    file = copied / "model.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    else:
        file.rename(copied / ("pytorch_model.bin" if damage == "unsafe" else "elsewhere"))
    with pytest.raises(EncoderUnavailable, match="VIDRANK_X must name a model"):
        load_model(AutoModel, copied, CPU, setting="VIDRANK_X")


@pytest.mark.parametrize("config", ["{", json.dumps({"model_type": "no-such-type"})])
def test_a_configuration_of_no_known_model_is_refused(copied, config):
    (copied / "config.json").write_text(config)
    with pytest.raises(EncoderUnavailable, match="VIDRANK_MINILM_MODEL"):
        MiniLM(str(copied))


@pytest.mark.parametrize(
    ("capabilities", "numbers"),
    [
        ({"amx_bf16": True}, "bf16"),
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": False, "avx2": True}, "fp32"),
        ({}, "fp32"),
    ],
)
def test_a_processor_computes_in_bf16_only_with_instructions_for_it(monkeypatch, capabilities, numbers):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert precision() == Precision("cpu", numbers)


def test_a_gpu_computes_in_bf16_from_weights_in_fp32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert precision() == Precision("cuda", "bf16-autocast")


def test_this_machine_says_what_it_can():
    assert "avx2" in torch.cpu.get_capabilities() or torch.cpu.get_capabilities()["architecture"] != "x86_64"

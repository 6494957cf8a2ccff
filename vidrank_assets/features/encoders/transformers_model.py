"""What the encoders that run a `transformers` model share: where the weights are, and on what they run."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from vidrank_assets.errors import EncoderUnavailable
from vidrank_assets.features.vectors import Matrix

_log = logging.getLogger(__name__)

#: What a model needs of its repository: safe weights, configuration, vocabulary.
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_OTHER_RUNTIMES = ["onnx/*", "openvino/*"]
_ANSWER_SECONDS = 10


class Weights(NamedTuple):
    """A model's files on this machine, and a name that changes whenever they do."""

    folder: Path
    identity: str


class Precision(NamedTuple):
    """On what a model runs, and in which numbers; `bf16-autocast` keeps the weights in fp32."""

    device: Literal["cuda", "cpu"]
    numbers: Literal["bf16-autocast", "bf16", "fp32"]


def require_packages() -> None:
    """Raise EncoderUnavailable if torch or transformers is not installed."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as absent:
        raise EncoderUnavailable(
            f"the encoders that run a model need torch and transformers; {absent.name} is not installed. "
            "Install them: pip install 'vidrank-assets[encoders]'."
        ) from None


def weights(model: str, *, setting: str) -> Weights:
    """The files of a model: a local folder, what was downloaded before, or downloaded now.

    model: a folder, or a name on the Hugging Face hub. setting: the variable that holds it, for the error.
    Raises EncoderUnavailable: it is neither, or the hub does not answer.
    """
    require_packages()
    folder = Path(model)
    if (folder / "config.json").is_file():
        return Weights(folder, f"{folder.resolve().name}-{_fingerprint(folder)}")
    if folder.is_dir() or folder.is_absolute():
        raise _unavailable(model, setting, "no config.json lies there")
    snapshot = _from_hub(model, setting)
    return Weights(snapshot, f"{model}-{snapshot.name[:12]}")


def _from_hub(model: str, setting: str) -> Path:
    import httpx
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, allow_patterns=_FILES, local_files_only=True))
    except LocalEntryNotFoundError:
        _log.info("%s is not on this machine yet; asking the hub for it", model)
    except ValueError:
        raise _unavailable(model, setting, "that is no name on the hub") from None
    try:
        # One question with a limit: without a network, a download would try for half a minute before it says so.
        revision = HfApi().model_info(model, timeout=_ANSWER_SECONDS).sha
        found = snapshot_download(model, revision=revision, allow_patterns=_FILES, ignore_patterns=_OTHER_RUNTIMES)
        return Path(found)
    except (OSError, httpx.HTTPError) as fault:
        raise _unavailable(model, setting, f"the hub gave {type(fault).__name__}") from None


def _fingerprint(folder: Path) -> str:
    """12 signs of a SHA-256 over the files that decide the vectors."""
    digest = hashlib.sha256()
    for file in sorted(file for pattern in _FILES for file in folder.glob(pattern)):
        digest.update(file.name.encode())
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:12]


def configuration(folder: Path, *, setting: str) -> Any:
    """The model's `config.json`. Raises EncoderUnavailable: it describes no model that `transformers` knows."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as fault:
        raise _unavailable(str(folder), setting, str(fault).splitlines()[0]) from None


def half_configuration(folder: Path, *, kind: str, half: str, setting: str, such_as: str) -> Any:
    """The configuration of one half of a model that joins two, with the width that both halves are projected to.

    kind: of model, such as `clip`; the files hold all of it or the half alone. half: such as `vision`.
    such_as: a model of that kind, for the error.
    Raises EncoderUnavailable: it is a model of another kind.
    """
    whole = configuration(folder, setting=setting)
    if whole.model_type not in (kind, f"{kind}_{half}_model"):
        raise EncoderUnavailable(
            f"{setting} must name a {kind.upper()} model; {folder} holds a {whole.model_type} model. "
            f"Set it to a {kind.upper()} model, such as {such_as}."
        )
    found = getattr(whole, f"{half}_config", whole)
    found.projection_dim = whole.projection_dim
    return found


def precision() -> Precision:
    """bf16 where the device has instructions for it: three to four times fp32 at a cosine of 0.9999."""
    import torch

    if torch.cuda.is_available():
        return Precision("cuda", "bf16-autocast")
    capable = torch.cpu.get_capabilities()
    fast = capable.get("amx_bf16", False) or capable.get("avx512_bf16", False)
    return Precision("cpu", "bf16" if fast else "fp32")


def load_model(kind: Any, folder: Path, on: Precision, *, setting: str, **options: Any) -> Any:
    """The model in evaluation mode on its device.

    kind: the class of `transformers` that has `from_pretrained`.
    options: passed on to `from_pretrained`.
    Raises EncoderUnavailable: the files hold no such model, or not all of its weights.
    """
    import torch
    from safetensors import SafetensorError

    dtype = torch.bfloat16 if on.numbers == "bf16" else torch.float32
    safe = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    try:
        model, found = kind.from_pretrained(folder, dtype=dtype, **safe, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as fault:
        raise _unavailable(str(folder), setting, str(fault).splitlines()[0]) from None
    # What is missing is filled with random numbers; only the pooler is never asked.
    missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise _unavailable(str(folder), setting, f"{len(missing)} of its weights are missing, first {missing[0]}")
    return model.to(on.device).eval()


@contextmanager
def inference(on: Precision) -> Iterator[None]:
    """No gradients, and bf16 arithmetic where the weights stay in fp32."""
    import torch

    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=on.numbers == "bf16-autocast"):
        yield


def mean_direction(rows: Matrix) -> Matrix:
    """The mean of the rows at unit length: (n, d) to (d,)."""
    mean: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(axis=0)
    return mean


def _unavailable(model: str, setting: str, found: str) -> EncoderUnavailable:
    return EncoderUnavailable(
        f"{setting} must name a model on the Hugging Face hub or a local folder with its files; {model}: {found}. "
        f"Set {setting} to a folder, or connect once so that it can be downloaded."
    )

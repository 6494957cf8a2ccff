"""The vision half of a CLIP model as something to be trained: which of its weights, how fast, and how it is stored."""

from pathlib import Path
from typing import Any

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.encoders.clip import SETTING
from vidrank_assets.features.encoders.transformers_model import (
    Precision,
    half_configuration,
    inference,
    load_model,
    precision,
)
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.models.training.objective import Layers, Tensor
from vidrank_assets.models.tuning.thumbnail_pixels import Pictures, ThumbnailPixels

_SUCH_AS = "openai/clip-vit-large-patch14"
#: Pictures that go through a model at once where nothing is learned.
_AT_ONCE = 128


def vision_configuration(folder: Path) -> Any:
    """The `CLIPVisionConfig` of the model of a folder.

    Raises EncoderUnavailable: there is no CLIP model.
    """
    return half_configuration(folder, kind="clip", half="vision", setting=SETTING, such_as=_SUCH_AS)


def vision_model(folder: Path) -> Layers:
    """The model of a folder in fp32 on the CPU, as `features.encoders.clip` reads it.

    Raises EncoderUnavailable: there is no CLIP model, or not all of its weights.
    """
    from transformers import CLIPVisionModelWithProjection

    on = Precision("cpu", "fp32")
    return load_model(CLIPVisionModelWithProjection, folder, on, setting=SETTING, config=vision_configuration(folder))


def keep_fewer_activations(model: Layers) -> None:
    """Have training compute the activations of the blocks twice, so that it needs less memory."""
    model.activation_checkpointing_enable({"use_reentrant": False})


def unit(outputs: Any) -> Tensor:
    """The unit vectors of what a model makes of pictures, (n_pictures, d_projection)."""
    import torch

    return torch.nn.functional.normalize(outputs.image_embeds.float(), dim=1)


def encoded(model: Layers, pixels: ThumbnailPixels, pictures: Pictures) -> Tensor:
    """The unit vectors of some pictures, (n_pictures, d_projection), without gradients, on the model's device."""
    import torch

    device = next(model.parameters()).device
    with torch.no_grad():
        parts = [
            unit(model(scaled(torch.from_numpy(batch).to(device, non_blocking=True), pixels.processor)))
            for batch in pixels.in_batches(pictures, _AT_ONCE)
        ]
    return torch.cat(parts)


def encoded_by(model: Layers, pixels: ThumbnailPixels, pictures: Pictures) -> Matrix:
    """The same on the GPU where there is one, in the numbers in which `features.encoders.clip` then encodes."""
    device = next(model.parameters()).device
    on = precision()
    try:
        with inference(on):
            rows: Matrix = encoded(model.to(on.device).eval(), pixels, pictures).cpu().numpy()
    finally:
        model.to(device)
    return rows


def scaled(pixels: Tensor, processor: Any) -> Tensor:
    """What the image processor's last two steps make of pixels, on their device: float32 of the same shape."""
    import torch

    rows = pixels.float()
    if processor.do_rescale:
        rows = rows * processor.rescale_factor
    if processor.do_normalize:
        mean, deviation = (
            torch.tensor(each, device=rows.device).view(-1, 1, 1)
            for each in (processor.image_mean, processor.image_std)
        )
        rows = (rows - mean) / deviation
    return rows


def moves(n_pictures: int, most: int, generator: Any) -> Tensor:
    """Pixels down and across by which to move pictures, up to `most` either way, drawn evenly: int64, (n_pictures, 2).

    generator: a `torch.Generator` of the CPU. Drawn for a whole batch, they are the same in each piece of it.
    """
    import torch

    drawn: Tensor = torch.randint(-most, most + 1, (2, n_pictures), generator=generator)
    return drawn.T


def moved(pixels: Tensor, by: Tensor) -> Tensor:
    """The pictures, each moved by its own `moves`; what is at an edge is repeated.

    pixels: (n_pictures, 3, height, width). by: (n_pictures, 2).
    Never mirrored: writing would be another sign, and who looks where is part of a thumbnail.
    """
    import torch

    n_pictures, _, height, width = pixels.shape
    rows, columns = (
        (torch.arange(side) + some[:, None]).clamp(0, side - 1).to(pixels.device)
        for side, some in zip((height, width), by.T, strict=True)
    )
    each = torch.arange(n_pictures, device=pixels.device)[:, None, None, None]
    channels = torch.arange(3, device=pixels.device)[None, :, None, None]
    return pixels[each, channels, rows[:, None, :, None], columns[:, None, None, :]]


def trained_groups(model: Layers, *, last_blocks: int | None, rate: float, decay: float) -> list[dict[str, Any]]:
    """Parameter groups of AdamW for the part that is trained; all other weights are frozen.

    last_blocks: how many, with the norm and the projection after them; None trains the whole model. The projection,
    the norm after the blocks and the last block learn at `rate`, each block before at `decay` times the rate of the
    next, and what stands before the first as one block more.
    Raises InvalidInput: the model has fewer blocks.
    Source: Howard & Ruder 2018, Universal language model fine-tuning for text classification, 3.2 (discriminative
    fine-tuning); with a decay per block as in Bao et al. 2022, BEiT.
    """
    assert_has_blocks(model.config, last_blocks)
    vision = model.vision_model
    blocks = list(vision.encoder.layers)
    parts = {f"block {number}": [block] for number, block in enumerate(blocks, start=1)}
    parts[f"block {len(blocks)}"] += [vision.post_layernorm, model.visual_projection]
    parts = {"before the blocks": [vision.embeddings, vision.pre_layrnorm], **parts}
    chosen = list(parts)[-last_blocks:] if last_blocks else list(parts)
    model.requires_grad_(False)
    groups = []
    for depth, name in enumerate(reversed(chosen)):
        weights = [weight for module in parts[name] for weight in module.requires_grad_(True).parameters()]
        groups.append({"params": weights, "lr": rate * decay**depth, "name": name})
    return groups


def assert_has_blocks(configuration: Any, last_blocks: int | None) -> None:
    """Raise InvalidInput if the model of a `vision_configuration` has fewer blocks than are to be trained."""
    n_blocks = configuration.num_hidden_layers
    if last_blocks is not None and not 1 <= last_blocks <= n_blocks:
        raise InvalidInput(
            f"last_blocks must be from 1 to the {n_blocks} blocks that the model has; got {last_blocks}. "
            "Train fewer, or all of the model."
        )


def save_vision_model(model: Layers, processor: Any, folder: Path) -> None:
    """Write a folder that VIDRANK_CLIP_MODEL can name: configuration, weights with projection, image processor."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)

"""Thumbnails, by the vision half of a CLIP model."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from vidrank_assets.catalog import Modality
from vidrank_assets.features.encoders.base import Encoded, Encoder
from vidrank_assets.features.encoders.pictures import decoded
from vidrank_assets.features.encoders.transformers_model import (
    half_configuration,
    inference,
    load_model,
    precision,
    weights,
)
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.settings import Settings

if TYPE_CHECKING:
    from PIL.Image import Image

SETTING = "VIDRANK_CLIP_MODEL"
_BATCH = 64


class Clip(Encoder[bytes]):
    """The image half of a CLIP model, projected to the width it shares with text; 768 for ViT-L/14.

    Source: Radford et al. 2021, "Learning transferable visual models from natural language supervision".
    """

    name: ClassVar[str] = "clip"
    modality: ClassVar[Modality] = "image"
    items_per_shard: ClassVar[int] = 512

    def __init__(self, model: str) -> None:
        """model: a name on the Hugging Face hub, or a local folder. Raises EncoderUnavailable: it cannot be had."""
        self._files = weights(model, setting=SETTING)
        self._on = precision()
        self._config = half_configuration(
            self._files.folder, kind="clip", half="vision", setting=SETTING, such_as="openai/clip-vit-large-patch14"
        )
        self.revision = f"{self._files.identity}-{self._on.numbers}"
        self.dim = int(self._config.projection_dim)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings.clip_model)

    @cached_property
    def _model(self) -> Any:
        from transformers import CLIPVisionModelWithProjection

        options = {"setting": SETTING, "config": self._config}
        return load_model(CLIPVisionModelWithProjection, self._files.folder, self._on, **options)

    @cached_property
    def _processor(self) -> Any:
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        return CLIPImageProcessorPil.from_pretrained(self._files.folder, local_files_only=True)

    def _encode(self, items: Sequence[bytes]) -> Encoded:
        matrix: Matrix = np.zeros((len(items), self.dim), np.float32)
        unreadable: dict[int, str] = {}
        for start in range(0, len(items), _BATCH):
            batch = [decoded(content) for content in items[start : start + _BATCH]]
            unreadable.update({start + i: reason for i, reason in enumerate(batch) if isinstance(reason, str)})
            pictures = {start + i: picture for i, picture in enumerate(batch) if not isinstance(picture, str)}
            if pictures:
                matrix[list(pictures)] = self.projected(list(pictures.values()))
        return Encoded(matrix, unreadable)

    def projected(self, pictures: Sequence["Image"]) -> Matrix:
        """The rows of decoded pictures, (n_pictures, dim)."""
        pixels = self._processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        with inference(self._on):
            rows = self._model(pixels.to(self._on.device, self._model.dtype)).image_embeds
        projected: Matrix = rows.float().cpu().numpy()
        return projected

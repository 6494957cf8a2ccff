"""Titles, by a MiniLM sentence model."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from vidrank_assets.catalog import Modality
from vidrank_assets.errors import EncoderUnavailable
from vidrank_assets.features.encoders.base import Encoded, Encoder
from vidrank_assets.features.encoders.transformers_model import configuration, inference, load_model, precision, weights
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.settings import Settings

_SETTING = "VIDRANK_MINILM_MODEL"
_BATCH = 64
#: What the model was trained on; titles are far shorter. https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
_MAX_TOKENS = 256


class MiniLM(Encoder[str]):
    """The mean of a sentence model's last layer over a title's tokens, at unit length; 384 for MiniLM-L6.

    Source: Reimers & Gurevych 2019, "Sentence-BERT".
    """

    name: ClassVar[str] = "minilm"
    modality: ClassVar[Modality] = "text"
    items_per_shard: ClassVar[int] = 2048

    def __init__(self, model: str) -> None:
        """model: a name on the Hugging Face hub, or a local folder. Raises EncoderUnavailable: it cannot be had."""
        self._files = weights(model, setting=_SETTING)
        self._on = precision()
        config = configuration(self._files.folder, setting=_SETTING)
        if not hasattr(config, "hidden_size"):
            raise EncoderUnavailable(
                f"{_SETTING} must name a text model; {self._files.folder} holds a {config.model_type} model. "
                "Set it to a sentence model, such as sentence-transformers/all-MiniLM-L6-v2."
            )
        self.revision = f"{self._files.identity}-{self._on.numbers}"
        self.dim = int(config.hidden_size)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings.minilm_model)

    @cached_property
    def _model(self) -> Any:
        from transformers import AutoModel

        return load_model(AutoModel, self._files.folder, self._on, setting=_SETTING)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._files.folder, local_files_only=True)

    def _encode(self, items: Sequence[str]) -> Encoded:
        blank = {i: "blank" for i, title in enumerate(items) if not title.strip()}
        matrix: Matrix = np.zeros((len(items), self.dim), np.float32)
        # Titles of like length go together, so that little of a batch is padding.
        order = sorted((i for i in range(len(items)) if i not in blank), key=lambda i: len(items[i]))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            matrix[batch] = self._pooled([items[i] for i in batch])
        return Encoded(matrix, blank)

    def _pooled(self, titles: list[str]) -> Matrix:
        from torch.nn.functional import normalize

        longest = min(_MAX_TOKENS, self._tokenizer.model_max_length, self._model.config.max_position_embeddings)
        tokens = self._tokenizer(titles, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        tokens = tokens.to(self._on.device)
        with inference(self._on):
            layer = self._model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"].unsqueeze(-1).float()
        pooled: Matrix = normalize((layer * mask).sum(1) / mask.sum(1), dim=1).cpu().numpy()
        return pooled

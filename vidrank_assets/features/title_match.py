"""How well a thumbnail and its title say the same, by a CLIP model that has both halves."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.features.encoders.clip import Clip
from vidrank_assets.features.encoders.transformers_model import (
    configuration,
    half_configuration,
    inference,
    load_model,
    precision,
    weights,
)
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.settings import Settings

_SETTING = "VIDRANK_CLIP_MODEL"
_BATCH = 64
#: Cosines of a picture and a sentence about it are rarely above 0.4; Hessel et al.'s weight spreads them.
_WEIGHT = 2.5
#: One of these sets of files is a tokenizer of CLIP.
_TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"))


class TitleMatch:
    """The similarity of pictures and titles: 2.5 times the cosine of their CLIP vectors, from 0 to 1.

    A proxy for whether the picture shows what the title says. Cosines below 0 score 0, those above 0.4 score 1. Titles
    that are longer than the model reads lose their end.
    Source: Hessel et al. 2021, "CLIPScore: a reference-free evaluation metric for image captioning", EMNLP, without its
    prompt before the text, which is for captions.
    """

    def __init__(self, model: str) -> None:
        """model: a name on the Hugging Face hub, or a local folder. Raises EncoderUnavailable: it cannot be had."""
        self._pictures = Clip(model)
        self._files = weights(model, setting=_SETTING)
        self._on = precision()
        self.revision = self._pictures.revision

    @property
    def reads_titles(self) -> bool:
        """Whether the files hold the half for text, and its tokenizer."""
        folder = self._files.folder
        kind = configuration(folder, setting=_SETTING).model_type
        return kind == "clip" and any(all((folder / name).is_file() for name in names) for names in _TOKENIZERS)

    def of(self, pictures: Sequence[bytes], titles: Sequence[str | None]) -> NDArray[np.float64]:
        """The similarity of each picture and its title, (n,); NaN without a title or a readable picture."""
        found = np.full(len(pictures), np.nan)
        titled = [i for i, title in enumerate(titles) if title and title.strip()]
        shown = self._pictures.encode([pictures[i] for i in titled])
        rows = [row for row in range(len(titled)) if row not in shown.unreadable]
        if rows:
            written = self._projected([titles[titled[row]] or "" for row in rows])
            cosines = (_unit(shown.matrix[rows]) * _unit(written)).sum(axis=1)
            found[[titled[row] for row in rows]] = np.clip(_WEIGHT * cosines, 0, 1)
        return found

    @cached_property
    def _model(self) -> Any:
        from transformers import CLIPTextModelWithProjection

        config = half_configuration(
            self._files.folder, kind="clip", half="text", setting=_SETTING, such_as="openai/clip-vit-large-patch14"
        )
        return load_model(CLIPTextModelWithProjection, self._files.folder, self._on, setting=_SETTING, config=config)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._files.folder, local_files_only=True)

    def _projected(self, titles: list[str]) -> Matrix:
        """The vectors of titles, (n_titles, dim)."""
        longest = self._model.config.max_position_embeddings
        parts = []
        for start in range(0, len(titles), _BATCH):
            some = titles[start : start + _BATCH]
            tokens = self._tokenizer(some, padding=True, truncation=True, max_length=longest, return_tensors="pt")
            with inference(self._on):
                parts.append(self._model(**tokens.to(self._on.device)).text_embeds.float().cpu().numpy())
        return np.concatenate(parts)


def load_title_match(settings: Settings) -> TitleMatch | str:
    """The similarity by the model that the `clip` encoder uses, or the reason why it is not measured.

    Raises EncoderUnavailable: `clip` is the image encoder, and its model cannot be had.
    """
    if settings.image_encoder != "clip":
        return "VIDRANK_IMAGE_ENCODER is not clip"
    match = TitleMatch(settings.clip_model)
    return match if match.reads_titles else f"{_SETTING} lacks the model for text, or its tokenizer"


def _unit(rows: Matrix) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return unit

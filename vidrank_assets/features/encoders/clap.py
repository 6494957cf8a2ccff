"""Sound, by the audio half of a CLAP model."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

from vidrank_assets.catalog import Modality
from vidrank_assets.features.encoders.base import Encoded, Encoder, Row, one_by_one
from vidrank_assets.features.encoders.media import Samples, require_av, sounds
from vidrank_assets.features.encoders.transformers_model import (
    half_configuration,
    inference,
    load_model,
    mean_direction,
    precision,
    weights,
)
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.settings import Settings

_SETTING = "VIDRANK_CLAP_MODEL"
_PIECES = 6


class Clap(Encoder[str]):
    """The mean of the unit vectors that CLAP gives to at most 6 pieces of a file's sound; 512 for HTSAT.

    A piece is as long as the model takes, 10 seconds, and comes from the middle of an equal stretch of the file: the
    model's own way with longer sound is a piece at random.
    Source: Wu et al. 2023, "Large-scale contrastive language-audio pretraining".
    """

    name: ClassVar[str] = "clap"
    modality: ClassVar[Modality] = "audio"
    items_per_shard: ClassVar[int] = 128

    def __init__(self, model: str) -> None:
        """model: a name on the Hugging Face hub, or a local folder. Raises EncoderUnavailable: it cannot be had."""
        require_av()
        self._files = weights(model, setting=_SETTING)
        self._on = precision()
        self._config = half_configuration(
            self._files.folder, kind="clap", half="audio", setting=_SETTING, such_as="laion/clap-htsat-unfused"
        )
        self.revision = f"{self._files.identity}-{self._on.numbers}-{_PIECES}-pieces"
        self.dim = int(self._config.projection_dim)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings.clap_model)

    @cached_property
    def _model(self) -> Any:
        from transformers import ClapAudioModelWithProjection

        options = {"setting": _SETTING, "config": self._config}
        return load_model(ClapAudioModelWithProjection, self._files.folder, self._on, **options)

    @cached_property
    def _spectrograms(self) -> Any:
        from transformers import ClapFeatureExtractor

        return ClapFeatureExtractor.from_pretrained(self._files.folder, local_files_only=True)

    def _encode(self, items: Sequence[str]) -> Encoded:
        return one_by_one(items, self.dim, self._row)

    def _row(self, path: str) -> Row | str:
        rate, seconds = self._spectrograms.sampling_rate, self._spectrograms.max_length_s
        pieces = sounds(path, rate=rate, count=_PIECES, seconds=seconds)
        return pieces if isinstance(pieces, str) else mean_direction(self._projected(pieces))

    def _projected(self, pieces: list[Samples]) -> Matrix:
        import torch

        rate = self._spectrograms.sampling_rate
        spectra = self._spectrograms(pieces, sampling_rate=rate, return_tensors="pt")["input_features"]
        # No piece is longer than the model takes; the extractor calls one of them longer, at random.
        none_longer = torch.zeros(len(pieces), 1, dtype=torch.bool)
        with inference(self._on):
            told = self._model(spectra.to(self._on.device, self._model.dtype), is_longer=none_longer)
        projected: Matrix = told.audio_embeds.float().cpu().numpy()
        return projected

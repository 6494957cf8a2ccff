"""Films, by the vision half of a CLIP model over sampled frames."""

from collections.abc import Sequence
from typing import ClassVar, Self

from vidrank_assets.catalog import Modality
from vidrank_assets.features.encoders.base import Encoded, Encoder, Row, one_by_one
from vidrank_assets.features.encoders.clip import Clip
from vidrank_assets.features.encoders.media import moments, require_av
from vidrank_assets.features.encoders.transformers_model import mean_direction
from vidrank_assets.settings import Settings

_FRAMES = 16
#: Pixels; above what any CLIP model looks at.
_SHORT_SIDE = 448


class ClipFrames(Encoder[str]):
    """The mean of the unit vectors that CLIP gives to 16 frames from equal stretches of a film; 768 for ViT-L/14.

    Source of the mean: Luo et al. 2021, "CLIP4Clip", its parameter-free similarity.
    """

    name: ClassVar[str] = "clip_frames"
    modality: ClassVar[Modality] = "video"
    items_per_shard: ClassVar[int] = 128

    def __init__(self, model: str) -> None:
        """model: a name on the Hugging Face hub, or a local folder. Raises EncoderUnavailable: it cannot be had."""
        require_av()
        self._clip = Clip(model)
        self.revision = f"{self._clip.revision}-{_FRAMES}-frames"
        self.dim = self._clip.dim

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings.clip_model)

    def _encode(self, items: Sequence[str]) -> Encoded:
        return one_by_one(items, self.dim, self._row)

    def _row(self, path: str) -> Row | str:
        found = moments(path, count=_FRAMES, short_side=_SHORT_SIDE)
        if isinstance(found, str):
            return found
        return mean_direction(self._clip.projected([moment.picture for moment in found]))

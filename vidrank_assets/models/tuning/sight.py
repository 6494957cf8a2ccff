"""What is read off an image encoder while it learns to see, and how far it is from what the pictures show."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from vidrank_assets.features.vectors import Matrix
from vidrank_assets.models.training.objective import Layers, Tensor
from vidrank_assets.models.tuning.patch_measures import N_MEASURES, patch_measures
from vidrank_assets.models.tuning.thumbnail_pixels import Pixels
from vidrank_assets.models.tuning.vision_model import unit

_LEAST_DEVIATION = 1e-4


class Scale(NamedTuple):
    """Mean and standard deviation of columns: 1 of one that hardly varies, and 0 and 1 of no rows."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Self:
        """Those of rows, (n_rows, n_columns)."""
        n_rows = max(1, len(rows))
        mean = rows.sum(dim=0) / n_rows
        deviation = ((rows - mean).square().sum(dim=0) / n_rows).sqrt()
        return cls(mean, deviation.where(deviation > _LEAST_DEVIATION, 1.0))

    def standardised(self, rows: Tensor) -> Tensor:
        """The rows in units of the deviation, about the mean."""
        return (rows - self.mean.to(rows.device)) / self.deviation.to(rows.device)


class Errors(NamedTuple):
    """Mean squared errors of pictures, (n_pictures,) each."""

    patches: Tensor
    vectors: Tensor


@dataclass(frozen=True)
class Sight:
    """Two things that a picture's encoder is asked, and the scales in which its answers are judged.

    `patches`: the `patch_measures` of each patch, as a linear function of what the encoder's last block makes of the
    patch. `vectors`: the vector that the store holds of the picture, as one of the encoder's own vector.
    patch: the side of a patch in pixels.
    """

    patch: int
    of_patches: Scale
    of_vectors: Scale

    @classmethod
    def of(cls, pictures: Iterable[Pixels], stored: Matrix, *, patch: int) -> Self:
        """In units of the deviation of these pictures' measures and of these vectors, (n_videos, d_stored).

        pictures: uint8, (n_pictures, 3, height, width) each. patch: the side of the encoder's patches in pixels. A
        vector that is missing is zeros.
        """
        import torch

        measures = [patch_measures(torch.from_numpy(pixels), patch).flatten(0, 1) for pixels in pictures]
        rows = torch.from_numpy(stored)
        return cls(patch, Scale.of(torch.cat(measures)), Scale.of(rows[_known(rows)]))

    def errors(self, answers: Layers, outputs: Any, pixels: Tensor, stored: Tensor) -> Errors:
        """How wrong both answers are.

        answers: learned `read_outs`. outputs: the encoder's, of these pixels, uint8, (n_pictures, 3, height, width).
        stored: (n_pictures, d_stored); a vector that is missing has no error.
        """
        vector = unit(outputs)
        patches = answers["patches"](outputs.last_hidden_state[:, 1:])  # the first is of the whole
        vectors = answers["vectors"](vector * vector.shape[1] ** 0.5)
        measures = self.of_patches.standardised(patch_measures(pixels, self.patch))
        error = (vectors - self.of_vectors.standardised(stored)).square().sum(dim=1) / max(1, stored.shape[1])
        return Errors((patches - measures).square().mean(dim=(1, 2)), error * _known(stored))


def read_outs(encoder: Layers, d_stored: int) -> Layers:
    """The linear functions of an encoder that answer, to be learned; d_stored: the width of the store's vectors."""
    from torch import nn

    of_patch = nn.Linear(encoder.config.hidden_size, N_MEASURES)
    of_whole = nn.Linear(encoder.config.projection_dim, d_stored)
    return nn.ModuleDict({"patches": of_patch, "vectors": of_whole})


def _known(stored: Tensor) -> Tensor:
    return (stored != 0).any(dim=1)

"""One learned gate per modality."""

from collections.abc import Mapping

from pydantic import Field

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, Vector
from vidrank_assets.models.neural_columns import embedded, embeddings, scaled
from vidrank_assets.models.neural_regressor import NeuralRegressor, Widths
from vidrank_assets.models.training.torch_fit import Layers, Tensor, Tensors, Training

#: What the layer norms of the towers begin with: at 1 the towers drown the metadata before they have learned anything.
FIRST_GAIN = 0.1


class GatedFusionParameters(Training):
    """What may be set of `gated_fusion_mlp`."""

    tower: int = Field(256, ge=1, description="width to which each modality is brought")
    gate: int = Field(64, ge=1, description="width of the gate's hidden layer")
    dropout: float = Field(0.15, ge=0, lt=1, description="share of the last hidden values left out in training")


class GatedFusionMLP(NeuralRegressor):
    """Each modality through a tower of its own; a gate that sees the metadata weighs them.

    Tower: linear → GELU → layer norm, width 256. Gate: metadata and presence masks → softmax over the modalities that
    the video has. Head: weighted sum ‖ metadata ‖ masks → 256 → 128 → 1.
    Source of the gate: Arevalo et al. 2017, Gated multimodal units for information fusion.
    """

    name = "gated_fusion_mlp"
    reads_modalities = True
    takes = GatedFusionParameters
    parameters: GatedFusionParameters

    def modality_weights(self, videos: Dataset) -> Mapping[str, Vector]:
        """The gate's weight of each modality, (n_videos,); they sum to 1, or are all 0 where a video has none."""
        weights = self._net.apply(self._gate, self._arrays(videos))
        return dict(zip(self._blocks, weights.T, strict=True))

    def _vectors(self, videos: Dataset) -> Vectors:
        return videos.modalities

    def _layers(self, widths: Widths) -> Layers:
        from torch import nn

        tower, n_modalities = self.parameters.tower, len(widths.blocks)
        towers = nn.ModuleDict()
        for name, width in widths.blocks.items():
            norm = nn.LayerNorm(tower)
            nn.init.constant_(norm.weight, FIRST_GAIN)
            towers[name] = nn.Sequential(nn.Linear(width, tower), nn.GELU(), norm)
        context = widths.metadata + n_modalities
        gate = [nn.Linear(context, self.parameters.gate), nn.GELU(), nn.Linear(self.parameters.gate, n_modalities)]
        head = [nn.Linear(tower + context, 256), nn.GELU(), nn.Linear(256, 128), nn.GELU()]
        head += [nn.Dropout(self.parameters.dropout), nn.Linear(128, 1)]
        return nn.ModuleDict(
            {
                "embeddings": embeddings(widths.n_codes),
                "towers": towers,
                "gate": nn.Sequential(*gate),
                "head": nn.Sequential(*head),
            }
        )

    def _forward(self, layers: Layers, inputs: Tensors) -> Tensor:
        import torch

        towers = layers["towers"].values()
        blocks = scaled(layers, inputs).split(list(self._blocks.values()), dim=1)
        modalities = torch.stack([tower(block) for tower, block in zip(towers, blocks, strict=True)], dim=1)
        fused = (modalities * self._gate(layers, inputs).unsqueeze(2)).sum(dim=1)
        output = layers["head"](torch.cat([fused, self._context(layers, inputs)], dim=1))
        return output.squeeze(1)

    def _gate(self, layers: Layers, inputs: Tensors) -> Tensor:
        """(n_rows, n_modalities)."""
        return masked_softmax(layers["gate"](self._context(layers, inputs)), self._present(inputs))

    def _context(self, layers: Layers, inputs: Tensors) -> Tensor:
        """Metadata ‖ presence masks, (n_rows, d_metadata + n_modalities)."""
        import torch

        metadata = embedded(layers["embeddings"], inputs)
        return torch.cat([metadata, self._present(inputs).to(metadata.dtype)], dim=1)

    def _present(self, inputs: Tensors) -> Tensor:
        """Which modalities each video has, (n_rows, n_modalities): an absent one is all zeros."""
        import torch

        blocks = inputs["vectors"].split(list(self._blocks.values()), dim=1)
        return torch.stack([(block != 0).any(dim=1) for block in blocks], dim=1)


def masked_softmax(scores: Tensor, present: Tensor) -> Tensor:
    """Softmax over the present places of each row, (n_rows, n_places): 0 for absent ones, and where none is present.

    scores: (n_rows, n_places). present: (n_rows, n_places), true or false.
    """
    from torch import finfo

    # The lowest number rather than minus infinity: a row without any place would be 0 / 0, also in its gradient.
    scores = scores.masked_fill(~present, finfo(scores.dtype).min)
    return scores.softmax(dim=1) * present

"""One net on the fused vector and the metadata, end to end."""

from pydantic import Field

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset
from vidrank_assets.models.neural_columns import embedded, embeddings, scaled
from vidrank_assets.models.neural_regressor import NeuralRegressor, Widths
from vidrank_assets.models.training.torch_fit import Layers, Tensor, Tensors, Training


class ConcatMLPParameters(Training):
    """What may be set of `concat_mlp`."""

    hidden: list[int] = Field([1024, 512, 256], min_length=1, description="widths of the hidden layers")
    dropout: float = Field(0.20, ge=0, lt=1, description="share of hidden values left out in training")


class ConcatMLP(NeuralRegressor):
    """`[fused ‖ numbers ‖ categorical embeddings]` → 1024 → 512 → 256 → 1, each hidden layer with GELU and dropout."""

    name = "concat_mlp"
    takes = ConcatMLPParameters
    parameters: ConcatMLPParameters

    def _vectors(self, videos: Dataset) -> Vectors:
        return videos.fused

    def _layers(self, widths: Widths) -> Layers:
        from torch import nn

        stack = nn.Sequential()
        width = widths.vectors + widths.metadata
        for hidden in self.parameters.hidden:
            stack.extend([nn.Linear(width, hidden), nn.GELU(), nn.Dropout(self.parameters.dropout)])
            width = hidden
        return nn.ModuleDict({"embeddings": embeddings(widths.n_codes), "stack": stack.append(nn.Linear(width, 1))})

    def _forward(self, layers: Layers, inputs: Tensors) -> Tensor:
        import torch

        metadata = embedded(layers["embeddings"], inputs)
        output = layers["stack"](torch.cat([scaled(layers, inputs), metadata], dim=1))
        return output.squeeze(1)

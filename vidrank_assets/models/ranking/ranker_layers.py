"""The layers of the pairwise ranker, on vectors of any maker: a shared body, and a head for each thing learned."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from vidrank_assets.models.ranking_inputs import RankingInputs
from vidrank_assets.models.training.synced_batch_norm import synced_batch_norm
from vidrank_assets.pair_tables import SUB_SCORES

#: torch's own types; torch is imported only where it runs.
Tensor = Any
Layers = Any

#: Width of what the heads share.
D_BODY = 512

#: Share of what the heads share that is left out in training: scores then lean on no single number of it. Without it
#: a few thousand videos are learned by heart in an epoch or two.
BODY_DROPOUT = 0.5

#: The root of the total variance of each block that is read. Less moves the body too slowly beside its random weights,
#: more lets it learn single videos by heart.
INPUT_DEVIATION = 3.0


class Outputs(NamedTuple):
    """What the heads say of videos.

    score: (n_videos,), higher is better; its differences are about log views, and nothing else of it means something.
    ctr: (n_videos,), 0 to 1. sub_scores: (n_videos, 6), 0 to 1, in the order of `pair_tables.SUB_SCORES`.
    """

    score: Tensor
    ctr: Tensor
    sub_scores: Tensor


def ranker_layers(d_image: int, d_text: int) -> Layers:
    """A module from image and title vectors, (n_videos, d_image) and (n_videos, d_text), to `Outputs`.

    Its `ranks` gives the scores alone, which is less work. What it reads should have a standard deviation of about
    `INPUT_DEVIATION` in all, as `vector_ranker` sees to for stored vectors.
    """
    layers: Layers = _ranker_type()(d_image, d_text)
    return layers


def vector_ranker(blocks: Mapping[str, int], inputs: RankingInputs | None = None) -> Layers:
    """A ranker of stored vectors, (n_videos, d_vectors), as `ranker`, with the scale that they are brought to.

    blocks: the widths of their blocks; what is not `text` is taken for the image. inputs: fitted to such vectors;
    without them it is for stored weights, which bring the scale. `read` gives image and text as `ranker` reads them, of
    vectors (…, d_vectors); what is learned by the optimiser is `ranker` alone.
    """
    layers: Layers = _vector_ranker_type()(blocks)
    if inputs is not None:
        layers.take(inputs)
    return layers


@cache
def _ranker_type() -> Any:
    import torch
    from torch import nn

    class Ranker(nn.Module):
        def __init__(self, d_image: int, d_text: int) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(d_image + d_text, D_BODY), nn.ReLU(), nn.Dropout(BODY_DROPOUT))
            self.ranking = _ranking_head()
            self.ctr = _ctr_head()
            self.sub_scores = nn.ModuleList(_sub_score_head() for _ in SUB_SCORES)

        def ranks(self, image: Tensor, text: Tensor) -> Tensor:
            return self.ranking(self.body(torch.cat([image, text], dim=1))).squeeze(1)

        def forward(self, image: Tensor, text: Tensor) -> Outputs:
            shared = self.body(torch.cat([image, text], dim=1))
            sub_scores = torch.cat([head(shared) for head in self.sub_scores], dim=1)
            return Outputs(self.ranking(shared).squeeze(1), self.ctr(shared).squeeze(1), sub_scores)

    return Ranker


def _ranking_head() -> Layers:
    from torch import nn

    first = [nn.Linear(D_BODY, 256), nn.ReLU(), nn.Dropout(0.15)]
    second = [nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.1)]
    return nn.Sequential(*first, *second, nn.Linear(128, 1))


def _ctr_head() -> Layers:
    from torch import nn

    first = [nn.Linear(D_BODY, 512), synced_batch_norm(512), nn.ReLU(), nn.Dropout(0.2)]
    second = [nn.Linear(512, 256), synced_batch_norm(256), nn.ReLU(), nn.Dropout(0.15)]
    return nn.Sequential(*first, *second, nn.Linear(256, 1), nn.Sigmoid())


def _sub_score_head() -> Layers:
    from torch import nn

    return nn.Sequential(nn.Linear(D_BODY, 256), nn.ReLU(), nn.Dropout(0.1), nn.Linear(256, 1), nn.Sigmoid())


@cache
def _vector_ranker_type() -> Any:
    import torch
    from torch import nn

    class VectorRanker(nn.Module):
        def __init__(self, blocks: Mapping[str, int]) -> None:
            super().__init__()
            self.blocks = dict(blocks)
            d_text = self.blocks.get("text", 0)
            self.ranker = ranker_layers(sum(blocks.values()) - d_text, d_text)
            n_columns = sum(blocks.values())
            self.centre: Tensor
            self.weight: Tensor
            self.register_buffer("centre", torch.zeros(n_columns))
            self.register_buffer("weight", torch.ones(n_columns))

        def take(self, inputs: RankingInputs) -> None:
            self.centre.copy_(torch.from_numpy(inputs.means))
            self.weight.copy_(torch.from_numpy(INPUT_DEVIATION / inputs.scales))

        def read(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
            scaled, widths = (vectors - self.centre) * self.weight, list(self.blocks.values())
            both = zip(vectors.split(widths, dim=-1), scaled.split(widths, dim=-1), strict=True)
            # A modality that a video lacks is zeros; centred, it would be an unusual vector.
            parts = [after * (before != 0).any(dim=-1, keepdim=True) for before, after in both]
            named = dict(zip(self.blocks, parts, strict=True))
            text = named.pop("text", vectors[..., :0])
            return torch.cat([vectors[..., :0], *named.values()], dim=-1), text

        def ranks(self, vectors: Tensor) -> Tensor:
            return self.ranker.ranks(*self.read(vectors))

        def forward(self, vectors: Tensor) -> Outputs:
            outputs: Outputs = self.ranker(*self.read(vectors))
            return outputs

    return VectorRanker

"""Everything that can be plugged in, on one page.

To add a source, an encoder, a fusion strategy or a model family: write its file, then add its line here.
The assets, the leaderboard and the contract tests read these tables, so nothing else changes.
Targets are import strings, so listing a family costs no import of torch or LightGBM.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from vidrank_assets.errors import UnknownName

Device = Literal["cpu", "gpu"]
Modality = Literal["image", "text", "audio", "video"]
InformationSet = Literal["publish", "snapshot1"]
Origin = Literal["baseline", "peer", "reference", "ours"]


@dataclass(frozen=True)
class Entry:
    """Where one plug-in lives, as `"module:attribute"`, what it is in a sentence, and what it runs on.

    modality: what an encoder reads.
    origin: of a family: a baseline, which every other must beat; a peer, which ranks by picture and title in another
    way than the pairwise ranker; of the reference system; or an idea of ours.
    needs: the information set without which a family cannot predict.
    live: of a source: it knows the present only, and keeps in the store what it was answered.
    """

    target: str
    summary: str
    device: Device = "cpu"
    modality: Modality | None = None
    origin: Origin = "ours"
    needs: InformationSet = "publish"
    live: bool = False


@dataclass(frozen=True)
class Catalog:
    """The plug-ins of one kind, by name."""

    kind: str
    entries: Mapping[str, Entry]

    def load(self, name: str) -> Any:
        """Import the plug-in called `name`, or raise `UnknownName` with the names there are."""
        if name not in self.entries:
            known = ", ".join(sorted(self.entries))
            raise UnknownName(f"{self.kind} must be one of: {known}; got {name!r}.")
        module, attribute = self.entries[name].target.split(":")
        return getattr(import_module(module), attribute)


_CAPTURE = "vidrank_assets.capture"
_ENCODERS = "vidrank_assets.features.encoders"
_FUSION = "vidrank_assets.features.fusion"
_MODELS = "vidrank_assets.models"

SOURCES = Catalog(
    "source",
    {
        "sample": Entry(f"{_CAPTURE}.sample_world:SampleWorld", "A synthetic world with known answers, from a seed."),
        "archive": Entry(f"{_CAPTURE}.archives:Archive", "CSV and Parquet captures of others, by a column mapping."),
        "youtube_api": Entry(
            f"{_CAPTURE}.youtube_api:YouTubeApi", "What the YouTube Data API shows of a watch list, today.", live=True
        ),
    },
)

ENCODERS = Catalog(
    "encoder",
    {
        "thumbnail_statistics": Entry(
            f"{_ENCODERS}.thumbnail_statistics:ThumbnailStatistics",
            "Colour, layout and edges of a thumbnail; no download.",
            modality="image",
        ),
        "title_ngrams": Entry(
            f"{_ENCODERS}.title_ngrams:TitleNgrams",
            "Hashed words and letter groups of a title; no download.",
            modality="text",
        ),
        "sound_statistics": Entry(
            f"{_ENCODERS}.sound_statistics:SoundStatistics",
            "Loudness, spectrum and rhythm of a film's sound; no download.",
            modality="audio",
        ),
        "frame_statistics": Entry(
            f"{_ENCODERS}.frame_statistics:FrameStatistics",
            "Colour, layout and motion over a film's frames; no download.",
            modality="video",
        ),
        "clip": Entry(f"{_ENCODERS}.clip:Clip", "Thumbnails by a CLIP vision model.", "gpu", modality="image"),
        "minilm": Entry(f"{_ENCODERS}.minilm:MiniLM", "Titles by a MiniLM sentence model.", "gpu", modality="text"),
        "clap": Entry(f"{_ENCODERS}.clap:Clap", "Sound by a CLAP audio model.", "gpu", modality="audio"),
        "clip_frames": Entry(
            f"{_ENCODERS}.clip_frames:ClipFrames", "Frames by a CLIP vision model, averaged.", "gpu", modality="video"
        ),
    },
)

FUSIONS = Catalog(
    "fusion strategy",
    {
        "concat": Entry(f"{_FUSION}.concat:fuse", "All modalities end to end."),
        "sum_pool": Entry(f"{_FUSION}.sum_pool:fuse", "The sum of the present modalities at one width."),
        "max_pool": Entry(f"{_FUSION}.max_pool:fuse", "The maximum of the present modalities at one width."),
    },
)

FAMILIES = Catalog(
    "model family",
    {
        "train_mean": Entry(f"{_MODELS}.train_mean:TrainMean", "The mean of the training targets.", origin="baseline"),
        "channel_median": Entry(
            f"{_MODELS}.channel_median:ChannelMedian", "What the channel's videos usually reach.", origin="baseline"
        ),
        "channel_mean": Entry(
            f"{_MODELS}.channel_mean:ChannelMean", "The channel's mean, shrunk to its category's.", origin="baseline"
        ),
        "metadata_lightgbm": Entry(
            f"{_MODELS}.metadata_lightgbm:MetadataLightGBM",
            "Boosted trees without thumbnail or title.",
            origin="baseline",
        ),
        "szabo_huberman": Entry(
            f"{_MODELS}.szabo_huberman:SzaboHuberman",
            "Log views at the horizon, linear in log views at snapshot 1.",
            origin="baseline",
            needs="snapshot1",
        ),
        "image_logistic": Entry(
            f"{_MODELS}.image_logistic:ImageLogistic",
            "Which of two thumbnails won, by a logistic regression on the picture alone.",
            origin="peer",
        ),
        "channel_residual": Entry(
            f"{_MODELS}.channel_residual:ChannelResidual",
            "How far a video is from its channel's mean, linear in picture and title.",
            origin="peer",
        ),
        "lambdarank": Entry(
            f"{_MODELS}.lambdarank:Lambdarank",
            "Boosted trees that rank the videos of a channel by picture and title.",
            origin="peer",
        ),
        "ridge": Entry(
            f"{_MODELS}.ridge:Ridge", "Linear, with the penalty that cross-validation prefers.", origin="reference"
        ),
        "lightgbm": Entry(
            f"{_MODELS}.lightgbm:LightGBM",
            "Boosted trees on metadata and the projected fused vector.",
            "gpu",
            origin="reference",
        ),
        "gbdt": Entry(
            f"{_MODELS}.gbdt:GBDT",
            "scikit-learn's boosted trees on metadata and the fused vector as a net projects it.",
            "gpu",
            origin="reference",
        ),
        "concat_mlp": Entry(
            f"{_MODELS}.concat_mlp:ConcatMLP",
            "One net on the fused vector and the metadata, end to end.",
            "gpu",
            origin="reference",
        ),
        "gated_fusion_mlp": Entry(
            f"{_MODELS}.gated_fusion_mlp:GatedFusionMLP",
            "A net per modality, and a gate that weighs them.",
            "gpu",
            origin="reference",
        ),
        "pairwise_ranker": Entry(
            f"{_MODELS}.pairwise_ranker:PairwiseRanker",
            "A net that learns which of two videos of a channel did better, by thumbnail and title.",
            "gpu",
            origin="reference",
        ),
    },
)

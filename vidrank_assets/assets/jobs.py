"""One job for each level of partitions."""

import dagster as dg

from vidrank_assets.settings import Settings


def captured_daily(settings: Settings) -> dg.AssetSelection:
    """Captures, what is measured of thumbnails, the chosen encoders; of sound and film only where there is a folder."""
    without = () if settings.media else ("audio", "video")
    chosen = [["embeddings", name] for modality, name in settings.encoders.items() if modality not in without]
    selected = dg.AssetSelection.groups("capture") | dg.AssetSelection.assets("thumbnail_scores", *chosen)
    return selected if settings.media else selected - dg.AssetSelection.assets("media_files")


capture_day = dg.define_asset_job(
    "capture_day",
    captured_daily(Settings()),
    description="One day's captures, and the vectors of what is new in them.",
)
refresh_targets = dg.define_asset_job(
    "refresh_targets",
    dg.AssetSelection.assets(
        *("horizon_targets", "metadata_features", "split_manifest"),
        *("training_pairs", "paired_features", "ranking_targets"),
    ),
    description="Labels, features, the split and the pairs of one horizon, from all captures there are.",
)
fuse = dg.define_asset_job(
    "fuse",
    dg.AssetSelection.assets("fused_embeddings"),
    description="The fused vectors of one strategy.",
)
train_suite = dg.define_asset_job(
    "train_suite",
    dg.AssetSelection.groups("models")
    | dg.AssetSelection.assets("leaderboard", "slice_metrics", "model_snapshot", ["models", "pair_report"]),
    description="Every family on one strategy and horizon, the leaderboard over them, the reports and the record.",
)
import_analytics = dg.define_asset_job(
    "import_analytics",
    dg.AssetSelection.assets("video_analytics", "rejected_analytics"),
    description="Measured click-through rates from a file of the owner's.",
)
ablate = dg.define_asset_job(
    "ablate",
    dg.AssetSelection.assets("modality_ablation"),
    description="What each family loses when it is fitted without one of the modalities.",
)
compare = dg.define_asset_job(
    "compare",
    dg.AssetSelection.assets("comparison"),
    description="All leaderboards that were ever made, side by side.",
)

JOBS = (capture_day, import_analytics, refresh_targets, fuse, train_suite, ablate, compare)

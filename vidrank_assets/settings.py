"""What the environment decides: `VIDRANK_STORAGE=s3://bucket/prefix`, and so on, one field a variable."""

import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlparse

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from vidrank_assets.catalog import InformationSet, Modality

RankMetric = Literal["rmse_log", "mae_log", "r2_log", "rmse_raw", "mae_raw", "spearman", "pairwise_auc"]
Retention = Literal["default", "own_channel", "audited"]
SplitPolicy = Literal["random", "time", "channel", "time_channel"]


def _beside_the_instance() -> str:
    """The store lies in the instance's home, so that what Dagster says is materialized and what is stored agree."""
    return str(Path(os.environ.get("DAGSTER_HOME", "dagster_home")).resolve() / "vidrank")


def _of_long_trainings() -> str:
    return str(Path(os.environ.get("DAGSTER_HOME", "dagster_home")).resolve() / "training")


class Bucket(BaseModel):
    """A part of the Data API's quota. limit: units a day; costs: units of one call, by method."""

    limit: int = Field(ge=0)
    costs: dict[str, Annotated[int, Field(ge=0)]]


#: As Google has it since June 2026.
_QUOTA = {
    "shared": Bucket(limit=10_000, costs={"channels.list": 1, "playlistItems.list": 1, "videos.list": 1}),
    "batch_get_stats": Bucket(limit=10_000, costs={"videos.batchGetStats": 1}),
    "search": Bucket(limit=100, costs={"search.list": 1}),
}


class Settings(BaseSettings):
    """Every setting, its default and its meaning. Credentials of AWS stay in its variables and are never kept here."""

    model_config = SettingsConfigDict(env_prefix="VIDRANK_", extra="ignore", env_ignore_empty=True)

    storage: str = Field(default_factory=_beside_the_instance, description="a folder, or s3://bucket/prefix")
    training_folder: str = Field(
        default_factory=_of_long_trainings, description="where a killed training goes on from; a folder on this machine"
    )
    s3_endpoint: str | None = Field(None, description="URL of an S3-compatible server; AWS when empty")
    s3_region: str = Field("us-east-1", description="region of the bucket")

    source: str = Field("sample", description="where the daily schedule captures from: a name in catalog.SOURCES")
    first_day: date = Field(date(2026, 1, 5), description="first day of the daily partitions")

    youtube_api_key: SecretStr | None = Field(None, description="key of the Data API; it travels in a header only")
    youtube_endpoint: str = Field("https://youtube.googleapis.com/", description="where the Data API answers")
    watch_list: str | None = Field(None, description="YAML file of the channels, handles and queries to capture")
    thumbnail_origins: tuple[str, ...] = Field(
        ("https://i.ytimg.com",), description="the only places thumbnails are fetched from, as JSON"
    )
    quota: dict[str, Bucket] = Field(
        _QUOTA, description="the buckets of the Data API's quota: units a day, and what a call of each method costs"
    )
    capture_hour: int = Field(5, ge=0, le=23, description="hour of the day, UTC, of the first scheduled capture")
    captures_per_day: int = Field(1, ge=1, le=24, description="how often a day the schedule captures")
    watch_days: int = Field(90, ge=1, description="age in days up to which the Data API is asked for a video")
    cadence: Literal["daily", "adaptive"] = Field("daily", description="every video alike, or young ones more often")
    retention: Retention = Field(
        "default", description="how long API data may be kept: default, own_channel or audited"
    )
    own_channels: tuple[str, ...] = Field(
        (), description="ids of the channels that are yours, for own_channel; as JSON"
    )
    audited_days: int = Field(365, ge=30, description="how long the audit allows counters to be kept, for audited")

    media: str | None = Field(None, description="folder of your own films, <video_id>.<extension>; none when empty")

    image_encoder: str = Field("thumbnail_statistics", description="the encoder whose vectors are fused as `image`")
    text_encoder: str = Field("title_ngrams", description="the encoder whose vectors are fused as `text`")
    audio_encoder: str = Field("sound_statistics", description="the encoder whose vectors are fused as `audio`")
    video_encoder: str = Field("frame_statistics", description="the encoder whose vectors are fused as `video`")
    clip_model: str = Field("openai/clip-vit-large-patch14", description="model name or local folder")
    minilm_model: str = Field("sentence-transformers/all-MiniLM-L6-v2", description="model name or local folder")
    clap_model: str = Field("laion/clap-htsat-unfused", description="model name or local folder, with safetensors")

    inclusion: str = Field("default", description="which videos are in: default, shorts or all")
    split_policy: SplitPolicy = Field("time", description="how videos are dealt to train, val and test")
    information_set: InformationSet = Field("publish", description="what a model may know when it predicts")
    rank_metric: RankMetric = Field("rmse_log", description="what the leaderboard is sorted by")
    seed: int = Field(42, description="seed of everything random")

    @property
    def encoders(self) -> dict[Modality, str]:
        """The encoder of each modality, in the order in which their vectors are fused."""
        return {
            "image": self.image_encoder,
            "text": self.text_encoder,
            "audio": self.audio_encoder,
            "video": self.video_encoder,
        }

    def shown(self) -> dict[str, Any]:
        """Every setting by name, as JSON holds it, for records; a password or token within a URL is not in it."""
        return {name: _without_secrets(value) for name, value in self.model_dump(mode="json").items()}


def is_on_this_machine(url: str) -> bool:
    """Whether a server answers from this machine: a stand-in, to which a key may travel in the open."""
    return urlparse(url).hostname in ("127.0.0.1", "localhost", "::1")


def _without_secrets(value: Any) -> Any:
    """`https://user:secret@host/path?token=x` as `https://***@host/path?***`; a secret may hold `/` and `@`."""
    if not isinstance(value, str) or "://" not in value:
        return value
    return re.sub(r"\?.*", "?***", re.sub(r"(?<=://).*@", "***@", value))

"""Pictures of noise, some of them brighter, and a vision model so small that a test can train it."""

from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from vidrank_assets.pair_tables import RANKING_TARGETS, TRAINING_PAIRS

CHANNELS = {"train": 6, "val": 2, "test": 2}


def saved_model(folder: Path) -> Path:
    """A vision model of two blocks and random weights for 16 x 16, with 12 columns, as `transformers` writes it."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=16, patch_size=8,
        projection_dim=12,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    CLIPImageProcessorPil(size={"height": 16, "width": 16}, do_center_crop=False).save_pretrained(folder)
    return folder


class BrightPictures:
    """Ten channels of as many videos each; each video meets the next two, and the brighter picture wins."""

    def __init__(self, videos_per_channel: int) -> None:
        rng = np.random.default_rng(0)
        n_videos = videos_per_channel * sum(CHANNELS.values())
        self.ids = [f"video-{number:03d}" for number in range(n_videos)]
        self.brightness = rng.random(n_videos)
        self.pictures = [_picture(number, each) for number, each in enumerate(self.brightness)]
        self._n = videos_per_channel

    @property
    def thumbnails(self) -> pl.DataFrame:
        """`video_id` and `image`."""
        return pl.DataFrame({"video_id": self.ids, "image": self.pictures})

    @property
    def pairs(self) -> pl.DataFrame:
        """`pair_tables.TRAINING_PAIRS`: the first channels are train."""
        parts = [part for part, n_channels in CHANNELS.items() for _ in range(n_channels)]
        rows = [
            (
                *(self.ids[a], self.ids[b], f"c{a // self._n}", int(self.brightness[a] > self.brightness[b])),
                *(0.5, 1.0, parts[a // self._n], "views"),
            )
            for a in range(len(self.ids))
            for b in (a + 1, a + 2)
            if b // self._n == a // self._n
        ]
        return pl.DataFrame(rows, schema=TRAINING_PAIRS.schema, orient="row")

    @property
    def targets(self) -> pl.DataFrame:
        """`pair_tables.RANKING_TARGETS`: the brightness as CTR, and no sub-score."""
        known = zip(self.ids, self.brightness, strict=True)
        return pl.DataFrame([{"video_id": video, "ctr": ctr} for video, ctr in known], schema=RANKING_TARGETS.schema)


def _picture(number: int, brightness: float) -> bytes:
    noise = np.random.default_rng(number).normal(0, 40, (18, 32, 3))
    file = BytesIO()
    Image.fromarray(np.clip(60 + 130 * brightness + noise, 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()

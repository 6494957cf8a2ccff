"""How the catalogue of watched videos learns: from uploads and searches, from counters, and from metadata."""

from collections.abc import Iterable, Sequence

import polars as pl

from vidrank_assets.capture.remembered import VIDEO_CATALOGUE
from vidrank_assets.capture.youtube_answers import FoundItem
from vidrank_assets.capture.youtube_slot import Counted, Described, Found
from vidrank_assets.tables import API, SNAPSHOTS

_SHOWN = ("title", "description", "channel_id", "channel_title", "thumbnail_url")
_DESCRIBED = (
    *_SHOWN, "tags", "category_id", "published_at", "duration_sec", "default_language", "default_audio_language",
)  # fmt: skip

_OPTIONAL = ("tags", "default_language", "default_audio_language")


def with_found(catalogue: pl.DataFrame, found: Sequence[Found]) -> pl.DataFrame:
    """The catalogue and the videos it did not hold; what a page shows of the others is brought up to date.

    A video that was gone and is among a channel's uploads again is there again, and its metadata is to be read anew.
    """
    rows = _frame(
        {
            "video_id": each.item.video_id,
            "published_at": each.item.published_at,
            "query": each.niche,
            "first_seen_at": each.seen_at,
            "described_at": each.seen_at,
            "source": API,
            **{name: getattr(each.item, name) for name in _SHOWN},
            # A search shows only the head of a description.
            **({"description": None} if isinstance(each.item, FoundItem) else {}),
        }
        for each in found
    ).unique("video_id", keep="first", maintain_order=True)
    shown = rows.select("video_id", *_SHOWN, "described_at")
    new = rows.join(catalogue, on="video_id", how="anti", maintain_order="left")
    # A search goes on finding what was deleted.
    listed = [each.item.video_id for each in found if not isinstance(each.item, FoundItem)]
    is_back = pl.col("gone_at").is_not_null() & pl.col("video_id").is_in(listed)
    there = catalogue.update(shown, on="video_id").with_columns(
        pl.when(~is_back).then(name).alias(name) for name in ("gone_at", "metadata_at")
    )
    return pl.concat([there, new])


def with_counters(catalogue: pl.DataFrame, counted: Sequence[Counted]) -> pl.DataFrame:
    """The catalogue, knowing when the counters of its videos were read last, and how long the videos are."""
    rows = _frame(
        {
            "video_id": each.item.video_id,
            "captured_at": each.captured_at,
            "duration_sec": each.item.duration_sec,
        }
        for each in counted
    )
    return catalogue.update(rows.select("video_id", "captured_at", "duration_sec"), on="video_id")


def with_metadata(catalogue: pl.DataFrame, described: Sequence[Described]) -> pl.DataFrame:
    """The catalogue with everything that was said of some videos; those of which nothing was are gone since then."""
    rows = _frame(
        {
            "video_id": each.video_id,
            "described_at": each.seen_at if each.item else None,
            "metadata_at": each.seen_at,
            "gone_at": None if each.item else each.seen_at,
            **({name: getattr(each.item, name) for name in _DESCRIBED} if each.item else {}),
        }
        for each in described
    ).unique("video_id", keep="last", maintain_order=True)
    told = rows.select("video_id", *_DESCRIBED, "described_at", "metadata_at")
    # A creator may take these away, and an answer leaves out what there is none of.
    optional = rows.filter(pl.col("gone_at").is_null()).select("video_id", *_OPTIONAL)
    asked = pl.col("video_id").is_in(rows["video_id"].implode())
    gone = rows.select("video_id", pl.col("gone_at").alias("_gone_at"))
    return (
        catalogue.update(told, on="video_id")
        .update(optional, on="video_id", include_nulls=True)
        .join(gone, on="video_id", how="left", maintain_order="left")
        # Who was gone before stays gone since then; who is there again was never gone.
        .with_columns(
            gone_at=pl.when(~asked)
            .then("gone_at")
            .when(pl.col("_gone_at").is_not_null())
            .then(pl.coalesce("gone_at", "_gone_at"))
        )
        .select(catalogue.columns)
    )


def snapshots(catalogue: pl.DataFrame, counted: Sequence[Counted]) -> pl.DataFrame:
    """The counters that were read beside what is known of their videos: `tables.SNAPSHOTS`, by key.

    A video has one row, its first reading; one that the catalogue lacks has none.
    """
    counters = pl.DataFrame(
        [
            (each.item.video_id, each.captured_at, each.item.view_count, each.item.like_count, each.item.comment_count)
            for each in counted
        ],
        schema={name: SNAPSHOTS.schema[name] for name in _COUNTERS},
        orient="row",
    ).unique("video_id", keep="first", maintain_order=True)
    known = catalogue.select("video_id", *(name for name in SNAPSHOTS.schema.names() if name not in _COUNTERS))
    return counters.join(known, on="video_id").select(SNAPSHOTS.schema.names()).sort(SNAPSHOTS.key)


_COUNTERS = ("video_id", "captured_at", "view_count", "like_count", "comment_count")


def _frame(rows: Iterable[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=VIDEO_CATALOGUE.schema)

"""Thumbnails of watched videos: which are asked for today, and which of the answers is a picture not seen before.

A changed thumbnail has the URL of the one before it, so the host is asked again, with its mark of the picture that is
stored: daily while a video is young, when creators try another one, and then as often as its metadata is read.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

import polars as pl

from vidrank_assets.capture.base import Captures
from vidrank_assets.capture.cadence import Slot
from vidrank_assets.capture.image_host import PASSING, Answer, Wanted, fetched
from vidrank_assets.capture.remembered import FOLDER, THUMBNAIL_CHECKS, newest_catalogue
from vidrank_assets.capture.youtube_plan import METADATA_DAYS
from vidrank_assets.storage import Storage
from vidrank_assets.tables import API, REJECTED_CAPTURES, THUMBNAILS

_log = logging.getLogger(__name__)

_YOUNG = timedelta(days=7)
#: More are left for the next days, the youngest videos first: the host is not stormed, and a day fits into memory.
MOST_A_DAY = 20_000
#: Answers that are stored together, so that a killed run has lost no more than these.
_TOGETHER = 500
_PICTURE = {"image": pl.Binary(), "width": pl.Int64(), "height": pl.Int64()}
_PART = {**THUMBNAIL_CHECKS.schema, **_PICTURE, "unchanged": pl.Boolean()}


def new_thumbnails(
    store: Storage,
    day: date,
    *,
    origins: tuple[str, ...],
    clock: Callable[[], datetime],
    log: Callable[[str], object] = _log.info,
) -> Captures:
    """The pictures of a day that are new or replaced another: `tables.THUMBNAILS`, sorted by its key.

    What could not be had is set aside with its reason. Called again on the same day, it asks for what is left; of
    a day that is over, for nothing.
    Raises InvalidInput: an origin of the allow list is none.
    """
    day_ends = Slot(day, 0).ends_at - timedelta(microseconds=1)
    now = min(clock(), day_ends)
    before, stored = _checks_before(store, now), _stored_before(store, now)
    folder = f"{FOLDER}/pages/slot={now.date()}T00"
    parts = [store.read_table(key) for key in store.keys(folder, suffix=".parquet")]
    done = pl.concat([pl.DataFrame(schema=_PART), *parts])
    wanted = _wanted(newest_catalogue(store), before, stored, done, now)
    asked = wanted.head(max(0, MOST_A_DAY - done.height) if now < day_ends else 0)
    answers = fetched(_asking(asked), origins=origins, log=log)
    # A picture that comes a moment after midnight is still of the day that it was asked for.
    while batch := list(islice(answers, _TOGETHER)):
        part = pl.DataFrame([_row(answer, min(clock(), day_ends)) for answer in batch], schema=_PART)
        store.write_table(f"{folder}/thumbnails-{done.height:06d}.parquet", part)
        done = pl.concat([done, part])
    _remember(store, before, done, now)
    return Captures(
        _pictures(done, before, stored), _set_aside(done, now), _told(done, before, wanted.height - asked.height)
    )


def _wanted(
    catalogue: pl.DataFrame, before: pl.DataFrame, stored: pl.DataFrame, done: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """Videos whose thumbnail is asked for, the youngest first; `etag` only where the picture it marks is stored."""
    there = catalogue.filter(pl.col("gone_at").is_null() & pl.col("thumbnail_url").is_not_null())
    marked = before.join(stored, on=["video_id", "content_hash"], how="left").with_columns(
        etag=pl.when("stored").then("etag"), asked_url=pl.col("thumbnail_url")
    )
    rows = there.join(marked.drop("thumbnail_url"), on="video_id", how="left").join(done, on="video_id", how="anti")
    since_check = pl.lit(now) - pl.col("checked_at")
    young = pl.lit(now) - pl.col("published_at") <= _YOUNG
    due = (
        pl.col("checked_at").is_null()
        | (pl.col("asked_url") != pl.col("thumbnail_url"))
        | pl.col("reason").is_in(list(PASSING))
        | (pl.col("content_hash").is_not_null() & pl.col("stored").is_null())
        | (young & (pl.col("checked_at").dt.date() < now.date()))
        | (since_check >= timedelta(days=METADATA_DAYS))
    )
    return rows.filter(due).sort("published_at", "video_id", descending=[True, False])


def _asking(wanted: pl.DataFrame) -> Iterator[Wanted]:
    for video_id, url, etag in wanted.select("video_id", "thumbnail_url", "etag").iter_rows():
        yield Wanted(video_id, url, etag)


def _row(answer: Answer, at: datetime) -> dict[str, Any]:
    picture = answer.picture
    return {
        "video_id": answer.wanted.video_id,
        "thumbnail_url": answer.wanted.url,
        "checked_at": at,
        "content_hash": picture.content_hash if picture else None,
        "etag": answer.wanted.etag if answer.unchanged else answer.etag,
        "reason": answer.reason,
        "image": picture.image if picture else None,
        "width": picture.width if picture else None,
        "height": picture.height if picture else None,
        "unchanged": answer.unchanged,
    }


def _pictures(done: pl.DataFrame, before: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """One that was stored long ago comes again when it replaces another: the A after a B."""
    pictures = _with_hash_before(done.filter(pl.col("image").is_not_null()), before)
    known = pictures.join(stored, on=["video_id", "content_hash"], how="left")
    rows = known.filter(pl.col("stored").is_null() | (pl.col("was") != pl.col("content_hash")))
    named = rows.with_columns(pl.col("checked_at").alias("captured_at"), pl.lit(API).alias("source"))
    return named.select(THUMBNAILS.schema.names()).sort(THUMBNAILS.key)


def _set_aside(done: pl.DataFrame, now: datetime) -> pl.DataFrame:
    failed = done.filter(pl.col("reason").is_not_null())
    rows = failed.select(
        pl.lit(now.date()).alias("day"),
        "reason",
        pl.col("thumbnail_url").alias("found"),
        pl.lit("thumbnails").alias("file"),
        pl.lit(None, pl.Int64).alias("row"),
        "video_id",
        pl.lit(None, pl.String).alias("raw"),
        pl.lit(API).alias("source"),
    )
    return rows.select(REJECTED_CAPTURES.schema.names())


def _told(done: pl.DataFrame, before: pl.DataFrame, n_left: int) -> dict[str, Any]:
    pictures = _with_hash_before(done.filter(pl.col("image").is_not_null()), before)
    return {
        "new": pictures["was"].null_count(),
        "changed": pictures.filter(pl.col("was") != pl.col("content_hash")).height,
        "unchanged": int(done["unchanged"].sum()),
        "failed": done["reason"].count(),
        "left_for_later": n_left,
    }


def _checks_before(store: Storage, now: datetime) -> pl.DataFrame:
    """What was last known of every thumbnail before today."""
    keys = [key for key in store.keys(f"{FOLDER}/thumbnail_checks") if key < _checks_key(now)]
    return store.read_table(keys[-1]) if keys else THUMBNAIL_CHECKS.empty()


def _stored_before(store: Storage, now: datetime) -> pl.DataFrame:
    """Which picture of which video was stored before today: video_id, content_hash, and `stored`, which is true."""
    keys = [key for key in store.keys("thumbnails", suffix=".parquet") if f"day={now.date()}" not in key]
    scanned = store.scan_tables(dict.fromkeys(keys)) if keys else THUMBNAILS.empty().lazy()
    pairs = scanned.select("video_id", "content_hash").unique().collect()
    return pairs.with_columns(stored=pl.lit(True))


def _remember(store: Storage, before: pl.DataFrame, done: pl.DataFrame, now: datetime) -> None:
    """Of what is unchanged the hash is known from before; of what could not be had, the host's last word is kept."""
    today = _with_hash_before(done, before)
    today = today.with_columns(content_hash=pl.when("unchanged").then("was").otherwise("content_hash"))
    kept = before.join(today, on="video_id", how="anti")
    checks = pl.concat([kept, today.select(THUMBNAIL_CHECKS.schema.names())])
    store.write_table(_checks_key(now), THUMBNAIL_CHECKS.checked(checks).sort("video_id"))


def _with_hash_before(done: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Today's answers and, as `was`, the hash of the picture that was there before today; null when none was."""
    return done.join(before.select("video_id", pl.col("content_hash").alias("was")), on="video_id", how="left")


def _checks_key(now: datetime) -> str:
    return f"{FOLDER}/thumbnail_checks/day={now.date()}.parquet"

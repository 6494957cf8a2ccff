"""The pairs of real thumbnails for thumbnail_pairs.py, with titles and ages of their videos as far as known."""

import ast
from pathlib import Path

import polars as pl


def read(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pairs, and their videos: video_id, channel_id, views, title and age_days, null where they are not known."""
    pairs = pl.read_csv(folder / "pairs.csv").rename({"video_a": "video_id_a", "video_b": "video_id_b"})
    sides = [pairs.select("channel_id", video_id=f"video_id_{s}", views=f"views_{s}") for s in ("a", "b")]
    videos = pl.concat(sides).unique("video_id").sort("video_id")
    seen = pl.concat([readings_of_fitness(folder), readings_of_others(folder)])
    titles = seen.unique("video_id", keep="first", maintain_order=True).select("video_id", "title")
    # The reading that the pairs hold, where there are several; of equal ones, one that says when it was.
    age = (pl.col("read_at") - pl.col("published_at")).dt.total_seconds() / 86_400
    ages = seen.sort("guessed", "read_at", maintain_order=True).unique(["video_id", "views"], keep="first")
    ages = ages.select("video_id", "views", age_days=pl.max_horizontal(age, 1.0))
    videos = videos.join(titles, on="video_id", how="left", maintain_order="left")
    every = pl.col("title").is_not_null().all().over("channel_id")
    videos = videos.with_columns(title=pl.when(every).then("title"))
    videos = videos.join(ages, on=["video_id", "views"], how="left", maintain_order="left")
    return pairs, with_ages_from_partners(videos, pairs)


def readings_of_fitness(folder: Path) -> pl.DataFrame:
    """video_id, title, published_at, views, read_at and whether that is a guess; titles are Python's bytes literals."""
    table = pl.read_csv(folder / "fitness_videos.csv", encoding="utf8-lossy", infer_schema=False)
    published = moment("PublishedAt")
    titles = [ast.literal_eval(title).decode(errors="replace") for title in table["Title"]]
    return table.select(
        video_id="Id",
        title=pl.Series(titles),
        published_at=published,
        views=pl.col("ViewCount").cast(pl.Int64),
        read_at=published.max(),
        guessed=True,
    )


def readings_of_others(folder: Path) -> pl.DataFrame:
    """The same of the other collections; `as_of` is a day, written in two ways."""
    table = pl.read_csv(folder / "joined_channel_views.csv", infer_schema=False)
    read_at = pl.col("as_of").str.replace_all("-", "").str.slice(0, 8).str.to_datetime("%Y%m%d")
    newest = pl.col("published_at").max().over("source")
    return table.with_columns(published_at=moment("published_at")).select(
        "video_id",
        "title",
        "published_at",
        views=pl.col("views").cast(pl.Int64),
        read_at=pl.coalesce(read_at, newest),
        guessed=read_at.is_null(),
    )


def moment(column: str) -> pl.Expr:
    """ISO 8601 with a T or a space, in UTC."""
    return pl.col(column).str.slice(0, 19).str.replace(" ", "T").str.to_datetime("%Y-%m-%dT%H:%M:%S")


def with_ages_from_partners(videos: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Ages of videos whose publication is not known, from those whose is and the days between the two of a pair."""
    known, unknown = videos["age_days"].null_count() + 1, videos["age_days"].null_count()
    while unknown < known:
        told = []
        for side, other, sign in (("a", "b", 1), ("b", "a", -1)):
            ages = videos.select("age_days", **{f"video_id_{other}": "video_id"})
            age = pl.max_horizontal(pl.col("age_days") + sign * pl.col("days_apart"), 1.0)
            rows = pairs.join(ages, on=f"video_id_{other}", maintain_order="left").drop_nulls("age_days")
            told.append(rows.select(video_id=f"video_id_{side}", of_partner=age))
        first = pl.concat(told).unique("video_id", keep="first", maintain_order=True)
        videos = videos.join(first, on="video_id", how="left", maintain_order="left")
        videos = videos.select(pl.exclude("age_days", "of_partner"), age_days=pl.coalesce("age_days", "of_partner"))
        known, unknown = unknown, videos["age_days"].null_count()
    return videos

"""Which of its pictures a video is learned by: the first that can be read."""

import polars as pl

from vidrank_assets.features.encoders.pictures import decoded

#: Whether a picture can be read is seen at any size; the smallest is decoded fastest.
_LEAST = (1, 1)


def first_thumbnails(thumbnails: pl.LazyFrame, training_pairs: pl.DataFrame) -> pl.DataFrame:
    """`video_id` and `image`: the first readable picture of each video of the pairs; its first where none is readable.

    A video's next picture is in memory only where those before it could not be read.
    """
    of_pairs = pl.concat([training_pairs["video_id_a"], training_pairs["video_id_b"]]).unique()
    key = ["video_id", "captured_at", "content_hash"]
    left = thumbnails.select(key).filter(pl.col("video_id").is_in(of_pairs.implode())).sort(key).collect()
    left = left.unique(["video_id", "content_hash"], keep="first", maintain_order=True)
    chosen: dict[str, bytes] = {}
    while left.height:
        turn = left.unique("video_id", keep="first", maintain_order=True)
        pictures = thumbnails.join(turn.lazy(), on=key, how="semi").select("video_id", "image").collect()
        shown = dict(pictures.iter_rows())
        readable = {video: image for video, image in shown.items() if _readable(image)}
        chosen = {**shown, **chosen, **readable}
        left = left.join(turn, on=key, how="anti", maintain_order="left")
        left = left.filter(~pl.col("video_id").is_in(list(readable)))
    ordered = sorted(chosen.items())
    return pl.DataFrame(ordered, schema={"video_id": pl.String, "image": pl.Binary}, orient="row")


def _readable(image: bytes) -> bool:
    return not isinstance(decoded(image, at_least=_LEAST), str)

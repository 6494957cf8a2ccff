"""The sample world as the Data API shows it at one moment: channels, uploads, videos, search results and pictures."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from threading import Lock
from typing import Any

import polars as pl

from vidrank_assets.capture.sample_draws import choice, uniform
from vidrank_assets.capture.sample_world import FIRST_DAY, SampleWorld
from vidrank_assets_tests import fake_youtube_items as items
from vidrank_assets_tests.fake_youtube_faults import Refused, of_parameter, refused
from vidrank_assets_tests.fake_youtube_items import Params, Resource, Row

#: What becomes of videos: a share of them each.
_GONE_SHARE, _RETITLED_SHARE, _REPICTURED_SHARE = 0.015, 0.02, 0.02
#: How a video that is gone shows in the playlist of uploads; the first does not.
_UNLISTED = ""
_GONE = (_UNLISTED, "Deleted video", "Private video")
_FILES = {file: (width, height) for file, width, height in items.SIZES.values()}
#: Search gives no more than these, however many there are.
_SEARCHABLE = 500
_SHOWN = (
    "video_id", "channel_id", "channel_title", "title", "description", "tags", "category_id", "published", "live",
    "duration_sec", "default_language", "default_audio_language", "pictured", "gone", "view_count", "like_count",
    "comment_count",
)  # fmt: skip


class ChangingWorld:
    """The videos of a world. Some have a new title or thumbnail on their third day; some are taken away later.

    endpoint: where the pictures are. videos_per_channel: how many a playlist shows at most; all when None.
    """

    def __init__(self, world: SampleWorld, endpoint: str, videos_per_channel: int | None) -> None:
        self.world, self.endpoint, self.videos_per_channel = world, endpoint, videos_per_channel
        self._until, self._videos = FIRST_DAY, self._made(FIRST_DAY, FIRST_DAY)
        self._drawing = Lock()
        self.picture = lru_cache(4096)(self._picture)

    def at(self, moment: datetime) -> "Present":
        """What the API shows at a moment."""
        if (today := moment.date()) > self._until:
            more = self._made(self._until + timedelta(days=1), today)
            self._videos, self._until = pl.concat([self._videos, more]), today
        online = self._videos.filter(pl.col("published_at") < moment).with_columns(
            title=pl.when(pl.col("retitled_at") <= moment).then("later_title").otherwise("title"),
            pictured=(pl.col("repictured_at") <= moment).fill_null(value=False),
            gone=pl.when(pl.col("gone_at") <= moment).then("gone_as"),
        )
        counters = self.world.counters(online, moment)
        return Present(self, moment, pl.concat([online, counters], how="horizontal"))

    def _made(self, first: date, last: date) -> pl.DataFrame:
        videos, seed = self.world.videos(first, last), self.world.seed
        keys = videos["channel"].to_numpy(), videos["day"].to_numpy()
        ages = {what: uniform(seed, f"{what}/age", *keys) for what in ("gone", "retitled", "repictured")}
        happens = {
            "gone": (_GONE_SHARE, 5 + 25 * ages["gone"]),
            "retitled": (_RETITLED_SHARE, 2 + ages["retitled"]),
            "repictured": (_REPICTURED_SHARE, 2 + ages["repictured"]),
        }
        dates = {
            f"{what}_at": pl.when(pl.Series(uniform(seed, what, *keys) < share)).then(
                pl.col("published_at") + pl.duration(seconds=pl.Series(86_400 * days).cast(pl.Int64))
            )
            for what, (share, days) in happens.items()
        }
        words = pl.concat_str("title", "query", "channel_title", pl.lit("synthetic"), separator=" ")
        return videos.with_columns(
            **dates,
            gone_as=pl.Series([_GONE[i] for i in choice(seed, "gone/as", len(_GONE), *keys)], dtype=pl.String),
            later_title="Updated " + pl.col("title").str.replace(r"^\S+ ", ""),
            published=pl.col("published_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            words=words.str.to_lowercase(),
        )

    def _picture(self, video_id: str, file: str, *, changed: bool) -> bytes:
        """A changed picture is warm where it was cold, and full where it was empty."""
        from PIL import Image

        video = self._videos.filter(pl.col("video_id") == video_id)
        if changed:
            video = video.with_columns(-pl.col("warmth", "clutter"), caption=pl.lit("Updated"))
        with self._drawing:
            image = self.world.pictures(video)[0].jpeg()
            if file != "mqdefault":
                other = BytesIO()
                Image.open(BytesIO(image)).resize(_FILES[file]).save(other, "JPEG", quality=85)
                image = other.getvalue()
        return image


class Present:
    """What the API answers at one moment. A method takes the parameters, and raises Refused where the API refuses."""

    def __init__(self, source: ChangingWorld, moment: datetime, videos: pl.DataFrame) -> None:
        self._source, self._moment, self._videos = source, moment, videos
        self._columns = videos.select(_SHOWN).to_dict(as_series=False)
        self._place = {video_id: i for i, video_id in enumerate(self._columns["video_id"])}
        self._channels = {row["channel_id"]: row for row in source.world.channels(moment.date()).iter_rows(named=True)}
        self._handles = {items.handle(row): row for row in self._channels.values()}
        self._uploads: dict[str, list[int]] = {row["uploads_playlist_id"]: [] for row in self._channels.values()}
        for i, (channel_id, gone) in enumerate(zip(self._columns["channel_id"], self._columns["gone"], strict=True)):
            if gone != _UNLISTED:
                self._uploads[self._channels[channel_id]["uploads_playlist_id"]].append(i)
        for listed in self._uploads.values():
            listed.reverse()
            del listed[source.videos_per_channel or len(listed) :]

    @property
    def channel_ids(self) -> list[str]:
        return list(self._channels)

    def channels_list(self, params: Params) -> Any:
        """No more than five unless `maxResults` asks for them, as for anything that has pages."""
        parts = items.parts(params)
        if "forHandle" in params:
            row = self._handles.get("@" + params["forHandle"][0].lower().removeprefix("@"))
            rows = [row] if row else []
        else:
            rows = [self._channels[each] for each in items.ids(params) if each in self._channels]
        page, told = self._paged("channel", rows, params)
        listed = [self._item(items.CHANNEL, row, parts) for row in page]
        return {**told, **({"items": listed} if listed else {})}

    def playlist_items_list(self, params: Params) -> Any:
        """The newest first."""
        parts = items.parts(params)
        if "playlistId" not in params:
            message = "No filter selected. Expected one of: id, playlistId"
            raise of_parameter(400, message, "missingRequiredParameter", "parameters.")
        playlist = params["playlistId"][0]
        if playlist not in self._uploads:
            raise Refused(refused("playlist_not_found"))
        page, told = self._paged("playlistItem", list(enumerate(self._uploads[playlist])), params)
        rows = ({**self._row(i), "position": position, "playlist": playlist} for position, i in page)
        return {**told, "items": [self._item(items.UPLOAD, row, parts) for row in rows]}

    def videos_list(self, params: Params) -> Any:
        listed = self._online(items.VIDEO, params)
        told = self._told("videoListResponse", params)
        return {**told, "items": listed, "pageInfo": {"totalResults": len(listed), "resultsPerPage": len(listed)}}

    def videos_batch_get_stats(self, params: Params) -> Any:
        """It has no pages. What is deleted or private is left out."""
        return {**self._told("batchGetStatsResponse", params), "items": self._online(items.STATS, params)}

    def search_list(self, params: Params) -> Any:
        """Whatever has one of the words of `q`, the most viewed first, or the newest with `order=date`."""
        parts = items.parts(params)
        kinds = ",".join(params.get("type", ("video,channel",))).split(",")
        channels = self._found_channels(params) if "channel" in kinds else []
        found = [(items.FOUND_CHANNEL, row) for row in channels]
        if "video" in kinds:
            found += [(items.FOUND_VIDEO, self._row(i)) for i in self._found_videos(params)]
        page, told = self._paged("search", found, params)
        return {**told, "regionCode": "US", "items": [self._item(kind, row, parts) for kind, row in page]}

    def picture(self, video_id: str, file: str) -> tuple[bytes, str] | None:
        """The picture and its ETag. None: there is no such video now, or no such size."""
        i = self._place.get(video_id)
        if i is None or file not in _FILES or self._columns["gone"][i] is not None:
            return None
        changed = self._columns["pictured"][i]
        mark = blake2b(f"{video_id}/{changed}/{file}".encode(), digest_size=4).digest()
        return self._source.picture(video_id, file, changed=changed), f'"{int.from_bytes(mark)}"'

    def _online(self, resource: Resource, params: Params) -> list[dict[str, Any]]:
        parts = items.parts(params)
        places = (self._place.get(each) for each in items.ids(params))
        there = (self._row(i) for i in places if i is not None and self._columns["gone"][i] is None)
        return [self._item(resource, row, parts) for row in there]

    def _found_channels(self, params: Params) -> list[Row]:
        words = params.get("q", ("synthetic",))[0].lower().split()
        return [row for row in self._channels.values() if any(word in row["channel_title"].lower() for word in words)]

    def _found_videos(self, params: Params) -> list[int]:
        videos = self._videos.with_row_index().filter(pl.col("gone").is_null())
        if "q" in params:
            videos = videos.filter(pl.col("words").str.contains_any(params["q"][0].lower().split()))
        if "channelId" in params:
            videos = videos.filter(pl.col("channel_id") == params["channelId"][0])
        if "publishedAfter" in params:
            videos = videos.filter(pl.col("published_at") >= items.instant(params, "publishedAfter"))
        if "publishedBefore" in params:
            videos = videos.filter(pl.col("published_at") < items.instant(params, "publishedBefore"))
        by = "published_at" if params.get("order") == ("date",) else "view_count"
        return videos.sort(by, "video_id", descending=[True, False])["index"].head(_SEARCHABLE).to_list()

    def _row(self, i: int) -> Row:
        return {name: column[i] for name, column in self._columns.items()}

    def _paged(self, kind: str, rows: Sequence[Any], params: Params) -> tuple[Sequence[Any], dict[str, Any]]:
        size, start = items.page_size(params), items.offset(params)
        told = self._told(f"{kind}ListResponse", params)
        if size and start + size < len(rows):
            told["nextPageToken"] = items.token(start + size)
        if start:
            told["prevPageToken"] = items.token(start, back=True)
        return rows[start : start + size], {**told, "pageInfo": {"totalResults": len(rows), "resultsPerPage": size}}

    def _told(self, kind: str, params: Params) -> dict[str, Any]:
        return {"kind": f"youtube#{kind}", "etag": self._etag(kind, *_flat(params))}

    def _item(self, resource: Resource, row: Row, parts: tuple[str, ...]) -> dict[str, Any]:
        etag = self._etag(resource.kind, row.get("video_id") or row["channel_id"])
        return resource.item(row, parts, etag=etag, endpoint=self._source.endpoint)

    def _etag(self, *of: str) -> str:
        digest = blake2b("/".join((self._moment.isoformat(), *of)).encode(), digest_size=20).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")


def _flat(params: Params) -> Iterable[str]:
    return (f"{name}={','.join(values)}" for name, values in sorted(params.items()))

"""A channel that is to be forgotten: all that is known of it and of its videos goes, whatever its source and age."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from zipfile import ZipFile, is_zipfile

import polars as pl

from vidrank_assets.storage import Storage
from vidrank_assets.upkeep import live_source, places, run_folders
from vidrank_assets.upkeep.changes import Changes, Replaced, Swept
from vidrank_assets.upkeep.retention import Outcome, video_columns
from vidrank_assets.upkeep.vectors import sweep_vectors

_WHY = "a channel that the run learned from was forgotten"
_ID = re.compile(rb"[\w-]+")


def forget(store: Storage, channel_id: str, *, now: datetime, replaced: Replaced) -> Swept:
    """Remove a channel, its videos and everything that was made of them from the store.

    channel_id: as the captures say it; the channel's title where a source has no id. replaced: as in `sweep`.
    What names the channel goes last, so that after a kill the same call ends what was begun. A channel that the watch
    list still names is captured again.
    """
    changes = Changes(store, replaced)
    changes.finish_earlier()
    gone = _Forgotten.of(store, channel_id)
    live_source.remove_old_files(changes, now=now)
    live_source.remove_pages(changes, gone.mentioned_in)
    for folder, sums in run_folders.folders(store):
        run_folders.remove_unlisted(changes, folder, sums)
        if named := [name for name in sums if gone.mentioned_in(store.read(f"{folder}/{name}"))]:
            run_folders.strip(changes, folder, sums, now=now, why=_WHY, also=_models_with(named, sums))
    sweep_vectors(changes, gone)
    places.rewrite_captured(changes, lambda _, rows: gone.rows(rows), (*places.OWNED, *places.BESIDE_SNAPSHOTS))
    places.rewrite_derived(changes, lambda rows, _: gone.rows(rows), gone.rows)
    live_source.forget_handles(changes, channel_id)
    live_source.rewrite_remembered(changes, gone.rows, gone.rows)
    places.rewrite_captured(changes, lambda _, rows: gone.rows(rows), ("snapshots",))
    return changes.so_far()


def _models_with(named: Collection[str], sums: Collection[str]) -> list[str]:
    """Every file of the models of which one file names the channel: a model with a file less does not open."""
    models = {"/".join(name.split("/")[:2]) for name in named if name.startswith("models/")}
    return [name for name in sums if "/".join(name.split("/")[:2]) in models]


@dataclass(frozen=True)
class _Forgotten:
    """A channel and its videos."""

    channel_id: str
    videos: frozenset[str]

    @classmethod
    def of(cls, store: Storage, channel_id: str) -> "_Forgotten":
        """The videos that captures, labels or the live source name with the channel."""
        keys = live_source.newest_first(store, live_source.CATALOGUES)
        named = [store.read_table(key).filter(channel_id=channel_id)["video_id"] for key in keys]
        return cls(channel_id, places.videos_of(store, [channel_id]).union(*named))

    def rows(self, table: pl.DataFrame) -> Outcome:
        """The rows of any table that are not of them."""
        of_them = [pl.col(name).is_in(list(self.videos)) for name in video_columns(table)]
        if "channel_id" in table.columns:
            of_them.append(pl.col("channel_id") == self.channel_id)
        if "raw" in table.columns:
            mentions = [self.mentioned_in((raw or "").encode()) for raw in table["raw"]]
            of_them.append(pl.lit(pl.Series(mentions, dtype=pl.Boolean)))
            of_them.append(pl.col("found") == self.channel_id)
        kept = table.filter(~pl.any_horizontal(each.fill_null(False) for each in of_them))
        return Outcome(kept, table.height - kept.height)

    def vectors(self, manifest: pl.DataFrame) -> pl.DataFrame:
        """See `vectors.Living`."""
        return self.rows(manifest).rows

    def fused(self, manifest: pl.DataFrame) -> pl.DataFrame:
        """See `vectors.Living`."""
        return self.rows(manifest).rows

    def unlisted(self, video_ids: Sequence[str], lost: frozenset[str]) -> bool:
        """See `vectors.Living`; whoever lost a vector is forgotten."""
        return self.videos.isdisjoint(video_ids)

    def mentioned_in(self, content: bytes) -> bool:
        """Whether a file, a Parquet table and a zip archive read for what they hold, names the channel or a video."""
        if content.startswith(b"PAR1"):
            table = pl.read_parquet(BytesIO(content))
            texts = [table[name] for name, dtype in table.schema.items() if dtype == pl.String]
            return any(not self.names.isdisjoint(text.unique().drop_nulls()) for text in texts)
        if is_zipfile(BytesIO(content)):
            with ZipFile(BytesIO(content)) as archive:
                return any(self._is_in(archive.read(member)) for member in archive.namelist())
        return self._is_in(content)

    @property
    def names(self) -> frozenset[str]:
        """All ids."""
        return self.videos | {self.channel_id}

    def _is_in(self, content: bytes) -> bool:
        # As text, as JSON escapes it, and as NumPy stores it.
        escaped = json.dumps(self.channel_id).strip('"')
        written = (self.channel_id.encode(), escaped.encode(), self.channel_id.encode("utf-32-le"))
        if any(each in content for each in written):
            return True
        return not {each.encode() for each in self.videos}.isdisjoint(_ID.findall(content))

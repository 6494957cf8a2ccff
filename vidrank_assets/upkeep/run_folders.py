"""The folders of runs: what is of single videos goes, and what was learned from them stays and still opens."""

import hashlib
import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from vidrank_assets.selection.model_snapshot import SWEPT, is_of_videos
from vidrank_assets.storage import Storage
from vidrank_assets.upkeep.changes import Changes

#: Where runs keep what they made; see `recorded.SNAPSHOTS`.
PLACE = "models/snapshots"
_CHECKSUMS = "checksums.json"


def folders(store: Storage) -> Iterator[tuple[str, dict[str, str]]]:
    """Every finished folder of a family or of a cell, and the SHA-256 of each of its files."""
    for key in store.keys(PLACE, suffix=f"/{_CHECKSUMS}"):
        folder = key.removesuffix(f"/{_CHECKSUMS}")
        if not folder.endswith("/comparison"):
            yield folder, json.loads(store.read(key))


def oldest_capture(store: Storage, folder: str) -> datetime | None:
    """The oldest capture from the Data API that a run learned from, as it recorded it; None when there is none."""
    summary: dict[str, Any] = json.loads(store.read(f"{folder}/data_summary.json"))
    oldest = summary.get("oldest_api_capture_at")
    return datetime.fromisoformat(oldest) if oldest else None


def is_only_of(store: Storage, folder: str, sums: dict[str, str], video_ids: Collection[str]) -> bool:
    """Whether a run learned from and predicted nothing but some videos."""
    if not video_ids or "split_manifest.parquet" not in sums:
        return False
    dealt = store.read_table(f"{folder}/split_manifest.parquet")["video_id"]
    return set(video_ids).issuperset(dealt)


def strip(
    changes: Changes, folder: str, sums: dict[str, str], *, now: datetime, why: str, also: Collection[str] = ()
) -> None:
    """Remove what is of single videos, and some other files, and say in the folder that it was and why.

    The list of files changes first: a folder that is listed without a file opens without it, whether or not the file
    is there yet.
    """
    gone = sorted(name for name in sums if is_of_videos(name) or name in also)
    if gone:
        earlier = json.loads(changes.store.read(f"{folder}/{SWEPT}")) if SWEPT in sums else {"files": []}
        said = {"at": now.isoformat(), "why": why, "files": sorted({*gone, *earlier["files"]})}
        content = json.dumps(said, indent=1).encode()
        changes.write(f"{folder}/{SWEPT}", content)
        kept = {name: sha256 for name, sha256 in sums.items() if name not in gone}
        kept[SWEPT] = hashlib.sha256(content).hexdigest()
        changes.run_folder(folder, json.dumps(dict(sorted(kept.items())), indent=1).encode())
        changes.remove(PLACE, [f"{folder}/{name}" for name in gone])


def remove_unlisted(changes: Changes, folder: str, sums: dict[str, str]) -> None:
    """Remove what a swept folder does not list: whoever swept it was killed before the files were gone."""
    if SWEPT in sums:
        keys = changes.store.keys(folder)
        changes.remove(PLACE, [key for key in keys if key.removeprefix(f"{folder}/") not in {*sums, _CHECKSUMS}])


def is_whole(sums: dict[str, str]) -> bool:
    """Whether nothing was removed from a folder."""
    return SWEPT not in sums

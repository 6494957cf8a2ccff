"""What the live source keeps for itself: raw answers, marks of the quota, and what it remembers between captures."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl

from vidrank_assets.capture.remembered import FOLDER, THUMBNAIL_CHECKS, VIDEO_CATALOGUE
from vidrank_assets.schema import Table
from vidrank_assets.storage import Storage
from vidrank_assets.upkeep.changes import Changes
from vidrank_assets.upkeep.retention import DAYS, Outcome

CATALOGUES, CHECKS = f"{FOLDER}/video_catalogue", f"{FOLDER}/thumbnail_checks"
PAGES, QUOTA, HANDLES, SLOTS = (f"{FOLDER}/{name}" for name in ("pages", "quota", "handles", "slots"))

#: A slot's answers are of use while it may be continued; marks, while their Pacific day lasts; files, the newest two.
_PAGE_DAYS, _QUOTA_DAYS, _SLOT_DAYS, _KEPT_FILES = 2, 3, DAYS - 1, 2
#: `slot=2026-01-05T2` and `day=2026-01-05` within a key: the day, and the number of the slot.
_WHEN = re.compile(r"(?:slot|day)=(\d{4}-\d\d-\d\d)(?:T(\d+))?")


def remembered(store: Storage, folder: str, table: Table) -> pl.DataFrame:
    """The newest of the files that a capture left there; empty when it left none."""
    keys = newest_first(store, folder)
    return store.read_table(keys[0]) if keys else table.empty()


def holds_api_data(store: Storage) -> bool:
    """Whether the live source has ever captured into the store: it never leaves without a catalogue."""
    return bool(store.keys(CATALOGUES))


def newest_first(store: Storage, folder: str) -> list[str]:
    """The files of a folder of slots or days, the newest first: slot 10 of a day is newer than slot 2."""
    return sorted(store.keys(folder), key=lambda key: (_day(key), _slot(key)), reverse=True)


def remove_old_files(changes: Changes, *, now: datetime) -> None:
    """Answers of old slots, marks of old days, and all but the newest of what is remembered."""
    store, today = changes.store, now.date()
    for folder, days in ((PAGES, _PAGE_DAYS), (QUOTA, _QUOTA_DAYS), (SLOTS, _SLOT_DAYS), (HANDLES, _SLOT_DAYS)):
        before = today - timedelta(days=days)
        changes.remove(folder, [key for key in store.keys(folder) if _day(key) < before])
    for folder in (CATALOGUES, CHECKS, HANDLES):
        changes.remove(folder, newest_first(store, folder)[_KEPT_FILES:])


def rewrite_remembered(
    changes: Changes, catalogue: Callable[[pl.DataFrame], Outcome], checks: Callable[[pl.DataFrame], Outcome]
) -> None:
    """Apply a rule to the newest files of the catalogue, and one to those of the checks; the newest file last."""
    for folder, table, rule in ((CATALOGUES, VIDEO_CATALOGUE, catalogue), (CHECKS, THUMBNAIL_CHECKS, checks)):
        for key in reversed(newest_first(changes.store, folder)[:_KEPT_FILES]):
            changes.unrecorded(folder, key, rule(changes.store.read_table(key).select(table.schema.names())))


def remove_pages(changes: Changes, mention: Callable[[bytes], bool]) -> None:
    """Remove the raw answers that mention something; what else they hold is asked for again."""
    store = changes.store
    changes.remove(PAGES, [key for key in store.keys(PAGES) if mention(_answered(key, store.read(key)))])


def forget_handles(changes: Changes, channel_id: str) -> None:
    """Have every file of handles name a channel no more: its handle is asked for again while the watch list has it."""
    for key in changes.store.keys(HANDLES):
        handles = json.loads(changes.store.read(key))
        kept = {handle: each for handle, each in handles.items() if each != channel_id}
        if len(kept) < len(handles):
            changes.count(HANDLES, len(handles) - len(kept))
            changes.write(key, json.dumps(kept, indent=1).encode())


def _answered(key: str, content: bytes) -> bytes:
    """What a host answered: pages are compressed, pictures lie in tables."""
    return gzip.decompress(content) if key.endswith(".gz") else content


def _day(key: str) -> date:
    found = _WHEN.search(key)
    return date.fromisoformat(found[1]) if found else date.max


def _slot(key: str) -> int:
    found = _WHEN.search(key)
    return int(found[2] or 0) if found else 0

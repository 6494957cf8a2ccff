"""What stands between this machine and a capture: one finding a line, each with its way out."""

import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from vidrank_assets.capture.kept_pages import KeptPages
from vidrank_assets.capture.quota import Ledger, reset_at
from vidrank_assets.capture.watchlist import load
from vidrank_assets.capture.youtube_client import YouTubeClient
from vidrank_assets.errors import AlreadyStored, VidrankError
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage

_LEAST_DISK = 5 * 2**30
_TOLERATED = timedelta(seconds=60)
_PACKAGES = ("dagster", "polars", "torch", "google-api-python-client")


class Finding(NamedTuple):
    """One thing that was looked at. well: None where it could not be told; said: what was found, and the way out."""

    about: str
    well: bool | None
    said: str


def findings(store: Storage, settings: Settings, *, ask: Callable[[str], bool]) -> Iterator[Finding]:
    """Look at everything in turn. ask: whether the user agrees to what costs a unit of quota."""
    stored = _storage(store)
    yield stored
    if stored.well:  # the ledger, without which nothing may be asked, lies in it
        ledger = Ledger(store, settings.quota)
        yield _key(store, settings, ledger, ask)
        yield from _quota(settings, ledger)
    yield _watch_list(settings)
    yield _disk(settings)
    yield _clock(settings)
    yield Finding("versions", True, f"Python {platform.python_version()}, {_versions()}")
    yield _gpu()


def _key(store: Storage, settings: Settings, ledger: Ledger, ask: Callable[[str], bool]) -> Finding:
    if settings.youtube_api_key is None:
        return Finding("key", False, "none; create one in the Google Cloud console and export VIDRANK_YOUTUBE_API_KEY")
    if not ask("Ask the Data API whether the key is accepted? That costs 1 unit of quota."):
        return Finding("key", None, "there is one; whether it is accepted was not asked")
    client = YouTubeClient(
        KeptPages(store, "doctor"),
        ledger,
        key=settings.youtube_api_key,
        endpoint=settings.youtube_endpoint,
        clock=lambda: datetime.now(UTC),
    )
    try:
        client.assert_accepted()
    except VidrankError as fault:
        return Finding("key", False, str(fault))
    return Finding("key", True, "accepted")


def _quota(settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    now = datetime.now(UTC)
    for bucket in settings.quota:
        left = ledger.left(bucket, at=now)
        said = f"{left} of {ledger.usable(bucket)} units left until {reset_at(now):%Y-%m-%d %H:%M} UTC"
        yield Finding(f"quota {bucket}", left > 0, said if left else f"{said}; wait, or raise it in VIDRANK_QUOTA")


def _watch_list(settings: Settings) -> Finding:
    try:
        watched = load(settings.watch_list)
    except VidrankError as fault:
        return Finding("watch list", False, str(fault))
    named = settings.watch_list or "the shipped example; name your own in VIDRANK_WATCH_LIST"
    n_channels = len(watched.channel_ids) + len(watched.handles)
    return Finding("watch list", True, f"{n_channels} channels, {len(watched.queries)} queries: {named}")


def _storage(store: Storage) -> Finding:
    """Writes one file twice where only the first may win."""
    key = f"doctor/{uuid4().hex}"
    try:
        store.write(key, b"vidrank doctor", once=True)
        store.write(key, b"vidrank doctor", once=True)
    except AlreadyStored:
        return Finding("store", True, f"{store.uri('')} can be written, and of two writers one wins")
    except Exception as fault:  # whatever keeps a store from being written is what was found
        said = f"{store.uri('')} cannot be written: {fault}; look at VIDRANK_STORAGE, its rights and credentials"
        return Finding("store", False, said)
    finally:
        with suppress(Exception):
            (store.root / key).unlink(missing_ok=True)
    said = f"{store.uri('')} let a second writer replace what is written once; use a server that honours If-None-Match"
    return Finding("store", False, said)


def _disk(settings: Settings) -> Finding:
    if "://" in settings.storage:
        return Finding("disk", None, "the store is no folder of this machine")
    there = next(folder for folder in (Path(settings.storage), *Path(settings.storage).parents) if folder.exists())
    free = shutil.disk_usage(there).free
    said = f"{free / 2**30:.1f} GiB free at {there}"
    return Finding("disk", free >= _LEAST_DISK, said if free >= _LEAST_DISK else f"{said}; make room for at least 5")


def _clock(settings: Settings) -> Finding:
    """Compares the clock with that of the server which will be asked."""
    import urllib3

    try:
        answer = urllib3.request("HEAD", settings.youtube_endpoint, timeout=5, retries=False, redirect=False)
        theirs = parsedate_to_datetime(answer.headers["Date"])
    except (urllib3.exceptions.HTTPError, KeyError, ValueError) as fault:
        return Finding(
            "clock", None, f"{settings.youtube_endpoint} could not be asked the time: {type(fault).__name__}"
        )
    apart = abs(datetime.now(UTC) - theirs)
    said = f"{apart.total_seconds():.0f} s from that of {settings.youtube_endpoint}"
    return Finding("clock", apart <= _TOLERATED, said if apart <= _TOLERATED else f"{said}; set it, or run NTP")


def _versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in _PACKAGES)


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", True, torch.cuda.get_device_name(0))
    return Finding("GPU", None, "none; everything runs without one, the nets and CLIP slowly")

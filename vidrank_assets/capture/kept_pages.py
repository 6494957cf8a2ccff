"""Answers of the Data API, kept as they came: whoever asks again within the same slot is answered from here, free.

A page is there whole or not at all, so a capture that was killed goes on with the page after the last one that is kept.
"""

import gzip
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from vidrank_assets.storage import Storage

FOLDER = "youtube_api/pages"


class Request(NamedTuple):
    """What is asked. method: as `videos.list`; params: as the client takes them."""

    method: str
    params: Mapping[str, str | int | tuple[str, ...]]

    @property
    def name(self) -> str:
        """The same question has the same name."""
        return sha256(json.dumps([self.method, self.params], sort_keys=True).encode()).hexdigest()[:32]


class Answer(NamedTuple):
    """What came back, as bytes that nobody has read yet, and when. status: 200, or that of an item that is absent."""

    status: int
    body: bytes
    answered_at: datetime


class KeptPages:
    """The answers of one slot of one day."""

    def __init__(self, store: Storage, slot: str) -> None:
        self._store, self._folder = store, f"{FOLDER}/slot={slot}"
        self._kept = set(store.keys(self._folder))

    def __contains__(self, request: Request) -> bool:
        return self._key(request) in self._kept

    def read(self, request: Request) -> Answer:
        """The answer that was kept. Raises ArtifactMissing: there is none."""
        head, _, body = gzip.decompress(self._store.read(self._key(request))).partition(b"\n")
        about = json.loads(head)
        return Answer(about["status"], body, datetime.fromisoformat(about["answered_at"]))

    def keep(self, request: Request, answer: Answer) -> None:
        """Store an answer at once."""
        about = {"method": request.method, "status": answer.status, "answered_at": answer.answered_at.isoformat()}
        content = gzip.compress(json.dumps(about).encode() + b"\n" + answer.body, compresslevel=3, mtime=0)
        self._store.write(self._key(request), content)
        self._kept.add(self._key(request))

    def _key(self, request: Request) -> str:
        return f"{self._folder}/{request.name}.json.gz"

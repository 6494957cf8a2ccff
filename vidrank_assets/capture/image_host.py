"""Thumbnails over HTTP, from the hosts of an allow list and from nowhere else.

What a host answers is not trusted: it is read up to a limit, never followed elsewhere, and decoded before it is a
picture. Whatever goes wrong with one picture is that picture's answer, and the others go on.
"""

import logging
import random
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import NamedTuple

import stamina
import urllib3

from vidrank_assets.capture.origins import Origin, listed_origins, located
from vidrank_assets.capture.picture_rules import MAX_BYTES, Picture, checked_picture

_log = logging.getLogger(__name__)

#: Reasons that pass by themselves: the picture is asked for again the next time.
PASSING = frozenset({"host_busy", "unreachable"})

_ATTEMPTS, _LONGEST_WAIT_SEC = 3, 30.0
#: After so many pictures in a row that a host did not answer for one reason, it is left alone until the next time.
_IN_A_ROW = {"host_busy": 5, "unreachable": 20}
#: How much longer than a single answer a whole picture may take.
_SLOWEST = 6
_PART = 64 * 1024
#: Pictures fetched ahead of the one that is given next, for each connection.
_AHEAD = 4
_ETAG = re.compile(r'(W/)?"[!#-~]{0,200}"')
_HEADERS = {
    "User-Agent": "vidrank-assets",
    "Accept": "image/jpeg, image/png, image/webp",
    "Accept-Encoding": "identity",
}


class Wanted(NamedTuple):
    """A picture to ask for; etag: the host's mark of the picture that is stored already."""

    video_id: str
    url: str
    etag: str | None


class Answer(NamedTuple):
    """What came of it: a picture, the news that it is unchanged, or the reason why there is none."""

    wanted: Wanted
    picture: Picture | None = None
    etag: str | None = None
    unchanged: bool = False
    reason: str | None = None


def fetched(
    wanted: Iterable[Wanted],
    *,
    origins: Sequence[str],
    connections: int = 4,
    timeout_sec: float = 10,
    log: Callable[[str], object] = _log.info,
) -> Iterator[Answer]:
    """An answer for each picture, in the order in which they are wanted; few are in memory at a time.

    origins: the allow list, as `origins.listed_origins` takes it. connections: at most so many at a time to each host.
    timeout_sec: how long a host may take to connect, and to send the next part of an answer.

    Raises InvalidInput, at once: an origin of the list is none.
    """
    hosts = {origin: _Host(origin, connections, timeout_sec) for origin in listed_origins(origins)}
    return _told(list(wanted), hosts, connections, log)


def _told(
    wanted: Sequence[Wanted], hosts: Mapping[Origin, "_Host"], connections: int, log: Callable[[str], object]
) -> Iterator[Answer]:
    """The answers, with a line in the log for every 500 and at the end."""
    new = unchanged = n_bytes = 0
    for place, answer in enumerate(_in_order(wanted, hosts, connections), 1):
        new, unchanged = new + (answer.picture is not None), unchanged + answer.unchanged
        n_bytes += len(answer.picture.image) if answer.picture else 0
        if place % 500 == 0 or place == len(wanted):
            log(
                f"{place} of {len(wanted)} thumbnails: {new} new ({n_bytes / 1e6:.1f} MB), {unchanged} unchanged, "
                f"{place - new - unchanged} without a picture"
            )
        yield answer


def _in_order(wanted: Sequence[Wanted], hosts: Mapping[Origin, "_Host"], connections: int) -> Iterator[Answer]:
    ahead: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(connections, "thumbnails") as threads:
        try:
            for each in wanted:
                ahead.append(threads.submit(_answer, each, hosts))
                if len(ahead) > _AHEAD * connections:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:  # also when nobody wants the rest any more
            threads.shutdown(wait=False, cancel_futures=True)
            for host in hosts.values():
                host.leave()


def _answer(wanted: Wanted, hosts: Mapping[Origin, "_Host"]) -> Answer:
    if (place := located(wanted.url, hosts)) is None:
        return Answer(wanted, reason="not_allowed")
    origin, target = place
    return hosts[origin].answer(wanted, target)


class _Unanswered(Exception):
    """The host did not answer. wait: seconds until it may be asked again, None when that is not to be tried."""

    def __init__(self, reason: str, wait: float | None) -> None:
        super().__init__(reason)
        self.reason, self.wait = reason, wait


class _Host:
    """One origin: its connections, and whether it is still asked."""

    def __init__(self, origin: Origin, connections: int, timeout_sec: float) -> None:
        # urllib3 knows no proxies unless it is told of them, and checks certificates.
        self._pool = urllib3.connection_from_url(str(origin), maxsize=connections, timeout=timeout_sec, block=True)
        self._slowest_sec = _SLOWEST * timeout_sec
        self._lock = Lock()
        self._row: tuple[str | None, int] = (None, 0)
        self._left: str | None = None

    def answer(self, wanted: Wanted, target: str) -> Answer:
        """Ask for a picture, again if need be."""
        try:
            for attempt in stamina.retry_context(_backoff, attempts=_ATTEMPTS, timeout=None):
                with attempt:
                    answer = self._asked(wanted, target, attempt.num)
        except _Unanswered as unanswered:
            answer = Answer(wanted, reason=unanswered.reason)
        self._count(answer.reason)
        return answer

    def leave(self, reason: str = "unreachable") -> None:
        """Ask for nothing more, and close what is open."""
        self._left = self._left or reason
        self._pool.close()

    def _count(self, reason: str | None) -> None:
        with self._lock:
            last, times = self._row
            self._row = (reason, times + 1 if reason == last else 1)
            if reason and self._row[1] >= _IN_A_ROW.get(reason, self._row[1] + 1):
                self._left = reason

    def _asked(self, wanted: Wanted, target: str, attempt: int) -> Answer:
        """What the host answers this time. Raises _Unanswered: that it did not, or is not asked any more."""
        if self._left:
            raise _Unanswered(self._left, wait=None)
        jitter = random.uniform(0, 2.0 ** (attempt - 1))  # noqa: S311, nothing secret hangs on it
        known = _mark(wanted.etag)
        headers = {**_HEADERS, "If-None-Match": known} if known else _HEADERS
        try:
            response = self._pool.urlopen(
                "GET", target, headers=headers, redirect=False, retries=False, preload_content=False
            )
            try:
                return _read(wanted, response, jitter, until=monotonic() + self._slowest_sec)
            finally:
                # With nothing left to read the connection serves the next picture; else the rest is not read at all.
                response.drain_conn() if response.length_remaining == 0 else response.close()
                response.release_conn()
        except _Unanswered:
            raise
        except Exception as fault:  # urllib3 lets some errors of sockets, TLS and http.client through
            raise _Unanswered("unreachable", wait=jitter) from fault


def _backoff(fault: Exception) -> bool | float:
    """For stamina: how long to wait, or False."""
    return fault.wait if isinstance(fault, _Unanswered) and fault.wait is not None else False


def _read(wanted: Wanted, response: urllib3.BaseHTTPResponse, jitter: float, *, until: float) -> Answer:
    """What an answer says. Raises _Unanswered: that the host cannot answer now."""
    status = response.status
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        reason = "host_busy" if status == HTTPStatus.TOO_MANY_REQUESTS else "unreachable"
        wait = max(jitter, _asked_to_wait(response.headers.get("Retry-After")))
        raise _Unanswered(reason, wait if wait <= _LONGEST_WAIT_SEC else None)
    if status == HTTPStatus.NOT_MODIFIED and _mark(wanted.etag):
        return Answer(wanted, etag=wanted.etag, unchanged=True)
    if status != HTTPStatus.OK:
        return Answer(wanted, reason=_without_picture(status))
    if (content := _content(response, until)) is None:
        return Answer(wanted, reason="too_large")
    found = checked_picture(content)
    if not isinstance(found, Picture):
        return Answer(wanted, reason=found)
    return Answer(wanted, found, etag=_mark(response.headers.get("ETag")))


def _without_picture(status: int) -> str:
    """Why an answer with such a status brings no picture."""
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return "not_found"
    if status >= HTTPStatus.BAD_REQUEST:
        return "refused"
    is_elsewhere = status >= HTTPStatus.MULTIPLE_CHOICES and status != HTTPStatus.NOT_MODIFIED
    return "redirected" if is_elsewhere else "unexpected"


def _content(response: urllib3.BaseHTTPResponse, until: float) -> bytes | None:
    """The body as it came; None as soon as it is known to be too large. Raises TimeoutError: it comes too slowly."""
    if (response.length_remaining or 0) > MAX_BYTES:
        return None
    content = bytearray()
    while part := response.read1(_PART, decode_content=False):
        content += part
        if len(content) > MAX_BYTES:
            return None
        if monotonic() > until:
            raise TimeoutError
    return bytes(content)


def _asked_to_wait(retry_after: str | None) -> float:
    """Seconds that a `Retry-After` header asks for, given as a number or as a date; 0 when it asks for none."""
    told = retry_after or ""
    if re.fullmatch("[0-9]+", told):
        return float(told)
    try:
        return (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _mark(written: str | None) -> str | None:
    """A host's mark of a picture, where it is written as such marks are: it is sent back in a header."""
    return written if written is not None and _ETAG.fullmatch(written) else None

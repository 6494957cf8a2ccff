"""The Data API, asked through Google's own client: the key in a header, every call in the ledger, every page kept.

The key is in no URL, because URLs end up in logs and tracebacks. It is added where the client builds its requests, and
is taken out of whatever an answer says before anybody else sees it.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlparse

from pydantic import SecretStr

from vidrank_assets.capture.kept_pages import Answer, KeptPages, Request
from vidrank_assets.capture.quota import Ledger
from vidrank_assets.capture.youtube_errors import verdict
from vidrank_assets.errors import InvalidInput, SourceRefused, SourceUnavailable
from vidrank_assets.settings import is_on_this_machine

ATTEMPTS = 5
_FIRST_WAIT_SEC, _LONGEST_WAIT_SEC = 1.0, 32.0
_TIMEOUT_SEC = 30.0
#: The largest answer, 50 playlist items with long descriptions, has about half a megabyte.
_MAX_BYTES = 16 * 2**20
_OK = 200


class _TryAgain(Exception):
    """The server could not answer now. wait_sec: for how long it asks us to leave it alone."""

    def __init__(self, said: str, *, wait_sec: float = 0.0) -> None:
        super().__init__(said)
        self.wait_sec = wait_sec


class YouTubeClient:
    """Asks each question of a slot once, whatever happens in between.

    key: None where everything that is asked for is kept already. clock: gives the present, in UTC.
    """

    def __init__(
        self,
        pages: KeptPages,
        ledger: Ledger,
        *,
        key: SecretStr | None,
        endpoint: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._pages, self._ledger, self._clock = pages, ledger, clock
        # A key that was read from a file often ends in a newline.
        self._key = SecretStr(key.get_secret_value().strip()) if key else None
        self._endpoint = _checked(endpoint)
        self._resources: dict[str, Any] = {}

    def ask(self, request: Request) -> Answer:
        """The answer that is kept, or that Google gives now.

        Raises QuotaSpent: it may not be asked now. SourceRefused: Google will not answer. SourceUnavailable: it could
        not be reached, or could not answer, in five attempts.
        """
        if request in self._pages:
            return self._pages.read(request)
        with self._unanswered(request):
            answer = self._asked(request)
        self._pages.keep(request, answer)
        return answer

    def assert_accepted(self) -> None:
        """Ask for one channel and keep nothing: costs a unit. Raises what `ask` raises."""
        request = Request("channels.list", {"part": "id", "id": ("UC_x5XG1OV2P6uZZ5FSM9Ttw",)})
        with self._unanswered(request):
            self._asked(request)

    def __contains__(self, request: Request) -> bool:
        """Whether the answer is kept already."""
        return request in self._pages

    def knows(self, method: str) -> bool:
        """Whether the installed client has a method: `videos.batchGetStats` came in 2026."""
        return self._method(method) is not None

    def _asked(self, request: Request) -> Answer:
        import stamina

        for attempt in stamina.retry_context(on=_FullJitter(), attempts=ATTEMPTS, timeout=None):
            with attempt:
                return self._asked_once(request)
        raise AssertionError("the last attempt returns or raises")

    def _asked_once(self, request: Request) -> Answer:
        from urllib3.exceptions import HTTPError

        self._assert_key()
        # The client takes only a list for several values.
        params = {name: list(told) if isinstance(told, tuple) else told for name, told in request.params.items()}
        call = self._method(request.method)(**params)
        self._ledger.spend(request.method, at=self._clock())
        try:
            response, body = call.execute()
        except (HTTPError, OSError) as fault:
            raise _TryAgain(type(fault).__name__) from None
        return self._judged(request, response, body)

    def _assert_key(self) -> None:
        """Raises SourceRefused: there is no key, or none that a header can hold, of which the fault would show it."""
        secret = self._key.get_secret_value() if self._key else ""
        if not secret:
            raise SourceRefused(
                "the Data API answers only to a key; VIDRANK_YOUTUBE_API_KEY is not set. Create one in the Google "
                "Cloud console, under APIs & Services, Credentials, and export it."
            )
        if not (secret.isascii() and secret.isprintable()):
            raise SourceRefused(
                "VIDRANK_YOUTUBE_API_KEY must be one line of letters, digits, - and _; it holds other characters. Copy "
                "the key again from the credentials page of the Google Cloud console."
            )

    def _judged(self, request: Request, response: Mapping[str, Any], body: bytes) -> Answer:
        """The answer, if it is one. One that an item is not there is: that was paid for too."""
        status = int(response["status"])
        if status == _OK:
            return Answer(status, body, self._clock())
        found = verdict(status, body)
        if found.kind == "quota":
            self._ledger.refuse(request.method, at=self._clock())
            raise self._ledger.exhausted(self._ledger.bucket_of(request.method), at=self._clock())
        if found.kind == "retry":
            raise _TryAgain(f"HTTP {status} {found.reason}", wait_sec=_seconds(response.get("retry-after")))
        if found.kind == "refused":
            raise SourceRefused(self._without_key(f"{found.sentence} It was {_about(request)}."))
        return Answer(status, body, self._clock())

    @contextmanager
    def _unanswered(self, request: Request) -> Iterator[None]:
        try:
            yield
        except _TryAgain as last:
            raise SourceUnavailable(
                f"{urlparse(self._endpoint).netloc} must answer {request.method} within {ATTEMPTS} attempts; the last "
                f"ended with {self._without_key(str(last))}. What was answered before is kept: run it again later."
            ) from None

    def _without_key(self, said: str) -> str:
        return said.replace(self._key.get_secret_value(), "***") if self._key else said

    def _method(self, method: str) -> Any:
        """A method of Google's client, which would make all of a resource's methods anew each time it is asked."""
        resource, name = method.split(".")
        if resource not in self._resources:
            self._resources[resource] = getattr(self._client, resource)()
        return getattr(self._resources[resource], name, None)

    @cached_property
    def _client(self) -> Any:
        """Google's client, built without a download."""
        from googleapiclient.discovery import build

        return build(
            "youtube",
            "v3",
            http=_Transport(),
            requestBuilder=_with_key(self._key),
            client_options={"api_endpoint": self._endpoint},
            static_discovery=True,
        )


class _FullJitter:
    """How long to wait before the next attempt: anything up to a bound that doubles each time.

    Source: Brooker, "Exponential Backoff And Jitter", 2015.
    """

    def __init__(self) -> None:
        self._bound = _FIRST_WAIT_SEC

    def __call__(self, fault: Exception) -> bool | float:
        if not isinstance(fault, _TryAgain):
            return False
        bound, self._bound = self._bound, min(2 * self._bound, _LONGEST_WAIT_SEC)
        return max(fault.wait_sec, random.uniform(0, bound))  # noqa: S311, nothing secret hangs on it


class _Transport:
    """What carries the client's requests.

    httplib2, its default, sends one again by itself when a connection breaks, which no ledger sees, and follows
    redirects with the key.
    """

    def __init__(self) -> None:
        from urllib3 import PoolManager

        self._pool = PoolManager(timeout=_TIMEOUT_SEC, retries=False)

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> tuple[Any, bytes]:
        """The response and its body, as httplib2 gives them. Raises HTTPError of urllib3, or OSError."""
        from httplib2 import Response

        answer = self._pool.request(
            method, uri, body=body, headers=dict(headers or {}), redirect=False, preload_content=False
        )
        try:
            content = answer.read(_MAX_BYTES + 1)
            if len(content) > _MAX_BYTES:
                answer.close()
                raise OSError(f"an answer of more than {_MAX_BYTES} bytes")
        finally:
            answer.release_conn()
        told = {name.lower(): value for name, value in answer.headers.items()}
        response = Response({**told, "status": str(answer.status)})
        # By this attribute the client raises an error of its own, which fails over some bodies; `verdict` reads all.
        response.status = _OK
        return response, content

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()


def _with_key(key: SecretStr | None) -> Callable[..., Any]:
    """Builds the client's requests with the key in a header, and hands answers over unread."""
    from googleapiclient.http import HttpRequest

    def built(http: Any, _postproc: Any, uri: str, **told: Any) -> Any:
        secret = {"X-Goog-Api-Key": key.get_secret_value()} if key else {}
        headers = {**(told.pop("headers", None) or {}), **secret}
        return HttpRequest(http, _unread, uri, headers=headers, **told)

    return built


def _about(request: Request) -> str:
    """What a question is about, for a person to find in the watch list."""
    asked = next((request.params[name] for name in ("forHandle", "playlistId", "q") if name in request.params), "")
    return f"asked by {request.method} about {asked}" if asked else f"asked by {request.method}"


def _unread(response: Mapping[str, Any], body: bytes) -> tuple[Mapping[str, Any], bytes]:
    return response, body


def _checked(endpoint: str) -> str:
    """Raises InvalidInput: the key would travel in the open."""
    if urlparse(endpoint).scheme != "https" and not is_on_this_machine(endpoint):
        raise InvalidInput(
            f"VIDRANK_YOUTUBE_ENDPOINT must begin with https://, unless it is on this machine; got {endpoint!r}. "
            "Leave it unset to ask Google."
        )
    return endpoint if endpoint.endswith("/") else f"{endpoint}/"


def _seconds(told: Any) -> float:
    return min(float(told), _LONGEST_WAIT_SEC) if str(told or "").isdigit() else 0.0

"""What an answer of the Data API other than 200 means for the capture."""

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any, NamedTuple

from vidrank_assets.capture.youtube_reasons import SAME, TABLE, Kind


class Verdict(NamedTuple):
    """What an answer means: what to do, the word it is counted under, and what to tell the user."""

    kind: Kind
    reason: str
    sentence: str


#: What the text settles where the reason leaves it open: reasons, what the text says, the reason that is meant.
_VAGUE = ("forbidden", "PERMISSION_DENIED", "unknown")
_LIMITS = ("rateLimitExceeded", "userRateLimitExceeded", "tooManyRequests", *_VAGUE)
_SAID = (
    (_LIMITS, re.compile(r"per[\s_-]*day|daily\s*(limit|quota)|exceeded your quota", re.I), "quotaExceeded"),
    (_VAGUE, re.compile(r"(quota|limit).{0,80}per[\s_-]*(minute|second|user|100)", re.I | re.S), "rateLimitExceeded"),
    (_VAGUE, re.compile(r"quota.{0,80}exceeded|exceeded.{0,80}quota", re.I | re.S), "quotaExceeded"),
    (_VAGUE, re.compile(r"unregistered callers", re.I), "keyMissing"),
    (("keyInvalid", "badRequest"), re.compile(r"key\s+(has\s+)?expired", re.I), "keyExpired"),
)
_SERVER_FAULTS = ("backendError", "internalError", "SERVICE_UNAVAILABLE")

_KEYS = re.compile(r"AIza[\w-]{16,}|((?:api[_-]?|\b)key['\"]?\s*[:=]\s*['\"]?)[^\s'\"&,;<>]+", re.I)
_TAG = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"[A-Za-z_]{3,40}")
_REDIRECTS, _BAD_REQUEST, _FORBIDDEN, _TIMEOUT, _TOO_MANY, _SERVER = 300, 400, 403, 408, 429, 500
#: No error says anything after this many characters.
_READ = 20_000


class _Answer(NamedTuple):
    """What an error says. reasons: the most specific first. message: for people. text: all of its words."""

    reasons: tuple[str, ...]
    message: str
    text: str


def verdict(status: int, body: bytes) -> Verdict:
    """What an answer with that status, other than 200, means. Any bytes may be the body."""
    answer = _answer(body)
    reason = _known(status, answer) or _of_status(status)
    kind, sentence = TABLE[reason]
    told = next((told for told in answer.reasons if SAME.get(told, told) == reason), "".join(answer.reasons[:1]))
    message = f"({answer.message})" if answer.message not in ("", told) else ""
    found = " ".join(part for part in (str(status), told, message) if part)
    return Verdict(kind, told if reason == "unknown" and told else reason, sentence.format(found=found))


def without_keys(text: str) -> str:
    """The text with *** for everything that looks like a key, as a proxy's page may repeat it."""
    return _KEYS.sub(r"\1***", text)


def shown(text: str, n_characters: int = 200) -> str:
    """The head of a text that came from outside: printable, on one line, without anything that looks like a key."""
    line = " ".join("".join(c if c.isprintable() else " " for c in without_keys(text[:_READ])).split())
    return line if len(line) <= n_characters else f"{line[: n_characters - 2].rsplit(' ', 1)[0]} …"


def _known(status: int, answer: _Answer) -> str | None:
    """The first reason of the table that an answer with this status can have."""
    reasons = [SAME.get(told, told) for told in answer.reasons]
    fitting = [reason for reason in reasons if reason in TABLE and _fits(status, reason)]
    spent = [reason for reason in fitting if TABLE[reason][0] == "quota"]
    reason = next(iter(spent or fitting), None)
    for vague, pattern, meant in _SAID:
        if (reason or _of_status(status)) in vague and pattern.search(answer.text):
            return meant
    return reason


def _fits(status: int, reason: str) -> bool:
    """Whether an answer with that status can have that reason; from 500 on, only a server's fault is one."""
    kind = TABLE[reason][0]
    if kind == "quota":
        return status >= _BAD_REQUEST
    if status >= _SERVER:
        return reason in _SERVER_FAULTS
    if kind == "retry":
        return status in (_FORBIDDEN, _TOO_MANY) and reason not in _SERVER_FAULTS
    return status >= _BAD_REQUEST and status not in (_TIMEOUT, _TOO_MANY)


def _of_status(status: int) -> str:
    if status >= _SERVER:
        return "serverError"
    if _REDIRECTS <= status < _BAD_REQUEST:
        return "redirected"
    return {_TIMEOUT: "requestTimeout", _TOO_MANY: "tooManyRequests"}.get(status, "unknown")


def _answer(body: bytes) -> _Answer:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    told = told[0] if isinstance(told, list) and told else told
    error = told.get("error") if isinstance(told, dict) else None
    if isinstance(error, dict):
        message, reasons = error.get("message"), [*_reasons(error)]
        words = " ".join(_words(error))
    elif isinstance(error, str):
        message, reasons = told.get("error_description") or error, [error]
        words = f"{error} {message}"
    else:
        message = words = body[:_READ].decode("utf-8", "replace")
        reasons = []
    plain = unescape(_TAG.sub("", message[:_READ])) if isinstance(message, str) else ""
    words = unescape(_TAG.sub("", words[:_READ]))
    return _Answer(tuple(reason for reason in reasons if _WORD.fullmatch(reason)), shown(plain), words)


def _reasons(error: dict[str, Any]) -> Iterator[str]:
    """In `details`, then in `errors`, then in `status`: from the particular to the general."""
    for listed in ("details", "errors"):
        told = error.get(listed)
        for one in told if isinstance(told, list) else ():
            if isinstance(one, dict) and isinstance(one.get("reason"), str):
                yield one["reason"]
    if isinstance(error.get("status"), str):
        yield error["status"]


def _words(told: object, depth: int = 5) -> Iterator[str]:
    """Every text within an error: its messages, and the names of the limits among its metadata."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict | list) and depth:
        for one in told.values() if isinstance(told, dict) else told:
            yield from _words(one, depth - 1)

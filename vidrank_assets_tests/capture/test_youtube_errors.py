"""Errors of the Data API: every shape it has been seen in, and any bytes at all."""

import json
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vidrank_assets.capture.youtube_errors import shown, verdict
from vidrank_assets.capture.youtube_reasons import TABLE

PER_DAY = "Quota exceeded for quota metric 'Queries' and limit 'Queries per day' of service 'youtube.googleapis.com'"
PER_MINUTE = PER_DAY.replace("per day", "per minute")
EXCEEDED = 'you have exceeded your <a href="/youtube/v3/getting-started#quota">quota</a>.'


def error(*, reason=None, message="", status=None, details=(), code=403) -> bytes:
    """An error as the API writes it."""
    told = {"code": code, "message": message}
    if reason:
        told["errors"] = [{"message": message, "domain": "youtube", "reason": reason}]
    if status:
        told["status"] = status
    if details:
        told["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **detail} for detail in details]
    return json.dumps({"error": told}).encode()


QUOTA = {
    "today": (403, error(reason="quotaExceeded", message=EXCEEDED)),
    "quota with the status of a limit": (429, error(reason="quotaExceeded", message=EXCEEDED)),
    "the limit of requests a day": (403, error(reason="dailyLimitExceeded", message="Daily Limit Exceeded")),
    "no key": (403, error(reason="dailyLimitExceededUnreg", message="Daily Limit for Unauthenticated Use Exceeded.")),
    "a limit whose message says per day": (
        429, error(reason="rateLimitExceeded", message=PER_DAY, status="RESOURCE_EXHAUSTED"),
    ),
    "a limit whose metadata says per day": (
        429,
        error(
            reason="rateLimitExceeded",
            message="Quota exceeded.",
            status="RESOURCE_EXHAUSTED",
            details=[{"reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quota_limit": "defaultPerDayPerProject"}}],
        ),
    ),
    "a message alone": (403, error(message=f"The request cannot be completed because {EXCEEDED}")),
    "a status word and a message": (403, error(message="Daily quota used up", status="PERMISSION_DENIED")),
    "a reason as the whole error": (403, b'{"error": "quotaExceeded"}'),
    "a sentence as the whole error": (403, b'{"error": "Quota exceeded"}'),
    "with a description": (403, b'{"error": "access_denied", "error_description": "Your daily limit is reached"}'),
    "in a list": (403, b"[" + error(reason="quotaExceeded") + b"]"),
    "in HTML": (429, b"<html><body><p>Your client has <b>exceeded</b> its limit of queries per day.</p></body></html>"),
    "second of two": (
        403, b'{"error": {"errors": [{"reason": "forbidden"}, {"reason": "quotaExceeded"}], "code": 403}}',
    ),
    "errors of the wrong type": (403, b'{"error": {"errors": "quotaExceeded", "message": "quota exceeded"}}'),
}  # fmt: skip


@pytest.mark.parametrize("shape", QUOTA)
def test_a_spent_quota_is_known_in_every_shape(shape):
    found = verdict(*QUOTA[shape])
    assert found.kind == "quota"
    assert TABLE[found.reason][0] == "quota"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, error(reason="rateLimitExceeded", message=PER_MINUTE), "rateLimitExceeded"),
        (403, error(reason="userRateLimitExceeded", message="User Rate Limit Exceeded"), "userRateLimitExceeded"),
        (403, error(message=PER_MINUTE), "rateLimitExceeded"),
        (429, error(message="Resource has been exhausted", status="RESOURCE_EXHAUSTED"), "tooManyRequests"),
        (429, error(reason="forbidden"), "tooManyRequests"),
        (429, b"<html>We're sorry...</html>", "tooManyRequests"),
        (408, b"", "requestTimeout"),
        (500, error(reason="backendError", code=500), "backendError"),
        (500, error(status="INTERNAL", code=500), "internalError"),
        (503, error(status="UNAVAILABLE", code=503), "SERVICE_UNAVAILABLE"),
        (502, b"<html><title>502 Bad Gateway</title></html>", "serverError"),
        (500, error(reason="forbidden"), "serverError"),
        (503, b"", "serverError"),
    ],
)
def test_what_passes_is_asked_again(status, body, reason):
    assert verdict(status, body)[:2] == ("retry", reason)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "playlistNotFound"),
        (404, "channelNotFound"),
        (404, "videoNotFound"),
        (403, "playlistItemsNotAccessible"),
    ],
)
def test_what_is_not_there_is_data(status, reason):
    assert verdict(status, error(reason=reason))[:2] == ("absent", reason)


@pytest.mark.parametrize(
    ("status", "body", "reason", "way_out"),
    [
        (400, error(reason="keyInvalid"), "keyInvalid", "Copy the key again"),
        (
            400,
            error(reason="badRequest", status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]),
            "keyInvalid",
            "VIDRANK_YOUTUBE_API_KEY",
        ),
        (
            400,
            error(message="API key expired. Please renew.", details=[{"reason": "API_KEY_INVALID"}]),
            "keyExpired",
            "Make a new key",
        ),
        (
            403,
            error(reason="forbidden", message="Method doesn't allow unregistered callers"),
            "keyMissing",
            "Set VIDRANK_YOUTUBE_API_KEY",
        ),
        (403, error(details=[{"reason": "SERVICE_DISABLED"}]), "accessNotConfigured", "Enable it in the API library"),
        (
            403,
            error(status="PERMISSION_DENIED", details=[{"reason": "API_KEY_SERVICE_BLOCKED"}]),
            "API_KEY_SERVICE_BLOCKED",
            "API restrictions",
        ),
        (
            403,
            error(details=[{"reason": "API_KEY_HTTP_REFERRER_BLOCKED"}]),
            "API_KEY_HTTP_REFERRER_BLOCKED",
            "application restriction",
        ),
        (403, error(reason="ipRefererBlocked"), "ipRefererBlocked", "Add the address"),
        (403, error(reason="forbidden"), "forbidden", "public channels"),
        (403, error(reason="SERVICE_UNAVAILABLE", status="PERMISSION_DENIED"), "PERMISSION_DENIED", "permission"),
        (400, error(reason="invalidParameter"), "invalidParameter", "watch list"),
        (302, b"", "redirected", "VIDRANK_YOUTUBE_ENDPOINT"),
    ],
)
def test_what_stays_refused_says_the_way_out(status, body, reason, way_out):
    found = verdict(status, body)
    assert found[:2] == ("refused", reason)
    assert way_out in found.sentence
    assert f"found {status}" in found.sentence


def test_an_unknown_reason_is_quoted_with_its_status_and_first_words():
    body = error(reason="teapot", message="<b>I am</b> a&nbsp;tea\x00pot. " + "word " * 100)
    found = verdict(418, body)
    assert found[:2] == ("refused", "teapot")
    assert "found 418 teapot (I am a tea pot. word word" in found.sentence
    quoted = found.sentence.split("(")[1].split(")")[0]
    assert 150 < len(quoted) <= 200


def test_a_page_of_html_is_quoted_without_its_tags():
    found = verdict(404, b"<!DOCTYPE html><title>Error 404</title><p>Not Found")
    assert found.reason == "unknown"
    assert "found 404 (Error 404Not Found)" in found.sentence


@pytest.mark.parametrize(
    "text",
    [
        "Consumer 'api_key:{}' has been suspended.",
        "https://host/v3/videos?key={}&part=id",
        "X-Goog-Api-Key: {}",
        '{{"key": "{}"}}',
    ],
)
@pytest.mark.parametrize("key", ["AIzaSyD-fake_0123456789abcdefghijklmnop", "not-a-usual-key-0123456789"])
def test_nothing_that_looks_like_a_key_is_quoted(text, key):
    assert key not in shown(text.format(key))
    assert key not in verdict(403, error(reason="CONSUMER_SUSPENDED", message=text.format(key))).sentence


WORDS = st.sampled_from(["error", "errors", "reason", "message", "status", "details", "metadata"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*TABLE, EXCEEDED]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(status=st.integers(100, 599), body=st.binary() | ANY_JSON.map(lambda told: json.dumps({"error": told}).encode()))
@example(status=403, body=b"[" * 100_000)
@example(status=403, body=b"\xff\xfe{")
@example(status=403, body=b'{"error": "\\ud800"}')
@example(status=403, body=b'{"error": {"message": "{found} {0} {"}}')
def test_any_bytes_have_a_verdict(status, body):
    found = verdict(status, body)
    assert found.reason and found.sentence.isprintable()
    assert str(status) in found.sentence
    assert len(found.sentence) < 700
    found.sentence.encode()


def test_the_real_error_bodies_are_known(tmp_path):
    packed = Path(os.environ.get("VIDRANK_REAL_DATA", "no-folder")) / "youtube-api-responses.tar.xz"
    if not packed.is_file():
        pytest.skip(f"VIDRANK_REAL_DATA names no folder with {packed.name}")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "youtube-api"
    found = {
        path.name: verdict(int(path.stem[-3:]), path.read_bytes())[:2] for path in folder.glob("errors/*_4??.json")
    }
    assert found == {
        "joostlek_youtube_not_activated_403.json": ("refused", "accessNotConfigured"),
        "playlistNotFound_404.json": ("absent", "playlistNotFound"),
        "quotaExceeded_403.json": ("quota", "quotaExceeded"),
    }
    others = {
        "errors/pyyoutube_error_response.json": (400, ("refused", "keyInvalid")),
        "errors/pyyoutube_error_response_simple.json": (400, ("refused", "unknown")),
        "pyyoutube/error_permission_resp.json": (403, ("refused", "PERMISSION_DENIED")),
    }
    for name, (status, expected) in others.items():
        assert verdict(status, (folder / name).read_bytes())[:2] == expected

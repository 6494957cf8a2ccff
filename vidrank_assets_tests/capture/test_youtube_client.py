import logging
import traceback
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from vidrank_assets.capture.kept_pages import KeptPages, Request
from vidrank_assets.capture.quota import Ledger
from vidrank_assets.capture.youtube_client import ATTEMPTS, YouTubeClient, _FullJitter, _TryAgain
from vidrank_assets.errors import InvalidInput, QuotaSpent, SourceRefused, SourceUnavailable
from vidrank_assets.settings import Settings

NOW = datetime(2026, 2, 10, 6, tzinfo=UTC)
TRANSIENT = ("backend_error", "rate_limited", "reset")
REFUSED = ("forbidden", "access_not_configured", "permission_denied", "redirect")

pytestmark = pytest.mark.usefixtures("without_waiting")


@pytest.fixture
def ledger(team):
    return Ledger(team.store, Settings().quota)


@pytest.fixture
def client(team, ledger):
    return connected(team, ledger)


def connected(team, ledger, *, key=None, clock=lambda: NOW, slot="2026-02-10T00"):
    key = SecretStr(key or team.fake.key)
    return YouTubeClient(KeptPages(team.store, slot), ledger, key=key, endpoint=team.fake.endpoint, clock=clock)


def channels(team):
    return Request("channels.list", {"part": "snippet", "id": tuple(team.fake.channel_ids)})


def test_what_is_asked_again_is_answered_from_what_is_kept_and_costs_nothing(team, client, ledger):
    first = client.ask(channels(team))
    assert connected(team, ledger).ask(channels(team)) == first
    assert len(team.fake.asked) == 1
    assert ledger.spent("shared", at=NOW) == team.fake.spent["shared"] == 1


def test_the_key_travels_in_the_header_and_never_in_a_url(team, client):
    client.ask(channels(team))
    assert [each.with_key for each in team.fake.asked] == [True]
    assert not team.fake.key_in_url
    assert team.fake.key not in str(team.fake.asked)


@pytest.mark.parametrize("fault", TRANSIENT)
def test_what_passes_by_itself_is_tried_again_and_each_attempt_is_in_the_ledger(team, client, ledger, fault):
    team.fake.fault("channels.list", fault, times=ATTEMPTS - 1)
    assert client.ask(channels(team)).status == 200
    assert len(team.fake.asked) == ATTEMPTS
    assert ledger.spent("shared", at=NOW) == ATTEMPTS


@pytest.mark.parametrize("fault", TRANSIENT)
def test_after_five_attempts_the_source_is_unavailable_and_nothing_is_kept(team, client, fault):
    team.fake.fault("channels.list", fault, times=None)
    with pytest.raises(SourceUnavailable, match=r"must answer channels\.list within 5 attempts; the last ended with"):
        client.ask(channels(team))
    assert len(team.fake.asked) == ATTEMPTS
    assert channels(team) not in client


@pytest.mark.parametrize("shape", range(5))
def test_an_exhausted_quota_in_any_shape_ends_all_calls_until_the_reset(team, client, ledger, shape):
    team.fake.fault("channels.list", "quota_exceeded", times=None, shape=shape)
    for _ in range(3):
        with pytest.raises(QuotaSpent, match="Google says it is used up"):
            client.ask(channels(team))
    with pytest.raises(QuotaSpent):
        connected(team, Ledger(team.store, Settings().quota)).ask(channels(team))
    assert len(team.fake.asked) == 1


@pytest.mark.parametrize("fault", REFUSED)
def test_what_would_be_refused_again_is_one_sentence_and_one_call(team, client, fault):
    team.fake.fault("channels.list", fault, times=None)
    with pytest.raises(SourceRefused) as refused:
        client.ask(channels(team))
    assert "\n" not in str(refused.value)
    assert len(team.asked("channels.list")) == 1
    assert not team.asked("elsewhere")  # where a redirect led to


def test_a_key_that_google_does_not_know_is_refused_and_shown_nowhere(team, ledger, caplog):
    caplog.set_level(logging.DEBUG)
    wrong = connected(team, ledger, key="AIza" + "NobodyMaySeeThis"[::-1])
    with pytest.raises(SourceRefused) as refused:
        wrong.ask(channels(team))
    told = "".join(traceback.format_exception(refused.value)) + caplog.text
    assert "VIDRANK_YOUTUBE_API_KEY" in told
    assert "NobodyMaySeeThis"[::-1] not in told


@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_answer_that_repeats_the_key_does_not_give_it_away(team, client, caplog, status):
    caplog.set_level(logging.DEBUG)
    team.fake.fault("channels.list", "echo_key", times=None, status=status)
    with pytest.raises((SourceRefused, SourceUnavailable)) as fault:
        client.ask(channels(team))
    told = "".join(traceback.format_exception(fault.value)) + caplog.text
    assert team.fake.key not in told
    kept = [team.store.read(key) for key in team.store.keys("")]
    assert not any(team.fake.key.encode() in content for content in kept)


def test_without_a_key_nothing_is_asked(team, ledger):
    pages = KeptPages(team.store, "2026-02-10T00")
    client = YouTubeClient(pages, ledger, key=None, endpoint=team.fake.endpoint, clock=lambda: NOW)
    with pytest.raises(SourceRefused, match="VIDRANK_YOUTUBE_API_KEY is not set"):
        client.ask(channels(team))
    assert not team.fake.asked and ledger.spent("shared", at=NOW) == 0


def test_blanks_around_a_key_that_was_read_from_a_file_are_not_sent(team, ledger):
    assert connected(team, ledger, key=f" {team.fake.key}\n").ask(channels(team)).status == 200


@pytest.mark.parametrize("within", ["\r\nX-Other: 1\n", "…", "\x00"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(team, ledger, within):
    key = f"{team.fake.key}{within}{team.fake.key}"
    with pytest.raises(SourceRefused, match="one line of letters") as refused:
        connected(team, ledger, key=key).ask(channels(team))
    assert team.fake.key not in "".join(traceback.format_exception(refused.value))
    assert not team.fake.asked


def test_an_item_that_is_not_there_is_an_answer_and_is_kept(team, client):
    team.fake.fault("playlistItems.list", "playlist_not_found", times=1)
    request = Request("playlistItems.list", {"part": "snippet", "playlistId": "UUnowhere"})
    assert client.ask(request).status == 404
    assert client.ask(request).status == 404
    assert len(team.fake.asked) == 1


def test_the_installed_client_knows_batch_get_stats_and_no_method_that_is_none(client):
    assert client.knows("videos.batchGetStats")
    assert not client.knows("videos.batchGetDreams")


@pytest.mark.parametrize("endpoint", ["http://youtube.googleapis.com/", "ftp://127.0.0.2/", "http://10.0.0.1:80/"])
def test_a_key_is_never_sent_in_the_open(team, ledger, endpoint):
    pages = KeptPages(team.store, "2026-02-10T00")
    with pytest.raises(InvalidInput, match="must begin with https://"):
        YouTubeClient(pages, ledger, key=SecretStr("k"), endpoint=endpoint, clock=lambda: NOW)


def test_looking_whether_the_key_is_accepted_costs_a_unit_and_keeps_nothing(team, client, ledger):
    client.assert_accepted()
    client.assert_accepted()
    assert team.fake.spent["shared"] == ledger.spent("shared", at=NOW) == 2
    assert not team.store.keys("youtube_api/pages")


def test_waits_are_drawn_from_a_range_that_doubles_up_to_half_a_minute():
    jitter, fault = _FullJitter(), _TryAgain("HTTP 503")
    waits = [jitter(fault) for _ in range(8)]
    assert all(0 <= wait <= bound for wait, bound in zip(waits, (1, 2, 4, 8, 16, 32, 32, 32), strict=True))
    assert jitter(_TryAgain("HTTP 429", wait_sec=32.0)) == 32.0
    assert _FullJitter()(ValueError("no fault of the server")) is False


def test_when_the_clock_passes_midnight_pacific_the_next_day_is_charged(team, ledger):
    clock = [datetime(2026, 2, 10, 7, 59, 59, tzinfo=UTC)]
    client = connected(team, ledger, clock=lambda: clock[0])
    client.ask(channels(team))
    clock[0] += timedelta(seconds=1)
    client.ask(Request("channels.list", {"part": "id", "id": (team.fake.channel_ids[0],)}))
    assert [ledger.spent("shared", at=at) for at in (clock[0] - timedelta(seconds=1), clock[0])] == [1, 1]

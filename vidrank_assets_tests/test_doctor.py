from datetime import UTC, datetime

import pytest

from vidrank_assets.doctor import findings
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage
from vidrank_assets_tests.fake_youtube import FakeYouTube


@pytest.fixture
def fake(monkeypatch):
    """The stand-in, which lives in the real present as the doctor does."""
    with FakeYouTube(moment=datetime.now(UTC)) as running:
        monkeypatch.setenv("VIDRANK_YOUTUBE_ENDPOINT", running.endpoint)
        monkeypatch.setenv("VIDRANK_YOUTUBE_API_KEY", running.key)
        yield running


def found(store, *, agrees=True):
    asked = []

    def ask(question):
        asked.append(question)
        return agrees

    told = {finding.about: finding for finding in findings(store, Settings(), ask=ask)}
    return told, asked


def test_where_everything_is_in_place_every_finding_is_well_or_cannot_be_told(store, fake):
    told, asked = found(store)
    assert [about for about, finding in told.items() if finding.well is False] == []
    assert list(told) == [
        "store", "key", "quota shared", "quota batch_get_stats", "quota search", "watch list", "disk", "clock",
        "versions", "GPU",
    ]  # fmt: skip
    assert told["key"].said == "accepted"
    assert len(asked) == 1 and "1 unit" in asked[0]
    assert fake.spent["shared"] == 1
    assert told["quota shared"].said.startswith("8999 of 9000 units left")
    assert not store.keys("doctor")


def test_nothing_is_asked_of_google_when_the_user_does_not_agree(store, fake):
    told, _ = found(store, agrees=False)
    assert told["key"].well is None
    assert not [each for each in fake.asked if each.with_key]


def test_without_a_key_nobody_is_asked_and_the_way_out_is_named(tmp_path, fake, monkeypatch):
    monkeypatch.delenv("VIDRANK_YOUTUBE_API_KEY")
    told, asked = found(Storage(str(tmp_path)))
    assert told["key"].well is False and "export VIDRANK_YOUTUBE_API_KEY" in told["key"].said
    assert not asked


def test_a_key_that_is_refused_is_a_fault_with_its_sentence_and_without_the_key(tmp_path, fake, monkeypatch):
    monkeypatch.setenv("VIDRANK_YOUTUBE_API_KEY", "another-key")
    told, _ = found(Storage(str(tmp_path)))
    assert told["key"].well is False
    assert "another-key" not in told["key"].said


def test_a_watch_list_that_cannot_be_read_is_a_fault(tmp_path, fake, monkeypatch):
    monkeypatch.setenv("VIDRANK_WATCH_LIST", str(tmp_path / "nowhere.yaml"))
    assert found(Storage(str(tmp_path)))[0]["watch list"].well is False


def test_a_store_that_cannot_be_written_is_a_fault_and_nothing_is_asked(tmp_path, fake):
    (tmp_path / "file").write_text("no folder")
    told, asked = found(Storage(str(tmp_path / "file" / "store")))
    assert told["store"].well is False and "VIDRANK_STORAGE" in told["store"].said
    assert not asked and "key" not in told


def test_a_store_where_a_second_writer_wins_is_a_fault(tmp_path, fake, monkeypatch):
    careless = Storage(str(tmp_path))
    write = careless.write
    monkeypatch.setattr(careless, "write", lambda key, content, once=False: write(key, content))
    told, _ = found(careless)
    assert told["store"].well is False and "replace what is written once" in told["store"].said


def test_a_clock_that_cannot_be_compared_is_no_fault(tmp_path, fake, monkeypatch):
    monkeypatch.setenv("VIDRANK_YOUTUBE_ENDPOINT", "http://127.0.0.1:9/")
    assert found(Storage(str(tmp_path)), agrees=False)[0]["clock"].well is None

"""The Data API as a stand-in answers for it, and the source that asks it, on a store of its own."""

from datetime import UTC, datetime, timedelta

import pytest
import stamina
import yaml

from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.capture.youtube_api import YouTubeApi
from vidrank_assets.storage import Storage
from vidrank_assets_tests.fake_youtube import FakeYouTube

MOMENT = datetime(2026, 2, 10, 6, tzinfo=UTC)


@pytest.fixture
def fake():
    """The stand-in over a small world: 12 channels, about 90 videos, all of them known to its API."""
    with FakeYouTube(SampleWorld(n_channels=12), moment=MOMENT) as running:
        yield running


@pytest.fixture
def without_waiting():
    """Attempts follow one another at once, and there are as many as ever."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


class Team:
    """A team that watches every channel of the stand-in. niches: the content of its watch list."""

    def __init__(self, fake, folder, monkeypatch):
        self.fake, self.folder = fake, folder
        self.store = Storage(str(folder / "store"))
        monkeypatch.setenv("VIDRANK_YOUTUBE_ENDPOINT", fake.endpoint)
        monkeypatch.setenv("VIDRANK_YOUTUBE_API_KEY", fake.key)
        monkeypatch.setenv("VIDRANK_THUMBNAIL_ORIGINS", f'["{fake.endpoint.rstrip("/")}"]')
        self.watch({"tech": {"channels": fake.channel_ids}})

    def watch(self, niches):
        (self.folder / "watch.yaml").write_text(yaml.safe_dump({"niches": niches}))

    def source(self, at=MOMENT):
        """The source at some moment, which is then the stand-in's as well."""
        self.fake.moment = at
        return YouTubeApi(self.store, watch_list=str(self.folder / "watch.yaml"), at=at.isoformat())

    def captured(self, at=MOMENT):
        source = self.source(at)
        return source.snapshots(source.days())

    def asked(self, method):
        """Requests of a method that came to the stand-in."""
        return [each for each in self.fake.asked if each.method == method]


@pytest.fixture
def team(fake, tmp_path, monkeypatch):
    return Team(fake, tmp_path, monkeypatch)


@pytest.fixture
def large_team(tmp_path, monkeypatch):
    """A team that watches 60 channels: enough for videos that are deleted, and for thumbnails that change."""
    with FakeYouTube(SampleWorld(n_channels=60), moment=MOMENT) as fake:
        yield Team(fake, tmp_path, monkeypatch)


@pytest.fixture
def next_day():
    return MOMENT + timedelta(days=1)

from datetime import timedelta
from hashlib import sha256

import polars as pl
import pytest

from vidrank_assets.capture import youtube_thumbnails
from vidrank_assets.capture.image_host import Answer
from vidrank_assets.capture.picture_rules import Picture
from vidrank_assets.capture.versions import new_versions
from vidrank_assets.tables import THUMBNAILS, VIDEO_VERSIONS
from vidrank_assets_tests.capture.conftest import MOMENT


@pytest.fixture
def fetched(team):
    """Captures a day and its thumbnails, and stores these as the asset would."""
    return fetching(team)


def fetching(team):
    def run(at=MOMENT):
        team.captured(at)
        source = team.source(at)
        captured = source.thumbnails(source.days())
        THUMBNAILS.checked(captured.rows)
        team.store.write_table(f"thumbnails/day={at.date()}/data.parquet", captured.rows)
        return captured

    return run


def test_the_first_time_every_thumbnail_is_new(team, fetched):
    rows, rejected, told = fetched()
    assert told == {"new": rows.height, "changed": 0, "unchanged": 0, "failed": 0, "left_for_later": 0}
    assert rows.height == len(team.asked("picture")) > 50
    assert rejected.is_empty()


def test_made_again_on_the_same_day_it_gives_the_same_rows_and_fetches_nothing(team, fetched):
    first, n_asked = fetched(), len(team.asked("picture"))
    again = fetched()
    assert again.rows.equals(first.rows)
    assert len(team.asked("picture")) == n_asked


def test_the_next_day_young_videos_are_looked_at_again_and_only_what_is_new_comes(team, fetched, next_day):
    before = fetched().rows
    rows, _, told = fetched(next_day)
    assert told["new"] > 0 and told["unchanged"] > 0
    assert rows.height == told["new"] + told["changed"]
    assert not rows.join(before, on=["video_id", "content_hash"], how="inner").height
    pictures = team.asked("picture")[before.height :]
    assert {304, 200} >= {each.status for each in pictures}
    assert len(pictures) < before.height


def test_a_changed_thumbnail_is_a_row_of_its_day_beside_the_one_before(large_team, monkeypatch):
    monkeypatch.setenv("VIDRANK_WATCH_DAYS", "7")
    fetched = fetching(large_team)
    days = [fetched(MOMENT + timedelta(days=day)) for day in range(8)]
    assert sum(day.told["changed"] for day in days) > 0
    versions = pl.concat([day.rows for day in days]).group_by("video_id").agg(pl.col("content_hash").n_unique())
    assert versions["content_hash"].max() == 2


def always(picture):
    """An image host that shows the same picture of every video."""
    content = picture.encode()
    shown = Picture(content, sha256(content).hexdigest(), 320, 180)
    return lambda wanted, **_: (Answer(each, shown, etag=f'"{picture}"') for each in wanted)


def test_a_picture_that_comes_back_after_another_is_a_row_again_and_a_version(team, fetched, monkeypatch):
    monkeypatch.setattr(youtube_thumbnails, "_YOUNG", timedelta(days=90))
    history, days = VIDEO_VERSIONS.empty(), []
    for day, picture in enumerate("ABBA"):
        monkeypatch.setattr(youtube_thumbnails, "fetched", always(picture))
        rows, _, told = fetched(MOMENT + timedelta(days=day))
        assert rows.height == told["new"] + told["changed"]
        pictures = rows.select("video_id", "captured_at", "content_hash", "source")
        titles = pictures.clear().rename({"content_hash": "title"})
        history = pl.concat([history, new_versions(titles, pictures, history)])
        days.append(set(rows["video_id"]))
    assert not days[2] & days[1]  # the same picture as the day before is none
    thrice = history.filter(pl.col("version") == 3)
    assert set(thrice["video_id"]) == days[0] & days[3]
    assert len(days[0] & days[3]) > 50


def test_a_picture_that_comes_after_midnight_is_of_the_day_that_it_was_asked_for(team):
    team.captured()
    late = MOMENT.replace(hour=23, minute=59, second=59, microsecond=999_000)
    rows, _, told = team.source(late).thumbnails([late.date()])
    assert rows.height == told["new"] > 0
    assert set(rows["captured_at"].dt.date()) == {late.date()}


def test_a_broken_picture_is_set_aside_with_its_reason_and_looked_at_the_next_day(team, fetched, next_day):
    team.fake.fault("picture", "truncated_picture", times=1)
    rows, rejected, told = fetched()
    assert told["failed"] == 1
    assert rejected["reason"].len() == 1
    (video,) = rejected["video_id"]
    assert video not in rows["video_id"]


def test_a_day_fetches_so_many_and_leaves_the_older_ones_for_the_next(team, fetched, next_day, monkeypatch):
    monkeypatch.setattr(youtube_thumbnails, "MOST_A_DAY", 20)
    rows, _, told = fetched()
    assert rows.height == 20 and told["left_for_later"] > 0
    assert fetched(next_day).rows.height > 0


def test_a_picture_that_is_stored_no_more_is_fetched_again(team, fetched, next_day):
    fetched()
    team.store.write_table(f"thumbnails/day={MOMENT.date()}/data.parquet", THUMBNAILS.empty())
    rows, _, told = fetched(next_day)
    assert told["new"] + told["changed"] + told["unchanged"] == told["new"] + told["unchanged"]
    assert rows.height > 50


def test_pictures_are_stored_as_they_come_so_a_killed_run_goes_on(team, fetched, monkeypatch):
    monkeypatch.setattr(youtube_thumbnails, "_TOGETHER", 10)
    kept = youtube_thumbnails.fetched

    def killed(*args, **kwargs):
        for place, answer in enumerate(kept(*args, **kwargs)):
            if place == 35:
                raise KeyboardInterrupt
            yield answer

    monkeypatch.setattr(youtube_thumbnails, "fetched", killed)
    with pytest.raises(KeyboardInterrupt):
        fetched()
    monkeypatch.setattr(youtube_thumbnails, "fetched", kept)
    n_before = len(team.asked("picture"))
    rows = fetched().rows
    assert rows.height == rows["video_id"].n_unique()
    assert len(team.asked("picture")) - n_before == rows.height - 30

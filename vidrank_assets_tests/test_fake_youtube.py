"""The stand-in answers as the Data API does: as its schemas say, as real answers look, and as it fails."""

import io
import itertools
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from googleapiclient import discovery_cache
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest
from httplib2 import Http
from PIL import Image

from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets_tests.fake_youtube import FakeYouTube
from vidrank_assets_tests.fake_youtube_faults import ERRORS, white_png

ROOT = Path(__file__).parents[1]
MOMENT = datetime(2026, 4, 10, 6, tzinfo=UTC)
DAY = timedelta(days=1)
PARTS = "id,snippet,contentDetails,statistics,status"


@pytest.fixture(scope="module")
def served() -> Iterator[FakeYouTube]:
    """One that nobody changes."""
    with FakeYouTube(moment=MOMENT) as fake:
        yield fake


@pytest.fixture
def fake() -> Iterator[FakeYouTube]:
    with FakeYouTube(SampleWorld(n_channels=6), moment=MOMENT) as fake:
        yield fake


class Browser:
    """Asks over HTTP, without any client of Google's."""

    def __init__(self, fake: FakeYouTube) -> None:
        self.fake, self.pool = fake, urllib3.PoolManager(retries=False, timeout=20)

    def get(self, path: str, *, key: str | None = "right", **params: Any) -> urllib3.BaseHTTPResponse:
        headers = {} if key is None else {"X-Goog-Api-Key": self.fake.key if key == "right" else key}
        url = self.fake.endpoint + path
        return self.pool.request("GET", url, fields=list(_pairs(params)), headers=headers, redirect=False)

    def ask(self, method: str, **params: Any) -> Any:
        """What the API says, whatever the status."""
        return self.get(f"youtube/v3/{method}", **params).json()

    def uploads(self, **params: Any) -> list[Any]:
        """Every upload of every channel."""
        playlists = [f"UU{channel[2:]}" for channel in self.fake.channel_ids]
        answers = (self.ask("playlistItems", part="snippet,contentDetails", playlistId=each, maxResults=50, **params)
                   for each in playlists)  # fmt: skip
        return [item for answer in answers for item in answer["items"]]

    def all_of(self, method: str) -> dict[str, Any]:
        """Every video that uploads list, by its id, from `videos` or `videos:batchGetStats`."""
        return self.some_of(method, [item["contentDetails"]["videoId"] for item in self.uploads()])

    def some_of(self, method: str, ids: list[str]) -> dict[str, Any]:
        """Those of these videos that are there, by their id."""
        pages = (self.ask(method, part=PARTS, id=ids[i : i + 50]) for i in range(0, len(ids), 50))
        return {item["id"]: item for page in pages for item in page["items"]}


def _pairs(params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, str(each)


@pytest.fixture
def browser(fake) -> Browser:
    return Browser(fake)


@pytest.fixture(scope="module")
def reader(served) -> Browser:
    """Of the one that nobody changes."""
    return Browser(served)


def client(fake: FakeYouTube) -> Any:
    """Google's own, which sends the key in a header."""

    def request(http, postproc, uri, **told):
        headers = {**(told.pop("headers", None) or {}), "X-Goog-Api-Key": fake.key}
        return HttpRequest(http, postproc, uri, headers=headers, **told)

    return build("youtube", "v3", http=Http(), requestBuilder=request, client_options={"api_endpoint": fake.endpoint})


@pytest.fixture(scope="module")
def answers(reader) -> dict[str, list[Any]]:
    """Whole answers by the name of their schema, which hold everything there is to say."""
    ids, found = reader.fake.channel_ids, {"part": "snippet", "q": "news brutal", "maxResults": 50}
    uploads = [
        reader.ask("playlistItems", part="snippet,contentDetails", playlistId=f"UU{each[2:]}", maxResults=20)
        for each in ids
    ]
    videos = [item["contentDetails"]["videoId"] for answer in uploads for item in answer["items"]]
    pages = [videos[i : i + 50] for i in range(0, len(videos), 50)]
    return {
        "ChannelListResponse": [reader.ask("channels", part=PARTS, id=ids[:50], maxResults=50)],
        "PlaylistItemListResponse": uploads,
        "VideoListResponse": [reader.ask("videos", part=PARTS, id=page) for page in pages],
        "BatchGetStatsResponse": [reader.ask("videos:batchGetStats", part=PARTS, id=page) for page in pages],
        "SearchListResponse": [reader.ask("search", **found), reader.ask("search", type="channel", **found)],
    }


SCHEMAS = ["ChannelListResponse", "PlaylistItemListResponse", "VideoListResponse", "BatchGetStatsResponse"]
SCHEMAS += ["SearchListResponse"]
TYPES = {"string": str, "integer": int, "boolean": bool, "number": float}
FORMATS = {
    "int64": r"-?\d+", "uint64": r"\d+", "google-duration": r"\d+s",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "google-datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}  # fmt: skip


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    document = Path(discovery_cache.__file__).with_name("documents") / "youtube.v3.json"
    return json.loads(document.read_text())["schemas"]


def undeclared(value: Any, schema: dict[str, Any], schemas: dict[str, Any], at: str = "") -> list[str]:
    """Where a value is not what the discovery document declares."""
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    if schema["type"] == "array":
        listed = value if isinstance(value, list) else [None]
        return [fault for each in listed for fault in undeclared(each, schema["items"], schemas, at + "[]")]
    if schema["type"] == "object":
        known = schema.get("properties", {})
        unknown = [f"{at}.{name}" for name in value if name not in known]
        return unknown + [fault for name in value if name in known
                          for fault in undeclared(value[name], known[name], schemas, f"{at}.{name}")]  # fmt: skip
    right = type(value) is TYPES[schema["type"]]
    form = FORMATS.get(schema.get("format", ""))
    return [] if right and (form is None or type(value) is int or re.fullmatch(form, value)) else [f"{at}: {value!r}"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_declared_and_of_its_type(answers, schemas, name):
    for answer in answers[name]:
        assert undeclared(answer, {"$ref": name}, schemas) == []
    assert sum(len(answer["items"]) for answer in answers[name]) >= 50


def test_the_check_against_the_schemas_sees_what_is_wrong(schemas):
    wrong = {"items": [{"id": 1, "statistics": {"viewCount": 7, "sent": "x"}}], "pageInfo": {"totalResults": "1"}}
    assert undeclared(wrong, {"$ref": "VideoListResponse"}, schemas) == [
        ".items[].id: 1", ".items[].statistics.sent", ".items[].statistics.viewCount: 7", ".pageInfo.totalResults: '1'",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """Answers of the real API by the name of their file."""
    packed = Path(os.environ.get("VIDRANK_REAL_DATA", "no-folder")) / "youtube-api-responses.tar.xz"
    if not packed.is_file():
        pytest.skip(f"VIDRANK_REAL_DATA names no folder with {packed.name}")
    with tarfile.open(packed) as tar:
        names = [name for name in tar.getnames() if name.endswith(".json")]
        return {Path(name).name: json.load(tar.extractfile(name)) for name in names}


#: What the API has said only since those answers were kept.
NEWER = {"snippet.videoOwnerChannelTitle", "snippet.videoOwnerChannelId"}
#: Parts and fields of the real answers that nobody here asks for.
UNASKED = re.compile(r"player|brandingSettings|statistics\.commentCount")


def fields(item: Any, before: str = "") -> set[str]:
    if not isinstance(item, dict):
        return set()
    return {before + name for name in item}.union(*(fields(value, f"{before}{name}.") for name, value in item.items()))


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name != "BatchGetStatsResponse"])
def test_items_have_the_fields_that_real_ones_have(real, answers, name):
    """Whatever every real item has, ours have; whatever ours have, some real item has, in the parts that both have."""
    kind = f"youtube#{name[0].lower()}{name[1:]}"
    theirs = [fields(item) for answer in real.values() if answer.get("kind") == kind for item in answer["items"]]
    ours = [fields(item) for answer in answers[name] for item in answer["items"]]
    gone = {"snippet.thumbnails.default"} if name == "PlaylistItemListResponse" else set()
    ours = [each for each in ours if gone <= each]
    shared = {part.split(".")[0] for each in theirs for part in each}
    always = {each for each in set.intersection(*theirs) if not UNASKED.match(each)}
    sometimes = set.union(*theirs) | NEWER
    assert len(theirs) > 4
    assert [always - each for each in ours if not always <= each] == []
    assert {each for of in ours for each in of if each.split(".")[0] in shared} <= sometimes


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name != "BatchGetStatsResponse"])
def test_answers_have_the_frame_that_real_ones_have(real, answers, name):
    theirs = [each for each in real.values() if each.get("kind") == f"youtube#{name[0].lower()}{name[1:]}"]
    ours = answers[name]
    assert {each["kind"] for each in ours} == {each["kind"] for each in theirs}
    assert {field for each in ours for field in each} <= {field for each in theirs for field in each} | {
        "nextPageToken"
    }
    assert {field for each in ours for field in each["pageInfo"]} == {f for each in theirs for f in each["pageInfo"]}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("quotaExceeded_403.json", "quota_exceeded"),
        ("playlistNotFound_404.json", "playlist_not_found"),
        ("pyyoutube_error_response.json", "key_invalid"),
        ("joostlek_youtube_not_activated_403.json", "access_not_configured"),
        ("error_permission_resp.json", "permission_denied"),
    ],
)
def test_errors_have_the_fields_and_reasons_of_real_ones(real, file, name):
    theirs, ours = real[file]["error"], ERRORS[name][0]["error"]
    assert fields(ours) == fields(theirs)
    assert fields(ours["errors"][0]) == fields(theirs["errors"][0])
    for said in ("reason", "domain"):
        assert ours["errors"][0][said] == theirs["errors"][0][said]
    assert [each["@type"] for each in ours.get("details", [])] == [each["@type"] for each in theirs.get("details", [])]
    assert (ours["code"], ours.get("status")) == (theirs["code"], theirs.get("status"))


def test_googles_client_pages_through_a_playlist(served):
    youtube, found = client(served), []
    asked = {"part": "contentDetails", "playlistId": f"UU{served.channel_ids[0][2:]}", "maxResults": 10}
    request = youtube.playlistItems().list(**asked)
    while request is not None:
        answer = request.execute()
        found += [(item["contentDetails"].get("videoPublishedAt"), item["contentDetails"]["videoId"])
                  for item in answer["items"]]  # fmt: skip
        request = youtube.playlistItems().list_next(request, answer)
    youtube.close()
    dates = [at for at, _ in found if at]
    assert len({video_id for _, video_id in found}) == len(found) == answer["pageInfo"]["totalResults"] > 10
    assert dates == sorted(dates, reverse=True)
    assert served.asked[-1].params["pageToken"][0] in ("CAoQAA", "CBQQAA")
    assert not served.key_in_url


def test_googles_client_reads_counters_fifty_at_a_time(served, reader):
    ids = list(reader.all_of("videos"))[:50]
    with client(served) as youtube:
        answer = youtube.videos().batchGetStats(part="statistics", id=ids).execute()
    assert [item["id"] for item in answer["items"]] == ids
    assert set(answer["items"][0]) == {"kind", "etag", "id", "statistics"}
    assert served.asked[-1].method == "videos.batchGetStats"
    assert served.asked[-1].params["id"] == tuple(ids)


def test_googles_client_raises_what_it_raises_for_the_real_api(fake):
    with client(fake) as youtube, pytest.raises(HttpError) as raised:
        youtube.playlistItems().list(part="snippet", playlistId="UUnone").execute()
    assert raised.value.status_code == 404
    assert raised.value.error_details[0]["reason"] == "playlistNotFound"


def test_a_page_back_is_the_page_before(reader):
    asked = {"part": "contentDetails", "playlistId": f"UU{reader.fake.channel_ids[0][2:]}", "maxResults": 6}
    first = reader.ask("playlistItems", **asked)
    second = reader.ask("playlistItems", **asked, pageToken=first["nextPageToken"])
    assert reader.ask("playlistItems", **asked, pageToken=second["prevPageToken"])["items"] == first["items"]


def test_counters_are_those_of_the_sample_world_at_that_moment(reader):
    world = SampleWorld()
    videos = world.videos(world.days()[0], MOMENT.date())
    videos = videos.filter(videos["published_at"] < MOMENT)
    counters = dict(zip(videos["video_id"], world.counters(videos, MOMENT).rows(), strict=True))
    shown = reader.all_of("videos:batchGetStats")
    for video_id, item in shown.items():
        said = item["statistics"]
        told = tuple(said.get(name) and int(said[name]) for name in ("viewCount", "likeCount", "commentCount"))
        assert told == counters[video_id]
    assert len(shown) > 1_000
    assert any("likeCount" not in item["statistics"] for item in shown.values())
    assert any("commentCount" not in item["statistics"] for item in shown.values())


def test_a_live_stream_has_no_duration_yet(reader):
    stats, videos = reader.all_of("videos:batchGetStats"), reader.all_of("videos")
    live = [each for each, item in videos.items() if item["snippet"]["liveBroadcastContent"] == "live"]
    assert 0 < len(live) < 0.05 * len(videos)
    for video_id, item in videos.items():
        told = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", item["contentDetails"]["duration"])
        if video_id in live:
            assert item["contentDetails"]["duration"] == "P0D"
            assert stats[video_id]["contentDetails"] == {}
        else:
            hours, minutes, seconds = (int(each or 0) for each in told.groups())
            assert stats[video_id]["contentDetails"]["duration"] == f"{3600 * hours + 60 * minutes + seconds}s"


def test_subscribers_are_rounded_down_to_three_digits_or_hidden(reader, answers):
    counts = [item["statistics"] for item in answers["ChannelListResponse"][0]["items"]]
    assert any(each["hiddenSubscriberCount"] for each in counts)
    for each in counts:
        assert (each["subscriberCount"] == "0") == each["hiddenSubscriberCount"]
        assert each["subscriberCount"][3:].strip("0") == ""


def test_a_channel_is_found_by_its_handle_however_it_is_written(reader):
    by_id = reader.ask("channels", part="snippet", id=reader.fake.channel_ids[0])["items"]
    assert by_id[0]["snippet"]["customUrl"] == "@synthetic-tech-01"
    for handle in ("@synthetic-tech-01", "synthetic-tech-01", "@Synthetic-Tech-01"):
        assert reader.ask("channels", part="snippet", forHandle=handle)["items"] == by_id
    assert "items" not in reader.ask("channels", part="snippet", forHandle="@nobody")


def test_what_is_unknown_is_left_out_and_no_error(reader):
    assert reader.ask("videos", part="snippet", id="-----------")["items"] == []
    assert reader.ask("videos:batchGetStats", part="snippet", id="-----------")["items"] == []
    assert "items" not in reader.ask("channels", part="snippet", id="UC----------------------")


def test_channels_come_five_at_a_time_unless_more_are_asked_for(reader):
    ids = reader.fake.channel_ids[:7]
    assert len(reader.ask("channels", part="id", id=ids)["items"]) == 5
    assert len(reader.ask("channels", part="id", id=ids, maxResults=50)["items"]) == 7


def test_ids_and_parts_may_be_repeated_or_come_with_commas(reader):
    ids = list(reader.all_of("videos"))[:3]
    repeated = reader.ask("videos", part=["snippet", "status"], id=ids)
    assert repeated["items"] == reader.ask("videos", part="snippet,status", id=",".join(ids))["items"]
    assert set(repeated["items"][0]) == {"kind", "etag", "id", "snippet", "status"}


def test_search_finds_words_of_titles_and_niches_within_a_time(reader):
    since = "2026-03-20T00:00:00Z"
    asked = {"part": "snippet", "q": "beauty", "type": "video", "maxResults": 10, "order": "date"}
    first = reader.ask("search", **asked, publishedAfter=since)
    second = reader.ask("search", **asked, publishedAfter=since, pageToken=first["nextPageToken"])
    dates = [item["snippet"]["publishedAt"] for answer in (first, second) for item in answer["items"]]
    assert len(dates) == 20
    assert dates == sorted(dates, reverse=True)
    assert dates[-1] >= since
    assert {item["snippet"]["channelTitle"][:16] for item in first["items"]} == {"Synthetic Beauty"}
    assert reader.ask("search", **{**asked, "q": "xyzzy"})["items"] == []


def test_search_can_stay_within_a_channel(reader):
    channel = reader.fake.channel_ids[3]
    found = reader.ask("search", part="snippet", channelId=channel, type="video", maxResults=50)["items"]
    assert {item["snippet"]["channelId"] for item in found} == {channel}


def test_the_same_moment_gives_the_same_bytes_from_anywhere(fake, browser):
    with FakeYouTube(SampleWorld(n_channels=6), moment=MOMENT - 9 * DAY) as other:
        early = Browser(other).all_of("videos")
        other.moment = MOMENT
        later = json.dumps(Browser(other).all_of("videos")).replace(other.endpoint, fake.endpoint)
    assert later == json.dumps(browser.all_of("videos"))
    assert set(early) != set(browser.all_of("videos"))


def test_views_grow_from_day_to_day(fake, browser):
    before = browser.all_of("videos")
    fake.moment = MOMENT + DAY
    after = browser.all_of("videos")
    grown = [int(after[each]["statistics"]["viewCount"]) > int(item["statistics"]["viewCount"])
             for each, item in before.items() if each in after]  # fmt: skip
    assert sum(grown) > 0.9 * len(grown) > 100


def test_some_videos_are_taken_away_and_only_some_of_them_leave_the_playlist(served, reader):
    uploads, online = reader.uploads(), reader.all_of("videos")
    gone = [item for item in uploads if item["contentDetails"]["videoId"] not in online]
    assert {item["snippet"]["title"] for item in gone} == {"Deleted video", "Private video"}
    assert all(
        item["snippet"]["thumbnails"] == {} and "videoPublishedAt" not in item["contentDetails"] for item in gone
    )
    assert 3 <= len(gone) < 0.02 * len(uploads)
    video_id = gone[0]["contentDetails"]["videoId"]
    assert reader.get(f"vi/{video_id}/mqdefault.jpg", key=None).status == 404


@pytest.fixture(scope="module")
def large() -> Iterator[FakeYouTube]:
    """One with some hundred new videos a day; whoever uses it sets its moment."""
    with FakeYouTube(SampleWorld(n_channels=500), moment=MOMENT) as fake:
        yield fake


@pytest.fixture
def newest(large) -> dict[str, datetime]:
    """The 500 newest videos of the large one, at MOMENT, with when they were published."""
    large.moment, found, asked = MOMENT, {}, {"part": "snippet", "type": "video", "order": "date", "maxResults": 50}
    while len(found) < 500:
        answer = Browser(large).ask("search", **asked)
        asked["pageToken"] = answer.get("nextPageToken")
        found |= {item["id"]["videoId"]: datetime.fromisoformat(item["snippet"]["publishedAt"])
                  for item in answer["items"]}  # fmt: skip
    return found


def test_a_video_that_is_taken_away_stays_away_and_was_there_for_days(large, newest):
    browser, there, moments = Browser(large), [], [MOMENT + day * DAY for day in range(0, 33, 4)]
    for moment in moments:
        large.moment = moment
        there.append(set(browser.some_of("videos:batchGetStats", list(newest))))
    assert there[0] == set(newest)
    assert all(later <= earlier for earlier, later in itertools.pairwise(there))
    assert 2 <= len(there[0] - there[-1]) <= 20
    for i, (earlier, later) in enumerate(itertools.pairwise(there)):
        assert all(moments[i + 1] - newest[each] > 5 * DAY for each in earlier - later)


def test_a_few_titles_change_on_the_third_day(large, newest):
    browser, said = Browser(large), []
    for half_day in range(8):
        large.moment = MOMENT + half_day * DAY / 2
        items = browser.some_of("videos", [each for each, at in newest.items() if MOMENT - at < 2 * DAY])
        said.append({each: item["snippet"]["title"] for each, item in items.items()})
    changed = [(each, i) for i in range(7) for each in said[i] if said[i][each] != said[i + 1].get(each, said[i][each])]
    assert 1 <= len(changed) <= 0.08 * len(said[0])
    for each, i in changed:
        assert MOMENT + i * DAY / 2 - newest[each] < 3 * DAY
        assert MOMENT + (i + 1) * DAY / 2 - newest[each] > 2 * DAY
        assert said[i + 1][each] == said[i][each].replace(said[i][each].split()[0], "Updated", 1)


def test_a_few_thumbnails_change_their_bytes_and_their_etag_but_not_their_url(large, newest):
    browser, seen = Browser(large), {each: [] for each, at in newest.items() if MOMENT - at < 1.5 * DAY}
    for moment in (MOMENT, MOMENT + 0.4 * DAY, MOMENT + 3 * DAY):
        large.moment = moment
        for video_id, pictures in seen.items():
            answer = browser.get(f"vi/{video_id}/mqdefault.jpg", key=None)
            pictures.append((answer.headers["ETag"], answer.data))
    changed = [(a, c) for a, _, c in seen.values() if a != c]
    assert [each for each, (a, b, _) in seen.items() if a != b and MOMENT + 0.4 * DAY - newest[each] < 2 * DAY] == []
    assert 1 <= len(changed) <= 0.08 * len(seen)
    assert all(before[0] != after[0] and before[1] != after[1] for before, after in changed)


def test_a_thumbnail_is_a_jpeg_of_its_size_at_the_url_that_the_api_tells(reader):
    video_id, video = next(iter(reader.all_of("videos").items()))
    for told in video["snippet"]["thumbnails"].values():
        answer = reader.pool.request("GET", told["url"])
        picture = Image.open(io.BytesIO(answer.data))
        assert (picture.format, picture.size) == ("JPEG", (told["width"], told["height"]))
        assert answer.headers["Content-Type"] == "image/jpeg"
    assert reader.fake.asked[-1].params["video_id"] == (video_id,)
    assert not reader.fake.asked[-1].with_key


def test_a_thumbnail_that_has_not_changed_is_not_sent_again(reader):
    video = next(iter(reader.all_of("videos").values()))
    url = video["snippet"]["thumbnails"]["medium"]["url"]
    etag = reader.pool.request("GET", url).headers["ETag"]
    again = reader.pool.request("GET", url, headers={"If-None-Match": etag})
    assert (again.status, again.data) == (304, b"")
    assert reader.pool.request("GET", url, headers={"If-None-Match": '"1"'}).status == 200


def test_there_are_no_pictures_but_those_of_videos(reader):
    video_id = next(iter(reader.all_of("videos")))
    assert reader.get("vi/-----------/mqdefault.jpg", key=None).status == 404
    assert reader.get(f"vi/{video_id}/other.jpg", key=None).status == 404


def test_a_playlist_can_be_cut_to_the_newest():
    with FakeYouTube(SampleWorld(n_channels=3), moment=MOMENT, videos_per_channel=4) as few:
        answer = Browser(few).ask("playlistItems", part="id", playlistId=f"UU{few.channel_ids[0][2:]}", maxResults=50)
        newest = Browser(few).ask("search", part="id", channelId=few.channel_ids[0], type="video", order="date")[
            "items"
        ]
    assert answer["pageInfo"]["totalResults"] == 4
    assert len(newest) == 5


FIRST = {"part": "id", "playlistId": "that of the first channel"}
REFUSED = {
    "51 ids": ("videos", {"part": "id", "id": ["x"] * 51}, "invalidFilters"),
    "51 ids for counters": ("videos:batchGetStats", {"part": "id", "id": ["x"] * 51}, "invalidFilters"),
    "no ids": ("videos", {"part": "id"}, "missingRequiredParameter"),
    "no part": ("videos", {"id": "x"}, "missingRequiredParameter"),
    "an unknown part": ("videos", {"part": "snippet,wishes", "id": "x"}, "unknownPart"),
    "no playlist": ("playlistItems", {"part": "id"}, "missingRequiredParameter"),
    "an unknown playlist": ("playlistItems", {"part": "id", "playlistId": "UUx"}, "playlistNotFound"),
    "pages of 51": ("playlistItems", {**FIRST, "maxResults": 51}, "invalidParameter"),
    "a wrong page token": ("playlistItems", {**FIRST, "pageToken": "CAUX"}, "invalidPageToken"),
    "an empty page token": ("playlistItems", {**FIRST, "pageToken": ""}, "invalidPageToken"),
    "no time": ("search", {"part": "id", "type": "video", "publishedAfter": "yesterday"}, "invalidParameter"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_api_refuses_is_refused_and_charged(fake, browser, case):
    method, params, reason = REFUSED[case]
    if params.get("playlistId") == FIRST["playlistId"]:
        params = {**params, "playlistId": f"UU{fake.channel_ids[0][2:]}"}
    answer = browser.get(f"youtube/v3/{method}", **params)
    told = answer.json()["error"]
    assert told["errors"][0]["reason"] == reason
    assert answer.status == told["code"] == fake.asked[-1].status == (404 if reason == "playlistNotFound" else 400)
    assert sum(fake.spent.values()) == fake.asked[-1].charged == 1


def test_the_key_is_accepted_in_the_header_only(fake, browser):
    asked = {"part": "id", "id": fake.channel_ids[0]}
    missing = browser.get("youtube/v3/channels", key=None, **asked)
    assert (missing.status, missing.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    wrong = browser.get("youtube/v3/channels", key="wrong", **asked)
    assert (wrong.status, wrong.json()["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert not fake.key_in_url
    url = f"{fake.endpoint}youtube/v3/channels?part=id&id={fake.channel_ids[0]}&key={fake.key}"
    assert browser.pool.request("GET", url, headers={"X-Goog-Api-Key": fake.key}).status == 400
    assert fake.key_in_url
    assert sum(fake.spent.values()) == 0


def test_each_method_is_charged_to_its_bucket(fake, browser):
    playlist = f"UU{fake.channel_ids[0][2:]}"
    browser.ask("channels", part="id", id=fake.channel_ids[0])
    browser.ask("playlistItems", part="id", playlistId=playlist)
    browser.ask("videos", part="id", id="x")
    browser.ask("videos:batchGetStats", part="id", id="x")
    browser.ask("search", part="id", q="tech")
    assert fake.spent == {"shared": 3, "batch_get_stats": 1, "search": 1}
    assert browser.get("stand-in/spent").json() == fake.spent
    assert [each["method"] for each in browser.get("stand-in/asked").json()] == [each.method for each in fake.asked]


def test_an_empty_bucket_is_said_to_be_empty_and_charged_no_more():
    with FakeYouTube(SampleWorld(n_channels=2), moment=MOMENT, limits={"shared": 2}) as fake:
        browser, asked = Browser(fake), {"part": "id", "id": "x"}
        statuses = [browser.get("youtube/v3/videos", **asked).status for _ in range(4)]
        told = browser.ask("videos", **asked)["error"]["errors"][0]
        assert statuses == [200, 200, 403, 403]
        assert (told["reason"], told["domain"]) == ("quotaExceeded", "youtube.quota")
        assert browser.get("youtube/v3/videos:batchGetStats", **asked).status == 200
        assert fake.spent == {"shared": 2, "batch_get_stats": 1, "search": 0}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2026-02-10T07:59:59Z", "2026-02-10T08:00:00Z"),
        ("2026-03-08T07:59:59Z", "2026-03-08T08:00:00Z"),
        ("2026-03-09T06:59:59Z", "2026-03-09T07:00:00Z"),
        ("2026-11-01T06:59:59Z", "2026-11-01T07:00:00Z"),
        ("2026-11-02T07:59:59Z", "2026-11-02T08:00:00Z"),
    ],
)
def test_the_charge_starts_anew_at_midnight_pacific_also_where_the_clock_changes(before, after):
    with FakeYouTube(SampleWorld(n_channels=1), moment=datetime.fromisoformat(before), limits={"shared": 1}) as fake:
        browser = Browser(fake)
        statuses = [browser.get("youtube/v3/videos", part="id", id="x").status for _ in range(2)]
        fake.moment = datetime.fromisoformat(after)
        statuses += [browser.get("youtube/v3/videos", part="id", id="x").status for _ in range(2)]
        assert statuses == [200, 403, 200, 403]
        assert [each["shared"] for each in fake.spent_by_day.values()] == [1, 1]


def test_another_process_can_move_its_present(fake, browser):
    answer = browser.pool.request("POST", f"{fake.endpoint}stand-in/moment", body=b"2026-05-01T06:00:00+02:00\n")
    assert answer.status == 200
    assert fake.moment == datetime(2026, 5, 1, 4, tzinfo=UTC)
    for wrong in (b"soon", b"2026-05-01T06:00:00"):
        assert browser.pool.request("POST", f"{fake.endpoint}stand-in/moment", body=wrong).status == 400
    assert fake.moment == datetime(2026, 5, 1, 4, tzinfo=UTC)


def test_it_runs_by_itself():
    command = [sys.executable, "-m", "vidrank_assets_tests.fake_youtube", "--moment", "2026-02-10T06:00:00Z"]
    with subprocess.Popen([*command, "--channels", "2"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        endpoint, key = re.match(r"endpoint=(\S+) key=(\S+) synthetic", line).groups()
        answer = urllib3.request(
            "GET",
            f"{endpoint}youtube/v3/channels?part=id&forHandle=@synthetic-tech-01",
            headers={"X-Goog-Api-Key": key},
        )
        process.terminate()
    assert len(answer.json()["items"]) == 1


@pytest.fixture
def asked(fake) -> dict[str, Any]:
    """The parameters of a page of uploads, which has items and a page after it."""
    return {"part": "snippet,contentDetails", "playlistId": f"UU{fake.channel_ids[0][2:]}", "maxResults": 10}


SHAPES = [(name, shape) for name, shapes in ERRORS.items() for shape in range(len(shapes))]


@pytest.mark.parametrize(("name", "shape"), SHAPES, ids=str)
def test_an_error_has_its_shape_and_costs_nothing_where_the_request_does_not_reach_the_api(
    fake, browser, asked, name, shape
):
    fake.fault("playlistItems.list", name, shape=shape)
    answer = browser.get("youtube/v3/playlistItems", **asked)
    assert answer.json() == ERRORS[name][shape]
    assert answer.status == ERRORS[name][shape]["error"]["code"] == fake.asked[0].status
    assert fake.spent["shared"] == (name in ("forbidden", "playlist_not_found"))
    assert browser.get("youtube/v3/playlistItems", **asked).status == 200


def test_a_spent_quota_comes_in_four_shapes_that_differ():
    told = [shape["error"] for shape in ERRORS["quota_exceeded"]]
    assert [(each["code"], each["errors"][0]["reason"], each["errors"][0]["domain"]) for each in told[:4]] == [
        (403, "quotaExceeded", "youtube.quota"),
        (403, "dailyLimitExceeded", "usageLimits"),
        (429, "rateLimitExceeded", "global"),
        (429, "rateLimitExceeded", "global"),
    ]
    assert told[2]["details"][0]["metadata"]["quota_limit"] == "defaultPerDayPerProject"
    assert told[2]["details"][0]["reason"] == "RATE_LIMIT_EXCEEDED"
    assert "per day" in told[3]["message"] and "details" not in told[3]


def test_too_many_requests_say_when_to_come_back(fake, browser, asked):
    fake.fault("*", "rate_limited", retry_after=7)
    answer = browser.get("youtube/v3/playlistItems", **asked)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["error"]["details"][0]["metadata"]["quota_limit"] == "defaultPerMinutePerProject"


@pytest.mark.parametrize(("status", "kind"), [(500, "json"), (502, "html"), (503, "json")])
def test_the_server_fails_in_three_ways(fake, browser, asked, status, kind):
    fake.fault("playlistItems.list", "backend_error", status=status)
    answer = browser.get("youtube/v3/playlistItems", **asked)
    assert answer.status == status
    assert kind in answer.headers["Content-Type"]
    assert fake.spent["shared"] == 1


def test_a_connection_breaks_before_the_answer(fake, browser, asked):
    fake.fault("playlistItems.list", "reset")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        browser.get("youtube/v3/playlistItems", **asked)
    assert [(each.status, each.charged) for each in fake.asked] == [(0, 1)]


def test_an_answer_can_be_slower_than_the_client_waits(fake, browser, asked):
    fake.fault("playlistItems.list", "slow", seconds=2)
    browser.pool = urllib3.PoolManager(retries=False, timeout=0.2)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        browser.get("youtube/v3/playlistItems", **asked)


def good_and_bad(fake: FakeYouTube, browser: Browser, method: str, fault: str, **params: Any) -> tuple[Any, Any]:
    """The answer to the same question without the fault and with it, as JSON."""
    good = browser.ask(method, **params)
    fake.fault("*", fault)
    bad = browser.get(f"youtube/v3/{method}", **params)
    assert bad.status == 200
    return good, bad.json()


def test_json_is_cut_in_half(fake, browser, asked):
    whole = browser.get("youtube/v3/playlistItems", **asked).data
    fake.fault("playlistItems.list", "cut_json")
    answer = browser.get("youtube/v3/playlistItems", **asked)
    assert (answer.status, answer.data) == (200, whole[: len(whole) // 2])
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_page_for_people_comes_with_status_200(fake, browser, asked):
    fake.fault("playlistItems.list", "html")
    answer = browser.get("youtube/v3/playlistItems", **asked)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert answer.data.startswith(b"<!DOCTYPE html>")


def test_nothing_comes_with_status_200(fake, browser, asked):
    fake.fault("playlistItems.list", "empty_body")
    answer = browser.get("youtube/v3/playlistItems", **asked)
    assert (answer.status, answer.data) == (200, b"")


@pytest.mark.parametrize("method", ["channels", "videos", "videos:batchGetStats"])
def test_in_every_second_item_the_types_are_wrong(fake, browser, schemas, method):
    ids = fake.channel_ids[:4] if method == "channels" else list(browser.all_of("videos"))[:4]
    good, bad = good_and_bad(fake, browser, method, "wrong_types", part=PARTS, id=ids)
    name = {"channels": "ChannelListResponse", "videos": "VideoListResponse"}.get(method, "BatchGetStatsResponse")
    assert bad["items"][1::2] == good["items"][1::2]
    for item in bad["items"][::2]:
        assert len(undeclared({"items": [item]}, {"$ref": name}, schemas)) > 4


@pytest.mark.parametrize(("fault", "count"), [("negative_count", -5), ("huge_count", 10**25 - 1)])
def test_in_every_second_item_the_counts_cannot_be(fake, browser, fault, count):
    ids = list(browser.all_of("videos"))[:4]
    good, bad = good_and_bad(fake, browser, "videos:batchGetStats", fault, part="statistics", id=ids)
    assert bad["items"][1::2] == good["items"][1::2]
    assert {value for item in bad["items"][::2] for value in item["statistics"].values()} == {str(count)}


def test_a_page_token_leads_to_its_own_page(fake, browser, asked):
    good, bad = good_and_bad(fake, browser, "playlistItems", "looping_token", **asked)
    assert browser.ask("playlistItems", **asked, pageToken=bad["nextPageToken"])["items"] == good["items"]
    second = good["nextPageToken"]
    assert (
        good_and_bad(fake, browser, "playlistItems", "looping_token", **asked, pageToken=second)[1]["nextPageToken"]
        == second
    )


def test_a_share_of_the_ids_is_left_out(fake, browser):
    ids = list(browser.all_of("videos"))[:10]
    good, bad = good_and_bad(fake, browser, "videos:batchGetStats", "missing_ids", part="statistics", id=ids)
    assert len(bad["items"]) == 7
    assert [each for each in good["items"] if each in bad["items"]] == bad["items"]
    fake.fault("videos.batchGetStats", "missing_ids", share=1.0)
    assert browser.ask("videos:batchGetStats", part="statistics", id=ids)["items"] == []


def test_an_error_can_hold_the_key(fake, browser, asked):
    fake.fault("playlistItems.list", "echo_key")
    answer = browser.get("youtube/v3/playlistItems", **asked)
    assert answer.status == 403
    assert answer.data.count(fake.key.encode()) >= 2


@pytest.mark.parametrize("fault", ["redirect", "redirect_picture"])
def test_a_redirect_leads_to_where_it_is_seen_whether_anybody_follows(fake, browser, asked, fault):
    fake.fault("*", fault)
    fake.fault("*", fault, to="http://example.com/")
    answer = browser.get("youtube/v3/playlistItems", **asked)
    assert (answer.status, answer.headers["Location"]) == (302, f"{fake.endpoint}stand-in/elsewhere")
    assert browser.get("youtube/v3/playlistItems", **asked).headers["Location"] == "http://example.com/"
    browser.get("stand-in/elsewhere")
    assert fake.asked[-1].method == "elsewhere"
    assert fake.asked[-1].with_key


@pytest.fixture
def picture(browser) -> str:
    """The path of a thumbnail."""
    return f"vi/{next(iter(browser.all_of('videos')))}/mqdefault.jpg"


def test_a_picture_can_be_absent_or_a_page(fake, browser, picture):
    fake.fault("picture", "not_found")
    fake.fault("picture", "html_picture")
    assert browser.get(picture, key=None).status == 404
    page = browser.get(picture, key=None)
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")


def test_a_picture_can_be_cut(fake, browser, picture):
    fake.fault("picture", "truncated_picture")
    half = Image.open(io.BytesIO(browser.get(picture, key=None).data))
    assert half.size == (320, 180)
    with pytest.raises(OSError, match="truncated"):
        half.load()


@pytest.mark.parametrize("declared", [True, False])
def test_a_picture_can_be_too_large_whether_it_says_so_or_not(fake, browser, picture, declared):
    fake.fault("picture", "huge_picture", declared=declared)
    answer = browser.get(picture, key=None)
    assert ("Content-Length" in answer.headers) == declared
    assert len(answer.data) == 9 * 2**20
    assert answer.data[:2] == b"\xff\xd8"


def test_a_few_bytes_can_be_a_picture_of_four_hundred_million_pixels(fake, browser, picture):
    fake.fault("picture", "bomb", times=None)
    answer = browser.get(picture, key=None)
    assert len(answer.data) < 100_000
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(answer.data))
    small = Image.open(io.BytesIO(white_png(9)))
    assert small.size == (9, 9)
    assert small.convert("L").getextrema() == (255, 255)


def test_a_fault_comes_as_often_as_it_is_told_to_and_after_as_many_calls(fake, browser, asked):
    fake.fault("playlistItems.list", "backend_error", times=2, after=1)
    fake.fault("videos.list", "html", times=None)
    assert [browser.get("youtube/v3/playlistItems", **asked).status for _ in range(5)] == [200, 503, 503, 200, 200]
    pages = [browser.get("youtube/v3/videos", part="id", id="x").headers["Content-Type"] for _ in range(3)]
    assert pages == ["text/html; charset=UTF-8"] * 3
    fake.heal()
    assert "json" in browser.get("youtube/v3/videos", part="id", id="x").headers["Content-Type"]


def test_a_fault_that_does_not_exist_is_refused_at_once(fake):
    with pytest.raises(KeyError, match="earthquake"):
        fake.fault("videos.list", "earthquake")


def test_a_wrong_key_is_refused_whatever_else_would_fail(fake, browser, asked):
    fake.fault("*", "html", times=None)
    assert browser.get("youtube/v3/playlistItems", key="wrong", **asked).status == 400

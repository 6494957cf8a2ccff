"""Answers of the Data API: what an item is read as, and that no bytes lose one without a reason."""

import json
import os
import re
import tarfile
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from googleapiclient.discovery_cache import get_static_doc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidrank_assets.capture import youtube_answers as answers
from vidrank_assets.capture.youtube_answers import PAGE_REASONS, Rejected
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS

VIDEO, OTHER, CHANNEL = "D-lhorsDlUQ", "H1HZyvc0QnI", "UC_x5XG1OV2P6uZZ5FSM9Ttw"
PUBLISHED = datetime(2019, 3, 21, 20, 37, 49, tzinfo=UTC)
SNIPPET = {
    "publishedAt": "2019-03-21T20:37:49Z",
    "channelId": CHANNEL,
    "title": "A title",
    "description": "Words",
    "channelTitle": "A channel",
    "thumbnails": {"medium": {"url": "https://i.ytimg.com/vi/D-lhorsDlUQ/mqdefault.jpg", "width": 320}},
}
ANSWERED = {
    "channels": {
        "id": CHANNEL,
        "snippet": {"title": "A channel", "country": "US", "publishedAt": "2007-08-23T00:34:43Z", "customUrl": "@a.b"},
        "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": "UU_x5XG1OV2P6uZZ5FSM9Ttw"}},
        "statistics": {"viewCount": "90", "subscriberCount": "7", "hiddenSubscriberCount": False, "videoCount": "3"},
    },
    "uploads": {
        "id": "UExPVTJYTFl4bXNJSlhzSDJodEcx",
        "snippet": {**SNIPPET, "publishedAt": "2022-01-01T00:00:00Z", "resourceId": {"videoId": VIDEO}},
        "contentDetails": {"videoId": VIDEO, "videoPublishedAt": "2019-03-21T20:37:49Z"},
    },
    "stats": {
        "id": VIDEO,
        "snippet": {"publishTime": "2019-03-21T20:37:49.000000Z"},
        "statistics": {"viewCount": "90", "likeCount": "7", "commentCount": "0"},
        "contentDetails": {"duration": "213s"},
    },
    "videos": {
        "id": VIDEO,
        "snippet": {**SNIPPET, "tags": ["a", "b"], "categoryId": "28", "defaultAudioLanguage": "en"},
        "contentDetails": {"duration": "PT3M33S"},
        "statistics": {"viewCount": "90", "likeCount": "7", "favoriteCount": "0", "commentCount": "0"},
    },
    "found": {"id": {"kind": "youtube#video", "videoId": VIDEO}, "snippet": {**SNIPPET, "title": "It&#39;s"}},
}
METHODS = list(ANSWERED)


def page(*items, **more) -> bytes:
    return json.dumps({"kind": "youtube#list", "items": items, **more}).encode()


def read(method: str, body: bytes):
    return getattr(answers, method)(body)


def changed(method: str, place: str, value) -> dict:
    """The answered item with another value at a dotted place; without it where the value is Ellipsis."""
    item = json.loads(json.dumps(ANSWERED[method]))
    *parts, last = place.split(".")
    inner = item
    for part in parts:
        inner = inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return item


def only(method: str, item) -> Rejected:
    """What a page of that one item sets aside."""
    read_page = read(method, page(item))
    assert read_page.items == ()
    (rejected,) = read_page.rejected
    return rejected


def test_a_channel_is_read_whole():
    (channel,) = answers.channels(page(ANSWERED["channels"])).items
    assert channel.model_dump() == {
        "channel_id": CHANNEL,
        "channel_title": "A channel",
        "channel_country": "US",
        "channel_created_at": datetime(2007, 8, 23, 0, 34, 43, tzinfo=UTC),
        "subscriber_count": 7,
        "video_count": 3,
        "channel_view_count": 90,
        "uploads_playlist_id": "UU_x5XG1OV2P6uZZ5FSM9Ttw",
        "handle": "@a.b",
    }
    assert set(channel.model_dump()) - {"handle"} <= set(CHANNEL_SNAPSHOTS.schema)


def test_a_video_is_read_whole():
    (video,) = answers.videos(page(ANSWERED["videos"])).items
    assert video.model_dump() == {
        "video_id": VIDEO,
        "title": "A title",
        "description": "Words",
        "tags": ("a", "b"),
        "category_id": "28",
        "published_at": PUBLISHED,
        "channel_id": CHANNEL,
        "channel_title": "A channel",
        "duration_sec": 213,
        "default_language": None,
        "default_audio_language": "en",
        "thumbnail_url": "https://i.ytimg.com/vi/D-lhorsDlUQ/mqdefault.jpg",
        "view_count": 90,
        "like_count": 7,
        "comment_count": 0,
    }
    assert set(video.model_dump()) <= set(SNAPSHOTS.schema)


def test_an_upload_is_dated_by_its_publication_and_belongs_to_the_owner_of_the_video():
    (upload,) = answers.uploads(page(ANSWERED["uploads"])).items
    assert (upload.video_id, upload.published_at, upload.channel_id) == (VIDEO, PUBLISHED, CHANNEL)
    owned = changed("uploads", "snippet.videoOwnerChannelId", "UCBR8-60-B28hp2BmDPdntcQ")
    (upload,) = answers.uploads(page(owned)).items
    assert upload.channel_id == "UCBR8-60-B28hp2BmDPdntcQ"


def test_counters_are_read_with_the_length():
    (stat,) = answers.stats(page(ANSWERED["stats"])).items
    assert stat.model_dump() == {
        "video_id": VIDEO,
        "view_count": 90,
        "like_count": 7,
        "comment_count": 0,
        "duration_sec": 213,
        "published_at": PUBLISHED,
    }


def test_a_found_video_has_the_title_that_its_owner_wrote():
    (video,) = answers.found(page(ANSWERED["found"])).items
    assert (video.video_id, video.title, video.published_at) == (VIDEO, "It's", PUBLISHED)


@pytest.mark.parametrize("method", METHODS)
def test_a_page_says_which_is_next_and_the_last_says_nothing(method):
    assert read(method, page(ANSWERED[method], nextPageToken="CAUQAA")).next_page_token == "CAUQAA"
    assert read(method, page(ANSWERED[method])).next_page_token is None
    assert read(method, page(ANSWERED[method], nextPageToken="")) == read(method, page(ANSWERED[method]))


@pytest.mark.parametrize("token", [5, ["a"], "a\nb", "\ud800"])
def test_a_page_token_that_is_none_ends_the_list_with_a_reason(token):
    read_page = answers.videos(page(ANSWERED["videos"], nextPageToken=token))
    assert (len(read_page.items), read_page.next_page_token) == (1, None)
    assert [rejected.reason for rejected in read_page.rejected] == ["invalid_page_token"]


def test_an_answer_without_items_is_an_empty_page():
    assert answers.channels(b'{"kind": "youtube#channelListResponse", "pageInfo": {"totalResults": 0}}') == (
        (),
        None,
        (),
    )


@pytest.mark.parametrize("method", ["stats", "videos"])
@pytest.mark.parametrize("field", ["view_count", "like_count", "comment_count"])
def test_an_absent_counter_is_null_and_zero_is_zero(method, field):
    name = {"view_count": "viewCount", "like_count": "likeCount", "comment_count": "commentCount"}[field]
    for value, expected in ((..., None), (None, None), ("0", 0), (0, 0)):
        (item,) = read(method, page(changed(method, f"statistics.{name}", value))).items
        assert getattr(item, field) == expected
    (item,) = read(method, page(changed(method, "statistics", ...))).items
    assert getattr(item, field) is None


@pytest.mark.parametrize(
    ("method", "place", "value", "reason", "told"),
    [
        ("videos", "statistics.viewCount", "-1", "invalid_view_count", "-1"),
        ("videos", "statistics.viewCount", 1.5, "invalid_view_count", "1.5"),
        ("videos", "statistics.likeCount", str(2**63), "invalid_like_count", str(2**63)),
        ("videos", "statistics", "none", "invalid_statistics", "none"),
        ("videos", "snippet", ["a"], "invalid_snippet", '["a"]'),
        ("videos", "snippet", ..., "missing_published_at", None),
        ("videos", "snippet.title", {"en": "x"}, "invalid_title", '{"en": "x"}'),
        ("videos", "snippet.tags", ["a", 5], "invalid_tags", "5"),
        ("videos", "snippet.tags", [None], "invalid_tags", None),
        ("videos", "snippet.publishedAt", "2004-01-01T00:00:00Z", "invalid_published_at", "2004-01-01T00:00:00Z"),
        ("videos", "snippet.channelId", "UC1", "invalid_channel_id", "UC1"),
        ("videos", "contentDetails.duration", "long", "invalid_duration_sec", "long"),
        ("videos", "id", ..., "missing_video_id", None),
        ("videos", "id", None, "missing_video_id", None),
        ("videos", "id", "#NAME?", "invalid_video_id", "#NAME?"),
        ("channels", "id", "UC1", "invalid_channel_id", "UC1"),
        ("channels", "contentDetails.relatedPlaylists", 5, "invalid_related_playlists", "5"),
        ("channels", "statistics", {"subscriberCount": -1}, "invalid_subscriber_count", '{"subscriberCount": -1}'),
        ("stats", "statistics.commentCount", True, "invalid_comment_count", "true"),
        ("stats", "snippet.publishTime", "soon", "invalid_published_at", "soon"),
        ("uploads", "contentDetails.videoId", "x", "invalid_video_id", "x"),
        ("uploads", "contentDetails.videoPublishedAt", ..., "missing_published_at", None),
        ("found", "id", "D-lhorsDlUQ", "invalid_id", "D-lhorsDlUQ"),
        ("found", "id", {"kind": "youtube#channel", "channelId": CHANNEL}, "missing_video_id", None),
    ],
)
def test_what_is_wrong_with_an_item_sets_it_aside_with_its_reason(method, place, value, reason, told):
    rejected = only(method, changed(method, place, value))
    assert (rejected.reason, rejected.found) == (reason, told)
    assert json.loads(rejected.raw)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("item", "told"), [("text", "text"), (None, None), (5, "5"), ([], "[]"), ([{}], "[{}]"), (True, "true")]
)
def test_an_item_that_is_no_object_is_set_aside(method, item, told):
    read_page = read(method, page(item, ANSWERED[method]))
    assert len(read_page.items) == 1
    assert [rejected[:3] for rejected in read_page.rejected] == [("not_an_object", told, None)]


@pytest.mark.parametrize("title", ["Deleted video", "Private video"])
def test_a_video_that_is_not_public_any_more_is_not_malformed(title):
    item = changed("uploads", "contentDetails.videoPublishedAt", ...)
    item["snippet"]["title"] = title
    rejected = only("uploads", item)
    assert (rejected.reason, rejected.item_id) == ("not_available", VIDEO)


def test_of_an_item_that_is_there_twice_the_first_is_kept():
    again = changed("stats", "statistics.viewCount", "91")
    read_page = answers.stats(page(ANSWERED["stats"], again, {**again, "id": OTHER}))
    assert [(item.video_id, item.view_count) for item in read_page.items] == [(VIDEO, 90), (OTHER, 91)]
    assert [rejected[:3] for rejected in read_page.rejected] == [("repeated", VIDEO, VIDEO)]


def test_an_item_that_was_set_aside_does_not_stand_in_the_way_of_a_sound_one():
    broken = changed("stats", "statistics.viewCount", "-1")
    read_page = answers.stats(page(broken, ANSWERED["stats"]))
    assert len(read_page.items) == 1
    assert [(rejected.reason, rejected.item_id) for rejected in read_page.rejected] == [("invalid_view_count", VIDEO)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b"<!DOCTYPE html><title>Sorry</title>",
        page(ANSWERED["videos"])[:-9],
        page()[:-1] + b', "x": NaN}',
        page()[:-1] + b', "x": -Infinity}',
        page()[:-1] + b', "x": "\xff"}',
        page()[:-1] + b', "x": "a\nb"}',
        page()[:-1] + b', "x": ' + b"9" * 5_000 + b"}",
        b'{"kind": "youtube#list", "items": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"kind": "youtube#list", "items": {"0": {}}}',
        b'{"kind": "youtube#list", "items": null}',
        b'{"kind": "youtube#list", "items": "none"}',
        b'{"error": {"code": 500}}',
        b'{"kind": 5}',
        page().decode().encode("utf-16"),
        bytes(range(256)) * 100,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_page_is_one_loss_with_its_head(method, body):
    read_page = read(method, body)
    assert (read_page.items, read_page.next_page_token) == ((), None)
    (rejected,) = read_page.rejected
    assert (rejected.reason, rejected.item_id) == ("malformed_page", None)
    assert rejected.found is not None and rejected.found.isprintable() and len(rejected.found) <= 200
    assert len(rejected.raw) <= 2_000


def test_a_page_of_a_proxy_that_repeats_the_request_is_kept_without_its_key():
    (rejected,) = answers.videos(b"<pre>GET /youtube/v3/videos\nX-Goog-Api-Key: a-secret-0123456789\n</pre>").rejected
    assert "X-Goog-Api-Key: ***" in rejected.raw
    assert "a-secret" not in rejected.raw + str(rejected.found)


def test_a_mark_of_the_byte_order_is_no_fault():
    assert answers.videos(b"\xef\xbb\xbf" + page(ANSWERED["videos"])) == answers.videos(page(ANSWERED["videos"]))


def test_items_as_deep_as_json_can_be_read_are_counted_whatever_their_depth():
    """Between what can be read and what can be written again there may be a level or two."""
    for depth in range(900, 1_000, 7):
        deep = b'{"id": "x", "deep": ' + b"[" * depth + b"]" * depth + b"}"
        assert len(answers.videos(b'{"items": [' + deep + b"]}").rejected) == 1


def test_texts_that_no_file_takes_are_cleaned_or_set_aside_and_all_can_be_stored(tmp_path):
    lone = "half \ud83d \0"
    sound = changed("videos", "snippet.title", lone)
    sound["snippet"] |= {"tags": [lone], "description": lone, "channelTitle": lone, "categoryId": lone}
    read_page = answers.videos(page(sound, changed("videos", "id", lone), {lone: lone}, lone))
    (video,) = read_page.items
    assert video.title == "half \ufffd \ufffd"
    assert [rejected.reason for rejected in read_page.rejected] == [
        "invalid_video_id", "missing_video_id", "not_an_object",
    ]  # fmt: skip
    columns = {name: dtype for name, dtype in SNAPSHOTS.schema.items() if name in video.model_dump()}
    frame = pl.DataFrame([{name: getattr(video, name) for name in columns}], schema=columns)
    frame.write_parquet(tmp_path / "video.parquet")
    assert pl.read_parquet(tmp_path / "video.parquet").row(0, named=True)["tags"] == ["half \ufffd \ufffd"]
    texts = [{"reason": r.reason, "found": r.found, "video_id": r.item_id, "raw": r.raw} for r in read_page.rejected]
    pl.DataFrame(texts, schema={name: REJECTED_CAPTURES.schema[name] for name in texts[0]}).write_parquet(
        tmp_path / "rejected.parquet"
    )


def test_a_set_aside_item_is_kept_to_its_head():
    rejected = only("videos", changed("videos", "snippet.description", ["x" * 100_000]))
    assert (len(rejected.raw), len(rejected.found or "") <= 200) == (2_000, True)


@pytest.fixture(scope="module")
def real_answers(tmp_path_factory) -> Path:
    packed = Path(os.environ.get("VIDRANK_REAL_DATA", "no-folder")) / "youtube-api-responses.tar.xz"
    if not packed.is_file():
        pytest.skip(f"VIDRANK_REAL_DATA names no folder with {packed.name}")
    folder = tmp_path_factory.mktemp("real")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder / "youtube-api" / "pyyoutube"


@pytest.mark.parametrize(
    ("method", "pattern", "n_items", "rejected"),
    [
        # One answer of videos.getRating lies among them, whose items call the id videoId.
        ("videos", "videos/*.json", 14, {"missing_video_id": 1}),
        ("channels", "channel*/*.json", 3, {}),
        ("channels", "channel_*.json", 3, {}),
        # All of these were asked for the snippet alone, which has no time of publication.
        ("uploads", "playlist_items/*.json", 0, {"missing_published_at": 17}),
        # One of the searches was for channels.
        ("found", "search/*.json", 97, {"missing_video_id": 5}),
    ],
)
def test_every_item_of_the_real_answers_is_read_or_has_a_known_reason(real_answers, method, pattern, n_items, rejected):
    pages = [read(method, path.read_bytes()) for path in sorted(real_answers.glob(pattern))]
    assert sum(len(each.items) for each in pages) == n_items
    assert Counter(item.reason for each in pages for item in each.rejected) == rejected


def test_real_uploads_are_read_once_they_have_their_details(real_answers):
    told = json.loads((real_answers / "playlist_items/playlist_items_paged_1.json").read_bytes())
    for item in told["items"]:
        video_id = item["snippet"]["resourceId"]["videoId"]
        item["contentDetails"] = {"videoId": video_id, "videoPublishedAt": item["snippet"]["publishedAt"]}
    read_page = answers.uploads(json.dumps(told).encode())
    assert (len(read_page.items), read_page.rejected, read_page.next_page_token) == (10, (), "CAoQAA")
    assert {item.channel_title for item in read_page.items} == {"Google Developers"}
    assert all(item.thumbnail_url.endswith("/mqdefault.jpg") for item in read_page.items)


def test_titles_of_real_searches_hold_no_html(real_answers):
    pages = [answers.found(path.read_bytes()) for path in sorted(real_answers.glob("search/*.json"))]
    titles = [item.title for each in pages for item in each.items]
    assert "Surfing's most insane 10's" in titles
    assert not [title for title in titles if re.search(r"&(#39|amp|quot);", title)]


# Malformed answers, from the API's own description of what it answers.

RESPONSES = {
    "channels": "ChannelListResponse",
    "uploads": "PlaylistItemListResponse",
    "stats": "BatchGetStatsResponse",
    "videos": "VideoListResponse",
    "found": "SearchListResponse",
}
WRONG = st.sampled_from(
    [
        *(None, True, -1, 1.5, 0, 2**63, -(2**63), 10**30, 1e308),
        *([], {}, [[]], [None], [["a"] * 50] * 3, {"": {}}, {"url": 5}, {"medium": {"url": ["x"]}}),
        *("", "x", "A" * 300, "<html>", "NaN", "-5", "1e5", "9" * 40, "٣", "\ud800", "\0 \udfff"),
        *("P", "P0D", "-5s", "0s", "PT-1S", "P" + "9" * 30 + "D", "2019-03-21", "2019-03-21T20:37:49"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2004-01-01T00:00:00Z", "2019-02-30T00:00:00Z"),
    ]
)
OF_FORMAT = {
    "date-time": ["2019-03-21T20:37:49Z", "2024-02-29T23:59:59.999Z"],
    "google-datetime": ["2019-03-21T20:37:49.123456789Z"],
    "google-duration": ["213s", "0s", "3.5s"],
    "int64": ["0", "12", 7, str(2**62)],
    "uint64": ["0", "12", 7, str(2**62)],
}
OF_NAME = {
    "videoId": [VIDEO, OTHER, "AAAAAAAAAAA", "-----------"],
    "channelId": [CHANNEL, "UC" + "-" * 22],
    "duration": ["PT3M33S", "P0D", "213s"],
}
#: What a capture reads is most often there; of the rest of an object only some.
READ = {
    "id", "snippet", "statistics", "contentDetails", "relatedPlaylists", "videoId", "channelId", "title", "duration",
    "publishedAt", "publishTime", "videoPublishedAt", "viewCount", "likeCount", "commentCount", "thumbnails", "tags",
}  # fmt: skip
SCHEMAS = json.loads(get_static_doc("youtube", "v3"))["schemas"]


@cache
def right(name: str, kind: str, described: str, choices: tuple[str, ...]) -> st.SearchStrategy:
    """Values that the description of a property allows."""
    if kind == "string":
        return st.sampled_from(OF_NAME.get(name) or OF_FORMAT.get(described) or choices or ["x"])
    return {"boolean": st.booleans(), "object": st.just({})}.get(kind, st.integers(0, 640))


def drawn(draw, schema: dict, name: str, wrong: int) -> object:
    """A value of the schema, or one time in `wrong` another."""
    if draw(st.integers(1, wrong)) == 1:
        return draw(WRONG)
    if "$ref" in schema:
        return drawn_object(draw, SCHEMAS[schema["$ref"]], wrong)
    if schema["type"] == "array":
        return [drawn(draw, schema["items"], name, wrong) for _ in range(draw(st.integers(0, 2)))]
    return draw(right(name, schema["type"], schema.get("format", ""), tuple(schema.get("enum", ()))))


def drawn_object(draw, schema: dict, wrong: int) -> dict:
    """Most of the properties that a capture reads, and one or two of the others."""
    read = [name for name in schema.get("properties", ()) if name in READ]
    mask = draw(st.integers(0, 2 ** len(read) - 1)) | draw(st.integers(0, 2 ** len(read) - 1))
    names = {name for i, name in enumerate(read) if mask >> i & 1}
    names |= {draw(st.sampled_from(sorted(schema["properties"])))} if schema.get("properties") else set()
    ids = {"Channel": "channelId", "Video": "videoId", "VideoStat": "videoId"}
    told = {}
    for name in sorted(names):
        of = ids.get(schema["id"], name) if name == "id" else name
        told[name] = drawn(draw, schema["properties"][name], of, wrong)
    return told


@st.composite
def malformed(draw, method: str) -> tuple[bytes, bool]:
    """The bytes of an answer of that method, and whether they are still the JSON that was drawn."""
    response = SCHEMAS[RESPONSES[method]]
    wrong = draw(st.sampled_from([5, 20, 100]))
    of_items = response["properties"]["items"]["items"]
    answer = drawn_object(draw, response, wrong)
    answer["items"] = [drawn(draw, of_items, "", wrong) for _ in range(draw(st.integers(0, 4)))]
    body = json.dumps(answer).encode()
    change = draw(st.sampled_from(["none"] * 5 + ["cut", "bytes", "constants"]))
    place = draw(st.integers(0, len(body) - 1))
    if change == "cut":
        body = body[:place]
    elif change == "bytes":
        body = body[:place] + draw(st.binary(max_size=2)) + body[place + 1 :]
    elif change == "constants":
        body = body.replace(b"null", b"NaN").replace(b"true", b"-Infinity")
    return body, change == "none"


def assert_counted_for(method: str, body: bytes, *, whole: bool) -> None:
    """No exception; every item is kept or set aside with a reason; what is kept obeys the rules and can be stored."""
    read_page = read(method, body)
    assert all(re.fullmatch("[a-z_]+", rejected.reason) for rejected in read_page.rejected)
    if [rejected.reason for rejected in read_page.rejected] == ["malformed_page"]:
        assert (read_page.items, whole) == ((), False)
    else:
        of_items = [rejected for rejected in read_page.rejected if rejected.reason not in PAGE_REASONS]
        assert len(read_page.items) + len(of_items) == len(json.loads(body).get("items", []))
    for rejected in read_page.rejected:
        "".join(part for part in rejected if part).encode()
    for item in read_page.items:
        assert re.fullmatch(r"[\w-]{11}|UC[\w-]{22}", next(iter(item.model_dump().values())), re.ASCII)
        for name, value in item.model_dump().items():
            if name.endswith("_count"):
                assert value is None or 0 <= value <= 2**62
            elif isinstance(value, str):
                assert "\0" not in value.encode().decode()
            elif isinstance(value, datetime):
                assert datetime(2005, 4, 1, tzinfo=UTC) <= value.astimezone(UTC) < datetime(2100, 1, 1, tzinfo=UTC)


def assert_of_any_answers(method: str, n_examples: int) -> None:
    @settings(max_examples=n_examples, suppress_health_check=list(HealthCheck))
    @given(malformed(method))
    def holds(example):
        body, whole = example
        assert_counted_for(method, body, whole=whole)

    holds()


@pytest.mark.parametrize("method", METHODS)
def test_no_malformed_answer_loses_an_item_without_a_reason(method):
    assert_of_any_answers(method, 100)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_no_malformed_answer_of_two_thousand_loses_an_item_without_a_reason(method):
    assert_of_any_answers(method, 2_000)

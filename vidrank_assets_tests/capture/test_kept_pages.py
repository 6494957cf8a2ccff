from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.capture.kept_pages import Answer, KeptPages, Request
from vidrank_assets.errors import ArtifactMissing

AT = datetime(2026, 2, 10, 6, 0, 1, 234567, tzinfo=UTC)
REQUEST = Request("videos.list", {"part": "snippet", "id": ("aaaaaaaaaaa", "bbbbbbbbbbb")})


def test_an_answer_is_kept_as_it_came_and_known_to_the_next_process(store):
    KeptPages(store, "2026-02-10T00").keep(REQUEST, Answer(200, b'{"items": []}\n\x00\xff', AT))
    again = KeptPages(store, "2026-02-10T00")
    assert REQUEST in again
    assert again.read(REQUEST) == Answer(200, b'{"items": []}\n\x00\xff', AT)


def test_another_slot_asks_anew(store):
    KeptPages(store, "2026-02-10T00").keep(REQUEST, Answer(200, b"{}", AT))
    other = KeptPages(store, "2026-02-11T00")
    assert REQUEST not in other
    with pytest.raises(ArtifactMissing):
        other.read(REQUEST)


PARAMS = st.dictionaries(
    st.sampled_from(["part", "id", "pageToken", "maxResults"]),
    st.one_of(st.text(max_size=5), st.integers(), st.lists(st.text(max_size=3), max_size=3).map(tuple)),
)


@given(PARAMS, PARAMS)
def test_two_questions_have_one_name_only_if_they_are_the_same(one, other):
    named = Request("videos.list", one).name == Request("videos.list", other).name
    assert named == (one == other)
    assert Request("videos.list", one).name == Request("videos.list", dict(reversed(one.items()))).name
    assert Request("videos.list", one).name != Request("channels.list", one).name

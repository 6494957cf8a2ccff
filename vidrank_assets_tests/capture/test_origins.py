import pytest

from vidrank_assets.capture.origins import Origin, listed_origins, located
from vidrank_assets.errors import InvalidInput

IMAGES = Origin("https", "i.ytimg.com", 443)


def test_an_origin_is_scheme_host_and_port_with_the_default_written_out():
    listed = listed_origins(["https://i.ytimg.com", "HTTPS://I.YTIMG.COM:443/", "https://images.example:8443"])
    assert listed == {IMAGES, Origin("https", "images.example", 8443)}
    assert {str(origin) for origin in listed} == {"https://i.ytimg.com:443", "https://images.example:8443"}


@pytest.mark.parametrize("stand_in", ["http://127.0.0.1:8000", "http://127.8.8.8", "http://[::1]:8000"])
def test_a_stand_in_on_a_loopback_address_may_be_without_tls(stand_in):
    assert len(listed_origins([stand_in])) == 1


@pytest.mark.parametrize(
    "origin",
    [
        "", "i.ytimg.com", "//i.ytimg.com", "https://", "https://*.ytimg.com", "https://i.ytimg.com/vi",
        "https://i.ytimg.com?x", "https://user@i.ytimg.com", "https://i.ytimg.com:port", "https://i.ytimg.com ",
        "https://ⓘ.ytimg.com", "https://i.ytimg.com\\", "ftp://i.ytimg.com", "file:///pictures",
        "http://i.ytimg.com", "http://localhost", "http://10.0.0.1", "http://2130706433", "http://127.1", "http://[::2]",
    ],
)  # fmt: skip
def test_anything_else_in_an_allow_list_is_refused(origin):
    with pytest.raises(InvalidInput, match="Correct VIDRANK_THUMBNAIL_ORIGINS"):
        listed_origins(["https://i.ytimg.com", origin])


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://i.ytimg.com/vi/x/mqdefault.jpg", "/vi/x/mqdefault.jpg"),
        ("https://i.ytimg.com:443/vi/x/hq.jpg?sqp=-oaymwE&rs=AOn4CL", "/vi/x/hq.jpg?sqp=-oaymwE&rs=AOn4CL"),
        ("hTTps://I.ytimg.COM/a", "/a"),
        ("https://i.ytimg.com", "/"),
        ("https://i.ytimg.com//evil.example/x", "//evil.example/x"),
    ],
)
def test_a_url_of_a_listed_origin_is_split_into_that_origin_and_what_to_ask_it_for(url, target):
    assert located(url, {IMAGES}) == (IMAGES, target)


def test_a_url_of_another_origin_is_not_located():
    assert located("https://i.ytimg.com/a", {Origin("https", "i9.ytimg.com", 443)}) is None
    assert located("http://i.ytimg.com/a", {IMAGES}) is None
    assert located("https://i.ytimg.com:444/a", {IMAGES}) is None
    assert located("https://i.ytimg.com/a", set()) is None


def test_letters_that_only_look_alike_in_another_case_are_other_letters():
    """Without care the Kelvin sign is a k, and a long s is an s."""
    listed = {Origin("https", "kiss.example", 443)}
    assert located("https://KISS.example/", listed) is not None
    assert located("https://\u212aiss.example/", listed) is None
    assert located("https://ki\u017fs.example/", listed) is None


def test_a_url_that_is_longer_than_any_of_a_thumbnail_is_not_located():
    assert located("https://i.ytimg.com/" + "a" * 2000, {IMAGES}) is not None
    assert located("https://i.ytimg.com/" + "a" * 2001, {IMAGES}) is None

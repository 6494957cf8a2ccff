"""Watch lists: the example that is shipped, one's own, and what a mistake in it says."""

import re

import pytest

from vidrank_assets.capture import sample_channels
from vidrank_assets.capture.sample_channels import NICHES
from vidrank_assets.capture.watchlist import ChannelEntry, HandleEntry, QueryEntry, load
from vidrank_assets.errors import InvalidInput

ONE, OTHER = "UC_x5XG1OV2P6uZZ5FSM9Ttw", "UCBR8-60-B28hp2BmDPdntcQ"
MINE = f"""
niches:
  tech:
    channels: [{ONE}]
    handles: ["@mkbhd"]
  deep sea:
    channels: [{OTHER}]
    queries: ["giant squid", "  anglerfish\t live "]
"""


def written(folder, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_example_has_the_six_niches_of_the_sample_world_and_one_query():
    example = load()
    assert list(dict.fromkeys(entry.niche for entry in example.handles)) == [niche for niche, _, _ in NICHES]
    assert len(example.queries) == 1
    assert example.channel_ids == ()


def test_entries_come_in_the_order_of_the_file_with_their_niche(tmp_path):
    mine = load(written(tmp_path, MINE))
    assert mine.channel_ids == (ChannelEntry("tech", ONE), ChannelEntry("deep sea", OTHER))
    assert mine.handles == (HandleEntry("tech", "@mkbhd"),)
    assert mine.queries == (QueryEntry("deep sea", "giant squid"), QueryEntry("deep sea", "anglerfish live"))


def test_the_channels_of_the_sample_world_can_be_watched(tmp_path):
    ids = sample_channels.channels(7, 40)["channel_id"].to_list()
    mine = load(written(tmp_path, f"niches: {{synthetic: {{channels: {ids}}}}}"))
    assert [entry.channel_id for entry in mine.channel_ids] == ids


@pytest.mark.parametrize("handle", ["@a.b-c_1", "@LinusTechTips", "@日本語チャンネル"])
def test_a_handle_may_hold_letters_of_any_script(tmp_path, handle):
    assert load(written(tmp_path, f'niches: {{x: {{handles: ["{handle}"]}}}}')).handles[0].handle == handle


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("niches: [", "must be YAML"),
        (MINE.replace('"@mkbhd"', "@mkbhd"), "handles in quotes"),
        ("", "at the whole: Input should be"),
        ("- tech", "at the whole: Input should be"),
        ("niches: {}", "at niches: .*at least 1 item"),
        ("niches: {tech: }", "at niches.tech: "),
        ("niches: {tech: {}}", "at niches.tech: a niche needs channels, handles or queries"),
        ("niches: {tech: {channels: []}}", "at niches.tech.channels: .*at least 1 item"),
        ("niches: {tech: {queries: squid}}", "at niches.tech.queries: Input should be"),
        ("niches: {tech: {queries: [2024]}}", "at niches.tech.queries.0: Input should be a valid string"),
        ("niches: {tech: {queries: [' ']}}", "at niches.tech.queries.0: ' ' is no line of text"),
        ("niches: {2024: {queries: [squid]}}", "at niches.2024"),
        ("niches: {tech: {day: 2024-13-45}}", "month must be in"),
        (MINE.replace("handles", "handels"), "at niches.tech.handels: Extra inputs are not permitted"),
        (MINE + "quota: 3", "at quota: Extra inputs are not permitted"),
        (MINE.replace(ONE, ONE[:-1]), "at niches.tech.channels.0: 'UC_x5XG1OV2P6uZZ5FSM9Tt' is no channel id"),
        (MINE.replace(ONE, "HC" + ONE[2:]), "is no channel id, which is UC and 22"),
        (MINE.replace("@mkbhd", "mkbhd"), "at niches.tech.handles.0: 'mkbhd' is no handle"),
        (MINE.replace("@mkbhd", "@m k"), "is no handle"),
        (MINE.replace(OTHER, ONE), f"{ONE} is listed in tech and in deep sea"),
        (MINE.replace('"@mkbhd"', '"@mkbhd", "@MKBHD"'), "@mkbhd is listed in tech and in tech"),
        (MINE.replace("anglerfish\t live", "Giant  Squid"), "giant squid is listed in deep sea and in deep sea"),
        (MINE.replace("deep sea", "tech"), "tech is written twice"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_place_and_the_file(tmp_path, mistake, told):
    path = written(tmp_path, mistake)
    with pytest.raises(InvalidInput, match=told) as caught:
        load(path)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named_with_the_variable(tmp_path):
    with pytest.raises(InvalidInput, match="VIDRANK_WATCH_LIST must be .*no.yaml cannot be read: No such file"):
        load(str(tmp_path / "no.yaml"))
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        load(str(tmp_path))


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("niches: {mode: {queries: [façon]}}".encode("latin-1"))
    with pytest.raises(InvalidInput, match=f"must be YAML.*{re.escape(str(path))}"):
        load(str(path))

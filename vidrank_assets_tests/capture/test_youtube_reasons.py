"""The table of reasons: one sentence each, with what was found and the way out."""

import pytest

from vidrank_assets.capture.youtube_reasons import SAME, TABLE


@pytest.mark.parametrize("reason", TABLE)
def test_a_sentence_says_the_rule_what_was_found_and_the_way_out(reason):
    rule, way_out = TABLE[reason][1].split("{found}")
    assert rule.endswith("; found ")
    assert way_out.startswith(". ") and way_out.endswith(".")
    assert len(way_out.split()) >= 5


def test_no_two_reasons_share_a_sentence():
    assert len({sentence for _, sentence in TABLE.values()}) == len(TABLE)


def test_every_other_word_for_a_reason_leads_to_one_of_the_table():
    assert set(SAME.values()) <= set(TABLE)
    assert not set(SAME) & set(TABLE)

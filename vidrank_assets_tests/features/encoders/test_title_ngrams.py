import subprocess
import sys

import numpy as np
import pytest

from vidrank_assets.features.encoders.title_ngrams import TitleNgrams


def similarity(one, other):
    rows = TitleNgrams().encode([one, other]).matrix
    return float(rows[0] @ rows[1])


@pytest.mark.parametrize("title", ["How to Bake Bread", "猫の一日", "Лучшие моменты", "!!!", "7", "🔥", "x" * 5000])
def test_a_title_in_any_script_has_length_one(title):
    row = TitleNgrams().encode([title]).matrix[0]
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("title", ["", "   ", "\t\n", "\u3000"])
def test_a_blank_title_is_unreadable(title):
    encoded = TitleNgrams().encode(["one", title])
    assert encoded.unreadable == {1: "blank"}
    assert not encoded.matrix[1].any()


def test_titles_that_share_words_are_closer():
    bread = "How to bake sourdough bread"
    assert similarity(bread, "Baking bread: how to start") > similarity(bread, "Top 10 football goals") + 0.1


def test_capitals_do_not_matter():
    assert similarity("HOW TO BAKE", "how to bake") == pytest.approx(1, abs=1e-6)


def test_the_order_of_words_does():
    assert similarity("man bites dog", "dog bites man") < 0.95


def test_in_a_script_without_spaces_a_shared_sign_counts_as_a_shared_word():
    assert similarity("猫の一日", "猫が好き") > similarity("猫の一日", "新しい車") + 0.05


def test_a_row_is_the_same_in_another_process():
    """Python's own hash is salted anew in each process; the one used here is not."""
    told = (
        "from vidrank_assets.features.encoders.title_ngrams import TitleNgrams; "
        "print(TitleNgrams().encode(['How to bake 猫']).matrix.tobytes().hex())"
    )
    salted = {"PYTHONHASHSEED": "1"}
    other = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, env=salted).stdout
    assert other.strip() == TitleNgrams().encode(["How to bake 猫"]).matrix.tobytes().hex()

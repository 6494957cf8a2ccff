from math import inf, log, nan

import pytest

from vidrank_assets.selection.report import numbers as n


@pytest.mark.parametrize(
    "value, said",
    [(0.8124, "0.812"), (-0.02, "−0.020"), (-0.0001, "0.000"), (1234.5, "1.23k"), (None, "–"), (nan, "–"), (inf, "–")],
)
def test_a_metric_has_three_decimals_and_a_missing_one_is_a_dash(value, said):
    assert n.decimals(value) == said


@pytest.mark.parametrize("value, said", [(0.1, "+0.100"), (0.0, "0.000"), (-0.1, "−0.100"), (None, "–")])
def test_a_difference_says_its_sign(value, said):
    assert n.signed(value) == said


@pytest.mark.parametrize(
    "value, said",
    [(0, "0"), (870, "870"), (1000, "1k"), (999_700, "1M"), (34_100, "34.1k"), (2.5e9, "2.5B"), (None, "–")],
)
def test_counts_are_said_in_three_digits(value, said):
    assert n.short(value) == said


def test_a_whole_count_is_grouped():
    assert n.grouped(1234567) == "1,234,567" and n.grouped(None) == "–"


@pytest.mark.parametrize("value, said", [(0.47, "47 %"), (0.0, "0 %"), (0.001, "< 1 %"), (1.0, "100 %"), (nan, "–")])
def test_what_is_not_nothing_is_not_said_to_be_zero_percent(value, said):
    assert n.share(value) == said


@pytest.mark.parametrize(
    "factor, said", [(2.3, "×2.3"), (1, "×1.0"), (1 / 1.4, "÷1.4"), (42, "×42"), (5300, "×5.3k"), (0.001, "÷1k")]
)
def test_a_difference_of_logarithms_is_said_as_a_factor(factor, said):
    assert n.multiple(log(factor)) == said


def test_an_infinite_factor_is_a_dash_and_a_huge_one_no_error():
    assert n.multiple(inf) == "–" and n.multiple(1e6).startswith("×")


def test_an_interval_with_an_unknown_end_is_none():
    assert n.interval(0.1, 0.25) == "[0.100, 0.250]"
    assert n.interval(-0.1, 0.25, plus=True) == "[−0.100, +0.250]"
    assert n.interval(None, 0.2) == n.interval(0.1, nan) == "no interval"


def test_values_of_a_slice_stand_by_size_and_the_unknown_last():
    values = ["unknown", "1000000+", "0-1000", "100000-1000000", "1000-10000"]
    assert n.in_order(values) == ["0-1000", "1000-10000", "100000-1000000", "1000000+", "unknown"]
    assert n.in_order(["72 h+", "unknown", "24-48 h", "0-24 h", "48-72 h"])[0] == "0-24 h"
    assert n.in_order(["observed", "interpolated"]) == ["interpolated", "observed"]


@pytest.mark.parametrize(
    "by, value, said",
    [
        ("text_present", "1", "yes"),
        ("channel_seen_in_train", "0", "no"),
        ("channel_size", "10000-100000", "10k–100k"),
        ("channel_size", "1000000+", "1M+"),
        ("age_at_snapshot1", "24-48 h", "24–48 h"),
        ("label_type", "observed", "observed"),
        ("a_new_slice", "x-1", "x-1"),
    ],
)
def test_a_value_of_a_slice_is_said_in_words(by, value, said):
    assert n.slice_value(by, value) == said
    assert "_" not in n.slice_name(by)


@pytest.mark.parametrize(
    "title, shown",
    [
        (None, ""),
        ("two\nlines\x00 and\ttabs", "two lines and tabs"),
        ("x" * 5000, "x" * 139 + "…"),
        ("<b>שלום 🎬", "<b>שלום 🎬"),
    ],
)
def test_a_title_is_shown_on_one_line_and_not_longer_than_one_reads(title, shown):
    assert n.shown_title(title) == shown

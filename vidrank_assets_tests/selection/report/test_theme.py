import polars as pl
import pytest

from vidrank_assets.selection.report.theme import COLOURS, LIGHT, SHAPES, data_of, logarithmic_axis, multiples_axis


def luminance(hex_value):
    """Source: WCAG 2.2, relative luminance."""
    parts = [int(hex_value[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_light_colours_are_distinct_so_that_a_drawn_colour_tells_its_meaning():
    assert len(set(LIGHT.values())) == len(LIGHT)


@pytest.mark.parametrize("mode", [0, 1])
def test_what_is_written_can_be_read_and_what_is_drawn_can_be_seen(mode):
    """WCAG 2.2 AA asks 4.5 of text and 3 of what a chart is made of."""
    ground = COLOURS["ground"][mode]
    for meaning in ("ink", "muted"):
        assert contrast(COLOURS[meaning][mode], ground) >= 4.5, meaning
    for meaning in ("ours", "reference", "peer", "baseline", "worse", "image", "audio", "observed"):
        assert contrast(COLOURS[meaning][mode], ground) >= 3, meaning


def test_every_origin_has_a_form_of_its_own_besides_its_colour():
    assert len(set(SHAPES.values())) == len(SHAPES) and set(SHAPES) <= set(COLOURS)


def test_nan_is_null_in_a_chart():
    assert data_of(pl.DataFrame({"x": [1.0, float("nan"), None]})).to_dict()["values"] == [
        {"x": 1.0},
        {"x": None},
        {"x": None},
    ]


@pytest.mark.parametrize(
    "low, high, labels",
    [
        (700, 400_000, [1e3, 1e4, 1e5]),
        (1, 1e9, [1, 1e2, 1e4, 1e6, 1e8]),
        (150, 900, [200, 500]),
        (500, 500, [500, 1000]),
    ],
)
def test_a_logarithmic_axis_is_labelled_within_its_ends_at_powers_of_ten_where_two_fit(low, high, labels):
    axis = logarithmic_axis("views", low, high)
    assert axis["axis"].to_dict()["values"] == pytest.approx(labels)


def test_an_axis_of_multiples_has_as_many_labels_on_both_sides_of_one():
    values = multiples_axis("ratio", 4.2)["axis"].to_dict()["values"]
    assert values == [-4, -2, 0, 2, 4]
    assert multiples_axis("ratio", 0.1)["axis"].to_dict()["values"] == [-1, 0, 1]

import re
from io import BytesIO
from xml.etree import ElementTree as XML

import altair as alt
import polars as pl
import pytest
import vl_convert
from PIL import Image, ImageChops

from vidrank_assets.selection.report.rendering import png_of, svg_of
from vidrank_assets.selection.report.theme import LIGHT, PANEL_WIDTH, data_of, panel

HOSTILE = "</title></svg><script>alert('1')</script> \" & <b>"


def dots(n=3, said=HOSTILE):
    rows = pl.DataFrame({"x": list(range(n)), "y": [0.123456789 * i for i in range(n)], "said": [said] * n})
    mark = alt.Chart(data_of(rows)).mark_circle(color=LIGHT["ours"], aria=True, clip=True, size=20)
    return panel(
        mark.encode(x="x:Q", y="y:Q", description="said:N"), height=80, title="Dots", alternative='Three dots, "rising"'
    )


@pytest.fixture
def drawn():
    return XML.fromstring(svg_of(dots(), "dots"))


def test_a_chart_is_an_image_with_its_alternative_text(drawn):
    assert drawn.tag == "svg"
    assert drawn.attrib["role"] == "img" and drawn.attrib["aria-label"] == 'Three dots, "rising"'


def test_a_tooltip_is_text_and_nothing_else(drawn):
    tooltips = [title.text for title in drawn.iter("title")]
    assert tooltips == [HOSTILE] * 3
    assert not {element.tag for element in drawn.iter()} & {"script", "b", "a", "image", "foreignObject"}


def test_signs_that_no_page_may_hold_are_left_out_of_a_tooltip():
    drawn = XML.fromstring(svg_of(dots(1, said="a\x00b\x1b\ufffec"), "dots"))
    assert [title.text for title in drawn.iter("title")] == ["abc"]


def test_every_colour_follows_the_page(drawn):
    paints = {element.attrib[key] for element in drawn.iter() for key in ("fill", "stroke") if key in element.attrib}
    assert "var(--ours)" in paints and "var(--ink)" in paints
    assert paints - {"none", "transparent"} == {paint for paint in paints if re.fullmatch(r"var\(--\w+\)", paint)}


def test_equal_charts_give_equal_text_however_many_were_drawn_before():
    """The renderer numbers the parts it clips over its lifetime."""
    first = svg_of(dots(), "dots")
    svg_of(dots(5), "others")
    assert svg_of(dots(), "dots") == first


def test_ids_of_two_charts_on_one_page_differ_and_are_those_referred_to():
    ids = []
    for name in ("one", "two"):
        root = XML.fromstring(svg_of(dots(), name))
        own = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
        used = {element.attrib["clip-path"] for element in root.iter() if "clip-path" in element.attrib}
        assert used and used <= {f"url(#{each})" for each in own}
        ids += own
    assert len(ids) == len(set(ids))


def test_a_point_takes_few_bytes():
    few, many = (len(svg_of(dots(n, said="a"), "dots")) for n in (10, 410))
    assert (many - few) / 400 < 80


def test_a_chart_is_as_wide_as_a_panel(drawn):
    width = float(drawn.attrib["viewBox"].split()[2])
    assert width == pytest.approx(PANEL_WIDTH, abs=10)


def test_a_picture_holds_all_panels_side_by_side_and_below_each_other():
    one, three = (Image.open(BytesIO(png_of([dots()] * n))) for n in (1, 3))
    assert three.mode == one.mode == "P"
    assert three.width / 1.5 == pytest.approx(2 * one.width / 1.7, rel=0.02)  # three are drawn at a smaller scale
    assert three.height / 1.5 == pytest.approx(2 * one.height / 1.7, rel=0.02)


def test_a_picture_is_drawn_of_what_the_page_shows_and_once_for_both(monkeypatch):
    chart, draw, drawn = dots(7), vl_convert.vegalite_to_svg, []
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda chart: drawn.append(chart) or draw(chart))
    svg_of(chart, "dots")
    picture = png_of([chart])
    assert drawn == [chart]
    expected = Image.open(BytesIO(vl_convert.vegalite_to_png(chart, scale=1.7))).convert("RGB")
    difference = ImageChops.difference(Image.open(BytesIO(picture)).convert("RGB"), expected)
    assert max(high for _, high in difference.getextrema()) < 30  # of 255: a picture has few colours


def test_equal_charts_give_equal_pictures_on_light_ground():
    first = png_of([dots()])
    assert first == png_of([dots()])
    assert Image.open(BytesIO(first)).convert("RGB").getpixel((0, 0)) == (255, 255, 255)

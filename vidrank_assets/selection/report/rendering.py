"""A chart as SVG within a page, in colours that follow the page, and as PNG for everywhere else."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as XML

from vidrank_assets.selection.report.theme import LIGHT, Chart

if TYPE_CHECKING:
    from PIL.Image import Image

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_VARIABLES = {hex_value: f"var(--{meaning})" for meaning, hex_value in LIGHT.items()}
_PAINTS = ("fill", "stroke")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DECIMALS = re.compile(r"-?\d+\.\d{2,}")
_CIRCLE = re.compile(r"M([\d.]+),0A[\d.]+,[\d.]+,0,1,1,-[\d.]+,0A[\d.]+,[\d.]+,0,1,1,[\d.]+,0")
_MOVED = re.compile(r"translate\(([-\d.]+),([-\d.]+)\)")
#: What says nothing to a reader of the page: the font is the page's, and the chart has one alternative text.
_SILENT = frozenset(
    {"role", "aria-roledescription", "aria-hidden", "class", "font-family", "pointer-events", "display"}
)
_DEFAULTS = {"opacity": "1", "stroke-width": "1", "stroke-miterlimit": "10"}
_INHERITED = ("fill", "stroke", "stroke-width", "fill-opacity", "stroke-opacity", "font-size", "font-weight")

_COLOURS_OF_PNG = 64


def svg_of(chart: Chart, name: str) -> str:
    """The chart as an `<svg>` element; what a mark's description says is its tooltip.

    The colours of the theme are variables of the page (`var(--ink)`), so one drawing serves light, dark and print.
    name: of the chart on its page; ids within it begin with it.
    Equal charts give equal text.
    """
    root = XML.fromstring(_drawn(json.dumps(chart)))  # noqa: S314 the renderer wrote it
    _numbered(root, name)
    _pruned(root)
    width, height = root.get("width", "0"), root.get("height", "0")
    root.attrib.clear()
    root.attrib |= {"viewBox": f"0 0 {width} {height}", "style": f"--width:{width}px"}
    root.attrib |= {"role": "img", "aria-label": chart["description"]}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_NAMESPACE)
    return XML.tostring(root, encoding="unicode")


def png_of(charts: Sequence[Chart], *, columns: int = 2) -> bytes:
    """The charts beside and below each other as one PNG on light ground, of few colours so that it is small."""
    import vl_convert
    from PIL import Image

    drawn = [vl_convert.svg_to_png(_drawn(json.dumps(chart)), scale=_scale(len(charts))) for chart in charts]
    images = [Image.open(BytesIO(each)).convert("RGB") for each in drawn]
    sheet = _sheet(images, min(columns, len(images)))
    packed = BytesIO()
    sheet.quantize(_COLOURS_OF_PNG, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        packed, "PNG", optimize=True
    )
    return packed.getvalue()


@lru_cache(maxsize=64)  # the page and the pictures of a run show the same charts, and to draw one takes long
def _drawn(chart: str) -> str:
    """A chart, given as JSON, as the renderer's SVG."""
    import vl_convert

    return _NOT_XML.sub("", vl_convert.vegalite_to_svg(json.loads(chart)))


def _scale(n_charts: int) -> float:
    """Sharp where there are few, small where there are many."""
    return 1.7 if n_charts <= 2 else 1.5 if n_charts <= 6 else 1.0  # noqa: PLR2004


def _sheet(images: "Sequence[Image]", columns: int) -> "Image":
    from PIL import Image

    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    width = max(image.width for image in images)
    heights = [max(image.height for image in row) for row in rows]
    sheet = Image.new("RGB", (width * columns, sum(heights)), LIGHT["ground"])
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, image in enumerate(row):
            sheet.paste(image, (column * width, top))
        top += height
    return sheet


def _numbered(root: XML.Element, name: str) -> None:
    """The renderer numbers clip paths over its lifetime; here each chart counts its own."""
    ids: dict[str, str] = {}
    for element in root.iter():
        if found := element.get("id"):
            ids[found] = f"{name}-{len(ids)}"
            element.set("id", ids[found])
    for element in root.iter():
        if found := element.get("clip-path"):
            element.set("clip-path", f"url(#{ids[found[5:-1]]})")


def _pruned(element: XML.Element) -> None:
    """Without what draws nothing; colours as variables, numbers to a tenth of a pixel, equal paints said once."""
    for child in list(element):
        _pruned(child)
        if _draws_nothing(child):
            element.remove(child)
    label = element.attrib.pop("aria-label", None)
    if label is not None and element.get("role") == "graphics-symbol" and not element.tag.endswith("}g"):
        title = XML.Element("title")
        title.text = label
        element.insert(0, title)
    for key, value in list(element.attrib.items()):
        if key in _SILENT or _DEFAULTS.get(key) == value:
            del element.attrib[key]
        elif key in _PAINTS:
            element.set(key, _VARIABLES.get(value, value))
        elif key not in ("id", "clip-path"):
            element.set(key, _DECIMALS.sub(lambda number: f"{float(number[0]):.1f}", value))
    _round_symbol(element)
    _said_once(element)


def _draws_nothing(element: XML.Element) -> bool:
    tag = element.tag.removeprefix(_NAMESPACE)
    if tag == "text":
        return not (element.text or len(element))
    if tag == "path":
        invisible = "fill" not in element.attrib and "stroke" not in element.attrib
        return invisible or not element.get("d")
    return tag in ("g", "defs") and not len(element)


def _round_symbol(element: XML.Element) -> None:
    circle, moved = _CIRCLE.fullmatch(element.get("d", "")), _MOVED.fullmatch(element.get("transform", ""))
    if circle and moved:
        element.tag = f"{_NAMESPACE}circle"
        del element.attrib["d"], element.attrib["transform"]
        element.attrib |= {"cx": moved[1], "cy": moved[2], "r": circle[1]}


def _said_once(element: XML.Element) -> None:
    """A paint that all children share is said by their parent, which hands it down."""
    if len(element) < 2 or element.tag != f"{_NAMESPACE}g":  # noqa: PLR2004
        return
    for key in _INHERITED:
        values = {child.get(key) for child in element}
        if len(values) == 1 and (value := values.pop()) is not None:
            element.set(key, value)
            for child in element:
                del child.attrib[key]

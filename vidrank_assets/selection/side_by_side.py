"""Variants of one video side by side in one picture: who would do best, how surely, and what was measured of each."""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.encoders.pictures import decoded
from vidrank_assets.selection.report.numbers import share, shown_title
from vidrank_assets.selection.report.theme import LIGHT

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    Font = FreeTypeFont | Any

_CARD, _PICTURE = 400, 225
_MARGIN, _GAP, _PER_ROW = 48, 32, 5
_TITLE_LINES, _BAR_ROW = 3, 30
#: What a card is high beside its sub-scores.
_HEIGHT = 90 + _PICTURE + 40 + 28 * _TITLE_LINES + 58
#: By preference; the first that has the signs of a text draws it. What Pillow brings along is the last resort.
_FONTS = {
    False: ("LiberationSans-Regular.ttf", "Arial.ttf", "DejaVuSans.ttf", "NotoSansCJK-Regular.ttc"),
    True: ("LiberationSans-Bold.ttf", "Arial Bold.ttf", "DejaVuSans-Bold.ttf", "NotoSansCJK-Bold.ttc"),
}
_LACKING = "\uffff"


class SubScore(NamedTuple):
    """A sub-score of one variant, 0 to 1. measured: None where it was not; said: what the model's head says."""

    name: str
    measured: float | None
    said: float


class Card(NamedTuple):
    """What is shown of one variant. best: its probability of being the best; line: one line more about it."""

    name: str
    picture: bytes
    title: str
    place: int
    best: float
    line: str
    sub_scores: Sequence[SubScore]


def side_by_side(cards: Sequence[Card], *, kicker: str, headline: str, note: str) -> bytes:
    """A PNG of the cards in the order given, five to a row; kicker and headline stand above them, the note below.

    Raises InvalidInput: a picture cannot be read.
    """
    from PIL import Image, ImageDraw

    columns = min(len(cards), _PER_ROW) if len(cards) <= _PER_ROW else -(-len(cards) // 2)
    width = max(2 * _MARGIN + columns * (_CARD + _GAP) - _GAP, 2 * _MARGIN + 2 * _CARD + _GAP)
    words = _Words(width - 2 * _MARGIN)
    head, foot = words.lines(headline, 34, bold=True), words.lines(note, 17)
    top = _MARGIN + 34 + 44 * len(head) + 26
    height_of_card = _HEIGHT + _BAR_ROW * len(cards[0].sub_scores)
    rows = -(-len(cards) // columns)
    sheet = Image.new("RGB", (width, top + rows * (height_of_card + _GAP) + 24 * len(foot) + _MARGIN), LIGHT["ground"])
    draw = ImageDraw.Draw(sheet)
    _text(draw, (_MARGIN, _MARGIN), kicker, _Type(18, LIGHT["muted"]))
    for at, line in enumerate(head):
        _text(draw, (_MARGIN, _MARGIN + 34 + 44 * at), line, _Type(34, LIGHT["ink"], bold=True))
    for at, card in enumerate(cards):
        corner = _MARGIN + at % columns * (_CARD + _GAP), top + at // columns * (height_of_card + _GAP)
        _card(sheet, draw, corner, card)
    for at, line in enumerate(foot):
        _text(draw, (_MARGIN, top + rows * (height_of_card + _GAP) + 24 * at), line, _Type(17, LIGHT["muted"]))
    packed = BytesIO()
    sheet.save(packed, "PNG", optimize=True)
    return packed.getvalue()


def _card(sheet: "Image", draw: "ImageDraw", corner: tuple[int, int], card: Card) -> None:
    left, top = corner
    paint = LIGHT["ours"] if card.place == 1 else LIGHT["baseline"]
    draw.line((left, top, left + _CARD, top), LIGHT["ink"], 2)
    _text(draw, (left, top + 12), f"{card.place}", _Type(40, LIGHT["muted"]))
    _text(draw, (left + _CARD, top + 12), share(card.best), _Type(40, paint, bold=True, anchor="ra"))
    _text(draw, (left + 44, top + 30), "to be the best", _Type(18, LIGHT["muted"]))
    _bar(draw, (left, top + 66), _CARD, 10, card.best, paint)
    sheet.paste(_framed(card.picture), (left, top + 90))
    below, words = top + 90 + _PICTURE + 12, _Words(_CARD)
    _text(draw, (left, below), words.lines(card.name, 16)[0], _Type(16, LIGHT["muted"]))
    for at, line in enumerate(words.lines(shown_title(card.title), 21, bold=True)[:_TITLE_LINES]):
        _text(draw, (left, below + 26 + 28 * at), line, _Type(21, LIGHT["ink"], bold=True))
    below += 28 + 28 * _TITLE_LINES + 8
    _text(draw, (left, below), card.line, _Type(18, LIGHT["ink"]))
    for at, each in enumerate(card.sub_scores):
        _sub_score(draw, (left, below + 38 + _BAR_ROW * at), each)


def _sub_score(draw: "ImageDraw", corner: tuple[int, int], each: SubScore) -> None:
    """Its name, a bar of what was measured, a mark where the model's head puts it, and the number measured."""
    (left, top), start, length = corner, 130, 200
    _text(draw, (left, top), each.name.replace("_", " "), _Type(17, LIGHT["muted"]))
    _bar(draw, (left + start, top + 5), length, 10, each.measured or 0, LIGHT["image"])
    mark = left + start + round(length * min(max(each.said, 0), 1))
    draw.rectangle((mark - 2, top, mark + 1, top + 20), LIGHT["text"])
    said = f"{each.measured:.2f}" if each.measured is not None else "–"
    _text(draw, (left + _CARD, top), said, _Type(17, LIGHT["ink"], anchor="ra"))


def _bar(draw: "ImageDraw", corner: tuple[int, int], length: int, height: int, filled: float, paint: str) -> None:
    left, top = corner
    draw.rectangle((left, top, left + length - 1, top + height - 1), LIGHT["grid"])
    if filled > 0:
        draw.rectangle((left, top, left + max(round(length * filled), 2) - 1, top + height - 1), paint)


def _framed(content: bytes) -> "Image":
    """The whole picture at the size of a card's, on ground where it has another shape."""
    from PIL import Image, ImageOps

    picture = decoded(content)
    if isinstance(picture, str):
        raise InvalidInput(f"a variant's picture must be readable to be shown; it is {picture}. Use another file.")
    return ImageOps.pad(picture, (_CARD, _PICTURE), Image.Resampling.LANCZOS, color=LIGHT["grid"])


class _Words:
    """Breaks a text into lines of a width in pixels."""

    def __init__(self, width: int) -> None:
        self._width = width

    def lines(self, text: str, size: int, *, bold: bool = False) -> list[str]:
        font, lines = _font_for(text, size, bold), [""]
        for word in self._fitting(text.split(" "), font):
            longer = f"{lines[-1]} {word}".strip()
            if font.getlength(longer) <= self._width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def _fitting(self, words: Sequence[str], font: "Font") -> list[str]:
        """Words; one that is longer than a line, as all of a Japanese title is, in pieces."""
        pieces = []
        for word in words:
            piece = ""
            for sign in word:
                if font.getlength(piece + sign) > self._width:
                    pieces.append(piece)
                    piece = ""
                piece += sign
            pieces.append(piece)
        return pieces


class _Type(NamedTuple):
    """How a text is set. anchor: as Pillow names it."""

    size: int
    paint: str
    bold: bool = False
    anchor: str = "la"


def _text(draw: "ImageDraw", at: tuple[int, int], text: str, how: _Type) -> None:
    draw.text(at, text, how.paint, font=_font_for(text, how.size, how.bold), anchor=how.anchor)


def _font_for(text: str, size: int, bold: bool) -> "Font":
    """The font that has most of the text's signs."""
    fonts = _fonts(size, bold)
    return max(fonts, key=lambda font: sum(_has(font, sign) for sign in set(text)))


@lru_cache(maxsize=32)
def _fonts(size: int, bold: bool) -> tuple["Font", ...]:
    """Those of this machine, by preference; which there are differs from machine to machine."""
    from PIL import ImageFont

    found: list[Font] = []
    for name in _FONTS[bold]:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return (*found, ImageFont.load_default(size))


@lru_cache(maxsize=4096)
def _has(font: "Font", sign: str) -> bool:
    """Whether a font draws a sign as something else than a sign that does not exist."""
    return sign.isspace() or bytes(font.getmask(sign)) != bytes(font.getmask(_LACKING))

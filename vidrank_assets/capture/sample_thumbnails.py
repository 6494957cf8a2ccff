"""Thumbnails of the sample world, drawn so that the parts that drive views can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 320, 180
#: Drawn at twice the size and halved, which smooths the edges.
_SCALE = 2

Colour = tuple[int, int, int]
_COLD: Colour = (25, 95, 205)
_MIDDLE: Colour = (165, 75, 150)
_WARM: Colour = (250, 130, 30)
_GREY: Colour = (128, 128, 128)
_SKIN = ((255, 219, 172), (241, 194, 125), (224, 172, 105), (198, 134, 66), (141, 85, 36))
_ACCENTS = ((255, 235, 59), (0, 230, 200), (255, 64, 129), (124, 77, 255), (118, 255, 3), (255, 255, 255))
_WHITE: Colour = (255, 255, 255)
_INK: Colour = (20, 20, 28)


@dataclass(frozen=True)
class Picture:
    """What a thumbnail shows. Its parts go from 0 to 1; everything else is the channel's style, or chance.

    warmth: background from blue to orange. contrast: bright on one side, dark on the other.
    face: size of the face. clutter: number of badges over the picture. expression: how far the mouth is open.
    host: whose face. accent: the channel's colour. chance: uniform numbers that place things.
    """

    warmth: float
    contrast: float
    face: float
    clutter: float
    expression: float
    caption: str
    host: int
    accent: int
    chance: Sequence[float]

    def jpeg(self) -> bytes:
        """The picture as JPEG, WIDTH by HEIGHT; the same bytes with the same version of Pillow."""
        from PIL import ImageDraw

        large = self._background()
        shapes = ImageDraw.Draw(large)
        self._face(shapes)
        self._badges(shapes)
        picture = large.reduce(_SCALE)
        self._words(ImageDraw.Draw(picture))
        file = BytesIO()
        picture.save(file, "JPEG", quality=85)
        return file.getvalue()

    def _background(self) -> "Image.Image":
        from PIL import Image

        half = 2 * self.warmth
        base = _blend(_COLD, _MIDDLE, half) if half < 1 else _blend(_MIDDLE, _WARM, half - 1)
        base = _blend(base, _GREY, 0.2 * self.chance[0])
        strip = Image.new("RGB", (2, 1))
        strip.putdata([_blend(base, _WHITE, 0.7 * self.contrast), _blend(base, _INK, 0.9 * self.contrast)])
        across = strip.resize((WIDTH * _SCALE, 1), Image.Resampling.BILINEAR)
        return across.resize((WIDTH * _SCALE, HEIGHT * _SCALE), Image.Resampling.NEAREST)

    def _face(self, draw: "ImageDraw.ImageDraw") -> None:
        radius = _SCALE * (16 + 62 * self.face)
        x = _SCALE * WIDTH * (0.66 + 0.06 * self.chance[1])
        y = _SCALE * HEIGHT * (0.46 + 0.06 * self.chance[2])
        skin = _SKIN[self.host % len(_SKIN)]
        hair = _blend(_INK, _ACCENTS[self.accent], 0.15 * (self.host % 4))
        draw.ellipse(_square(x, y - 0.12 * radius, 1.12 * radius), fill=hair)
        draw.rounded_rectangle(
            (x - 1.2 * radius, y + 1.1 * radius, x + 1.2 * radius, 3 * radius + y),
            0.5 * radius,
            fill=_ACCENTS[self.accent],
        )
        draw.ellipse(_square(x, y + 0.06 * radius, radius), fill=skin)
        for side in (-1, 1):
            draw.ellipse(_square(x + side * 0.38 * radius, y - 0.12 * radius, 0.17 * radius), fill=_WHITE)
            draw.ellipse(_square(x + side * 0.38 * radius, y - 0.12 * radius, 0.09 * radius), fill=_INK)
        mouth = 0.12 + 0.25 * self.expression
        draw.ellipse(
            (x - 0.3 * radius, y + (0.5 - mouth / 2) * radius, x + 0.3 * radius, y + (0.5 + mouth) * radius),
            fill=(150, 30, 40),
        )

    def _badges(self, draw: "ImageDraw.ImageDraw") -> None:
        n_badges = round(14 * self.clutter)
        for i in range(n_badges):
            along, up, size, colour = self.chance[4 + 4 * i : 8 + 4 * i]
            x, y = _SCALE * WIDTH * (0.04 + 0.92 * along), _SCALE * HEIGHT * (0.06 + 0.62 * up)
            radius = _SCALE * (7 + 7 * size)
            fill = _ACCENTS[int(colour * len(_ACCENTS))]
            draw.regular_polygon(
                (x, y, radius), 3 + int(3 * size), rotation=int(90 * along), fill=fill, outline=_INK, width=3
            )

    def _words(self, draw: "ImageDraw.ImageDraw") -> None:
        draw.rectangle((0, 0, 5, HEIGHT), fill=_ACCENTS[self.accent])
        draw.text((14, 134), self.caption.upper(), _WHITE, _font(30), stroke_width=2, stroke_fill=_INK)
        draw.rounded_rectangle((12, 7, 75, 22), 4, fill=_INK)
        draw.text((18, 8), "SYNTHETIC", _WHITE, _font(10))


#: Uniform numbers that a picture needs: three for background and face, one that `expression` is drawn from, and four
#: for each of 14 badges.
N_CHANCES = 4 + 4 * 14


@lru_cache(maxsize=4)
def _font(size: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _blend(start: Colour, end: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return red, green, blue


def _square(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return x - radius, y - radius, x + radius, y + radius

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vidrank_assets.errors import InvalidInput
from vidrank_assets.selection.report.theme import LIGHT
from vidrank_assets.selection.side_by_side import Card, SubScore, side_by_side


def png(colour, size=(1280, 720)):
    packed = BytesIO()
    Image.new("RGB", size, colour).save(packed, "PNG")
    return packed.getvalue()


def card(colour=(200, 0, 0), **replaced):
    given = {
        "name": "a.jpg",
        "picture": png(colour),
        "title": "A title",
        "place": 1,
        "best": 0.6,
        "line": "12k views",
        "sub_scores": [SubScore("clarity", 0.5, 0.6), SubScore("title_match", None, 0.2)],
    }
    return Card(**given | replaced)


def shown(cards, **replaced):
    given = {"kicker": "vidrank", "headline": "too close to call", "note": "a note"}
    return Image.open(BytesIO(side_by_side(cards, **given | replaced)))


def n_pixels(picture, colour):
    """Of about that colour."""
    return int((np.abs(np.asarray(picture.convert("RGB"), int) - colour).max(axis=2) <= 2).sum())


@pytest.mark.parametrize(("n", "columns", "rows"), [(2, 2, 1), (5, 5, 1), (6, 3, 2), (10, 5, 2)])
def test_up_to_five_variants_stand_in_a_row(n, columns, rows):
    colours = [(20 * i, 200, 20 * i) for i in range(n)]
    picture = shown([card(colour) for colour in colours])
    assert picture.width == 2 * 48 + columns * 400 + (columns - 1) * 32
    assert picture.height / rows < 900 < picture.height * 2
    for colour in colours:
        assert n_pixels(picture, colour) == pytest.approx(400 * 225, rel=0.01)


def test_a_picture_of_another_shape_is_shown_whole():
    """A square one, of 225 x 225 pixels."""
    assert n_pixels(shown([card(picture=png((200, 0, 0), (500, 500))), card()]), (200, 0, 0)) == pytest.approx(
        225 * 225 + 400 * 225, rel=0.01
    )


def test_the_bar_is_as_long_as_the_probability():
    ours = tuple(bytes.fromhex(LIGHT["ours"][1:]))
    bars = [n_pixels(shown([card(best=best), card(place=2)]), ours) for best in (0.1, 0.9)]
    assert bars[1] - bars[0] == pytest.approx(0.8 * 400 * 10, rel=0.1)  # the digits differ too


def test_a_sub_score_is_a_bar_and_the_models_opinion_of_it_a_mark():
    image, text = (tuple(bytes.fromhex(LIGHT[name][1:])) for name in ("image", "text"))
    some = [SubScore("clarity", 0.5, 0.9)]
    assert n_pixels(shown([card(sub_scores=some), card(sub_scores=some)]), image) == 2 * 100 * 10
    assert n_pixels(shown([card(sub_scores=some), card(sub_scores=some)]), text) == 2 * 4 * 21
    none = [SubScore("clarity", None, 0.9)]
    assert n_pixels(shown([card(sub_scores=none), card(sub_scores=none)]), image) == 0


def test_a_long_headline_and_a_title_without_spaces_are_broken_into_lines():
    low, high = (shown([card(), card()], headline="too close to call " * n).height for n in (1, 12))
    assert high > low
    shown([card(title="ヤ" * 140), card(title="😀 Привет")])


def test_equal_variants_make_equal_pictures():
    made = [side_by_side([card(), card()], kicker="k", headline="h", note="n") for _ in range(2)]
    assert made[0] == made[1]


def test_what_is_no_picture_is_refused():
    with pytest.raises(InvalidInput, match="no JPEG, PNG or WebP"):
        shown([card(picture=b"text"), card()])

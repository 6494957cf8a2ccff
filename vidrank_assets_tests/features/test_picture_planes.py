import numpy as np
import pytest
from PIL import Image

from vidrank_assets.features.picture_planes import cells, opponents


@pytest.mark.parametrize(
    ("colour", "planes"),
    [
        ((255, 255, 255), (1, 0, 0)),
        ((255, 0, 0), (0.299, 1, 0.5)),
        ((0, 255, 0), (0.587, -1, 0.5)),
        ((0, 0, 255), (0.114, 0, -1)),
    ],
)
def test_a_plain_colour_is_its_luma_and_its_two_oppositions(colour, planes):
    found = opponents(Image.new("RGB", (4, 2), colour), np.float64)
    for plane, expected in zip(found, planes, strict=True):
        np.testing.assert_allclose(plane, np.full((2, 4), expected), atol=1e-12)


def test_cells_are_means_row_by_row():
    plane = np.array([[1, 3, 0, 0], [1, 3, 0, 4]])
    assert cells(plane, (2, 1)).tolist() == [2, 1]
    assert cells(plane, (2, 2)).tolist() == [2, 0, 2, 2]

import numpy as np
import pytest

from vidrank_assets.features.fusion.base import Modality, projected, unit_rows


@pytest.fixture
def image():
    return Modality(np.array([[3, 4], [1, 0], [0, 1], [1, 1]], np.float32), np.array([True, True, False, False]))


@pytest.fixture
def text():
    return Modality(
        np.array([[5, 0, 0], [0, 2, 0], [0, 0, 9], [1, 1, 1]], np.float32), np.array([True, False, True, False])
    )


@pytest.fixture
def parts(image, text):
    """Both modalities at unit length and width 6."""
    return projected(unit_rows(image), "image", 6), projected(unit_rows(text), "text", 6)

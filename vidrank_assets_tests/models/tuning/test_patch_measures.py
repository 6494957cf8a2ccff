import numpy as np
import pytest
import torch

from vidrank_assets.models.tuning.patch_measures import N_MEASURES, patch_measures

RED = torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None]


def pictures(n_pictures=1, height=16, width=16):
    return torch.zeros((n_pictures, 3, height, width), dtype=torch.uint8)


def test_a_patch_of_one_colour_has_its_colour_no_spread_and_no_corner():
    """Red: luma 0.299, red over green by 1, yellow over blue by (1 + 0) / 2."""
    found = patch_measures(pictures() + RED, 8)
    expected = torch.tensor([0.299, 1, 0.5, *[0] * 7]).expand(1, 4, N_MEASURES)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_patches_are_told_row_by_row():
    picture = pictures(height=16, width=24)
    picture[..., 8:, 8:16] = 255
    assert patch_measures(picture, 8)[0, :, 0].round().tolist() == [0, 0, 0, 0, 1, 0]


def test_a_patch_that_is_half_white_has_half_the_luma_and_that_spread():
    picture = pictures()
    picture[..., :4, :] = 255
    found = patch_measures(picture, 8)[0, 0]
    assert found[0] == pytest.approx(0.5)
    assert found[3] == pytest.approx(0.5)


def test_a_square_has_corners_where_its_corners_are_and_an_edge_has_none():
    edge, square = pictures(height=32, width=32), pictures(height=32, width=32)
    edge[..., :, 12:] = 255
    square[..., 12:20, 12:20] = 255
    assert patch_measures(edge, 16)[..., 6:].abs().max() < 1e-3
    corners = patch_measures(square, 16)[0, :, 6:]
    assert (corners > 0).all()
    torch.testing.assert_close(corners[0], corners[3])


def test_what_no_whole_patch_covers_is_not_measured():
    picture = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 19, 21), dtype=np.uint8))
    assert patch_measures(picture, 8).shape == (2, 4, N_MEASURES)


def test_pictures_are_measured_each_by_itself():
    both = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8))
    torch.testing.assert_close(patch_measures(both, 8)[1:], patch_measures(both[1:], 8))

"""What each patch of a picture shows, as numbers that can be told from its pixels: colours, their spread, corners."""

from typing import Any

from vidrank_assets.features.picture_planes import opponents_of

#: torch's own type; torch is imported only where it runs.
Tensor = Any

#: The least strength of a pixel that is called a corner, on pictures of tens or hundreds of pixels across.
_CORNERS = (0.03, 0.08, 0.16)
_WINDOW = 3
#: How many numbers a patch has.
N_MEASURES = 3 + 3 + 1 + len(_CORNERS)


def patch_measures(pixels: Tensor, patch: int) -> Tensor:
    """Numbers of square patches, row by row: (n_pictures, n_patches, N_MEASURES).

    Means and standard deviations of luma, red-green and yellow-blue; the mean strength of corners, and the share of
    pixels that are one, for three strengths.
    pixels: uint8, (n_pictures, 3, height, width). patch: its side in pixels; what is left at the right and at the
    bottom belongs to none, as in a vision transformer.
    Source of the strength: Shi & Tomasi 1994, as in `features.corners`.
    """
    import torch
    from torch.nn.functional import avg_pool2d

    colours: tuple[Tensor, ...] = opponents_of(*(pixels.float() / 255).unbind(1))
    planes = torch.stack(colours, dim=1)
    means = avg_pool2d(planes, patch)
    spreads = (avg_pool2d(planes.square(), patch) - means.square()).clamp_min(0).sqrt()
    strength = _corner_strength(planes)
    corners = [avg_pool2d((strength > least).float(), patch) for least in _CORNERS]
    measures: Tensor = torch.cat([means, spreads, avg_pool2d(strength, patch), *corners], dim=1)
    return measures.flatten(2).transpose(1, 2)


def _corner_strength(planes: Tensor) -> Tensor:
    """The root of the smaller eigenvalue of the structure tensor, (n_pictures, 1, height, width)."""
    import torch
    from torch.nn.functional import avg_pool2d

    down, across = torch.gradient(planes, dim=(2, 3))
    tensor = torch.stack([(one * other).sum(1) for one, other in ((down, down), (down, across), (across, across))], 1)
    vertical, both, horizontal = avg_pool2d(tensor, _WINDOW, stride=1, padding=_WINDOW // 2).unbind(1)
    smaller = (vertical + horizontal) / 2 - torch.hypot((vertical - horizontal) / 2, both)
    return smaller.clamp_min(0).sqrt().unsqueeze(1)

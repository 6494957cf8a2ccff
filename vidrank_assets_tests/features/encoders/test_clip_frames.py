import numpy as np

from vidrank_assets.features.encoders.clip import Clip
from vidrank_assets.features.encoders.clip_frames import ClipFrames
from vidrank_assets.features.encoders.media import moments


def test_the_row_is_the_mean_direction_of_its_frames(tiny_clip, films):
    clip, path = Clip(str(tiny_clip)), films[0]
    frames = [moment.picture for moment in moments(path, count=16, short_side=448)]
    each = clip.projected(frames)
    expected = np.mean([vector / np.sqrt((vector**2).sum()) for vector in each], axis=0)
    encoder = ClipFrames(str(tiny_clip))
    np.testing.assert_allclose(encoder.encode([path]).matrix[0], expected, atol=1e-6)
    assert encoder.dim == clip.dim == 24


def test_the_revision_names_the_model_and_the_frames(tiny_clip):
    assert ClipFrames(str(tiny_clip)).revision == f"{Clip(str(tiny_clip)).revision}-16-frames"

import pickle
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.tuning.thumbnail_pixels import ThumbnailPixels

SIDE = 32
BYTES_PER_PICTURE = 3 * SIDE * SIDE


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with the image processor of a model that reads 32 x 32."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    folder = tmp_path_factory.mktemp("processor")
    CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}).save_pretrained(
        folder
    )
    return folder


def jpeg(number, size=(64, 36)):
    drawn = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(drawn).save(file, "JPEG")
    return file.getvalue()


PICTURES = [jpeg(number) for number in range(7)]


def test_a_picture_is_what_the_models_own_processor_makes_of_it(model):
    pixels = ThumbnailPixels(PICTURES, model)
    found = (pixels.of([3, 0]) / 255 - np.reshape(pixels.processor.image_mean, (3, 1, 1))) / np.reshape(
        pixels.processor.image_std, (3, 1, 1)
    )
    opened = [Image.open(BytesIO(PICTURES[picture])) for picture in (3, 0)]
    np.testing.assert_allclose(found, pixels.processor(images=opened, return_tensors="np")["pixel_values"], atol=1e-5)


def test_what_is_beyond_the_memory_limit_is_the_same_and_not_kept(model):
    class TwoPictures(ThumbnailPixels):
        @property
        def _kept(self):
            return self.__dict__.setdefault("rows", np.empty((2, *self.shape), np.uint8))

    limited, whole = TwoPictures(PICTURES, model), ThumbnailPixels(PICTURES, model)
    for _ in range(2):
        np.testing.assert_array_equal(limited.of(range(7)), whole.of(range(7)))
    assert limited._is_kept.tolist() == [True, True, *[False] * 5]


def test_a_mebibyte_keeps_as_many_pictures_as_fit(model):
    many = ThumbnailPixels(PICTURES * 100, model, memory_mib=1)
    assert len(many._kept) == (1 << 20) // BYTES_PER_PICTURE


def test_batches_are_the_pictures_in_their_order(model):
    pixels, order = ThumbnailPixels(PICTURES, model), [6, 1, 5, 0, 3]
    batches = list(pixels.in_batches(order, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(batches), pixels.of(order))


def test_no_pictures_make_no_batch(model):
    assert list(ThumbnailPixels(PICTURES, model).in_batches([], 2)) == []


def test_unreadable_pictures_are_named_with_their_reason_and_refused(model):
    pixels = ThumbnailPixels([PICTURES[0], b"no picture", PICTURES[1][:200]], model)
    assert pixels.unreadable == {1: "no JPEG, PNG or WebP", 2: "truncated or damaged"}
    with pytest.raises(InvalidInput, match="number 1 is no JPEG"):
        pixels.of([0, 1])


def test_another_process_is_given_the_files_and_no_decoded_picture(model):
    pixels = ThumbnailPixels(PICTURES * 20, model)
    whole = pixels.of(range(140))
    sent = pickle.dumps(pixels)
    assert len(sent) < sum(map(len, PICTURES)) * 20 + 10_000
    np.testing.assert_array_equal(pickle.loads(sent).of(range(140)), whole)

"""The contract that every encoder of the catalog keeps."""

from pathlib import Path

import numpy as np
import pytest

from vidrank_assets.catalog import ENCODERS
from vidrank_assets.errors import InvalidInput, UnknownName
from vidrank_assets.features.encoders.base import Encoded, Encoder, load_encoder
from vidrank_assets.settings import Settings

NO_MEDIA = str(Path(__file__))
BROKEN = {"image": b"this is no picture", "text": "   ", "audio": NO_MEDIA, "video": NO_MEDIA}


@pytest.fixture(params=ENCODERS.entries)
def encoder(request, built):
    return built(request.param)


@pytest.fixture
def items(encoder, items_by_modality):
    return items_by_modality[encoder.modality]


def _tolerance(encoder):
    return 1e-5 if ENCODERS.entries[encoder.name].device == "gpu" else 0


def test_an_encoder_has_the_name_and_modality_that_the_catalog_says(encoder, request):
    entry = ENCODERS.entries[encoder.name]
    assert ENCODERS.load(encoder.name) is type(encoder)
    assert encoder.modality == entry.modality
    assert encoder.identity == f"{encoder.name}@{encoder.revision}"


def test_items_become_finite_float32_rows_of_the_declared_width(encoder, items):
    encoded = encoder.encode(items)
    assert encoded.matrix.shape == (len(items), encoder.dim)
    assert encoded.matrix.dtype == np.float32
    assert np.isfinite(encoded.matrix).all()
    assert encoded.unreadable == {}


def test_an_item_alone_has_the_row_it_has_in_a_batch(encoder, items):
    whole = encoder.encode(items).matrix
    for i, item in enumerate(items):
        np.testing.assert_allclose(encoder.encode([item]).matrix[0], whole[i], rtol=0, atol=_tolerance(encoder))


def test_the_order_of_the_batch_does_not_matter(encoder, items):
    order = [3, 0, 6, 2, 5, 1, 4]
    shuffled = encoder.encode([items[i] for i in order]).matrix
    np.testing.assert_allclose(shuffled, encoder.encode(items).matrix[order], rtol=0, atol=_tolerance(encoder))


def test_different_items_have_different_rows(encoder, items):
    assert len(np.unique(encoder.encode(items).matrix.round(4), axis=0)) == len(items)


def test_an_unreadable_item_is_told_with_its_reason_and_changes_no_other_row(encoder, items):
    broken = [items[0], BROKEN[encoder.modality], *items[1:]]
    encoded = encoder.encode(broken)
    assert list(encoded.unreadable) == [1]
    assert encoded.unreadable[1]
    assert not encoded.matrix[1].any()
    kept = np.delete(encoded.matrix, 1, axis=0)
    np.testing.assert_allclose(kept, encoder.encode(items).matrix, rtol=0, atol=_tolerance(encoder))


def test_nothing_but_unreadable_items_gives_zeros(encoder):
    encoded = encoder.encode([BROKEN[encoder.modality]] * 3)
    assert sorted(encoded.unreadable) == [0, 1, 2]
    assert not encoded.matrix.any()


def test_no_items_give_no_rows(encoder):
    encoded = encoder.encode([])
    assert encoded.matrix.shape == (0, encoder.dim)
    assert encoded.unreadable == {}


def test_a_second_encoder_of_the_same_settings_gives_the_same_rows(encoder, items, built):
    again = built(encoder.name)
    assert again.identity == encoder.identity
    np.testing.assert_array_equal(again.encode(items).matrix, encoder.encode(items).matrix)


def test_an_unknown_encoder_is_refused_with_the_names_there_are():
    with pytest.raises(UnknownName, match="title_ngrams"):
        load_encoder("word2vec", Settings())


def test_rows_that_are_not_finite_are_refused():
    class Overflowing(Encoder[str]):
        name, modality, revision, dim = "overflowing", "text", "1", 2

        def _encode(self, items):
            return Encoded(np.full((len(items), 2), np.inf, np.float32), {})

    with pytest.raises(InvalidInput, match="2 not finite"):
        Overflowing().encode(["one"])

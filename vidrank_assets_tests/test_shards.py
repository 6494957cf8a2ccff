from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets import shards
from vidrank_assets.errors import InvalidInput
from vidrank_assets.shards import ShardFile, encoded

IDS = ("a", "b", "ü", "d")
MATRIX = np.array([[0.0, -0.0, np.nan], [1.5, np.inf, -1], [2, 3, 4], [5, 6, 7]], np.float32)
BLOCKS = {"image": 2, "text": 1}
CONTENT = encoded(IDS, MATRIX, BLOCKS)


def opened(content):
    return ShardFile(BytesIO(content), name="s/1.npz")


def npz(save=np.savez, **changed):
    arrays = {"vectors": MATRIX, "video_ids": np.array(IDS), "block_names": np.array(list(BLOCKS))}
    arrays |= {"block_widths": np.array(list(BLOCKS.values()))} | changed
    content = BytesIO()
    save(content, **{name: array for name, array in arrays.items() if array is not None})
    return content.getvalue()


def test_a_shard_reads_back_to_the_bit_with_its_ids_and_the_order_of_its_blocks():
    shard = opened(CONTENT).read()
    assert shard.matrix.tobytes() == MATRIX.tobytes()
    assert (shard.video_ids, list(shard.blocks.items())) == (IDS, list(BLOCKS.items()))


def test_numpy_opens_a_shard():
    with np.load(BytesIO(CONTENT), allow_pickle=False) as arrays:
        assert sorted(arrays) == ["block_names", "block_widths", "vectors", "video_ids"]
        assert arrays["vectors"].tobytes() == MATRIX.tobytes()


def test_the_same_vectors_are_the_same_bytes_however_they_lay_in_memory():
    assert encoded(list(IDS), np.asfortranarray(MATRIX), dict(BLOCKS)) == CONTENT


@pytest.mark.parametrize(
    ("ids", "blocks"), [(IDS[:3], BLOCKS), (IDS, {"image": 2}), (IDS, {"image": 2, "text": 2}), ((), {})]
)
def test_ids_and_blocks_must_fit_the_vectors(ids, blocks):
    with pytest.raises(InvalidInput, match=r"vectors \(4, 3\) must have one id a row and blocks of 3 columns in all"):
        encoded(ids, MATRIX, blocks)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0)])
def test_a_shard_may_be_empty(shape):
    shard = opened(encoded(IDS[: shape[0]], np.empty(shape, np.float32), {"all": shape[1]})).read()
    assert shard.matrix.shape == shape


FOREIGN = {
    "it is compressed": npz(np.savez_compressed),
    "its vectors are float64 of shape (4, 3), by row": npz(vectors=MATRIX.astype(np.float64)),
    "its vectors are >f4 of shape (4, 3), by row": npz(vectors=MATRIX.astype(">f4")),
    "its vectors are object of shape (1,), by row": npz(vectors=np.array([None])),
    "its vectors are float32 of shape (4, 3), by column": npz(vectors=np.asfortranarray(MATRIX)),
    "its vectors are float32 of shape (12,), by row": npz(vectors=MATRIX.ravel()),
    "no item named 'vectors.npy'": npz(vectors=None),
    "no item named 'video_ids.npy'": npz(video_ids=None),
    "no item named 'block_widths.npy'": npz(block_widths=None),
    "it has 1 ids for 4 vectors": npz(video_ids=np.array(["a"])),
    "its blocks {'image': 2, 'text': 2} do not make 3 columns": npz(block_widths=np.array([2, 2])),
    "Object arrays cannot be loaded": npz(video_ids=np.array([*IDS[:3], None])),
    "File is not a zip file": MATRIX.tobytes(),
}


@pytest.mark.parametrize("found", FOREIGN)
def test_a_file_that_is_no_shard_is_refused_and_says_why(found):
    with pytest.raises(InvalidInput, match=r"^s/1.npz must be a shard as this package writes them") as refused:
        opened(FOREIGN[found]).read()
    assert found in str(refused.value)


@given(data=st.data())
def test_rows_are_copied_to_the_places_asked_for_whatever_their_order(data):
    n_videos = data.draw(st.integers(1, 60))
    rows = data.draw(st.lists(st.integers(0, n_videos - 1), min_size=1, max_size=80))
    start, length = data.draw(st.integers(0, n_videos - 1)), data.draw(st.integers(1, n_videos))
    rows = np.array(rows + list(range(start, min(start + length, n_videos))))
    places = np.array(data.draw(st.one_of(st.just(list(range(len(rows)))), st.permutations(range(len(rows))))))
    matrix = np.arange(5 * n_videos, dtype=np.float32).reshape(n_videos, 5)
    into = np.full((len(rows) + 1, 5), -1, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_SPAN", data.draw(st.sampled_from([1, 7 * 20, 2**22])))
        content = encoded([str(row) for row in range(n_videos)], matrix, {"all": 5})
        opened(content).read_rows(rows, into=into, at=places)
    assert (into[places] == matrix[rows]).all()
    assert (into[-1] == -1).all()


@settings(max_examples=400)
@given(place=st.integers(0, len(CONTENT) - 1), byte=st.integers(0, 255), end=st.integers(0, len(CONTENT)))
def test_a_damaged_or_cut_file_is_a_shard_of_its_shape_or_refused(place, byte, end):
    """The checksum catches these first; this holds where a file was damaged before it was named."""
    for content in (CONTENT[:place] + bytes([byte]) + CONTENT[place + 1 :], CONTENT[:end], CONTENT[end:]):
        try:
            shard = opened(content).read()
        except InvalidInput:
            continue
        assert (len(shard.video_ids), sum(shard.blocks.values())) == shard.matrix.shape


def test_a_file_that_is_cut_while_it_is_read_is_an_error(tmp_path):
    file = tmp_path / "1.npz"
    matrix = np.ones((1000, 100), np.float32)
    file.write_bytes(encoded([str(row) for row in range(1000)], matrix, {"all": 100}))
    with file.open("rb") as reading:
        shard = ShardFile(reading, name="s/1.npz")
        file.write_bytes(file.read_bytes()[:200_000])
        with pytest.raises(InvalidInput, match="s/1.npz was cut while it was read; materialize"):
            shard.read_rows(np.arange(1000), into=np.empty_like(matrix), at=np.arange(1000))

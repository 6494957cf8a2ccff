"""Draws depend on what they are for and on nothing else."""

from hashlib import blake2b

import numpy as np

from vidrank_assets.capture.sample_draws import choice, normal, uniform

KEYS = np.arange(20_000)


def test_a_draw_does_not_depend_on_the_others():
    assert uniform(1, "x", [5, 6, 7], 3)[2] == uniform(1, "x", 7, 3)[0] == uniform(1, "x", KEYS, 3)[7]


def test_seed_word_and_every_key_matter_and_so_does_their_order():
    drawn = [uniform(1, "x", 5, 3), uniform(2, "x", 5, 3), uniform(1, "y", 5, 3), uniform(1, "x", 3, 5)]
    assert len({float(each[0]) for each in drawn}) == 4


def _splitmix64(state: int) -> int:
    """The published algorithm, in whole numbers of Python."""
    mask = 2**64 - 1
    state = (state + 0x9E3779B97F4A7C15) & mask
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
    return state ^ (state >> 31)


def test_the_generator_is_splitmix64_from_a_hash_of_seed_and_word():
    state = int.from_bytes(blake2b(b"42/level", digest_size=8).digest(), "little")
    key = _splitmix64((5 + 0x9E3779B97F4A7C15) % 2**64)
    expected = (_splitmix64(state ^ key) >> 11) / 2**53 + 2**-54
    assert uniform(42, "level", 5)[0] == expected


def test_uniforms_are_uniform_on_the_open_interval():
    drawn = uniform(0, "u", KEYS)
    assert 0 < drawn.min() < drawn.max() < 1
    counts = np.bincount((drawn * 10).astype(int), minlength=10)
    assert abs(counts - 2_000).max() < 5 * np.sqrt(2_000)


def test_normals_are_standard_and_unrelated_between_neighbours():
    drawn = normal(0, "n", KEYS)
    assert abs(drawn.mean()) < 0.03
    assert abs(drawn.std() - 1) < 0.03
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.03


def test_every_choice_comes_up():
    assert set(choice(0, "c", 6, KEYS[:200])) == set(range(6))

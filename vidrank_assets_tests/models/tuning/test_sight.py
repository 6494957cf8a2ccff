from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vidrank_assets.models.tuning.patch_measures import N_MEASURES, patch_measures
from vidrank_assets.models.tuning.sight import Scale, Sight, read_outs

PATCH, D_HIDDEN, D_VECTOR = 4, 6, 3
#: A stored vector of two numbers a picture, the second always the same.
STORED = np.array([[1, 5], [3, 5], [5, 5]], np.float32)


@pytest.fixture(scope="module")
def pixels():
    """Three pictures of noise, of two by two patches."""
    return np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def sight(pixels):
    return Sight.of([pixels[:2], pixels[2:]], STORED, patch=PATCH)


@pytest.fixture
def answers():
    encoder = SimpleNamespace(config=SimpleNamespace(hidden_size=D_HIDDEN, projection_dim=D_VECTOR))
    return read_outs(encoder, STORED.shape[1])


def outputs(n_pictures):
    """An encoder's: a vector of the whole, and one of each of four patches, after one that is of no patch."""
    made = torch.Generator().manual_seed(0)
    hidden = torch.randn(n_pictures, 1 + 4, D_HIDDEN, generator=made)
    return SimpleNamespace(image_embeds=torch.randn(n_pictures, D_VECTOR, generator=made), last_hidden_state=hidden)


def zeroed(answers):
    for weight in answers.parameters():
        torch.nn.init.zeros_(weight)
    return answers


def test_a_scale_brings_rows_to_mean_0_and_deviation_1_and_centres_what_does_not_vary():
    scale = Scale.of(torch.tensor([[1.0, 7.0], [3.0, 7.0]]))
    assert scale.standardised(torch.tensor([[4.0, 7.0]])).tolist() == [[2.0, 0.0]]


def test_a_scale_of_no_rows_leaves_them_as_they_are():
    assert Scale.of(torch.empty(0, 2)).standardised(torch.tensor([[3.0, 4.0]])).tolist() == [[3.0, 4.0]]


def test_the_error_of_who_says_the_mean_of_everything_is_the_variance(sight, answers, pixels):
    """1 a number: of the stored numbers one of two varies; of the measures those that do."""
    with torch.no_grad():
        found = sight.errors(zeroed(answers), outputs(3), torch.from_numpy(pixels), torch.from_numpy(STORED))
    assert float(found.vectors.mean()) == pytest.approx(1 / 2)
    varies = patch_measures(torch.from_numpy(pixels), PATCH).flatten(0, 1).std(dim=0) > 1e-4
    assert float(found.patches.mean()) == pytest.approx(int(varies.sum()) / N_MEASURES, abs=1e-5)


def test_what_is_told_of_a_patch_is_read_at_its_place(sight, answers, pixels):
    """Where the answer is what is told in the first of its numbers, and that is the measure, there is no error."""
    told = outputs(3)
    measures = sight.of_patches.standardised(patch_measures(torch.from_numpy(pixels), PATCH))
    told.last_hidden_state[:, 0] = torch.nan
    told.last_hidden_state[:, 1:] = measures[..., :D_HIDDEN]
    with torch.no_grad():
        zeroed(answers)["patches"].weight[:D_HIDDEN] = torch.eye(D_HIDDEN)
        found = sight.errors(answers, told, torch.from_numpy(pixels), torch.from_numpy(STORED)).patches
    torch.testing.assert_close(found, measures[..., D_HIDDEN:].square().sum(dim=-1).mean(dim=-1) / N_MEASURES)


def test_an_error_is_of_the_vectors_direction_and_not_of_its_length(sight, answers, pixels):
    one = outputs(3)
    longer = SimpleNamespace(image_embeds=7 * one.image_embeds, last_hidden_state=one.last_hidden_state)
    with torch.no_grad():
        found = [
            sight.errors(answers, each, torch.from_numpy(pixels), torch.from_numpy(STORED)).vectors
            for each in (one, longer)
        ]
    torch.testing.assert_close(*found)


def test_a_vector_that_is_missing_has_no_error_and_no_part_in_the_scale(sight, answers, pixels):
    stored = np.vstack([STORED, np.zeros((1, 2), np.float32)])
    also = Sight.of([pixels], stored, patch=PATCH)
    torch.testing.assert_close(also.of_vectors, sight.of_vectors)
    with torch.no_grad():
        found = also.errors(answers, outputs(2), torch.from_numpy(pixels[1:]), torch.from_numpy(stored[2:]))
    assert found.vectors[1] == 0 < found.vectors[0]
    assert (found.patches > 0).all()

from dataclasses import replace

import numpy as np
import pytest

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models import linear
from vidrank_assets.models.linear import LinearInputs


def all_rows(inputs, videos):
    return np.vstack(list(inputs.blocks(videos)))


def fused_part(inputs, videos):
    return all_rows(inputs, videos)[:, -videos.fused.matrix.shape[1] :]


def test_each_fused_block_has_a_total_variance_of_one_on_train(train):
    fused = fused_part(LinearInputs().fit(train), train)
    np.testing.assert_allclose(fused.mean(axis=0), 0, atol=1e-7)
    assert fused[:, :6].var(axis=0).sum() == pytest.approx(1)
    assert fused[:, 6:].var(axis=0).sum() == pytest.approx(1)


def test_small_blocks_hold_the_same_rows_as_one(train, val, monkeypatch):
    whole = all_rows(LinearInputs().fit(train), val)
    monkeypatch.setattr(linear, "BLOCK_ROWS", 50)
    inputs = LinearInputs().fit(train)
    assert [len(block) for block in inputs.blocks(val)] == [50, 50, 20]
    np.testing.assert_allclose(all_rows(inputs, val), whole, rtol=1e-12, atol=1e-12)


def test_every_column_says_what_it_is_made_of(train):
    inputs = LinearInputs().fit(train)
    sources, columns = inputs.sources(train), all_rows(inputs, train)
    assert len(sources) == columns.shape[1]
    assert sources[-10:] == ["fused_image"] * 6 + ["fused_text"] * 4
    subscribers = columns[:, sources.index("channel_subscribers")]
    assert np.corrcoef(subscribers, np.log1p(train.columns["channel_subscribers"].to_numpy()))[0, 1] == pytest.approx(1)
    levels = columns[:, [source == "category_id" for source in sources]]
    assert levels.shape[1] == 6  # four levels, and whether it is missing: yes or no
    assert set(sources) >= {"title_length", "query", "views_at_snapshot1"}


def test_directions_within_a_block_keep_their_weight(train):
    matrix = train.fused.matrix * np.array([10, 1, 1, 1, 1, 1, 1, 1, 1, 1], np.float32)
    stretched = replace(train, fused=Vectors(train.video_ids, matrix, train.fused.blocks))
    spread = fused_part(LinearInputs().fit(stretched), stretched).std(axis=0)
    np.testing.assert_allclose(
        spread[0] / spread[1], 10 * train.fused.matrix[:, 0].std() / train.fused.matrix[:, 1].std(), rtol=1e-5
    )


def test_a_block_of_zeros_stays_zeros(train):
    empty = Vectors(train.video_ids, np.zeros((len(train), 3), np.float32), {"image": 3})
    absent = replace(train, fused=empty)
    assert not fused_part(LinearInputs().fit(absent), absent).any()


def test_fused_effects_say_what_the_unscaled_vector_adds(train):
    inputs = LinearInputs().fit(train)
    matrix = all_rows(inputs, train)
    coefficients = np.random.default_rng(0).normal(size=matrix.shape[1])
    centre, weights = inputs.fused_effects(coefficients)
    np.testing.assert_allclose(
        (train.fused.matrix - centre) @ weights, matrix[:, -10:] @ coefficients[-10:], rtol=1e-5, atol=1e-6
    )

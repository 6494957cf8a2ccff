import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from vidrank_assets.models.ranking.ranker_objective import PairObjective, RankerPlan
from vidrank_assets.models.training.objective import Batch
from vidrank_assets.models.training.reproducible import generator

WHOLE = torch.arange(0, 24)


@pytest.fixture(scope="module")
def objective(train, val):
    return of(train, val)


@pytest.fixture(scope="module")
def layers(objective):
    torch.manual_seed(0)
    return objective.layers().eval()  # without dropout and the statistics of a batch, rows are independent


def of(train, val, **parameters):
    return PairObjective(train.modalities, train.comparisons, val.modalities, val.comparisons, RankerPlan(**parameters))


def losses(objective, layers, own=slice(None)):
    with torch.no_grad():
        return objective.losses(layers, Batch(WHOLE, own, generator(1)))


def test_every_term_is_one_number_a_pair(objective, layers):
    found = losses(objective, layers)
    assert {name: term.shape for name, term in found.items()} == dict.fromkeys(
        ("ranking", "distance", "ctr", "sub_scores"), (24,)
    )


def test_pieces_of_a_batch_have_the_losses_that_they_have_in_the_whole(objective, layers):
    whole = losses(objective, layers)
    pieces = [losses(objective, layers, own) for own in (slice(0, 9), slice(9, 24))]
    for name, term in whole.items():
        torch.testing.assert_close(torch.cat([piece[name] for piece in pieces]), term)


def test_the_terms_are_what_the_heads_say_of_winner_and_loser(train, val, layers):
    objective = of(train, val, mixup=0)
    first, won = train.comparisons.pairs[0], train.comparisons.first_won[0]
    winner, loser = first if won else first[::-1]
    with torch.no_grad():
        outputs = layers(torch.from_numpy(train.modalities.matrix[[winner, loser]]))
    found = {name: float(term[0]) for name, term in losses(objective, layers).items()}
    ahead = float(outputs.score[0] - outputs.score[1])
    ended = abs(float(train.targets[first[0]] - train.targets[first[1]]))
    assert found["ranking"] == pytest.approx(0.925 * max(0, 0.1 - ahead) + 0.075 * max(0, 0.1 + ahead), abs=1e-6)
    assert found["distance"] == pytest.approx((ahead - ended) ** 2, rel=1e-4)
    ctr = outputs.ctr.numpy() - train.comparisons.ctr[[winner, loser]]
    assert found["ctr"] == pytest.approx(np.mean(ctr**2), rel=1e-4)
    # one of six is known, and is 0.5 for both
    assert found["sub_scores"] == pytest.approx(float(((outputs.sub_scores[:, 0] - 0.5) ** 2).mean()) / 6, rel=1e-4)


def test_what_is_not_known_adds_nothing(train, val, layers):
    unknown = replace(train.comparisons, ctr=np.full(len(train), np.nan), sub_scores=np.full((len(train), 6), np.nan))
    found = losses(of(replace(train, comparisons=unknown), val), layers)
    assert not found["ctr"].any() and not found["sub_scores"].any() and found["ranking"].all()


def test_pairs_of_which_it_is_not_told_how_far_apart_they_ended_are_no_batch(train, val, layers, monkeypatch):
    objective = of(train, val)
    known = {name: each for name, each in objective._on(torch.device("cpu")).items() if name != "distances"}
    monkeypatch.setattr(objective, "_on", lambda device: known)
    with pytest.raises(KeyError, match="distances"):
        losses(objective, layers)


def test_weights_weigh_and_no_weight_leaves_a_term_out(train, val, layers):
    plain = losses(of(train, val), layers)
    weighed = losses(of(train, val, distance_weight=0.5, ctr_weight=3.0, sub_score_weight=0.0), layers)
    torch.testing.assert_close(weighed["distance"], 0.5 * plain["distance"])
    torch.testing.assert_close(weighed["ctr"], 3 * plain["ctr"])
    torch.testing.assert_close(weighed["ranking"], plain["ranking"])
    assert not weighed["sub_scores"].any()


def test_its_score_is_the_share_of_val_pairs_in_order(objective, layers, val):
    with torch.no_grad():
        ranks = layers.ranks(torch.from_numpy(val.modalities.matrix)).numpy()
        score = objective.score(layers)
    a, b = ranks[val.comparisons.pairs].T
    assert score == pytest.approx(np.mean((a > b) == val.comparisons.first_won))


def test_other_data_are_another_objective_and_another_plan_is_told_apart_elsewhere(objective, train, val):
    assert of(train, val, mixup=0.5).identity == objective.identity
    turned = replace(train.comparisons, first_won=~train.comparisons.first_won)
    other = [
        of(replace(train, comparisons=turned), val),
        of(train, replace(val, comparisons=val.comparisons.rows(range(60)))),
        of(train, replace(val, fused=train.fused.rows(range(120)))),
        of(replace(train, comparisons=replace(train.comparisons, ctr=1 - train.comparisons.ctr)), val),
    ]
    assert len({objective.identity, *(each.identity for each in other)}) == 5


def test_it_can_be_given_to_another_process(objective, layers):
    copy = pickle.loads(pickle.dumps(objective))
    assert copy.identity == objective.identity
    for mine, theirs in zip(losses(objective, layers).values(), losses(copy, layers).values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


def test_the_scale_of_the_vectors_is_in_no_group_of_the_optimiser(objective, layers):
    (group,) = objective.groups(layers)
    assert sum(each.numel() for each in group["params"]) == sum(each.numel() for each in layers.ranker.parameters())
    assert group["lr"] == 5e-4

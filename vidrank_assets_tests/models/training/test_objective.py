import pickle

import pytest
from pydantic import ValidationError

from vidrank_assets.models.training.objective import Epoch, Objective, Plan
from vidrank_assets_tests.models.training.toy_objective import Toy


def test_the_plan_is_that_of_the_ranker_by_default():
    plan = Plan()
    assert (plan.max_epochs, plan.average_from, plan.gradient_clip, plan.precision) == (200, 0.75, 1.0, "fp32")


@pytest.mark.parametrize(
    "wrong", [{"processes": 0}, {"accumulate": 0}, {"average_from": 0.0}, {"average_from": 1.1}, {"precision": "fp16"}]
)
def test_a_plan_without_sense_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Plan(**wrong)


def test_an_objective_says_all_of_what_is_learned():
    with pytest.raises(TypeError, match="groups, layers, losses, score"):
        Objective()


def test_an_objective_goes_to_other_processes():
    copied = pickle.loads(pickle.dumps(Toy()))
    assert (copied.n_examples, copied.identity, copied.heavy) == (203, "toy", False)


def test_an_epoch_may_be_told_without_rates():
    assert Epoch(1, {"a": 0.5}, 0.7).rates == ()

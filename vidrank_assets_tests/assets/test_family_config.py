import dagster as dg
import pytest
from pydantic import ValidationError

from vidrank_assets.assets.family_config import chosen, step_config
from vidrank_assets.assets.models import STEPS
from vidrank_assets.models.base import load_family


@pytest.mark.parametrize("step", STEPS)
def test_what_the_launchpad_offers_is_what_the_families_take_with_their_defaults(step):
    offered = chosen(step_config(step, STEPS[step])(), STEPS[step])
    for family in STEPS[step]:
        settings = dict(offered[family])
        assert settings.pop("seed") == 42
        assert load_family(family)(**settings).parameters == load_family(family)().parameters


def test_a_parameter_that_is_set_reaches_the_family():
    config = step_config("ridge", ["ridge"])(alphas=[5.0], seed=7)
    assert chosen(config, ["ridge"])["ridge"].items() >= {"seed": 7}.items()
    assert chosen(config, ["ridge"])["ridge"]["alphas"] == [5.0]


def test_bounds_of_a_parameter_hold_in_the_launchpad():
    with pytest.raises(ValidationError, match="max_epochs"):
        step_config("concat_mlp", ["concat_mlp"])(max_epochs=0)


def test_every_parameter_is_explained_in_the_launchpad():
    for step, families in STEPS.items():
        schema = step_config(step, families).to_config_schema()
        for family in families:
            for name, field in load_family(family).takes.model_fields.items():
                assert field.description, (family, name)
        assert schema is not None


def test_a_step_config_is_a_dagster_config():
    assert issubclass(step_config("baselines", STEPS["baselines"]), dg.Config)

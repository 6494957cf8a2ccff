import dagster as dg
import pytest

from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.definitions import definitions
from vidrank_assets.errors import NoRows

AT_ONCE = dg.RetryPolicy(max_retries=2, delay=0)


def attempts_of(fault, *, yields):
    """How often an asset that fails with the fault was tried, and what ended it."""
    tried = []

    def returning():
        tried.append(1)
        raise fault

    def yielding():
        tried.append(1)
        raise fault
        yield

    failing = dg.asset(name="failing", retry_policy=AT_ONCE)(faults_are_final(yielding if yields else returning))
    with pytest.raises(Exception) as ended:
        dg.materialize([failing])
    return len(tried), ended.value


@pytest.mark.parametrize("yields", [False, True])
def test_a_fault_that_is_named_ends_the_step_at_once_with_its_sentence(yields):
    n_attempts, ended = attempts_of(NoRows("a step needs rows; it has none."), yields=yields)
    assert n_attempts == 1
    assert isinstance(ended, dg.Failure) and ended.description == "NoRows: a step needs rows; it has none."
    assert isinstance(ended.__cause__, NoRows)


@pytest.mark.parametrize("yields", [False, True])
def test_anything_else_is_tried_again(yields):
    n_attempts, _ = attempts_of(ConnectionError("the network is away"), yields=yields)
    assert n_attempts == 3


def test_an_asset_keeps_its_inputs_and_its_docstring():
    @faults_are_final
    def fitted(context: dg.AssetExecutionContext, rows: int) -> int:
        """What it is."""
        return rows + 1

    made = dg.asset(fitted)
    assert list(made.keys_by_input_name) == ["rows"]
    assert made.op.description == "What it is."


def test_every_asset_is_tried_again():
    steps = [each for each in definitions().assets if isinstance(each, dg.AssetsDefinition) and each.is_executable]
    assert len(steps) > 15
    without = [each.node_def.name for each in steps if each.node_def.retry_policy != RETRIES]
    assert without == []

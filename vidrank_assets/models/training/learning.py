"""The training of a net by whatever loss it is given: one that can be shared by processes, watched and resumed."""

from collections.abc import Mapping
from contextlib import closing, nullcontext
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from vidrank_assets.models.training.interruption import Interruption
from vidrank_assets.models.training.learning_processes import launched_processes, shared_out
from vidrank_assets.models.training.objective import Batch, Epoch, Layers, Objective, Plan, Tensor
from vidrank_assets.models.training.reproducible import reproducible, threads_for
from vidrank_assets.models.training.trained_weights import restore_weights
from vidrank_assets.models.training.training_run import TrainingRun
from vidrank_assets.models.training.workplace import Workplace

#: All that a family needs of a training.
__all__ = ["Batch", "Epoch", "Layers", "Learned", "Objective", "Plan", "Tensor", "learned"]


class Learned(NamedTuple):
    """Layers on the CPU in evaluation mode, how they were learned, and what was found out on the way.

    facts: `device`, `processes`, `best_epoch`, `score` of what was kept, `averaged` (1 where that is the averaged
    weights), `resumed_from_epoch` (0 where it was not resumed), and what `Checkpoints.facts` has.
    """

    layers: Layers
    curve: list[Epoch]
    facts: Mapping[str, str | int | float]


def learned(objective: Objective, plan: Plan, *, seed: int, workplace: Path | None) -> Learned:
    """Train with AdamW until the score on val gets no better; the layers that score best are returned.

    The rates fall along a cosine until `average_from` of all epochs, and are constant after it, where the weights at
    the end of each epoch are averaged. Statistics of batch norm are then taken anew by a pass over all examples. The
    averaged weights are kept where their score is not lower than that of the best epoch. An epoch without numbers is
    the last.

    The same seed and objective give the same layers to the bit on one machine with one number of threads. The examples
    of an epoch are in an order that seed and epoch decide, in batches of nearly equal size, `batch_size` at most; so
    none is left out and no last one is tiny. Processes share each batch, and give the losses of one process but for
    rounding, where nothing is random but what `Batch.generator` decides and batch norm is `synced_batch_norm`; dropout
    draws other masks in each process. `plan.processes` are spawned on this machine, a GPU each or all on the CPU. In a
    process that `accelerate launch` or torchrun started, the processes are those, whatever the plan says; each must
    make the same call, and they must share the workplace.

    workplace: a folder of one training at a time; another one waits for its end. There are checkpoints in it, written
    every `checkpoint_every` epochs, and where SIGTERM or SIGINT asks the process to end: after the step, before the
    signal takes effect. The same call goes on at the newest, to the same bits. A finished training returns its result
    at once. A checkpoint of another objective, plan, seed, torch, code of the models, kind of device or number of
    processes is set aside. `tensorboard` in it has the event files. With None nothing is written and no signal is
    heeded.

    Raises InvalidInput: not even after one epoch are the loss and the score numbers, or there are more processes than
    GPUs or than examples of a batch.
    """
    arguments = (objective, plan, seed, workplace)
    if plan.processes > 1 and launched_processes() == 1:
        result = shared_out(_result, arguments, processes=plan.processes, resumable=workplace is not None)
    else:
        result = _result(*arguments)
    with reproducible(seed, n_threads=1):
        layers = objective.layers()
    restore_weights(layers, result["weights"])
    return Learned(layers.eval(), [Epoch(*epoch) for epoch in result["curve"]], result["facts"])


def _result(objective: Objective, plan: Plan, seed: int, folder: Path | None) -> Mapping[str, Any]:
    """Weights, curve and facts, in each of the processes that share the training."""
    import torch
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    # Parameters may have no part in a loss; and buckets of gradients that are not rebuilt are summed in one order.
    sharing = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=[sharing])
    workplace = Workplace(folder, _of(objective, plan, seed, accelerator), writes=accelerator.is_main_process)
    n_threads = torch.get_num_threads() if objective.heavy else threads_for(objective.n_examples)
    interruption = Interruption()
    with closing(workplace):
        with accelerator.main_process_first():
            state = workplace.newest()
        if state and "result" in state:
            return _told(state["result"], workplace, resumed_from=len(state["result"]["curve"]))
        with interruption if folder else nullcontext(), reproducible(seed, n_threads=n_threads):
            training = TrainingRun(objective, plan, seed=seed, accelerator=accelerator)
            if state:
                training.resume(state)
            result = training.run(workplace, interruption)
            workplace.write({"result": result})
    return _told(result, workplace, resumed_from=state["number"] if state else 0)


def _of(objective: Objective, plan: Plan, seed: int, accelerator: Any) -> dict[str, str | int]:
    """What decides the bits of the result."""
    import torch

    return {
        "identity": objective.identity,
        "plan": plan.model_dump_json(exclude={"checkpoint_every", "processes"}),
        "seed": seed,
        "torch": str(torch.__version__),
        "code": _code(),
        "device": accelerator.device.type,
        "processes": accelerator.num_processes,
    }


@cache
def _code() -> str:
    """Digest of the code of the models: other layers or another loss go on to other bits, or not at all."""
    models = Path(__file__).parents[1]
    digest = sha256()
    for source in sorted(models.rglob("*.py")):
        digest.update(source.relative_to(models).as_posix().encode() + source.read_bytes())
    return digest.hexdigest()


def _told(result: Mapping[str, Any], workplace: Workplace, *, resumed_from: int) -> dict[str, Any]:
    facts = {**result["facts"], "resumed_from_epoch": resumed_from, **workplace.facts}
    return {**result, "facts": facts}

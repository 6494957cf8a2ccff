"""The folder that a training keeps its checkpoints and event files in, so that it can be resumed and watched."""

import fcntl
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from vidrank_assets.models.training.checkpoints import Checkpoints, State
from vidrank_assets.models.training.event_file import EventFile
from vidrank_assets.models.training.objective import Epoch

#: Locked by the process that writes; the system lets go of it when that process ends, however it does.
_TURN = "turn"


class Workplace:
    """`checkpoints` and `tensorboard` in a folder; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, of: Mapping[str, str | int], *, writes: bool) -> None:
        """of: what the training is of. writes: whether this is the one process that writes."""
        self._folder, self._writes = folder, writes
        self._checkpoints = None if folder is None else Checkpoints(folder / "checkpoints", of)
        self._events: EventFile | None = None
        self._turn: IO[bytes] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether there is a folder."""
        return self._folder is not None

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What was found and not used."""
        return {} if self._checkpoints is None else self._checkpoints.facts

    def newest(self) -> State | None:
        """The newest checkpoint of this training, if there is one.

        The process that writes waits until no other one writes here, and keeps the folder until `close`.
        """
        if self._writes and self._folder is not None and self._turn is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._turn = (self._folder / _TURN).open("wb")
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        return None if self._checkpoints is None else self._checkpoints.newest()

    def write(self, state: State) -> None:
        """A checkpoint."""
        if self._writes and self._checkpoints is not None:
            self._checkpoints.write(state)

    def begin(self, curve: Sequence[Epoch], names: Sequence[str]) -> None:
        """Begin the event file anew, with the epochs that there are; names: of the parameter groups.

        A resumed training repeats the epochs since its checkpoint. Writing all of them once is right for every
        reader, whether or not it understands purged steps.
        """
        self._names = names
        if self._writes and self._folder is not None:
            shutil.rmtree(self._folder / "tensorboard", ignore_errors=True)
            self._events = EventFile(self._folder / "tensorboard")
        for epoch in curve:
            self.show(epoch)

    def show(self, epoch: Epoch) -> None:
        """Write an epoch into the event file."""
        if self._events is None:
            return
        scalars = {f"loss/{term}": loss for term, loss in epoch.losses.items()}
        scalars |= {f"learning_rate/{name}": rate for name, rate in zip(self._names, epoch.rates, strict=True)}
        scalars |= {"loss/total": sum(epoch.losses.values()), "score/val": epoch.score}
        self._events.add(scalars, epoch.number)

    def close(self) -> None:
        """End the event file, and let others write here."""
        if self._events is not None:
            self._events.close()
        if self._turn is not None:
            self._turn.close()

"""Checkpoints of a training: whole files or none, read without unpickling, told from those of other trainings."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Nested dicts and lists of tensors, numbers and words.
State = Mapping[str, Any]

#: The newest, and the one before in case that the newest is damaged on the disk.
_KEPT = 2
_SUFFIX = ".pt"
_OF = "of"


class Checkpoints:
    """The checkpoints of one training in a folder of its own.

    A file is written aside, brought to the disk and renamed to its number and the SHA-256 of its bytes, so that
    whatever moment a process dies at, a name stands for a whole file; damage by the disk is told by the digest.
    """

    def __init__(self, folder: Path, of: Mapping[str, str | int]) -> None:
        """folder: where they are. of: what the training is of; a checkpoint of anything else is not its own."""
        self._folder, self._of = folder, dict(of)
        #: What was found and not used: `checkpoint_set_aside`, what differs; `checkpoints_damaged`, how many.
        self.facts: dict[str, str | int] = {}

    def newest(self) -> State | None:
        """The newest intact checkpoint of this training; None where there is none.

        A damaged one is renamed to `….damaged`, and the one before it is taken. Where that is of another training,
        all of them go to the folder `…_set_aside`, whose earlier contents are lost. What a killed process left half
        written is removed.
        """
        for aside in self._folder.glob("writing-*"):
            aside.unlink()
        for path in reversed(self._paths()):
            state = _read(path)
            if state is None:
                path.rename(path.with_suffix(".damaged"))
                self.facts["checkpoints_damaged"] = int(self.facts.get("checkpoints_damaged", 0)) + 1
                continue
            found = state[_OF]
            if found == self._of:
                return state
            differing = sorted(key for key in {*found, *self._of} if found.get(key) != self._of.get(key))
            self.facts["checkpoint_set_aside"] = f"another {' and '.join(differing)}"
            self._set_aside()
            break
        return None

    def write(self, state: State) -> None:
        """Make this the newest checkpoint; the one before it is kept, those before that are removed."""
        import torch

        self._folder.mkdir(parents=True, exist_ok=True)
        earlier = self._paths()
        aside = self._folder / f"writing-{os.getpid()}"
        with aside.open("wb") as file:
            torch.save({**state, _OF: self._of}, file)
            file.flush()
            os.fsync(file.fileno())
        number = 1 + (_number(earlier[-1]) if earlier else 0)
        aside.rename(self._folder / f"{number:06d}-{_digest(aside)}{_SUFFIX}")
        _sync(self._folder)
        for path in earlier[: 1 - _KEPT]:
            path.unlink()

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{_SUFFIX}"), key=_number)

    def _set_aside(self) -> None:
        place = self._folder.with_name(f"{self._folder.name}_set_aside")
        shutil.rmtree(place, ignore_errors=True)
        self._folder.rename(place)


def _read(path: Path) -> State | None:
    """Its contents; None where its bytes are not those that were written."""
    import torch

    if not path.stem.endswith(_digest(path)):
        return None
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _number(path: Path) -> int:
    return int(path.name.split("-")[0])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    """A rename is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

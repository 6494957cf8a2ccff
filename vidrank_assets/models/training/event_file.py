"""What TensorBoard shows of a training, in a file that equal trainings write alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: TensorBoard reads whatever has `tfevents` in its name; its own writers add the time, the host and the process.
NAME = "events.out.tfevents"


class EventFile:
    """Scalars by step, in TensorBoard's own format.

    Neither its name nor its bytes say when, where or by which process it was written: as time a step has its number,
    in seconds. So the file of a training that was resumed is that of one that was not.
    """

    def __init__(self, folder: Path) -> None:
        """A new file in a folder, which is made."""
        from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

        folder.mkdir(parents=True, exist_ok=True)
        self._records: Any = RecordWriter((folder / NAME).open("wb"))
        self._write(wall_time=0.0, file_version="brain.Event:2")

    def add(self, scalars: Mapping[str, float], step: int) -> None:
        """Write the values of a step, by tag; they can be read at once."""
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(wall_time=float(step), step=step, summary=Summary(value=values))

    def close(self) -> None:
        """End the file."""
        self._records.close()

    def _write(self, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]

        self._records.write(Event(**fields).SerializeToString())
        self._records.flush()

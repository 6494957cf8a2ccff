"""The horizons at which a video's views are predicted. One line here is one more partition."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Horizon:
    """A time since publication, and how near to it the evidence for a label must be.

    tolerance: a capture at most this far from the horizon is the label itself (`observed`).
    bracket: captures on both sides, at most this far apart, give an `interpolated` label.
    required: a video without the label of this horizon is not in the delta task.
    """

    name: str
    days: int
    required: bool
    tolerance: timedelta = timedelta(hours=12)
    bracket: timedelta = timedelta(hours=72)

    @property
    def age(self) -> timedelta:
        """The age of a video at the horizon."""
        return timedelta(days=self.days)


HORIZONS = {
    horizon.name: horizon
    for horizon in (
        Horizon("7d", days=7, required=False),
        Horizon("14d", days=14, required=True),
        Horizon("21d", days=21, required=True),
        Horizon("30d", days=30, required=False),
    )
}

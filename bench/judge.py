"""Compares what a store holds with what was published, value by value."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.load import Load, device_id, values

Row = tuple[str, int, tuple[object, ...]]
"""Device, event time in ms, its values in the order of the load's metrics; None where a value is not there."""


@dataclass(frozen=True)
class Verdict:
    """In messages."""

    whole: int
    """All six values stored as they were sent."""
    missing: int
    changed: int
    """Stored, but a value differs from what was sent, or is not there."""
    extra: int
    """Stored, though never sent."""

    @property
    def right(self) -> bool:
        """Nothing lost, nothing changed, nothing made up."""
        return self.missing == self.changed == self.extra == 0

    def __str__(self) -> str:
        """For the table."""
        if self.right:
            return f"all {self.whole:,} x 6 values as sent"
        return f"WRONG: {self.missing:,} not stored, {self.changed:,} changed, {self.extra:,} never sent"


def judge(load: Load, rows: Iterable[Row]) -> Verdict:
    """The verdict on what a store holds. A row that comes twice counts as extra."""
    expected = {(device_id(number), load.time_ms(message)): message for message, number in enumerate(load.order)}
    whole = changed = extra = 0
    for device, time_ms, found in rows:
        message = expected.pop((device, time_ms), None)
        if message is None:
            extra += 1
        elif found == values(message):
            whole += 1
        else:
            changed += 1
    return Verdict(whole, len(expected), changed, extra)

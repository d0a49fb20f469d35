"""Messages through admission into the store, in batches, without the broker: what `import` and `fill` have in common.

The journal is not needed here. Whoever calls still has the source and can begin again: writes are idempotent.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from caretaker.output import note
from telemetry.admission.admit import admit
from telemetry.admission.limits import Limits
from telemetry.message import Message, Reason
from telemetry.reading import Reading
from telemetry.registry.models import Registry
from telemetry.stores.store import Refusal, StoreAwayError, StoreWriter

BATCH_MESSAGES = 500
"""Small: live readings are written at the same time, and a batch holds the embedded store's only lock."""
NICENESS = 10
"""The past can wait; live readings can't."""
PATIENCE_S = 60.0
"""How long the store may stand still before we give up."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 5.0


class Lost(Struct, frozen=True):
    """What one message of a batch lost, and why."""

    index: int
    """Of the message in its batch."""
    reason: Reason
    readings: int
    """Whole readings; 0 when only single values were refused."""
    detail: str


class Tally:
    """What became of everything so far, in readings."""

    def __init__(self) -> None:
        self.written = 0
        self.refused: Counter[Reason] = Counter()
        self.trimmed: Counter[Reason] = Counter()
        """Messages that lost single values only."""

    def count(self, lost: Lost) -> None:
        """Add one loss."""
        if lost.readings:
            self.refused[lost.reason] += lost.readings
        else:
            self.trimmed[lost.reason] += 1


async def store_batch(
    messages: Sequence[Message], registry: Registry, limits: Limits, writer: StoreWriter, tally: Tally
) -> Sequence[Lost]:
    """Admit and write one batch; waits for a store that is away.

    Raises `StoreAwayError` after `PATIENCE_S`, or at once on a trouble that does not pass by itself.
    """
    lost: list[Lost] = []
    readings: list[Reading] = []
    origin: dict[tuple[str, int, int | None], int] = {}
    for index, message in enumerate(messages):
        admitted = admit(message, registry, limits)
        for reading in admitted.readings:
            origin[reading.device, reading.time_ns, reading.seq] = index
        readings.extend(admitted.readings)
        lost.extend(Lost(index, item.reason, item.readings, item.detail) for item in admitted.rejections)
    refusals = await _write_all(readings, writer)
    for refusal in refusals:
        reading = refusal.reading
        index = origin[reading.device, reading.time_ns, reading.seq]
        lost.append(Lost(index, Reason.REFUSED_BY_STORE, 1, refusal.detail))
    tally.written += len(readings) - len(refusals)
    for item in lost:
        tally.count(item)
    return lost


async def _write_all(readings: Sequence[Reading], writer: StoreWriter) -> Sequence[Refusal]:
    refused: list[Refusal] = []
    left = readings
    wait_s, stood_s = FIRST_WAIT_S, 0.0
    while left:
        outcome = await writer.write(left)
        refused.extend(outcome.refused)
        if len(outcome.keep) < len(left):
            wait_s, stood_s = FIRST_WAIT_S, 0.0
        left = outcome.keep
        if not left:
            break
        if outcome.alarm or stood_s >= PATIENCE_S:
            raise StoreAwayError(outcome.trouble or "the store does not take readings")
        if stood_s == 0.0:
            note(f"waiting for the store: {outcome.trouble or 'it does not take readings'}")
        pause_s = outcome.retry_after_s or wait_s
        await asyncio.sleep(pause_s)
        stood_s += pause_s
        wait_s = min(wait_s * 2, LONGEST_WAIT_S)
    return refused

"""The drain: from the journal to the store, oldest first, one request at a time.

It never touches the receive path but through the journal. What the store can't take now stays in the journal, in its
place; what it will never take goes to quarantine.
"""

import asyncio
import random
from collections.abc import Callable

import structlog

from ingestor.journal import Journal
from telemetry.admission.native import encode
from telemetry.catalogue.metric import Source
from telemetry.message import Message
from telemetry.reading import Reading
from telemetry.registry.models import Registry
from telemetry.stores.store import Outcome, StoreWriter
from telemetry.topics import Channel, topic

log = structlog.get_logger(__name__)

WRITE_READINGS = 5_000
"""In one request at most: about a MB of line protocol."""
BACK_OFF_FIRST_S = 0.25
BACK_OFF_CAP_S = 5.0
_CHANNELS = {Source.DEVICE: Channel.READINGS, Source.DERIVED: Channel.DERIVED, Source.ALERT: Channel.ALERTS}


class Drain:
    """Writes until it is told to stop. `trouble` is why the store takes nothing, None when it does."""

    def __init__(self, journal: Journal, store: StoreWriter) -> None:
        self._journal = journal
        self._store = store
        self.trouble: str | None = None
        self.alarm = False
        self.writes = 0
        self.written = 0
        self.last_write_s = 0.0

    async def run(self) -> None:
        """Drain for ever; cancel it to stop. A write that is cut off is made again, which changes nothing."""
        failures = 0
        while True:
            batch = await self._journal.oldest(WRITE_READINGS)
            if batch is None:
                await self._journal.filled()
                continue
            started = asyncio.get_running_loop().time()
            outcome = await self._store.write(batch.readings)
            self.last_write_s = asyncio.get_running_loop().time() - started
            await self._journal.settle(batch, outcome)
            self.writes += 1
            self.written += len(batch.readings) - len(outcome.keep) - len(outcome.refused)
            self._note(outcome)
            failures = failures + 1 if outcome.keep else 0
            if outcome.keep:
                await asyncio.sleep(wait_s(failures, outcome.retry_after_s, random.uniform(0.5, 1.0)))  # noqa: S311

    def _note(self, outcome: Outcome) -> None:
        trouble = None if outcome.trouble is None else f"store: {outcome.trouble}"
        if trouble is not None and trouble != self.trouble:
            log.error("the store takes nothing", reason=outcome.trouble, alarm=outcome.alarm, kept=len(outcome.keep))
        elif trouble is None and self.trouble is not None:
            log.info("the store takes readings again")
        if outcome.refused:
            log.warning("refused by the store", readings=len(outcome.refused), first=outcome.refused[0].detail)
        self.trouble, self.alarm = trouble, outcome.alarm


def wait_s(failures: int, asked_s: float | None, jitter: float) -> float:
    """How long to leave the store alone: at least as long as it asked, doubling, capped; jitter is in 0.5..1."""
    own_s: float = min(BACK_OFF_CAP_S, BACK_OFF_FIRST_S * 2 ** min(failures - 1, 10)) * jitter
    return own_s if asked_s is None else max(asked_s, own_s)


def message_of(registry: Callable[[], Registry]) -> Callable[[Reading], Message]:
    """Turns a reading that the store refused back into a message, for the quarantine and for a later replay."""

    def message(reading: Reading) -> Message:
        known = registry()
        device = known.devices.get(reading.device)
        sources = {known.metrics[name].source for name in reading.values if name in known.metrics}
        channel = _CHANNELS[min(sources, default=Source.DEVICE)]
        site = "unknown" if device is None else device.site
        return Message(
            topic(site, reading.device, channel), encode(reading), retained=False, received_ns=reading.time_ns
        )

    return message

"""R1 and R2: `kill -9` and outages of a slow store; nothing acknowledged is missing, duplicates collapse."""

import os
import random
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from tests.components import wait_until
from tests.faults.load import Load, Numbers
from tests.faults.report import Figure, Figures
from tests.faults.rig import Rig, Stage

SEED = 20_261_122


@dataclass(frozen=True, slots=True)
class Size:
    readings: int
    rate_hz: float
    kills: int
    outages: int
    kills_with_rows: int
    longest_pause_s: float
    store_delay_s: float


FULL = Size(200_000, 2_000, 20, 5, 5, 2.5, 0.25)
# Published until the last kill is done.
SHORT = Size(200_000, 1_000, 3, 1, 1, 0.5, 0.1)
MUTANT = Size(200_000, 1_000, 2, 1, 1, 0.5, 0.1)


def run(stage: Stage) -> list[Figure]:
    """The store is slow throughout; the outages lie over kills, so that the journal has rows when it happens."""
    size = FULL if stage.full else SHORT if stage.mutant is None else MUTANT
    chance = random.Random(SEED)
    with_outage = set(chance.sample(range(size.kills), size.outages))
    outages = 0
    figures = Figures()
    with Rig(stage) as rig:
        rig.to_store.delay_s = size.store_delay_s
        with rig.load(Numbers(size.readings), size.rate_hz) as load:
            killer = _Killer(rig, load)
            for kill in range(size.kills):
                if kill in with_outage:
                    rig.to_store.refuse()
                    outages += 1
                time.sleep(chance.uniform(0.1, size.longest_pause_s))
                killer.kill_with_deliveries_in_flight(on_ack=kill % 2 == 0)
                rig.start()
                rig.to_store.heal()
                stage.say(
                    f"kill {killer.counted} of {size.kills}, {load.sent:,} sent, {killer.with_rows} with a journal"
                )
            if stage.full:
                load.finish(size.readings / size.rate_hz + 60)
            else:
                load.halt()
            rig.quiet(120)
            rig.judge(load, figures, "R1")
    figures.at_least("R1", "kills with deliveries in flight", killer.counted, size.kills)
    figures.at_least("R1", "of them with readings in the journal", killer.with_rows, size.kills_with_rows)
    figures.exactly("R1", "outages of the store", outages, size.outages)
    figures.at_least("R2", "messages delivered more than once", rig.wire.duplicates, 1)
    return figures.all


class _Killer:
    """Kills, and sees whether it was worth it."""

    def __init__(self, rig: Rig, load: Load) -> None:
        self._rig = rig
        self._load = load
        self.counted = 0
        self.with_rows = 0

    def kill_with_deliveries_in_flight(self, *, on_ack: bool) -> None:
        """At once, or in the instant in which an acknowledgement is seen: the worst for one that came too early.

        A kill that found nothing in flight does not count, and is tried again.
        """
        while self._load.running:
            self._kill(on_ack=on_ack)
            if self._rig.wire.left_in_flight:
                self.counted += 1
                self.with_rows += self._rig.ingestor.journal_rows() > 0
                return
            self._rig.start()

    def _kill(self, *, on_ack: bool) -> None:
        wire, pid = self._rig.wire, self._rig.ingestor.pid
        ended = wire.ended
        if on_ack:
            seen = threading.Event()

            def kill() -> None:
                wire.on_ack = None
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                seen.set()

            wire.on_ack = kill
            seen.wait(10)
            wire.on_ack = None
        else:
            wait_until(lambda: wire.in_flight > 0 or not self._load.running, "something is in flight", 10)
        self._rig.ingestor.kill()
        wait_until(lambda: wire.ended > ended, "the connection has ended", 10)

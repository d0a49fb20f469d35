"""R11: an ordered stop under load, and one at once."""

import signal
import time

from tests.components import wait_until
from tests.faults.load import Numbers
from tests.faults.report import Figure, Figures
from tests.faults.rig import Rig, Stage

STOP_LIMIT_S = 10.0
AT_ONCE_S = 1.0
SLOW_STORE_S = 5.0


def run(stage: Stage) -> list[Figure]:
    """SIGTERM under load, several times; then twice in a row while the store keeps it busy."""
    stops = 5 if stage.full else 1
    figures = Figures()
    longest_s, codes = 0.0, set()
    with Rig(stage) as rig, rig.load(Numbers(1_000_000), 1_500) as load:
        for _ in range(stops):
            _until_busy(rig)
            began = time.monotonic()
            rig.ingestor.signal(signal.SIGTERM)
            codes.add(rig.ingestor.wait(3 * STOP_LIMIT_S))
            longest_s = max(longest_s, time.monotonic() - began)
            stage.say(f"stopped in {time.monotonic() - began:.1f} s, under {load.sent:,} readings")
            rig.start()
        figures.exactly("R11", "exit code after SIGTERM", max(codes, key=abs), 0)
        figures.at_most("R11", "longest stop", longest_s, STOP_LIMIT_S, "s")

        rig.to_store.delay_s = SLOW_STORE_S  # the first SIGTERM waits for it a while
        _until_busy(rig)
        rig.ingestor.signal(signal.SIGTERM)
        wait_until(lambda: rig.ingestor.log.count('"stopping"') > stops, "it is stopping")
        began = time.monotonic()
        rig.ingestor.signal(signal.SIGTERM)
        figures.exactly("R11", "exit code after a second SIGTERM", rig.ingestor.wait(3 * STOP_LIMIT_S), 130)
        figures.at_most("R11", "stopped at once by it", time.monotonic() - began, AT_ONCE_S, "s")
        rig.to_store.delay_s = 0.0
        rig.start()
        load.halt()
        rig.quiet()
        rig.judge(load, figures, "R11")
    return figures.all


def _until_busy(rig: Rig) -> None:
    """Readings arrive, and some are in flight."""
    seen = rig.wire.acknowledged
    wait_until(lambda: rig.wire.acknowledged > seen + 500 and rig.wire.in_flight > 0, "it is under load")

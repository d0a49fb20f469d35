"""R15: latency, resets and silence on both sides of the ingestor. R17: an old connection is never acknowledged on."""

import random
import time

from tests.components import wait_until
from tests.faults.load import Load, Numbers
from tests.faults.report import Figure, Figures
from tests.faults.rig import Rig, Setup, Stage

HEALED_WITHIN_S = 30.0
SILENT_S = 35.0
"""Longer than it takes to notice: two keep-alives and more."""
SEED = 15


def faults(stage: Stage) -> list[Figure]:
    """Each fault under load; then how long until the readings flow again."""
    figures = Figures()
    chance = random.Random(SEED)
    slowest_s = 0.0
    with Rig(stage) as rig, rig.load(Numbers(1_000_000), 1_000) as load:
        _flows(rig)
        rig.to_broker.delay_s = 0.2
        rig.to_store.delay_s = 0.2
        time.sleep(10 if stage.full else 1)
        stage.say(f"latency of 0.2 s, {rig.wire.acknowledged:,} acknowledged")
        rig.to_broker.delay_s = rig.to_store.delay_s = 0.0
        for _ in range(10 if stage.full else 2):
            time.sleep(chance.uniform(0.1, 0.8))
            rig.to_broker.cut()
            slowest_s = max(slowest_s, _flows(rig))
            rig.to_store.cut()
        stage.say(f"resets; the readings flowed again within {slowest_s:.1f} s")
        rig.to_broker.refuse()
        time.sleep(5 if stage.full else 1)
        rig.to_broker.heal()
        slowest_s = max(slowest_s, _flows(rig))
        if stage.full:
            rig.to_broker.go_silent()
            time.sleep(SILENT_S)
            rig.to_broker.heal()
            slowest_s = max(slowest_s, _flows(rig))
            stage.say(f"silence of the broker; the readings flowed again within {slowest_s:.1f} s")
        slowest_s = max(slowest_s, _store_is_silent(rig, 15 if stage.full else 1))
        load.halt()
        rig.quiet(120)
        rig.judge(load, figures, "R15")
    figures.at_most("R15", "longest until readings flow, after healing", slowest_s, HEALED_WITHIN_S, "s")
    figures.at_least("R15", "connections", rig.wire.connects, 12 if stage.full else 4)
    figures.at_least("R15", "messages delivered more than once", rig.wire.duplicates, 1)
    return figures.all


def _flows(rig: Rig) -> float:
    """Wait for the next acknowledgement; how long it took, s."""
    began, seen = time.monotonic(), rig.wire.acknowledged
    wait_until(lambda: rig.wire.acknowledged > seen, "readings flow", 2 * HEALED_WITHIN_S)
    return time.monotonic() - began


def _store_is_silent(rig: Rig, for_s: float) -> float:
    """How long until the store is written to again, s. Acknowledgements must go on meanwhile."""
    rig.to_store.go_silent()
    time.sleep(for_s)
    _flows(rig)
    rig.to_store.heal()
    began, written = time.monotonic(), rig.ingestor.account()["written"]
    wait_until(lambda: rig.ingestor.account()["written"] > written, "the store is written to", 2 * HEALED_WITHIN_S)
    return time.monotonic() - began


def session(stage: Stage) -> list[Figure]:
    """A broker that forgets everything, while deliveries wait for a full journal: their packet ids mean nothing now.

    What such a broker held is lost by the broker, so readings are not compared here.
    """
    figures = Figures()
    with Rig(stage, Setup(settings={"journal": {"cap_mb": 1}})) as rig:
        rig.to_store.refuse()
        with rig.load(Numbers(1_000_000), 1_000):
            rig.fill_journal()
            wait_until(lambda: rig.wire.in_flight > 0, "deliveries wait")
        connects = rig.wire.connects
        rig.broker.kill()
        rig.broker.start()
        rig.to_store.heal()
        wait_until(lambda: rig.wire.connects > connects, "the ingestor connects again")
        rig.ingestor.wait_ready()
        acknowledged = rig.wire.acknowledged
        with Load(rig.broker.port, Numbers(500), 1_000) as load:
            load.finish(30)
            rig.quiet()
        figures.exactly("R17", "acknowledgements for what was not delivered", rig.wire.strange_acks, 0)
        figures.at_least(
            "R17", "stale acknowledgements counted", rig.ingestor.metric("stale_acknowledgements_total"), 1
        )
        figures.exactly("R17", "lost sessions counted", rig.ingestor.metric("sessions_lost_total"), 1)
        figures.says("R17", "in the log", rig.ingestor.log, "the broker has lost our session")
        figures.at_least("R17", "acknowledged afterwards", rig.wire.acknowledged - acknowledged, 500)
    return figures.all

"""R4: memory stays bounded while the store is away. R5: a full journal slows the broker and loses nothing."""

import time

from tests.components import wait_until
from tests.faults.load import Numbers
from tests.faults.report import Figure, Figures
from tests.faults.rig import KEEP_ALIVE_S, Rig, Setup, Stage

MEMORY_MIB = 64
LOOK_EVERY_S = 0.2
ENDLESS = 1_000_000


def memory(stage: Stage) -> list[Figure]:
    """The baseline is what it needs after some seconds of the same load with the store there."""
    rate_hz, warm_s, away_s = (3_000, 15, 60) if stage.full else (1_500, 2, 3)
    figures = Figures()
    with Rig(stage) as rig, rig.load(Numbers(ENDLESS), rate_hz) as load:
        baseline_mib, _ = _watch(rig, warm_s)
        rig.to_store.refuse()
        stage.say(f"{baseline_mib:.0f} MiB with the store; now it goes away for {away_s} s")
        acknowledged = rig.wire.acknowledged
        highest_mib, longest_pause_s = _watch(rig, away_s)
        acknowledged = rig.wire.acknowledged - acknowledged
        waiting = rig.check_account()["journal"]
        rig.to_store.heal()
        load.halt()
        rig.quiet(120)
        rig.judge(load, figures, "R4")
    figures.at_most("R4", "memory above the baseline, store away", highest_mib - baseline_mib, MEMORY_MIB, "MiB")
    figures.at_least("R4", "acknowledged meanwhile", acknowledged, rate_hz * away_s // 2)
    figures.at_least("R4", "of them waiting in the journal", waiting, rate_hz * away_s // 2)
    figures.at_most("R4", "longest pause between acknowledgements", longest_pause_s, 2.0, "s")
    return figures.all


def _watch(rig: Rig, for_s: float) -> tuple[float, float]:
    """The highest memory, MiB, and the longest time without an acknowledgement, s."""
    end = time.monotonic() + for_s
    highest_mib = longest_s = 0.0
    seen, since = rig.wire.acknowledged, time.monotonic()
    while time.monotonic() < end:
        highest_mib = max(highest_mib, rig.ingestor.resident_mib())
        if rig.wire.acknowledged != seen:
            seen, since = rig.wire.acknowledged, time.monotonic()
        longest_s = max(longest_s, time.monotonic() - since)
        time.sleep(LOOK_EVERY_S)
    return highest_mib, longest_s


def full_journal(stage: Stage) -> list[Figure]:
    """A journal of 1 MiB is full within seconds. Pings must go on, and so the connection must stay."""
    figures = Figures()
    setup = Setup(settings={"journal": {"cap_mb": 1}})
    with Rig(stage, setup) as rig, rig.load(Numbers(ENDLESS), 1_000) as load:
        rig.to_store.refuse()
        rig.fill_journal()
        wait_until(lambda: rig.wire.in_flight > 500, "readings come on top")
        status, body = rig.ingestor.ask("/health/ready")
        acknowledged, pings, since = rig.wire.acknowledged, rig.wire.pings, time.monotonic()
        stage.say(f"full after {acknowledged:,} readings")
        held_s = 1.5 * KEEP_ALIVE_S + 1 if stage.full else 0.0
        wait_until(
            lambda: rig.wire.pings > pings and time.monotonic() - since > held_s,
            "pings go on",
            3 * KEEP_ALIVE_S,
        )
        figures.exactly("R5", "acknowledged while it is full", rig.wire.acknowledged - acknowledged, 0)
        figures.at_least("R5", "pings meanwhile", rig.wire.pings - pings, 2 if stage.full else 1)
        figures.at_least("R5", "messages held unacknowledged", rig.wire.in_flight, 1)
        figures.exactly("R5", "status of /health/ready", status, 503)
        figures.says("R5", "its reason", "; ".join(body["reasons"]), "journal: full")
        rig.check_account()
        rig.to_store.heal()
        load.halt()
        rig.quiet(120)
        rig.judge(load, figures, "R5")
        figures.exactly("R5", "connections", rig.wire.connects, 1)
    return figures.all

"""Every scenario, in the order in which they run."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.report import Figure
from tests.faults.rig import Stage
from tests.faults.scenarios import (
    alert_crash,
    alert_outage,
    api,
    backup,
    crash,
    disk,
    network,
    poison,
    receivers,
    reordering,
    stop,
    store_away,
    syscalls,
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way in which things go wrong."""

    name: str
    promises: str
    done: str
    """What is done, in a sentence."""
    run: Callable[[Stage], list[Figure]]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("crash", "R1 R2", "`kill -9` of the ingestor, outages of a slow store, under load", crash.run),
        Scenario("memory", "R4", "the store is away for long, under load", store_away.memory),
        Scenario("full-journal", "R5", "a journal of 1 MiB, the store away, under load", store_away.full_journal),
        Scenario("full-disk", "R6", "a tiny disk, filled by readings while the store is away", disk.filled_by_load),
        Scenario("others-fill-disk", "R6", "a tiny disk, filled by another program", disk.filled_by_others),
        Scenario("disk-errors", "R6", "the kernel refuses the journal's writes", disk.errors),
        Scenario("poison", "R7", "one message in a hundred is poison, of 12 kinds; then a replay", poison.poison),
        Scenario("quarantine-cap", "R7", "more poison than the quarantine may hold", poison.quarantine_cap),
        Scenario("refusal", "R8", "the store refuses 3 of 5,000 points, and does not say which", poison.refusal),
        Scenario("clocks", "R10", "clocks ahead, behind, and none", poison.clocks),
        Scenario("stop", "R11", "SIGTERM under load, and twice in a row", stop.run),
        Scenario("network", "R15", "latency, resets, silence; towards the broker and the store", network.faults),
        Scenario("session", "R17", "the broker forgets the session while deliveries wait", network.session),
        Scenario("syscalls", "R17", "the order of sync and acknowledgement, as the kernel sees it", syscalls.run),
        Scenario("reordering", "R9", "a city's messages shuffled and doubled on the wire; 100 rules", reordering.run),
        Scenario("engine-killed", "R12", "the alert service killed at every point of its three loops", alert_crash.run),
        Scenario(
            "receivers", "R13 S11 S12", "receivers that fail in every way, one dead, a kill between", receivers.run
        ),
        Scenario("broker-away", "R12", "10,000 devices, and the broker is stopped for long", alert_outage.broker_away),
        Scenario(
            "engine-away", "R12", "the alert service stands still, and is dead, for long", alert_outage.engine_away
        ),
        Scenario("alert-database-away", "R12", "it is locked; its disk is full", alert_outage.database_away),
        Scenario("api", "API", "the API is asked without a pause, stands still, is dead; the store is away", api.run),
        Scenario("backup", "BACKUP", "everything is lost, under load, and comes back from a backup", backup.run),
    )
}

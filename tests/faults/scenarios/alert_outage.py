"""R12: outages of the broker, of ourselves and of our database are no device's silence; a silent device is found."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from telemetry.reading import NS_PER_S
from tests.components import wait_until
from tests.faults.alert_rig import AlertRig, AlertSetup
from tests.faults.fleet import HUB, Fleet, Speaking
from tests.faults.report import Figure, Figures
from tests.faults.rig import Stage
from tests.faults.scenarios.disk import fill, tiny_disk

FULL, SHORT = Fleet(10_000, 4.0), Fleet(100, 2.0)
LONGER_S = 2.0
"""An outage lasts so much longer than devices may be silent."""
AWAY_LEAST_S = 11.0
"""Longer than any keep-alive of the rig: both sides notice."""
NOTICED_WITHIN_S = 5.0
HOLD_S = 3.0
"""After a statement has waited for another program in vain."""
BEHIND_LIMIT_S = 120.0
"""How long the clock may need to get through what has waited."""
ON_DEVICES = "select count(*) from alerts where rule = 'silent'"


def broker_away(stage: Stage) -> list[Figure]:
    """It is stopped for longer than any device may be silent; what devices say meanwhile is lost."""
    with _speaking(stage) as play:

        def outage() -> None:
            play.rig.broker.stop()
            time.sleep(_away_s(play.fleet))
            taken = play.speaking.acknowledged
            play.rig.broker.start()
            # The devices' own connection comes back in its own time; the outage is over when it has.
            wait_until(lambda: play.speaking.acknowledged > taken, "devices are connected again", BEHIND_LIMIT_S)

        play.no_alert_of(outage, "the broker is away")
        if stage.mutant is None:
            play.really_silent()
        if stage.full:
            play.silent_gateway()
    return play.figures.all


def engine_away(stage: Stage) -> list[Figure]:
    """It stands still, and it is dead, for longer than any device may be silent."""
    with _speaking(stage) as play:
        alerts, away_s = play.rig.alerts, _away_s(play.fleet)

        def stands_still() -> None:
            alerts.signal(signal.SIGSTOP)
            time.sleep(away_s)
            alerts.signal(signal.SIGCONT)

        def is_dead() -> None:
            alerts.kill()
            time.sleep(away_s)
            play.rig.start()

        if stage.full:
            play.no_alert_of(stands_still, "the alert service stands still")
        play.no_alert_of(is_dead, "the alert service is dead")
    return play.figures.all


def database_away(stage: Stage) -> list[Figure]:
    """Another program holds it; then its disk is full. Nothing is acknowledged, and no restart is needed."""
    with tiny_disk(stage, "40m") as disk, _speaking(stage, SHORT, disk) as play:
        alerts, pid = play.rig.alerts, play.rig.alerts.pid

        def held_and_full() -> None:
            with closing(sqlite3.connect(alerts.database, isolation_level=None)) as other:
                other.execute("begin immediate")
                play.nothing_acknowledged("another program holds the database")
                other.execute("rollback")
            wait_until(lambda: alerts.ready()[0], "it judges again")
            filler = disk / "filler"
            fill(filler)
            play.nothing_acknowledged("the disk is full")
            filler.unlink()

        play.no_alert_of(held_and_full, "its database is away")
        play.figures.exactly("R12", "restarts", int(not alerts.running) + int(alerts.pid != pid), 0)
    return play.figures.all


@dataclass
class _Play:
    """A fleet that speaks, and whoever listens."""

    rig: AlertRig
    fleet: Fleet
    speaking: Speaking
    figures: Figures

    def no_alert_of(self, outage: Callable[[], None], name: str) -> None:
        """Let it happen, and look until every device would have been found silent."""
        evaluated = self.rig.alerts.metric("readings_evaluated")
        began = time.monotonic()
        outage()
        self.rig.stage.say(f"{name}: over after {time.monotonic() - began:.0f} s")
        over_ns = time.time_ns()
        wait_until(lambda: self.rig.alerts.ready()[0], "it judges again", BEHIND_LIMIT_S)
        self._clock_reaches(over_ns + int((self.fleet.silent_after_s + LONGER_S) * NS_PER_S))
        found = self._count(ON_DEVICES + " or rule = 'hub-down'")
        self.figures.exactly("R12", f"alerts on devices: {name}", found, 0)
        if name != "the alert service is dead":  # its figures begin anew
            enough = evaluated + len(self.fleet.devices)
            wait_until(
                lambda: self.rig.alerts.metric("readings_evaluated") >= enough, "readings are judged", BEHIND_LIMIT_S
            )
            more = self.rig.alerts.metric("readings_evaluated") - evaluated
            self.figures.at_least("R12", f"readings judged since: {name}", more, len(self.fleet.devices))

    def really_silent(self) -> None:
        """One device falls silent: or all this would be blind."""
        lost = self.fleet.devices[-1]
        began = time.monotonic()
        self.speaking.silent = frozenset({lost})
        wait_until(lambda: self._count(f"{ON_DEVICES} and device = '{lost}'") == 1, "it is found", BEHIND_LIMIT_S)
        found_s = time.monotonic() - began
        limit_s = self.fleet.silent_after_s + NOTICED_WITHIN_S
        self.figures.at_most("R12", "a device that is really silent is found within", found_s, limit_s, "s")
        self.figures.exactly("R12", "alerts of all other devices", self._count(ON_DEVICES), 1)

    def silent_gateway(self) -> None:
        """A gateway falls silent, with all that is behind it."""
        before = self._count(ON_DEVICES)
        self.speaking.silent = self.speaking.silent | {HUB, *self.fleet.behind}
        silent_ns = time.time_ns()
        self._clock_reaches(silent_ns + int((2 * self.fleet.silent_after_s + NOTICED_WITHIN_S) * NS_PER_S))
        gateways = self._count("select count(*) from alerts where rule = 'hub-down'")
        self.figures.exactly("R12", "alerts of a silent gateway", gateways, 1)
        self.figures.exactly("R12", "alerts of the devices behind it", self._count(ON_DEVICES) - before, 0)

    def nothing_acknowledged(self, reason: str) -> None:
        """Wait for the trouble, then look whether anything is acknowledged in spite of it."""
        rig = self.rig
        wait_until(lambda: reason in rig.alerts.ready()[1], f"not ready: {reason}")
        acknowledged = rig.wire.acknowledged
        time.sleep(HOLD_S)
        self.figures.says("R12", f"reason at /health/ready: {reason}", rig.alerts.reason(reason), reason)
        more = rig.wire.acknowledged - acknowledged
        self.figures.exactly("R12", f"acknowledged while {reason}", more, 0)
        self.figures.at_least("R12", f"held unacknowledged while {reason}", rig.wire.in_flight, 1)

    def _clock_reaches(self, moment_ns: int) -> None:
        limit_s = (moment_ns - time.time_ns()) / NS_PER_S + BEHIND_LIMIT_S
        wait_until(lambda: self.rig.alerts.clock_ns() >= moment_ns, "the alert clock goes on", limit_s)

    def _count(self, query: str) -> int:
        return int(self.rig.alerts.rows(query)[0][0])


def _away_s(fleet: Fleet) -> float:
    return max(fleet.silent_after_s + LONGER_S, AWAY_LEAST_S)


@contextmanager
def _speaking(stage: Stage, fleet: Fleet | None = None, disk: Path | None = None) -> Iterator[_Play]:
    """Everybody was heard, and nobody is silent."""
    fleet = fleet or (FULL if stage.full else SHORT)
    setup = AlertSetup(fleet.write, data=None if disk is None else disk / "data")
    with AlertRig(stage, setup) as rig, rig.client() as client, Speaking(fleet, client) as speaking:
        wait_until(lambda: speaking.rounds >= 1, "everybody has spoken", 4 * fleet.interval_s + 10)
        wait_until(lambda: rig.alerts.metric("readings_evaluated") >= len(fleet.devices), "everybody was heard", 60)
        yield _Play(rig, fleet, speaking, Figures())

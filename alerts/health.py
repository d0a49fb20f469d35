"""What the alert service says of itself: is it ready, and if not, why not; and its figures for Prometheus."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.core import Metric

from alerts.alert import Severity
from alerts.configuration import Configuration
from alerts.database.database import AlertDatabase
from alerts.deliver import Deliverer
from alerts.dispatching import Dispatching
from alerts.judging import Judging
from telemetry.mqtt.session import Session
from telemetry.reading import NS_PER_S
from telemetry.service.figures import Figures, exposition

_FIGURES = Figures("caretaker_alerts")
_counter, _counters, _gauge, _gauges = _FIGURES.counter, _FIGURES.counters, _FIGURES.gauge, _FIGURES.gauges


@dataclass(frozen=True, slots=True)
class Health:
    """The stages of the service, to look at."""

    session: Session
    judging: Judging
    dispatching: Dispatching
    deliverer: Deliverer
    database: AlertDatabase
    configuration: Configuration

    def reasons(self) -> Sequence[str]:
        """Why it is not ready, each in a sentence. A receiver that is away is no reason: its messages wait."""
        troubles = (self.session.trouble, self.judging.trouble)
        return [trouble for trouble in troubles if trouble is not None]

    def advances(self, within_s: float) -> bool:
        """Whether a beat has come through broker, session, judge and database lately."""
        heard_at_s = self.judging.heard_at_s
        return heard_at_s > 0.0 and time.monotonic() - heard_at_s <= within_s and not self.reasons()

    async def exposition(self) -> bytes:
        """All figures in Prometheus' text format."""
        return exposition([*self._judged(), *await self._told(), *self._around()])

    def _judged(self) -> Iterable[Metric]:
        judging, judge = self.judging, self.judging.judge
        yield _counter("readings_evaluated", "Readings of devices that some rule watches.", judge.counts.judged)
        yield _counter("readings_unwatched", "Not judged: of devices that no rule watches.", judge.counts.unwatched)
        yield _counter("readings_ahead", "Not judged: their device's clock is fast.", judge.counts.ahead)
        yield _counter("values_late", "Not judged: no newer than what was, so also duplicates.", judge.counts.late)
        yield _counter("messages_refused", "Not let in by admission.", judging.refused)
        yield _counter("defects", "Messages lost to an error of our own.", judging.defects)
        yield _counter("clock_gaps", "Outages of ours or the broker's, by the alert clock.", judge.counts.gaps)
        yield _counters(
            "transitions",
            "By what they change.",
            ("change",),
            {(str(change),): count for change, count in judging.changes.items()},
        )
        active: dict[tuple[str, ...], float] = {(severity.word,): 0.0 for severity in Severity}
        for alert in judge.standing.active.values():
            active[alert.severity.word,] += 1
        yield _gauges("active", "Alerts that are not resolved.", ("severity",), active)
        yield _gauge("evaluation_lag_seconds", "How far the alert clock is behind the wall clock.", judging.behind_s)

    async def _told(self) -> Iterable[Metric]:
        outbox = await self.database.outbox()
        oldest_ns = outbox.oldest_created_ns
        age_s = 0.0 if oldest_ns is None else (time.time_ns() - oldest_ns) / NS_PER_S
        return [
            _counters("notified", "Why people were told.", ("cause",), _by(self.dispatching.notified.items())),
            _counters("muted", "Why people were not told.", ("reason",), _by(self.dispatching.muted.items())),
            _counters(
                "deliveries",
                "Attempts by receiver and what became of them.",
                ("receiver", "result"),
                {(receiver, str(verdict)): count for (receiver, verdict), count in self.deliverer.attempts.items()},
            ),
            _counter("receiver_defects", "Attempts lost to an error of our own.", self.deliverer.defects.total()),
            _gauge("outbox_depth", "Messages that wait to be delivered.", outbox.depth),
            _gauge("outbox_age_seconds", "How long the oldest of them has waited.", age_s),
            _gauge("dead_letters", "Messages that can't be delivered: see `caretaker alerts dead`.", outbox.dead),
        ]

    def _around(self) -> Iterable[Metric]:
        counts = self.session.counts
        yield _counter("messages_received", "MQTT messages delivered to us.", counts.received)
        yield _counter("messages_acknowledged", "PUBACKs sent, after the commit.", counts.acknowledged)
        yield _counter("connections", "Sessions established.", counts.connections)
        yield _counter("sessions_lost", "Times that the broker had lost our session.", counts.sessions_lost)
        yield _gauge("ready", "1 while readings are judged.", not self.reasons())
        yield _gauge("rules", "Rules in force.", len(self.configuration.rules.rules))
        yield _gauge(
            "configuration_problems",
            "Problems of files as they are now; what was good before is in force.",
            len(self.configuration.problems),
        )


def _by(counts: Iterable[tuple[str, int]]) -> dict[tuple[str, ...], float]:
    return {(str(name),): count for name, count in counts}

"""The hub: takes what arrives and hands it to everybody who listens."""

import secrets

from alerts.desk import Transition
from api.live.event import Event, alert_event, reading_event
from telemetry.reading import Reading


class Hub:
    """For one event loop. It needs no task of its own, and nothing in it waits."""

    def __init__(self) -> None:
        self.run = secrets.token_hex(4)
        """Of this process: in every event's id, so that an id of a run before is known as one."""
        self._number = 0
        self._names: dict[tuple[str, ...], frozenset[str]] = {}

    def reading(self, reading: Reading, site: str) -> None:
        """A reading that has just arrived, at its device's site."""
        metrics = tuple(reading.values)
        names = self._names.get(metrics) or self._names.setdefault(metrics, frozenset(metrics))
        self._number += 1
        self._take(reading_event(self.run, self._number, reading, site, names))

    def alert(self, transition: Transition, site: str) -> None:
        """A change of an alert that has just been committed; `site` empty: its device's site is not known."""
        self._number += 1
        self._take(alert_event(self.run, self._number, transition, site))

    def _take(self, event: Event) -> None:
        self.last = event

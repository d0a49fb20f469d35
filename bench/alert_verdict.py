"""What had to be raised and resolved, worked out by a judge without broker and database, against what was committed."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from alerts.alert import Transition
from alerts.configuration import Configuration
from alerts.judge.judge import Judge
from bench.city import City, beat_topic
from telemetry.admission.admit import admit
from telemetry.message import Message
from telemetry.reading import NS_PER_MS

Row = tuple[str, str, int, int, float | None, float | None, int | None]
"""Alert, change, severity, event time in ns, value, threshold, time of the reading that shows it."""

TRANSITIONS = """
SELECT alert, change, severity, at_ns, value, threshold, reading_ns FROM transitions
WHERE at_ns <= ? AND number > ? ORDER BY number
"""
CLOCK = "SELECT value FROM figures WHERE name = 'clock_ns'"
WAITING = "SELECT count(*) FROM deliveries WHERE status = 'waiting' AND channel = 'mqtt'"


@dataclass(frozen=True)
class AlertVerdict:
    """In transitions."""

    right: int
    """Committed as they had to be: alert, change, severity, moment, value, threshold, reading."""
    missing: int
    extra: int
    """Committed, though they should not have been, or not so."""
    out_of_order: int = 0
    """Of the right ones: alerts whose transitions stand in another order."""

    @property
    def whole(self) -> bool:
        """Nothing missed, nothing made up, nothing out of order."""
        return self.missing == self.extra == self.out_of_order == 0

    def __str__(self) -> str:
        """For the table."""
        if self.whole:
            return f"all {self.right:,} transitions as they had to be"
        return f"WRONG: {self.missing:,} transitions missing, {self.extra:,} extra, {self.out_of_order:,} out of order"


def expected(config: Path, load: City) -> list[Row]:
    """The transitions of a stream until its end, by a judge of its own with the rules of a deployment."""
    configuration = Configuration(config)
    registry, judge = configuration.registry, Judge(configuration.registry, configuration.rules)
    clock, now_ns = beat_topic(), load.end_ns
    for topic, payload in load.published():
        if topic == clock:
            judge.tick(int(payload[len(b'{"time":') : -1]) * NS_PER_MS)
            continue
        for reading in admit(Message(topic, payload, False, now_ns), registry).readings:
            judge.read(reading, now_ns)
    return rows_of(judge.take().transitions, load.end_ns)


def rows_of(transitions: Iterable[Transition], until_ns: int) -> list[Row]:
    """What counts of transitions at `until_ns` or before."""
    return [
        (one.alert, one.change.value, int(one.severity), one.at_ns, one.value, one.threshold, one.reading_ns)
        for one in transitions
        if one.at_ns <= until_ns
    ]


def committed(database: Path, until_ns: int, after: int = 0) -> list[Row]:
    """What the alert database holds, in the order of commits; with numbers above `after` only."""
    with closing(look_into(database)) as connection:
        return list(connection.execute(TRANSITIONS, (until_ns, after)))


def compare(wanted: Iterable[Row], found: Iterable[Row]) -> AlertVerdict:
    """The verdict. A transition that is there twice is extra once."""
    wanted, found = list(wanted), list(found)
    missing, extra = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    right = len(wanted) - missing.total()
    if missing or extra:
        return AlertVerdict(right, missing.total(), extra.total())
    ours, theirs = dict(_by_alert(wanted)), dict(_by_alert(found))
    return AlertVerdict(right, 0, 0, sum(ours[alert] != theirs[alert] for alert in ours))


def _by_alert(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    of: dict[str, list[Row]] = {}
    for row in rows:
        of.setdefault(row[0], []).append(row)
    return iter(of.items())


def look_into(database: Path) -> sqlite3.Connection:
    """Read-only, beside the running service."""
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, isolation_level=None)


def clock_ns(connection: sqlite3.Connection) -> int:
    """How far the committed alert clock has got; 0: it has never beaten."""
    row = connection.execute(CLOCK).fetchone()
    return 0 if row is None else int(row[0])


def announcements_waiting(connection: sqlite3.Connection) -> int:
    """Transitions that are not out on MQTT yet."""
    return int(connection.execute(WAITING).fetchone()[0])

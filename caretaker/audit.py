"""Is everything that the broker acknowledged in the store? An identity check, reading by reading; no subtraction.

The ledger says what the simulators sent and which of it was acknowledged; the store's file says what is there. Neither
knows of the ingestor's own counts, so that an account that is wrong cannot make this check right.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from telemetry.reading import NS_PER_S
from telemetry.series import event_time_ns
from telemetry.stores.sqlite.schema import open_for_reading

GRACE_S = 30
"""Younger than this, an acknowledged reading is on its way."""

# One look-up for all devices: a reading is stored where any of its values is.
PRESENT = """
SELECT DISTINCT series.device, sample.time_ns
FROM json_each(?) AS wanted
JOIN series ON series.device = json_extract(wanted.value, '$[0]')
JOIN sample ON sample.series = series.id AND sample.time_ns = json_extract(wanted.value, '$[1]')
"""


class Key(NamedTuple):
    """A stored moment."""

    device: str
    time_ns: int


class Sent(NamedTuple):
    """A good reading that was published and acknowledged."""

    row: int
    """In the ledger; grows."""
    device: str
    time_ns: int
    seq: int | None
    acknowledged_ns: int

    def moments(self) -> tuple[Key, Key]:
        """Where it stands in the store: as a measurement, or as an event."""
        return Key(self.device, self.time_ns), Key(self.device, event_time_ns(self.time_ns, self.seq))


@dataclass(frozen=True)
class Verdict:
    """What became of what was acknowledged."""

    stored: int = 0
    on_the_way: int = 0
    missing: int = 0
    example: Sent | None = None
    """One that is missing."""
    waiting_since_ns: int | None = None
    """When the oldest reading that is not in the store yet was acknowledged."""


class Audit:
    """Keeps the readings that were not yet seen in the store. Pure: knows no clock and no file."""

    def __init__(self, row: int = 0, stored: int = 0, missing: Iterable[Sent] = ()) -> None:
        """Go on after ledger row `row`, of which `stored` were found; those in `missing` are looked for again."""
        self._row = row
        self._stored = stored
        self._waiting: dict[int, Sent] = {}
        self._missing = {sent.row: sent for sent in missing}
        self._found_above: set[int] = set()

    @property
    def row(self) -> int:
        """The last ledger row taken."""
        return self._row

    def take(self, acknowledged: Iterable[Sent], row: int) -> None:
        """Take the readings of the ledger's rows up to `row`."""
        self._waiting |= {sent.row: sent for sent in acknowledged}
        self._row = max(self._row, row)

    def wanted(self) -> list[Key]:
        """What to look for in the store."""
        return list(dict.fromkeys(key for sent in self._open() for key in sent.moments()))

    def judge(self, found: set[Key], empty_ns: int | None) -> Verdict:
        """Settle what was found.

        `empty_ns`: the last moment at which the ingestor was well and its journal empty, before the store was asked.
        What was acknowledged `GRACE_S` before that moment and is not in the store went missing.
        """
        for sent in self._open():
            if found.isdisjoint(sent.moments()):
                if empty_ns is not None and sent.acknowledged_ns + GRACE_S * NS_PER_S <= empty_ns:
                    self._missing[sent.row] = sent
                    self._waiting.pop(sent.row, None)
                continue
            self._missing.pop(sent.row, None)
            if self._waiting.pop(sent.row, None) is not None:
                self._found_above.add(sent.row)
            self._stored += 1
        return self.verdict()

    def verdict(self) -> Verdict:
        """As of the last look."""
        return Verdict(
            stored=self._stored,
            on_the_way=len(self._waiting),
            missing=len(self._missing),
            example=next(iter(self._missing.values()), None),
            waiting_since_ns=min((sent.acknowledged_ns for sent in self._open()), default=None),
        )

    def state(self) -> Mapping[str, object]:
        """What `restored` needs at the next start: everything below a ledger row, and the missing one by one."""
        below = min(self._waiting, default=self._row + 1) - 1
        self._found_above = {row for row in self._found_above if row > below}
        return {
            "row": below,
            "stored": self._stored - len(self._found_above),
            "missing": [list(sent) for sent in self._missing.values()],
        }

    def _open(self) -> list[Sent]:
        return [*self._missing.values(), *self._waiting.values()]


def restored(file: Path, last_row: int) -> Audit:
    """The audit as `kept` left it; a new one where the ledger, whose last row is `last_row`, is another one."""
    try:
        state = json.loads(file.read_text(encoding="ascii"))
        missing = [Sent(*row) for row in state["missing"]]
        return Audit(state["row"], state["stored"], missing) if state["row"] <= last_row else Audit()
    except (OSError, ValueError, KeyError, TypeError):
        return Audit()


def kept(file: Path, audit: Audit) -> None:
    """Remember for the next start."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(audit.state()), encoding="ascii")
    new.replace(file)


class StoredMoments:
    """Asks the embedded store's file which moments it has. For one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def present(self, wanted: Sequence[Key]) -> set[Key]:
        """Those of `wanted` that are stored. Raises `sqlite3.Error` where the file cannot be read now."""
        if not wanted or not self._path.exists():
            return set()
        if self._connection is None:
            self._connection = open_for_reading(self._path)
        try:
            return {Key(*row) for row in self._connection.execute(PRESENT, (json.dumps(wanted),))}
        except sqlite3.Error:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

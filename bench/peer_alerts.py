"""The plain evaluator as a pipeline, and whether it was right where it can be."""

import json
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from alerts.alert import Change, alert_id
from bench.alert_verdict import Row, look_into
from bench.city import City, id_of, kind_of
from bench.pipelines import FILTER, Ends
from telemetry.reading import NS_PER_MS

DATABASE = Path("pipeline") / "alerts.db"
COMPARED = ("leak", "paper-low")
"""Rules without `for` and window: in these both mean the same moment."""


class PlainAlerts:
    """paho-mqtt, json and SQLite."""

    name = "plain-alerts"
    client_id = "plain-alerts"

    def command(self, folder: Path, ends: Ends, devices: int) -> list[str]:
        """See `bench.pipelines.Pipeline`."""
        kinds = folder / "kinds.json"
        kinds.write_text(json.dumps({id_of(number): kind_of(number) for number in range(devices)}), encoding="utf-8")
        return [
            *(sys.executable, "-m", "bench.peers.plain_alerts", "--mqtt-port", str(ends.mqtt_port)),
            *("--client-id", self.client_id, "--filter", FILTER),
            *("--devices", str(kinds), "--database", str(folder / DATABASE.name)),
        ]


def taken(path: Path) -> int:
    """How many readings it has committed."""
    with closing(look_into(path / DATABASE)) as connection:
        return int(connection.execute("SELECT coalesce(sum(readings), 0) FROM device").fetchone()[0])


def is_right(path: Path, load: City, expected: Iterable[Row]) -> tuple[bool, str]:
    """Whether what it raised at once is what had to be raised; and a sentence for the table."""
    wanted = {row[0] for row in expected if row[1] == Change.RAISED.value}
    with closing(look_into(path / DATABASE)) as connection:
        found = _raised(connection)
    # Of the same ten rules; a rule's id has its block's number behind it.
    ours = {
        alert_id(f"{rule}-0", id_of(number), load.time_ms(message) * NS_PER_MS)
        for message, number in enumerate(load.order)
        for rule in COMPARED
    }
    wanted &= ours
    right = bool(wanted) and found == wanted
    word = "as they had to be" if right else f"WRONG: {len(wanted - found)} missing, {len(found - wanted)} extra"
    return right, f"{len(wanted):,} alerts of {len(COMPARED)} rules {word}"


def _raised(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT rule, device, raised FROM alert WHERE rule IN (?, ?)", COMPARED)
    return {alert_id(f"{rule}-0", device, raised * NS_PER_MS) for rule, device, raised in rows}

"""Devices that say something at a steady pace, as long as the broker is there: they keep nothing for later."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from telemetry.topics import topic
from tests.faults.load import Client

SITE = "outages"
HUB = "hub"
BEHIND_HUB = 20
OUTSTANDING_AT_MOST = 500
STOP_LIMIT_S = 20.0
_NO_DATA = {"when": {"no_data": {"missed": 3}}, "severities": {"warning": {}}, "why": "So that silence is found."}


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many meters, and a gateway with sensors behind it; each speaks every `interval_s`."""

    meters: int
    interval_s: float

    @property
    def devices(self) -> Sequence[str]:
        """The gateway first, what is behind it next."""
        return (HUB, *self.behind, *(f"meter-{number:05}" for number in range(self.meters)))

    @property
    def behind(self) -> Sequence[str]:
        """The sensors that speak through the gateway."""
        return [f"sensor-{number:02}" for number in range(BEHIND_HUB)]

    @property
    def silent_after_s(self) -> float:
        """Three missed intervals."""
        return 3 * self.interval_s

    def write(self, folder: Path) -> None:
        """sites.yaml, devices.csv and rules.yaml: one rule for the gateway's silence, one for everybody else's."""
        site = {"id": SITE, "kind": "test", "names": {"en": SITE}, "timezone": "UTC", "areas": []}
        (folder / "sites.yaml").write_text(yaml.safe_dump({"sites": [site]}))
        rows = [
            f"{name},{SITE},{name.split('-')[0]},{HUB if name in self.behind else ''},{self.interval_s:g},nh3_ppm"
            for name in self.devices
        ]
        (folder / "devices.csv").write_text("\n".join(["id,site,kind,parent,interval_s,metrics", *rows]))
        rules = [
            {"id": "silent", "names": {"en": "Silent"}, "where": {"kinds": ["meter", "sensor"]}, **_NO_DATA},
            {"id": "hub-down", "names": {"en": "Down"}, "where": {"kinds": ["hub"]}, **_NO_DATA},
        ]
        (folder / "rules.yaml").write_text(yaml.safe_dump({"rules": rules}))


class Speaking:
    """Publishes for a fleet, on a thread of its own. Use it with `with`."""

    def __init__(self, fleet: Fleet, client: Client) -> None:
        self._fleet = fleet
        self._client = client
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        self.silent: frozenset[str] = frozenset()
        """Who says nothing from now on."""
        self.rounds = 0
        """How often everybody had a turn."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(STOP_LIMIT_S)

    @property
    def acknowledged(self) -> int:
        """Messages that the broker has taken."""
        return len(self._client.acknowledged)

    def _run(self) -> None:
        devices = self._fleet.devices
        pace_s = self._fleet.interval_s / len(devices)
        turn, due_s = 0, time.monotonic()
        while not self._stop.is_set():
            self._speak(devices[turn % len(devices)], turn)
            turn += 1
            self.rounds = turn // len(devices)
            due_s += pace_s
            ahead_s = due_s - time.monotonic()
            if ahead_s > 0.005:
                self._stop.wait(ahead_s)

    def _speak(self, device: str, turn: int) -> None:
        if device in self.silent or self._client.outstanding > OUTSTANDING_AT_MOST:
            return  # nobody is there to hear it: what devices say then is lost
        payload = {"time": time.time_ns() // 1_000_000, "values": {"nh3_ppm": 1.0}}
        self._client.publish(turn, topic(SITE, device), json.dumps(payload).encode())

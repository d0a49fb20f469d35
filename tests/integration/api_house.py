"""The API as its operators run it: embedded broker, ingestor, alert service and API, each a process of its own."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from api.access import keyring
from api.access.access import Access
from api.access.caller import Caller, Role, Way
from api.access.keys import Draft
from api.settings import load_settings
from caretaker.broker import INFLIGHT, BrokerPlan
from tests.components import free_port, wait_until
from tests.faults.process import AlertsProcess, ApiProcess, IngestorProcess

PIER, GARDEN = "pier", "garden"
SITES = """\
sites:
  - id: pier
    kind: toilet
    names: {en: Pier, zh-Hant: 碼頭}
    timezone: Asia/Hong_Kong
    areas:
      - {id: male, type: male, names: {en: Men's, zh-Hant: 男廁}}
      - {id: female, type: female, names: {en: Women's, zh-Hant: 女廁}}
  - id: garden
    kind: building
    names: {en: Garden Road}
    timezone: Asia/Hong_Kong
"""
DEVICES = """\
devices:
  - {id: nh3-1, site: pier, area: male, kind: toilet_odour, interval_s: 600, metrics: [nh3_ppm], names: {en: Odour}}
  - {id: door-1, site: pier, area: male, kind: toilet_door, interval_s: 600, metrics: [visitors_now, people_in],
     names: {en: Door}}
  - {id: button-1, site: pier, area: male, kind: toilet_button, metrics: [cleaned, feedback, assistance],
     names: {en: Buttons}}
  - {id: button-2, site: pier, area: female, kind: toilet_button, metrics: [cleaned, feedback], names: {en: Buttons}}
  - {id: button-3, site: pier, area: female, kind: toilet_button, metrics: [cleaned, feedback], names: {en: Buttons}}
  - {id: meter-1, site: garden, kind: meter, interval_s: 600, metrics: [energy_import_kwh, power_kw],
     names: {en: Meter}}
"""
PEOPLE = """\
people:
  - {id: attendant, name: Duty attendant, receivers: ["https://hook.example.org/canary-token-1"], sites: [pier]}
  - {id: manager, name: Manager}
"""
RULES = """\
rules:
  - id: odour
    names: {en: Odour, zh-Hant: 異味}
    why: A test.
    where: {kinds: [toilet_odour]}
    when: {metric: nh3_ppm}
    severities:
      warning: {above: 4, clear_below: 2}
      critical: {above: 10, clear_below: 5}
    labels: {team: cleaning}
  - id: crowd
    names: {en: Crowd}
    why: A test.
    where: {kinds: [toilet_door]}
    when: {metric: visitors_now}
    severities:
      warning: {above: 50, clear_below: 20}
  - id: call
    names: {en: Somebody calls}
    why: A test.
    where: {kinds: [toilet_button], devices: [button-1]}
    when: {event: assistance}
    severities:
      critical: {}
  - id: power
    names: {en: Power}
    why: A test.
    where: {kinds: [meter]}
    when: {metric: power_kw}
    severities:
      warning: {above: 100, clear_below: 50}
"""
FILES = {"sites": SITES, "devices": DEVICES, "people": PEOPLE, "rules": RULES}
GRAFANA = "https://grafana.example.org"
"""Nothing is there; pages have links to it."""
ADMIN = Caller("test", Role.ADMIN, None, Way.COMMAND, "")
Answer = httpx2.Response


class House:
    """All four, and a key for each role: of all sites, and (`…@pier`, `…@garden`) of one."""

    def __init__(self, folder: Path, *, api: Mapping[str, object] | None = None) -> None:
        self.folder, self.config, self.data = folder, folder / "city", folder / "data"
        self.config.mkdir(parents=True)
        for name, text in FILES.items():
            (self.config / f"{name}.yaml").write_text(text)
        self.port, self.port_3 = free_port(), free_port()
        ports = {name: free_port() for name in ("ingestor", "alerts", "api")}
        self.url = f"http://127.0.0.1:{ports['api']}"
        settings = {
            "broker": {"port": self.port},
            "session": {"receive_maximum": INFLIGHT},
            "http": {"port": ports["ingestor"]},
            "grafana": {"url": GRAFANA},
            "alerts": {"http": {"port": ports["alerts"]}, "session": {"receive_maximum": INFLIGHT}},
            "api": {
                "port": ports["api"],
                "session": {"receive_maximum": INFLIGHT},
                "ingestor": {"url": f"http://127.0.0.1:{ports['ingestor']}"},
                "requests_per_minute": 1_000_000,
                **(api or {}),
            },
        }
        (self.config / "caretaker.yaml").write_text(json.dumps(settings))
        file = folder / "broker.toml"
        file.write_text(BrokerPlan(port_3=self.port_3, port_5=self.port).toml(), encoding="utf-8")
        self._broker_file = file
        self._broker: subprocess.Popen[bytes] | None = None
        self.keys: dict[str, str] = {}
        self.ingestor = IngestorProcess(self.config, self.data, folder / "ingestor.log", ports["ingestor"])
        self.alerts = AlertsProcess(self.config, self.data, folder / "alerts.log", ports["alerts"])
        self.api = ApiProcess(self.config, self.data, folder / "api.log", ports["api"], key="")

    async def make_keys(self) -> None:
        access = Access(load_settings(self.config, self.data).api, self.data)
        for role in Role:
            for site in (None, PIER, GARDEN):
                name = role.word if site is None else f"{role.word}@{site}"
                draft = Draft(name, role, None if site is None else frozenset({site}))
                _, self.keys[name] = await keyring.make_key(access, ADMIN, draft, time.time_ns())
        await access.close()

    def start(self) -> None:
        """Start all of it, and wait until everything takes part."""
        self.start_broker()
        self.ingestor.start()
        self.alerts.start()
        self.ingestor.wait_ready()
        self.alerts.wait_ready()
        self.api.start()
        self.api.wait_ready(60)

    def start_broker(self) -> None:
        words = [sys.executable, "-m", "caretaker.broker", str(self._broker_file)]
        with (self.folder / "broker.log").open("ab") as log:
            self._broker = subprocess.Popen(words, stdout=log, stderr=log)

    def stop_broker(self) -> None:
        assert self._broker is not None
        self._broker.terminate()
        self._broker.wait(10)

    def end(self) -> None:
        for process in (self.api, self.alerts, self.ingestor):
            process.stop()
        if self._broker is not None:
            self._broker.kill()
            self._broker.wait(10)

    def client(self, who: str = "admin") -> httpx2.Client:
        """Somebody with a key; no name: nobody."""
        headers = {"Authorization": f"Bearer {self.keys[who]}"} if who else {}
        return httpx2.Client(base_url=self.url + "/api/v1", headers=headers, timeout=20, trust_env=False)

    def get(self, path: str, who: str = "admin") -> Any:
        """The document at a path; an assertion fails where there is none."""
        with self.client(who) as client:
            answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def publish(self, site: str, device: str, payload: str) -> None:
        """As the device would; returns when the broker has it."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"{device}-{time.monotonic_ns()}")
        client.connect("127.0.0.1", self.port_3)
        client.loop_start()
        client.publish(f"caretaker/v1/{site}/{device}/readings", payload, 1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def measure(self, site: str, device: str, **values: float) -> None:
        """A reading of now."""
        self.publish(site, device, json.dumps({"time": time.time_ns() // 1_000_000, "values": values}))

    def alert_of(self, rule: str) -> str:
        """The id of its active alert, as soon as there is one."""
        found: list[str] = []

        def raised() -> bool:
            found.extend(one["id"] for one in self.get(f"/alerts?rule={rule}")["items"])
            return bool(found)

        wait_until(raised, f"the alert of {rule} is raised")
        return found[0]


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[House]:
    """A house of its own, with everything in it."""
    house = House(folder, **options)
    asyncio.run(house.make_keys())
    try:
        house.start()
        yield house
    finally:
        house.end()

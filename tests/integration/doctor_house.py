"""A deployment as `caretaker deploy init` makes it, below one folder and on the loopback, with every service running.

Mosquitto with TLS, passwords and access rules; ingestor, alert service and API, each a process of its own with its own
user at the broker; the API with TLS. Grafana is a double.
"""

import asyncio
import json
import os
import signal
import ssl
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from alerts.rules.load import load_rules
from deploy.certificates import certify
from deploy.credentials import know_services, write_rules
from deploy.doctor.examine import examine
from deploy.doctor.finding import Check, Finding, Verdict
from deploy.doctor.place import Ground
from deploy.doctor.survey import Wishes, survey
from deploy.layout import Door, Layout, Secret, Service, local
from deploy.mosquitto import configuration
from deploy.probe import check_files
from deploy.record import Record
from deploy.secrets import make_missing
from deploy.settings_file import environment, sections
from grafana.settings import load_settings
from grafana.wanted import wanted
from telemetry.registry.load import load_registry
from tests.components import Mosquitto, free_port, wait_until
from tests.faults.process import AlertsProcess, ApiProcess, IngestorProcess, ServiceProcess
from tests.integration.doctor_grafana import DoctorGrafana

SITES = """\
sites:
  - {id: pier, kind: toilet, names: {en: Pier}, timezone: Asia/Hong_Kong}
"""
DEVICES = """\
devices:
  - {id: nh3-1, site: pier, kind: toilet_odour, interval_s: 600, metrics: [nh3_ppm, uptime_s], names: {en: Odour}}
"""
JOURNAL_CAP_MB = 64
DOORS = (Door.MQTT_DEVICES, Door.MQTT_SERVICES, Door.MQTT_CERTIFICATES, Door.INGESTOR, Door.ALERTS, Door.API)


class DoctorHouse:
    """The deployment, and its processes."""

    def __init__(self, folder: Path, store: Mapping[str, object] | None = None) -> None:
        """`store`: the section; None: SQLite."""
        self.grafana = DoctorGrafana()
        ports = {door: free_port() for door in DOORS}
        self.layout: Layout = local(folder, ports)
        self.config, self.data = self.layout.staged.config, self.layout.staged.data
        self.config.mkdir(parents=True)
        self.data.mkdir(parents=True)
        folder.chmod(0o700)
        Record(form=self.layout.form, hosts=self.layout.hosts, ports=ports).write(folder)
        for name, text in (("sites.yaml", SITES), ("devices.yaml", DEVICES)):
            (self.config / name).write_text(text)
        for name, text in check_files(load_registry(self.config)).items():
            (self.config / name).write_text(text)
        make_missing(self.layout)
        certify(self.layout, datetime.now(UTC))
        know_services(self.layout)
        write_rules(self.layout, load_registry(self.config))
        self.write_settings({"store": store or {"kind": "sqlite"}})
        self.broker_text = configuration(self.layout)
        self.broker = self._broker()
        self.ingestor = self._service(IngestorProcess, Door.INGESTOR)
        self.alerts = self._service(AlertsProcess, Door.ALERTS)
        self.api = ApiProcess(self.config, self.data, folder / "logs" / "api", self.port(Door.API), key="")
        (folder / "backups").mkdir()
        backup = f"caretaker-{datetime.now(UTC) - timedelta(hours=3):%Y%m%dT%H%M%SZ}.tar.gz"
        (folder / "backups" / backup).touch(mode=0o600)

    def port(self, door: Door) -> int:
        return self.layout.inner[door].port

    def write_settings(self, changed: Mapping[str, object]) -> None:
        """caretaker.yaml: as the deployment has it, but for sections that are given here."""
        settings: dict[str, Any] = {**sections(self.layout), "journal": {"cap_mb": JOURNAL_CAP_MB}}
        settings["grafana"] = {"url": self.grafana.url, "influxdb": self.grafana.source, "token": self.grafana.token}
        (self.config / "caretaker.yaml").write_text(yaml.safe_dump({**settings, **changed}))

    def _broker(self) -> Mosquitto:
        broker = Mosquitto(self.layout.folder / "mosquitto", self.broker_text)
        broker.port = self.port(Door.MQTT_SERVICES)
        return broker

    def restart_broker(self, text: str) -> None:
        """With another configuration, sessions and all; the services come back by themselves."""
        self.broker.stop()
        self.broker_text = text
        self.broker = self._broker()
        self.broker.start()
        wait_until(self.ready, "the services are back")

    def reload_broker(self, certificate: bytes) -> None:
        """Have it read its files again; who is connected stays."""
        os.kill(self.broker.pid, signal.SIGHUP)
        where = ("127.0.0.1", self.port(Door.MQTT_SERVICES))
        shown = certificate.decode()
        wait_until(lambda: ssl.get_server_certificate(where).strip() == shown.strip(), "the broker shows it")

    def _service(self, kind: Callable[..., ServiceProcess], door: Door) -> ServiceProcess:
        return kind(self.config, self.data, self.layout.folder / "logs" / door, self.port(door))

    def start_ingestor(self) -> None:
        self.ingestor.start(environment(self.layout, Service.INGESTOR))

    def start(self) -> None:
        self.broker.start()
        self.start_ingestor()
        self.alerts.start(environment(self.layout, Service.ALERTS))
        self.api.start(environment(self.layout, Service.API))
        self.ingestor.wait_ready()
        wait_until(self.ready, f"all is ready; the API says {self.api.tail()}", 60)

    def ready(self) -> bool:
        """Whether every service takes part."""
        return self.ingestor.ready()[0] and self.alerts.ready()[0] and self._api_ready()

    def _api_ready(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.layout.kept(Secret.CA)))
        url = f"{self.layout.inner[Door.API].url}/api/v1/health/ready"
        try:
            with urllib.request.urlopen(url, timeout=2, context=context) as answer:  # noqa: S310 - loopback
                return bool(json.loads(answer.read())["ready"])
        except OSError:
            return False

    def furnish_grafana(self) -> None:
        """With what an installation puts there."""
        self.grafana.furnish()
        registry = load_registry(self.config)
        asked = wanted(load_settings(self.config), registry, load_rules(self.config, registry), lambda _: "")
        for one in (one for some in asked.dashboards.values() for one in some):
            self.grafana.put(one.uid, {**one.document, "uid": one.uid})

    def stop(self) -> None:
        for process in (self.api, self.alerts, self.ingestor):
            process.stop()
        self.broker.stop()
        self.grafana.close()

    def ground(self, **wishes: Any) -> Ground:
        return survey(self.config, self.data, Wishes(**{"layout": self.layout, **wishes}))

    def examined(self, ground: Ground, *checks: Check) -> list[Finding]:
        """By all checks, or some."""
        return asyncio.run(examine(ground, checks or tuple(Check), lambda *_: None))


def by(findings: list[Finding], *verdicts: Verdict) -> set[Check]:
    """The checks that came to one of these verdicts."""
    return {one.check for one in findings if one.remark.verdict in verdicts}


@contextmanager
def running(folder: Path, store: Mapping[str, object] | None = None) -> Iterator[DoctorHouse]:
    """All of it, ended whatever happens."""
    house = DoctorHouse(folder, store)
    try:
        house.start()
        house.furnish_grafana()
        yield house
    finally:
        house.stop()

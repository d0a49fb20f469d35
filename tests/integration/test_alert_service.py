"""`caretaker run alerts`, whole, against a real broker: what an operator does to it, and what must not happen then."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from alerts.alert import Change
from alerts.desk import Desk
from alerts.message.link import Claim, Links, load_or_make_key
from alerts.notice import Channel
from tests.components import MOSQUITTO_CONFIG, Mosquitto, free_port, require_program, wait_until
from tests.integration.listener import Listener

SITES = """\
sites:
  - id: pier
    kind: toilet
    names: {en: Pier}
    timezone: Asia/Hong_Kong
"""
DEVICES = """\
devices:
  - {id: nh3-1, site: pier, kind: toilet_odour, interval_s: 5, metrics: [nh3_ppm, leak], names: {en: Odour sensor}}
"""
PEOPLE = """\
people:
  - {id: attendant, name: Attendant, receivers: ["https://hook.example.org/canary-token-1"]}
  - {id: manager, name: Manager}
"""
RULES = """\
rules:
  - id: odour
    names: {en: Odour}
    why: A test.
    where: {kinds: [toilet_odour]}
    when: {metric: nh3_ppm}
    severities:
      critical: {above: 4, clear_below: 2}
"""
LEAK = """\
  - id: leak
    names: {en: Leak}
    why: A test.
    where: {kinds: [toilet_odour]}
    when: {state: leak, is: true}
    severities:
      critical: {}
"""


class Watchdog(BaseHTTPRequestHandler):
    """Notes the paths it is called with."""

    calls: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        Watchdog.calls.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quietly."""


class Service:
    """A configuration, a broker, and the service as its operator starts it."""

    def __init__(self, root: Path) -> None:
        self.config, self.data, self.log_file = root / "city", root / "data", root / "log"
        self.config.mkdir()
        for name, text in (
            ("sites.yaml", SITES),
            ("devices.yaml", DEVICES),
            ("people.yaml", PEOPLE),
            ("rules.yaml", RULES),
        ):
            (self.config / name).write_text(text)
        self.broker = Mosquitto(root / "broker", MOSQUITTO_CONFIG)
        self.broker.start()
        self.settings: dict[str, Any] = {"http": {"port": free_port()}}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self.process = self.spawn(log)
        wait_until(self.ready, "the alert service is ready")

    def spawn(self, log: Any) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "CARETAKER_BROKER": json.dumps({"port": self.broker.port}),
            "CARETAKER_ALERTS": json.dumps(self.settings),
        }
        words = ["run", "alerts", "--config", str(self.config), "--data", str(self.data)]
        return subprocess.Popen([sys.executable, "-m", "caretaker", *words], env=environment, stderr=log, stdout=log)

    def stop(self) -> int:
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        return process.wait(15)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(15)
        self.broker.kill()

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.settings['http']['port']}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    def ready(self) -> bool:
        try:
            return bool(json.loads(self.get("/health/ready"))["ready"])
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def figure(self, name: str) -> float:
        lines = self.get("/metrics").splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"caretaker_alerts_{name}"))

    def publish(self, **values: float) -> None:
        """As any device does it."""
        words = ["-p", str(self.broker.port), "-q", "1", "-t", "caretaker/v1/pier/nh3-1/readings"]
        program = str(require_program("mosquitto_pub"))
        subprocess.run([program, *words, "-m", json.dumps({"values": values})], check=True, timeout=10)

    def desk(self) -> Desk:
        return Desk(self.data / "alerts" / "alerts.db")

    def active(self) -> list[str]:
        with self.desk() as desk:
            return sorted(alert.rule for alert in desk.alerts())

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    one = Service(tmp_path)
    yield one
    one.end()


def test_a_broken_rule_file_stops_nothing_and_a_mended_one_is_taken_over(service: Service) -> None:
    service.start()
    rules = service.config / "rules.yaml"
    rules.write_text(RULES.replace("nh3_ppm", "nh3_pmm"))
    wait_until(lambda: service.figure("configuration_problems") == 1, "the error is seen")
    assert "nh3_pmm" in service.log
    assert service.ready(), "the old rules are in force"
    service.publish(nh3_ppm=9)
    wait_until(lambda: service.active() == ["odour"], "the old rule raises")
    rules.write_text(RULES + LEAK)
    wait_until(lambda: service.figure("rules ") == 2, "the mended rules are in force")
    assert service.figure("configuration_problems") == 0
    service.publish(leak=1)
    wait_until(lambda: service.active() == ["leak", "odour"], "the new rule raises")
    rules.write_text(RULES.replace("id: odour", "id: other") + LEAK)
    service.publish(leak=1)
    wait_until(lambda: service.active() == ["leak"], "the alert of a rule that is gone ends")


def test_it_begins_with_good_files_only_and_says_what_is_wrong(service: Service) -> None:
    (service.config / "rules.yaml").write_text(RULES.replace("clear_below: 2", "clear_below: 5"))
    with service.log_file.open("ab") as log:
        process = service.spawn(log)
    assert process.wait(20) == 1
    assert "rules.yaml:8" in service.log
    assert "Traceback" not in service.log


def test_an_ordered_stop_and_a_start_go_on_where_they_were(service: Service) -> None:
    service.start()
    service.publish(nh3_ppm=9)
    wait_until(lambda: service.active() == ["odour"], "raised")
    assert service.stop() == 0
    service.publish(nh3_ppm=1)
    assert service.active() == ["odour"]
    service.start()
    wait_until(lambda: service.active() == [], "resolved by the reading that the broker held")
    with service.desk() as desk:
        (alert,) = desk.alerts(active=None)
        assert [one.change for one in desk.transitions(alert.id)] == [Change.RAISED, Change.RESOLVED]


def test_a_second_engine_on_the_same_data_refuses_to_start(service: Service) -> None:
    service.start()
    with service.log_file.open("ab") as log:
        second = service.spawn(log)
    assert second.wait(20) == 1
    assert "alerts.db" in service.log
    assert service.ready()


def test_wishes_are_fulfilled_also_while_the_broker_is_away(service: Service) -> None:
    service.start()
    service.publish(nh3_ppm=9)
    wait_until(lambda: service.active() == ["odour"], "raised")
    service.broker.pause()
    try:
        with service.desk() as desk:
            wish = desk.acknowledge(desk.alerts()[0].id, "attendant", "on my way")
            wait_until(lambda: desk.outcome(wish) is not None, "acknowledged")
            assert desk.alerts()[0].acknowledged_by == "attendant"
    finally:
        service.broker.resume()


def test_how_long_it_took_is_said_once_of_each_alert_also_after_a_kill(service: Service) -> None:
    service.start()
    listener = Listener(service.broker.port, "caretaker/v1/+/+/alerts")

    def heard(name: str) -> list[float]:
        readings = [json.loads(payload) for _, payload, _ in listener.messages]
        return [one["values"][name] for one in {one["seq"]: one for one in readings}.values() if name in one["values"]]

    try:
        service.publish(nh3_ppm=9)
        wait_until(lambda: service.active() == ["odour"], "raised")
        with service.desk() as desk:
            desk.acknowledge(desk.alerts()[0].id, "attendant")
            wait_until(lambda: bool(heard("alert_acknowledge_s")), "acknowledged on MQTT")
            assert service.process is not None
            service.process.kill()
            service.process.wait(15)
            service.start()
            wish = desk.acknowledge(desk.alerts()[0].id, "manager")
            wait_until(lambda: desk.outcome(wish) is not None, "acknowledged again")
        service.publish(nh3_ppm=0)
        # One lane, in order: what was said before the end was heard before it.
        wait_until(lambda: bool(heard("alert_resolve_s")), "resolved on MQTT")
    finally:
        listener.close()
    (acknowledge_s,), (resolve_s,) = heard("alert_acknowledge_s"), heard("alert_resolve_s")
    assert 0 <= acknowledge_s <= resolve_s < 60
    assert heard("alert_state") == [2, 0]


def test_a_webhook_inside_is_refused_and_handed_on_and_links_are_signed(service: Service) -> None:
    (service.config / "people.yaml").write_text(
        'people:\n  - {id: attendant, name: Attendant, receivers: ["http://127.0.0.1:9/canary-token-2", inbox]}\n'
    )
    service.settings |= {"public_url": "https://toilets.example.org"}
    service.start()
    service.publish(nh3_ppm=9)

    def told() -> bool:
        with service.desk() as desk:
            return bool(desk.deliveries(channel=Channel.INBOX))

    wait_until(told, "handed on to the inbox")
    with service.desk() as desk:
        (dead,) = desk.deliveries(channel=Channel.WEBHOOK)
        assert "loopback" in dead.detail
        assert "canary" not in dead.detail
        text = desk.deliveries(channel=Channel.INBOX)[0].delivery.message.text
    link = next(line for line in text.split() if line.startswith("https://toilets.example.org/"))
    links = Links("https://toilets.example.org", load_or_make_key(service.data / "alerts" / "link.key"), 48)
    parts = urllib.parse.urlsplit(link)
    asked = {name: value[0] for name, value in urllib.parse.parse_qs(parts.query).items()}
    alert = parts.path.rsplit("/", 1)[1]
    now_ns = 1_795_334_400 * 10**9
    claim = links.check(alert, asked["person"], asked["expires"], asked["signature"], now_ns)
    assert isinstance(claim, Claim)
    assert "canary" not in service.log + service.get("/metrics")


def test_the_watchdog_is_called_while_all_is_well_and_its_address_is_a_secret(service: Service) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Watchdog)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Watchdog.calls.clear()
    try:
        service.settings |= {"heartbeat_url": f"http://127.0.0.1:{server.server_port}/canary-3"}
        service.start()
        wait_until(lambda: Watchdog.calls == ["/canary-3"], "the watchdog is called", limit_s=20)
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
    assert "canary" not in service.log

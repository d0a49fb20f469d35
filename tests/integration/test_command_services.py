"""The commands that need a broker, against mosquitto and a running `caretaker run ingestor`."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.components import MOSQUITTO_CONFIG, Mosquitto, free_port, require_program, wait_until

ROOM = "caretaker/v1/main-street"


class Deployment:
    """A configuration, a broker and an ingestor, each command a process of its own as for users."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config, self.data = root / "city", root / "data"
        self.broker = Mosquitto(root / "broker", MOSQUITTO_CONFIG)
        self.http_port = free_port()
        self._ingestor: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "CARETAKER_CONFIG": str(self.config),
            "CARETAKER_DATA": str(self.data),
            "CARETAKER_BROKER__PORT": str(self.broker.port),
            "CARETAKER_HTTP__PORT": str(self.http_port),
        }

    def call(self, *words: str, expect: int = 0, stdin: str = "") -> Any:
        """The command's answer."""
        done = subprocess.run(
            [sys.executable, "-m", "caretaker", *words, "--format", "json"],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == expect, done.stderr
        return json.loads(done.stdout or "null")

    def start_ingestor(self) -> None:
        with (self.root / "ingestor.log").open("ab") as log:
            self._ingestor = subprocess.Popen(
                [sys.executable, "-m", "caretaker", "run", "ingestor"], env=self.environment, stderr=log, stdout=log
            )
        wait_until(self.ready, "the ingestor is ready")

    def stop_ingestor(self) -> int:
        """Its exit code after SIGTERM."""
        assert self._ingestor is not None
        process, self._ingestor = self._ingestor, None
        process.send_signal(signal.SIGTERM)
        return process.wait(15)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/health/ready", timeout=1) as answer:
                return bool(json.load(answer)["ready"])
        except OSError:
            return False

    def account(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/account", timeout=5) as answer:
            account: dict[str, Any] = json.load(answer)
            return account

    def publish(self, topic: str, payload: str) -> None:
        """As an installer does it, with a program that knows nothing of us."""
        subprocess.run(
            [
                require_program("mosquitto_pub"),
                *("-h", "127.0.0.1", "-p", str(self.broker.port), "-q", "1", "-t", topic, "-m", payload),
            ],
            check=True,
            timeout=10,
        )

    def end(self) -> None:
        if self._ingestor is not None:
            self._ingestor.kill()
            self._ingestor.wait(10)
        self.broker.stop()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path)
    deployment.broker.start()
    subprocess.run([sys.executable, "-m", "caretaker", "init", str(deployment.config)], check=True, capture_output=True)
    try:
        yield deployment
    finally:
        deployment.end()


def test_a_new_device_is_quarantined_added_and_replayed_with_its_first_arrival(deployment: Deployment) -> None:
    deployment.start_ingestor()
    deployment.publish(f"{ROOM}/odour-new/readings", '{"values": {"nh3_ppm": 0.4}}')
    wait_until(lambda: deployment.account()["quarantined"] == 1, "the message is in quarantine")
    (kept,) = deployment.call("quarantine", "list")
    assert kept["reason"] == "unknown_device"
    assert deployment.call("quarantine", "replay", "--reason", "unknown_device", expect=1) == [
        {"result": "still refused", "messages": 1}
    ]
    with (deployment.config / "devices.csv").open("a") as sheet:
        sheet.write("odour-new,main-street,toilet_odour,male,gateway-1,10,nh3_ppm,New,新,\n")
    wait_until(lambda: _replayed(deployment, str(kept["id"])), "the ingestor knows the new device")
    wait_until(lambda: deployment.account()["journal"] == 0, "it is written")
    (value,) = deployment.call("readings", "latest", "--device", "odour-new")
    assert (value["value"], value["quality"]) == (0.4, "arrival time")
    assert value["time"][:23] == kept["received"][:23]
    assert deployment.call("quarantine", "list") == []
    assert deployment.account()["balanced"]


def _replayed(deployment: Deployment, number: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "caretaker", "quarantine", "replay", number],
        env=deployment.environment,
        capture_output=True,
        timeout=30,
        check=False,
    )
    return done.returncode == 0


def test_what_simulate_publishes_arrives_and_real_devices_are_left_alone(deployment: Deployment) -> None:
    sheet = deployment.config / "devices.csv"
    text = sheet.read_text().replace("氣味 (女廁),", "氣味 (女廁),simulated=no")
    for slow, quick in ((",60,online", ",1,online"), (",10,nh3", ",1,nh3"), (",15,power", ",1,power")):
        text = text.replace(slow, quick)
    sheet.write_text(text)
    (deployment.config / "simulation.yaml").write_text("seed: 4\n")
    deployment.start_ingestor()
    (sent,) = deployment.call("simulate", "--for", "4", stdin="gateway-down\n")
    assert sent["acknowledged"] > 4
    wait_until(lambda: deployment.account()["messages"] >= sent["acknowledged"], "all messages have arrived")
    assert deployment.stop_ingestor() == 0
    devices = {row["device"] for row in deployment.call("readings", "latest")}
    assert "meter-main" in devices
    assert "odour-female" not in devices
    assert (deployment.data / "ledger.db").exists()


def test_a_recording_is_replayed_with_its_true_times(deployment: Deployment, tmp_path: Path) -> None:
    sites = deployment.config / "sites.yaml"
    sites.write_text(
        sites.read_text().replace("timezone: Asia/Hong_Kong\n\n", "timezone: Asia/Hong_Kong\n    archive: true\n\n")
    )
    recording = tmp_path / "load.csv"
    recording.write_text("local_time,power_kw\n2020-11-01T00:00,1.5\n2020-11-01T00:15,2.5\n2020-11-01T00:30,3.5\n")
    deployment.start_ingestor()
    (sent,) = deployment.call("replay", str(recording), "--device", "meter-main", "--speed", "3600")
    assert sent == {"readings": 3, "published": 3, "acknowledged": 3}
    wait_until(lambda: deployment.account()["written"] == 3, "they are written")
    found = deployment.call(
        "readings", "history", "meter-main", "power_kw", "--from", "2020-11-01", "--to", "2020-11-02"
    )
    assert [(row["time"], row["value"]) for row in found] == [
        ("2020-10-31T16:00:00.000Z", 1.5),
        ("2020-10-31T16:15:00.000Z", 2.5),
        ("2020-10-31T16:30:00.000Z", 3.5),
    ]


def test_a_recording_too_old_for_its_site_is_not_begun(deployment: Deployment, tmp_path: Path) -> None:
    recording = tmp_path / "load.csv"
    recording.write_text("local_time,power_kw\n2020-11-01T00:00,1.5\n")
    deployment.call("replay", str(recording), "--device", "meter-main", expect=2)


def test_a_broker_that_is_not_there_gives_its_own_exit_code(deployment: Deployment) -> None:
    deployment.broker.stop()
    deployment.call("simulate", "--for", "0.5", expect=3)

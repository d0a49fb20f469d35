"""A deployment as `caretaker deploy init` makes it, on the loopback, for tests: its broker, and who speaks to it."""

import getpass
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from deploy.access import PASSWORDS, MqttUser
from deploy.init import init
from deploy.layout import Door, InfluxForm, Layout, Secret
from deploy.record import Record
from tests.components import Program, free_port, require_program, wait_until

LIMIT_S = 10.0
CONFIG = {
    "sites.yaml": "sites:\n  - {id: hall, timezone: Asia/Hong_Kong}\n  - {id: annexe, timezone: Asia/Hong_Kong}\n",
    "devices.csv": "id,site,kind,parent,metrics\n"
    "gateway,hall,gateway,,online\n"
    "hub,hall,gateway,gateway,online\n"
    "behind,hall,meter,gateway,power_kw\n"
    "deep,annexe,meter,hub,power_kw\n"
    "alone,hall,meter,,power_kw\n"
    "other,annexe,meter,,power_kw\n",
}


def configuration(folder: Path, files: Mapping[str, str] = CONFIG) -> Path:
    """A small configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def deployed(
    folder: Path, config: Path, ports: Mapping[Door, int] | None = None, influxdb: InfluxForm = InfluxForm.V1
) -> Layout:
    """What `init` makes of it, with free ports for everything that has none."""
    found = {door: free_port() for door in Door} | dict(ports or {})
    record = Record.model_validate({"form": "local", "hosts": ("127.0.0.1",), "influxdb": influxdb, "ports": found})
    init(folder, record, config, datetime.now(UTC), replace=False)
    return record.layout(folder)


class DeployedMosquitto(Program):
    """The broker, with the configuration that was made for it, as it is."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        super().__init__("mosquitto", folder)
        self.layout = layout
        self._config = folder / "started.conf"
        # Started by root it would become another user, who may not read the test's folder.
        generated = layout.staged.broker_conf.read_text(encoding="utf-8")
        self._config.write_text(f"user {getpass.getuser()}\n{generated}", encoding="utf-8")

    def arguments(self) -> list[str]:
        return ["-c", str(self._config)]

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.layout.inner[Door.MQTT_DEVICES].port), timeout=1).close()
        except OSError:
            return False
        return True

    def reload(self) -> None:
        """Let it read its users, rules and certificates again, and wait until it has."""
        before = self.log.count("Reloading config")
        os.kill(self.pid, signal.SIGHUP)
        wait_until(lambda: self.log.count("Reloading config") > before, "it has read its files again")


def service_password(layout: Layout, user: MqttUser) -> str:
    return layout.kept(PASSWORDS[user]).read_text(encoding="utf-8")


def mosquitto_pub(
    layout: Layout,
    topic: str,
    message: str,
    *,
    door: Door = Door.MQTT_DEVICES,
    login: tuple[str, str] | None = None,
    pair: tuple[Path, Path] | None = None,
    ca: Path | None = None,
    plain: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Publish at QoS 1 with the makers' own program."""
    program = str(require_program("mosquitto_pub"))
    arguments = ["-h", "127.0.0.1", "-p", str(layout.inner[door].port), "-q", "1", "-t", topic, "-m", message]
    if not plain:
        arguments += ["--cafile", str(ca or layout.kept(Secret.CA))]
    if login is not None:
        arguments += ["-u", login[0], "-P", login[1]]
    if pair is not None:
        arguments += ["--cert", str(pair[0]), "--key", str(pair[1])]
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=LIMIT_S)


class Speaker:
    """paho over TLS: publishes at QoS 1, subscribes, keeps what comes. An independent client."""

    def __init__(
        self,
        layout: Layout,
        user: str | None = None,
        password: str | None = None,
        *,
        door: Door = Door.MQTT_DEVICES,
        pair: tuple[Path, Path] | None = None,
    ) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.refused: str | None = None
        self.connections = 0
        self.losses = 0
        self.sent = 0
        self.acknowledged: set[int] = set()
        self._lock = Lock()
        self._numbers: dict[int, int] = {}
        self._early: set[int] = set()
        self._granted: set[int] = set()
        self._answered = Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        context = ssl.create_default_context(cafile=layout.kept(Secret.CA))
        if pair is not None:
            context.load_cert_chain(*pair)
        self._client.tls_set_context(context)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.max_inflight_messages_set(1_000)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = lambda _client, _data, message: self.got.append(
            (message.topic, bytes(message.payload))
        )
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = lambda _client, _data, mid, _codes, _properties: self._granted.add(mid)
        try:
            self._client.connect("127.0.0.1", layout.inner[door].port)
        except (OSError, ssl.SSLError) as error:
            self.refused = str(error)
            self._answered.set()
            return
        self._client.loop_start()
        self._answered.wait(LIMIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, *filters: str) -> None:
        """All of them, at QoS 1, until the broker has answered each."""
        for one in filters:
            _, mid = self._client.subscribe(one, 1)
            wait_until(lambda mid=mid: mid in self._granted, f"{one} is answered", LIMIT_S)  # type: ignore[misc]  # mypy: a default in a lambda

    def publish(self, topic: str, message: str | bytes, number: int | None = None) -> None:
        """Hand one over; `number` is in `acknowledged` once the broker has taken it."""
        info = self._client.publish(topic, message, qos=1)
        with self._lock:
            self.sent += 1
            if info.mid in self._early:
                self._early.discard(info.mid)
                self.acknowledged.add(self.sent if number is None else number)
            else:
                self._numbers[info.mid] = self.sent if number is None else number

    def settle(self) -> None:
        """Until the broker has acknowledged everything."""
        wait_until(lambda: len(self.acknowledged) == self.sent, "the broker acknowledges every publish")

    def fence(self) -> None:
        """Until all that the broker has had for us before is here: it answers in order."""
        self.subscribe(f"fence/{time.monotonic_ns()}")

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self.refused = str(code)
        else:
            self.connections += 1
        self._answered.set()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self.losses += 1
        if self.refused is None and not self.connections:
            self.refused = str(code)
        self._answered.set()

    def _on_publish(self, _client: Any, _data: Any, mid: int, _code: Any, _properties: Any) -> None:
        with self._lock:
            number = self._numbers.pop(mid, None)
            if number is None:  # the acknowledgement was quicker than `publish`
                self._early.add(mid)
            else:
                self.acknowledged.add(number)


def topics(got: Sequence[tuple[str, bytes]]) -> list[str]:
    return [topic for topic, _ in got]

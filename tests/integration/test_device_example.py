"""The example device against a real broker: nothing is lost while the broker is away, nor by a kill."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.components import Mosquitto, wait_until

DEVICE = Path(__file__).parents[2] / "examples" / "device" / "device.py"
TOPIC = "caretaker/v1/test-site/test-device"
INTERVAL_S = 0.02


class Listener:
    """Collects what arrives at the broker, in a persistent session."""

    def __init__(self, port: int) -> None:
        self.readings: list[dict[str, object]] = []
        self.status: list[bytes] = []
        subscribed = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self.client.on_message = lambda _client, _data, message: self._take(message)
        self.client.on_connect = lambda client, *_: client.subscribe(f"{TOPIC}/#", qos=1)
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert subscribed.wait(10)

    def _take(self, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/readings"):
            self.readings.append(json.loads(message.payload))
        else:
            self.status.append(bytes(message.payload))

    def seqs(self) -> set[int]:
        return {int(str(reading["seq"])) for reading in self.readings}

    def has(self, number: int) -> bool:
        return len(self.seqs()) >= number

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[int], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def one(port: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(DEVICE), "--topic", TOPIC, "--port", str(port)]
        command += ["--interval", str(INTERVAL_S), "--outbox", str(tmp_path / "outbox.db")]
        started.append(subprocess.Popen(command))
        return started[-1]

    yield one
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def outbox(folder: Path) -> list[int]:
    """What lies in the outbox."""
    if not (folder / "outbox.db").exists():
        return []
    with closing(sqlite3.connect(f"file:{folder / 'outbox.db'}?mode=ro", uri=True)) as file:
        try:
            return [seq for (seq,) in file.execute("SELECT seq FROM outbox ORDER BY seq")]
        except sqlite3.OperationalError:  # not made yet
            return []


def last_seq(folder: Path) -> int:
    """The last number that was given."""
    with closing(sqlite3.connect(f"file:{folder / 'outbox.db'}?mode=ro", uri=True)) as file:
        return int(file.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()[0])


def test_readings_are_kept_while_the_broker_is_away_and_delivered_after(
    tmp_path: Path,
    mosquitto: Callable[..., Mosquitto],
    start: Callable[[int], "subprocess.Popen[bytes]"],
) -> None:
    broker = mosquitto()
    device = start(broker.port)
    wait_until(lambda: len(outbox(tmp_path)) >= 50, "50 readings wait in the outbox", 20)
    kept = outbox(tmp_path)
    assert kept[0] == 1

    broker.start()
    listener = Listener(broker.port)
    # What was sent before the listener had subscribed is not its business; what is in the outbox now is.
    waiting = outbox(tmp_path)
    broker.stop()
    before = last_seq(tmp_path)
    wait_until(lambda: last_seq(tmp_path) > before + 20, "20 more readings are taken without a broker", 20)
    broker.start()
    goal = last_seq(tmp_path)
    wait_until(lambda: not outbox(tmp_path) or outbox(tmp_path)[0] > goal, "the outbox is empty", 40)
    wait_until(lambda: listener.seqs() >= set(range(before + 1, goal + 1)) | set(waiting), "all have arrived", 20)
    listener.close()

    device.send_signal(signal.SIGTERM)
    assert device.wait(10) == 0


def test_a_kill_loses_none(
    tmp_path: Path,
    mosquitto: Callable[..., Mosquitto],
    start: Callable[[int], "subprocess.Popen[bytes]"],
) -> None:
    broker = mosquitto()
    broker.start()
    listener = Listener(broker.port)
    for goal in (30, 60, 90):
        device = start(broker.port)
        wait_until(partial(listener.has, goal), "readings arrive", 20)
        os.kill(device.pid, signal.SIGKILL)
        device.wait(10)
    given = last_seq(tmp_path)
    device = start(broker.port)

    wait_until(lambda: listener.seqs() >= set(range(1, given + 1)), "every number has arrived", 20)

    identities = {(reading["seq"], reading["time"]) for reading in listener.readings}
    assert len(identities) == len(listener.seqs()), "a reading that is sent again is the same reading"
    assert b'{"values":{"online":false}}' in listener.status, "the broker has said the last will"
    listener.close()

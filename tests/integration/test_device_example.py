"""The example device against a real broker: nothing is lost while the broker is away, nor by a kill."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.components import Mosquitto, wait_until
from tests.integration.listener import Listener

DEVICE = Path(__file__).parents[2] / "examples" / "device" / "device.py"
TOPIC = "caretaker/v1/test-site/test-device"
INTERVAL_S = 0.02


def readings(listener: Listener) -> list[dict[str, object]]:
    """What has arrived on the device's topic."""
    return [json.loads(payload) for topic, payload, _ in listener.messages if topic == f"{TOPIC}/readings"]


def seqs(listener: Listener) -> set[int]:
    return {int(str(reading["seq"])) for reading in readings(listener)}


def has(listener: Listener, number: int) -> bool:
    return len(seqs(listener)) >= number


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


def opened(folder: Path) -> closing[sqlite3.Connection]:
    """The outbox as the next start of the device finds it.

    Writable: whoever opens it first after a kill takes back what the dead had half written, and a read-only connection
    may not.
    """
    return closing(sqlite3.connect(f"file:{folder / 'outbox.db'}?mode=rw", uri=True))


def outbox(folder: Path) -> list[int]:
    """What lies in the outbox."""
    if not (folder / "outbox.db").exists():
        return []
    with opened(folder) as file:
        try:
            return [seq for (seq,) in file.execute("SELECT seq FROM outbox ORDER BY seq")]
        except sqlite3.OperationalError:  # not made yet
            return []


def last_seq(folder: Path) -> int:
    """The last number that was given."""
    with opened(folder) as file:
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
    wait_until(lambda: seqs(listener) >= set(range(before + 1, goal + 1)) | set(waiting), "all have arrived", 20)
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
        wait_until(partial(has, listener, goal), "readings arrive", 20)
        os.kill(device.pid, signal.SIGKILL)
        device.wait(10)
    given = last_seq(tmp_path)
    device = start(broker.port)

    wait_until(lambda: seqs(listener) >= set(range(1, given + 1)), "every number has arrived", 20)

    identities = {(reading["seq"], reading["time"]) for reading in readings(listener)}
    assert len(identities) == len(seqs(listener)), "a reading that is sent again is the same reading"
    last_will = (f"{TOPIC}/status", b'{"values":{"online":false}}')
    assert last_will in {(topic, payload) for topic, payload, _ in listener.messages}
    listener.close()

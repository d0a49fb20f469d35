"""A device that loses no reading.

It writes each reading into an outbox on disk before it sends it, and removes it when the broker has acknowledged it.
Away from the network it keeps measuring; after a power cut it goes on where it was.

    python device.py --topic caretaker/v1/my-site/my-device

Needs Python 3.11 and paho-mqtt 2. Replace `measure` with your sensor. README.md explains the rest.
"""

import argparse
import json
import queue
import random
import signal
import sqlite3
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

IN_FLIGHT = 20
"""Sent and not acknowledged at a time. What lies in the outbox beyond that waits on disk."""
KEEP_READINGS = 500_000
"""The outbox's bound: two months at one every 10 s. Beyond it the oldest reading goes."""


def measure() -> dict[str, float | bool]:
    """The sensor: metrics of the platform's catalogue (`caretaker catalogue`) and their values."""
    return {"temperature_c": round(random.gauss(24.0, 0.2), 1), "humidity_pct": round(random.gauss(65.0, 1.0))}


class Outbox:
    """Readings that the broker has not acknowledged yet, in an SQLite file. The row's number is the reading's `seq`."""

    def __init__(self, path: Path) -> None:
        self.file = sqlite3.connect(path, isolation_level=None)
        self.file.execute("PRAGMA synchronous = FULL")  # on disk before `add` returns
        # AUTOINCREMENT: a number is never given twice, not even after the row has gone.
        self.file.execute("CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT)")

    def add(self, values: dict[str, float | bool]) -> None:
        """Keep a reading of this moment."""
        body = json.dumps({"time": int(time.time() * 1000), "values": values})
        seq = self.file.execute("INSERT INTO outbox (body) VALUES (?)", (body,)).lastrowid or 0
        self.file.execute("DELETE FROM outbox WHERE seq <= ?", (seq - KEEP_READINGS,))

    def after(self, seq: int, limit: int) -> list[tuple[int, bytes]]:
        """The next readings, oldest first, with their number inside."""
        rows = self.file.execute("SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit))
        return [(number, json.dumps({**json.loads(body), "seq": number}).encode()) for number, body in rows]

    def remove(self, seq: int) -> None:
        """The broker has it."""
        self.file.execute("DELETE FROM outbox WHERE seq = ?", (seq,))


class Device:
    """Measures, keeps, sends. The network has its own thread (paho's); everything here is done by one thread."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.outbox = Outbox(options.outbox)
        self.in_flight: dict[int, int] = {}  # paho's message number to our seq
        self.handed_over = 0  # the last seq that paho has; it sends again by itself what a lost connection left open
        self.acknowledged: queue.SimpleQueue[int | None] = queue.SimpleQueue()  # None: stop
        self.client = self._client()

    def _client(self) -> mqtt.Client:
        options = self.options
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=options.topic.replace("/", "-"))
        client.username_pw_set(options.username, options.password_file and options.password_file.read_text().strip())
        if options.ca:
            client.tls_set(ca_certs=str(options.ca))
        status = f"{options.topic}/status"
        client.will_set(status, b'{"values":{"online":false}}', qos=1, retain=True)

        @client.connect_callback()
        def on_connect(*_: object) -> None:
            client.publish(status, b'{"values":{"online":true}}', qos=1, retain=True)

        @client.publish_callback()
        def on_publish(_client: mqtt.Client, _data: object, mid: int, *_: object) -> None:
            self.acknowledged.put(mid)  # with QoS 1 this is the PUBACK

        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.connect_async(options.host, options.port, keepalive=30)
        return client

    def run(self) -> None:
        """Measure at each interval and send, until `stop`."""
        self.client.loop_start()
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                self.outbox.add(measure())
                due = max(due + self.options.interval, time.monotonic())
            self._send()
            try:
                number = self.acknowledged.get(timeout=max(0.0, min(0.5, due - time.monotonic())))
            except queue.Empty:
                continue
            if number is None:
                break
            seq = self.in_flight.pop(number, None)  # None: it was a status
            if seq is not None:
                self.outbox.remove(seq)
        self.client.disconnect()
        self.client.loop_stop()

    def stop(self, *_: object) -> None:
        """Ask `run` to end."""
        self.acknowledged.put(None)

    def _send(self) -> None:
        for seq, payload in self.outbox.after(self.handed_over, IN_FLIGHT - len(self.in_flight)):
            info = self.client.publish(f"{self.options.topic}/readings", payload, qos=1)
            self.in_flight[info.mid] = seq
            self.handed_over = seq


def arguments() -> argparse.Namespace:
    """What stands on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", required=True, help="caretaker/v1/SITE/DEVICE, as the registry names them")
    parser.add_argument("--host", default="127.0.0.1", help="the broker")
    parser.add_argument("--port", type=int, default=1883, help="1883, or 8883 with --ca")
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between readings")
    parser.add_argument("--outbox", type=Path, default=Path("outbox.db"), help="file for readings on their way")
    parser.add_argument("--username", help="where the broker asks for one")
    parser.add_argument("--password-file", type=Path, help="a file that holds nothing but the password")
    parser.add_argument("--ca", type=Path, help="PEM file of the authority that signed the broker's certificate; TLS")
    return parser.parse_args()


if __name__ == "__main__":
    device = Device(arguments())
    signal.signal(signal.SIGTERM, device.stop)
    signal.signal(signal.SIGINT, device.stop)
    device.run()

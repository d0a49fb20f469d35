"""Numbered readings: everything about one is a function of its number, so that every stored value can be checked.

They are published by an independent client (paho), which notes what the broker has acknowledged.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.components import wait_until

SITE = "numbers"
EVENT_EVERY = 5
"""Each fifth device says events: several of one moment, all of which must be kept."""
EVENTS_A_MOMENT = 4
STEP_MS = 10
OUTSTANDING_AT_MOST = 2_000
STALLED_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which readings there are: number n is reading n // devices of device n % devices."""

    count: int
    devices: int = 20
    start_ms: int = field(default_factory=lambda: int(time.time() * 1000) - 3_600_000)

    def device(self, index: int) -> str:
        return f"n{index:03}"

    def measurement(self, index: int) -> str:
        return "event" if _is_event(index) else "air"

    def metrics(self, index: int) -> tuple[str, ...]:
        return ("feedback",) if _is_event(index) else ("temperature_c", "humidity_pct")

    def topic(self, number: int) -> str:
        return f"caretaker/v1/{SITE}/{self.device(number % self.devices)}/readings"

    def payload(self, number: int) -> bytes:
        index, seq = number % self.devices, number // self.devices
        return json.dumps({"time": self._time_ms(index, seq), "seq": seq, "values": _values(index, seq)}).encode()

    def expected(self, index: int) -> Mapping[int, Mapping[str, float]]:
        """Stored time in ns to the values, for all readings of one device."""
        numbers = range(index, self.count, self.devices)
        return {self._stored_ns(index, n // self.devices): _values(index, n // self.devices) for n in numbers}

    def stored_ns(self, number: int) -> int:
        return self._stored_ns(number % self.devices, number // self.devices)

    def _time_ms(self, index: int, seq: int) -> int:
        return self.start_ms + STEP_MS * (seq // EVENTS_A_MOMENT if _is_event(index) else seq)

    def _stored_ns(self, index: int, seq: int) -> int:
        below_ms = seq % 1_000_000 if _is_event(index) else 0
        return self._time_ms(index, seq) * 1_000_000 + below_ms


def _is_event(index: int) -> bool:
    return index % EVENT_EVERY == EVENT_EVERY - 1


def _values(index: int, seq: int) -> dict[str, float]:
    if _is_event(index):
        return {"feedback": float(1 + (index * 3 + seq) % 5)}
    # Other strides than the number of devices, so that no neighbour has the same value.
    return {
        "temperature_c": ((index * 7_919 + seq * 31) % 8_000) / 100 - 30,
        "humidity_pct": float((index * 13 + seq * 7) % 99 + 1),
    }


class Client:
    """paho, connected, at QoS 1; counts what is acknowledged."""

    def __init__(self, port: int, client_id: str = "numbers", username: str | None = None) -> None:
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv311, clean_session=False
        )
        self._client.max_inflight_messages_set(500)
        if username is not None:
            self._client.username_pw_set(username)
        self._client.on_publish = self._on_publish
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._lock = threading.Lock()
        self._numbers: dict[int, int] = {}
        self._early: set[int] = set()
        self.sent = 0
        self.acknowledged: set[int] = set()
        """Numbers of messages."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def outstanding(self) -> int:
        """Published without PUBACK: unknown, not lost."""
        return self.sent - len(self.acknowledged)

    def publish(self, number: int, topic: str, payload: bytes) -> None:
        """Hand one message over; waits while too many are not acknowledged."""
        if self.outstanding > OUTSTANDING_AT_MOST:
            wait_until(lambda: self.outstanding < OUTSTANDING_AT_MOST, "the broker acknowledges", STALLED_LIMIT_S)
        info = self._client.publish(topic, payload, qos=1)
        with self._lock:
            self.sent += 1
            if info.mid in self._early:
                self._early.discard(info.mid)
                self.acknowledged.add(number)
            else:
                self._numbers[info.mid] = number

    def settle(self, limit_s: float = 60.0) -> None:
        """Wait until the broker has acknowledged everything."""
        wait_until(lambda: not self.outstanding, "the broker acknowledges every publish", limit_s)

    def _on_publish(self, _client: paho.Client, _data: object, mid: int, _code: Any, _properties: Any) -> None:
        with self._lock:
            number = self._numbers.pop(mid, None)
            if number is None:  # the acknowledgement was quicker than `publish`
                self._early.add(mid)
            else:
                self.acknowledged.add(number)


class Load(Client):
    """Publishes numbered readings at a steady rate, on a thread of its own."""

    def __init__(self, port: int, numbers: Numbers, rate_hz: float) -> None:
        super().__init__(port)
        self.numbers = numbers
        self._rate_hz = rate_hz
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def wait_for(self, sent: int) -> None:
        """Wait until so many are published."""
        wait_until(lambda: self.sent >= sent, f"{sent} readings are published", STALLED_LIMIT_S)

    def finish(self, limit_s: float) -> None:
        """Wait until everything is published and acknowledged by the broker."""
        wait_until(lambda: not self.running, "everything is published", limit_s)
        self.settle()

    def halt(self) -> int:
        """Publish no more; how many there were."""
        self._stop.set()
        wait_until(lambda: not self.running, "the load ends", STALLED_LIMIT_S + 5)
        self.settle()
        return self.sent

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        super().__exit__(kind, error, trace)

    def _run(self) -> None:
        begin = time.monotonic()
        for number in range(self.numbers.count):
            ahead_s = begin + number / self._rate_hz - time.monotonic()
            if (ahead_s > 0.005 and self._stop.wait(ahead_s)) or self._stop.is_set():
                return
            self.publish(number, self.numbers.topic(number), self.numbers.payload(number))

"""The publisher: QoS 1, a bounded number in flight, everything unacknowledged sent again after a reconnect.

For simulators and tools. What it promises: a publish ends when the broker has acknowledged it, whatever happens to the
connection in between; the same bytes may reach the broker more than once. It waits while the broker is away, in memory.
Limits: a broker that refuses a publish by reason code (MQTT 5 access rules) acknowledges it too, and aiomqtt does not
show the code. paho does not heed the broker's Receive Maximum: `max_inflight` must not exceed it (mosquitto: 20).
"""

import asyncio
import contextlib
import math
import random
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import NamedTuple, Self

import aiomqtt
import structlog

from telemetry.mqtt.settings import BrokerSettings

BACK_OFF_FIRST_S = 0.2
BACK_OFF_MOST_S = 10.0
KEEP_ALIVE_S = 15
HANDSHAKE_LIMIT_S = 5.0
CANCEL_AGAIN_S = 0.5

log = structlog.get_logger()


class Protocol(IntEnum):
    """The MQTT versions that brokers speak."""

    V311 = aiomqtt.ProtocolVersion.V311
    V5 = aiomqtt.ProtocolVersion.V5


class LastWill(NamedTuple):
    """A last will: what the broker publishes for us when the connection ends without a goodbye."""

    topic: str
    payload: bytes
    retain: bool = True


@dataclass(slots=True)
class Traffic:
    """What one publisher has done since it was made, in messages."""

    submitted: int = 0
    acknowledged: int = 0
    resent: int = 0
    """Sent once more because the connection ended before the acknowledgement."""
    connects: int = 0


@dataclass(slots=True, eq=False)
class _Item:
    topic: str
    payload: bytes
    retain: bool
    done: asyncio.Future[None]


class Publisher:
    """One connection that publishes. Use it with `async with`; it connects in the background and stays at it."""

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        client_id: str,
        will: LastWill | None = None,
        on_connect: Callable[[], None] | None = None,
        max_inflight: int = 20,
        protocol: Protocol = Protocol.V5,
    ) -> None:
        """`will` is what the broker says when we vanish; `on_connect` is called at each connect and may submit."""
        self._settings = settings
        self._client_id = client_id
        self._will = will
        self._on_connect = on_connect
        self._max_inflight = max_inflight
        self._protocol = protocol
        self._waiting: asyncio.Queue[_Item] = asyncio.Queue()
        self._again: deque[_Item] = deque()
        self._open: dict[_Item, None] = {}  # everything submitted and not settled, in order
        self._unacknowledged: dict[_Item, None] = {}  # of these, what the connection has taken
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._client: aiomqtt.Client | None = None
        self._task: asyncio.Task[None] | None = None
        self.traffic = Traffic()

    async def __aenter__(self) -> Self:
        """Start connecting; does not wait for the connection."""
        self._task = asyncio.create_task(self._stay_connected(), name=f"publisher {self._client_id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect. What is not acknowledged by now stays unknown: its futures are cancelled."""
        # Again and again: before Python 3.12 `asyncio.wait_for`, in which aiomqtt waits, may swallow a cancellation.
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CANCEL_AGAIN_S)
        if self._task is not None and not self._task.cancelled():
            self._task.result()  # ended by an error of its own
        for item in self._open:
            item.done.cancel()

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the connection stands."""
        return self._client is not None

    @property
    def outstanding(self) -> int:
        """Messages submitted and not acknowledged."""
        return len(self._open)

    def submit(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        """Send as soon as there is room; the future is done when the broker has acknowledged.

        It fails with `ValueError` for what MQTT cannot carry (wildcards in the topic, over 256 MB).
        The caller bounds what it submits by looking at `outstanding`.
        """
        item = _Item(topic, payload, retain, asyncio.get_running_loop().create_future())
        self._open[item] = None
        self._waiting.put_nowait(item)
        self.traffic.submitted += 1
        return item.done

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Return when the broker has acknowledged. Raises as `submit` says."""
        await self.submit(topic, payload, retain=retain)

    async def drained(self) -> None:
        """Return when everything submitted so far has been acknowledged, failed or been given up."""
        if self._open:
            await asyncio.wait([item.done for item in self._open])

    def vanish(self) -> None:
        """Cut the connection without a goodbye, as a loss of power would: the broker sends our will. See `return_`."""
        self._wanted.clear()
        if self._client is None:
            return
        # aiomqtt has no way to end a connection without DISCONNECT, which would make the broker drop the will.
        paho_socket = self._client._client.socket()  # noqa: SLF001
        if isinstance(paho_socket, socket.socket):
            with contextlib.suppress(OSError):
                paho_socket.shutdown(socket.SHUT_RDWR)

    def return_(self) -> None:
        """Connect again after `vanish`."""
        self._wanted.set()

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            await self._wanted.wait()
            before = self.traffic.connects
            try:
                await self._one_connection()
            except* (aiomqtt.MqttError, OSError) as group:
                failures = 1 if self.traffic.connects > before else failures + 1
                if failures <= 1:  # the first of a row says it; the rest would only repeat it
                    log.info("not connected", client_id=self._client_id, error=str(group.exceptions[0]))
            await asyncio.sleep(back_off_s(failures, random.random()))  # noqa: S311 spreads reconnects, guards nothing

    async def _one_connection(self) -> None:
        async with self._connect() as client:
            client.pending_calls_threshold = self._max_inflight  # aiomqtt warns beyond it
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_until_disconnected(client), name="connection")
                    self._client = client
                    self.traffic.connects += 1
                    if self._on_connect is not None:
                        self._on_connect()
                    for number in range(self._max_inflight):
                        group.create_task(self._work(client), name=f"lane {number}")
            finally:
                self._client = None
                self.traffic.resent += len(self._unacknowledged)
                self._again.extendleft(reversed(self._unacknowledged))
                self._unacknowledged.clear()

    def _connect(self) -> aiomqtt.Client:
        settings = self._settings
        will = None if self._will is None else aiomqtt.Will(self._will.topic, self._will.payload, 1, self._will.retain)
        return aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=self._client_id,
            username=settings.username,
            password=settings.secret(),
            tls_context=settings.ssl_context(),
            protocol=aiomqtt.ProtocolVersion(self._protocol),
            will=will,
            keepalive=KEEP_ALIVE_S,
            timeout=HANDSHAKE_LIMIT_S,
            max_inflight_messages=self._max_inflight,
        )

    async def _work(self, client: aiomqtt.Client) -> None:
        """Publish one message after the other. Nothing waits between taking one and handing it to the socket."""
        while True:
            item = self._again.popleft() if self._again else await self._waiting.get()
            if item.done.done():  # the caller gave up
                del self._open[item]
                continue
            self._unacknowledged[item] = None
            try:
                await client.publish(item.topic, item.payload, qos=1, retain=item.retain, timeout=math.inf)
            except ValueError as error:
                if not item.done.done():
                    item.done.set_exception(error)
            else:
                self.traffic.acknowledged += 1
                if not item.done.done():
                    item.done.set_result(None)
            del self._unacknowledged[item]
            del self._open[item]


async def _until_disconnected(client: aiomqtt.Client) -> None:
    """Raise `aiomqtt.MqttError` when the connection has ended; nothing is subscribed, so nothing arrives."""
    async for _ in client.messages:
        pass


def back_off_s(failures: int, share: float) -> float:
    """Seconds to wait after that many failures in a row: doubling to a cap; `share` of 0..1 takes up to half off."""
    if failures == 0:
        return 0.0
    return min(BACK_OFF_MOST_S, BACK_OFF_FIRST_S * 2.0 ** min(failures - 1, 10)) * (1.0 - share / 2)

"""A session that keeps what it is given, a client that publishes, and a broker that is wrong on purpose."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import mqtt5
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from telemetry.message import Message
from telemetry.mqtt.inflight import Delivery
from telemetry.mqtt.session import Session, SessionSettings, Subscription
from telemetry.mqtt.settings import BrokerSettings

READINGS = Subscription(filter="caretaker/v1/+/+/readings")
STATUS = Subscription(filter="caretaker/v1/+/+/status", retained=True)
TOPIC = "caretaker/v1/site/device/readings"
STOP_LIMIT_S = 15.0


class Taker:
    """Runs a session. What it is given it acknowledges, or keeps until it is told to."""

    def __init__(
        self,
        broker: BrokerSettings | int,
        settings: SessionSettings | None = None,
        subscriptions: Sequence[Subscription] = (READINGS, STATUS),
        *,
        acknowledge: bool = True,
        data: Path | None = None,
    ) -> None:
        where = BrokerSettings(port=broker) if isinstance(broker, int) else broker
        self.session = Session(where, settings or SessionSettings(), subscriptions, data)
        self.acknowledge = acknowledge
        self.messages: list[Message] = []
        self.kept: list[Delivery] = []
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self._take())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self.session._connection
        self.session.stop()
        assert self.task is not None
        with suppress(Exception):  # a test that expects one has looked at it
            await asyncio.wait_for(self.task, STOP_LIMIT_S)
        if connection is not None:  # TLS says goodbye on both sides: the test's loop must not end before
            await asyncio.wait_for(connection.lost.wait(), STOP_LIMIT_S)

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    def acknowledge_kept(self) -> None:
        """Everything so far, and from now on at once."""
        self.acknowledge = True
        for delivery in self.kept:
            delivery.acknowledge()
        self.kept.clear()

    async def _take(self) -> None:
        async for delivery in self.session.deliveries():
            self.messages.extend(delivery.messages)
            if self.acknowledge:
                delivery.acknowledge()
            else:
                self.kept.append(delivery)


def publish(port: int, payloads: Iterable[bytes], topic: str = TOPIC, *, qos: int = 1, retain: bool = False) -> None:
    """By another client; returns when the broker has acknowledged. Blocks."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        for info in [client.publish(topic, payload, qos, retain) for payload in payloads]:
            info.wait_for_publish(10)
    finally:
        client.disconnect()
        client.loop_stop()


class Packets:
    """A proxy's tap that keeps what the client says."""

    def __init__(self) -> None:
        self._said = b""

    def from_server(self, data: bytes) -> None: ...
    def from_client(self, data: bytes) -> None:
        self._said += data

    def closed(self) -> None: ...

    @property
    def said(self) -> list[mqtt5.Packet]:
        packets, rest = [], memoryview(self._said)
        while rest:
            packet, size = mqtt5.read(rest)
            packets.append(packet)
            rest = rest[size:]
        return packets


class FakeBroker:
    """Answers CONNECT and SUBSCRIBE as it is told, says what it is told. For what a real broker never does."""

    def __init__(
        self,
        connack: mqtt5.ConnAckPacket | None = None,
        granted: mqtt5.SubAckReasonCode = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE,
        then: bytes = b"",
        *,
        hang_up: bool = False,
    ) -> None:
        """`then` is what it says after SUBACK; it hangs up behind that if asked to."""
        self._connack = connack or mqtt5.ConnAckPacket()
        self._granted = granted
        self._then = then
        self._hang_up = hang_up
        self.connects = 0
        self.acknowledged: list[int] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Its port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        with suppress(OSError):
            while data := await reader.read(65_536):
                rest += data
                with suppress(IndexError):  # the packet is not all here yet
                    while rest:
                        packet, size = mqtt5.read(memoryview(rest))
                        rest = rest[size:]
                        self._answer(packet, writer)
        writer.close()

    def _answer(self, packet: mqtt5.Packet, writer: asyncio.StreamWriter) -> None:
        if isinstance(packet, mqtt5.ConnectPacket):
            self.connects += 1
            writer.write(self._connack.write())
        elif isinstance(packet, mqtt5.SubscribePacket):
            codes = [self._granted] * len(packet.topic_filters)
            writer.write(mqtt5.SubAckPacket(packet.packet_id, codes).write() + self._then)
            if self._hang_up:
                writer.close()
        elif isinstance(packet, mqtt5.PubAckPacket):
            self.acknowledged.append(packet.packet_id)


def publishes(count: int, payload: Callable[[int], bytes]) -> bytes:
    """So many PUBLISH packets, their ids from 1 on."""
    return b"".join(
        mqtt5.PublishPacket(TOPIC, payload=payload(number), qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=number).write()
        for number in range(1, count + 1)
    )

"""One MQTT 5 connection to look at a broker with: what it grants, what it refuses, what it delivers.

Not the receive path's: that one shows no reason codes, and never ends a session. Here every answer of the broker is
seen as it came, and nothing is tried again.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import mqtt5
from msgspec import Struct

from deploy.doctor.asked import why_not
from telemetry.mqtt.settings import BrokerSettings

ANSWER_LIMIT_S = 5.0
KEEP_ALIVE_S = 60
READ_BYTES = 64 * 1024
REFUSED_FROM = 0x80
"""Reason codes from here on are refusals (MQTT 5, 2.4)."""
AT_ONCE = 200
"""Publishes that wait for their acknowledgement, where the broker's Receive Maximum allows so many."""
NO_GOODBYE_YET = "closed by the broker"


class WireError(Exception):
    """The broker can't be reached or went away; the message says why."""


class UntrustedBrokerError(WireError):
    """Its certificate is not trusted; what of it is wrong, the check `certificates` says."""


class NotLetInError(Exception):
    """The broker answered CONNECT with a refusal; the message is its reason's name."""


class Code(Struct, frozen=True):
    """A reason code of SUBACK or PUBACK."""

    number: int
    name: str

    @property
    def refused(self) -> bool:
        """Whether it is a refusal."""
        return self.number >= REFUSED_FROM


class Granted(Struct, frozen=True):
    """What CONNACK says."""

    session_present: bool
    session_expiry_s: int | None
    """None: as long as was asked for."""
    receive_maximum: int
    qos: int
    retain: bool
    packet_bytes: int | None
    """None: as large as MQTT allows."""


class Arrived(Struct, frozen=True):
    """A message."""

    topic: str
    payload: bytes


class Wire:
    """A connection that was let in. Made by `connected`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._answers: asyncio.Queue[mqtt5.Packet | None] = asyncio.Queue()
        self._acknowledged: asyncio.Queue[mqtt5.PubAckPacket | None] = asyncio.Queue()
        self._messages: asyncio.Queue[Arrived | None] = asyncio.Queue()
        self._ended = NO_GOODBYE_YET
        self._packet_id = 0
        self._at_once = AT_ONCE

    async def connect(self, packet: mqtt5.ConnectPacket) -> Granted:
        """Raises `NotLetInError`, `WireError`."""
        self._writer.write(packet.write())
        answer = await self._answer("CONNECT")
        if not isinstance(answer, mqtt5.ConnAckPacket):
            raise WireError("it does not speak MQTT 5")
        if answer.reason_code is not mqtt5.ConnAckReasonCode.SUCCESS:
            raise NotLetInError(answer.reason_code.name)
        self._at_once = min(AT_ONCE, answer.receive_max)
        return Granted(
            answer.session_present,
            answer.session_expiry_interval,
            answer.receive_max,
            int(answer.max_qos),
            answer.retain_available,
            answer.max_packet_size,
        )

    async def subscribe(self, pattern: str) -> Code:
        """At QoS 1, without retained messages for readings' sake; what was granted. Raises `WireError`."""
        wanted = mqtt5.TopicFilter(pattern, max_qos=mqtt5.QoS.AT_LEAST_ONCE)
        self._writer.write(mqtt5.SubscribePacket(self._next_id(), [wanted]).write())
        answer = await self._answer("SUBSCRIBE")
        if not isinstance(answer, mqtt5.SubAckPacket):
            raise WireError("no answer to SUBSCRIBE")
        return _code(answer.reason_codes[0])

    async def publish(self, topic: str, payload: bytes) -> Code:
        """At QoS 1; what the broker answers. Raises `WireError`."""
        (code,) = await self.publish_all(topic, [payload])
        return code

    async def publish_all(self, topic: str, payloads: Iterable[bytes]) -> list[Code]:
        """At QoS 1, some at once; the broker's answers, as they came. Raises `WireError`."""
        found: list[Code] = []
        under_way = 0
        for payload in payloads:
            packet = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._next_id())
            self._writer.write(packet.write())
            under_way += 1
            if under_way == self._at_once:
                found.append(await self._acknowledgement())
                under_way -= 1
        found += [await self._acknowledgement() for _ in range(under_way)]
        return found

    async def next(self, limit_s: float) -> Arrived | None:
        """The next message, acknowledged already; None: none came in time. Raises `WireError`."""
        try:
            message = await asyncio.wait_for(self._messages.get(), limit_s)
        except TimeoutError:
            return None
        if message is None:
            raise WireError(self._ended)
        return message

    async def read(self) -> None:
        """Take what comes until the connection ends. Run beside everything else."""
        rest = b""
        try:
            while data := await self._reader.read(READ_BYTES):
                rest = self._take(rest + data)
        except (OSError, ValueError) as error:
            self._ended = (why_not(error) if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        finally:
            for queue in (self._answers, self._acknowledged, self._messages):
                queue.put_nowait(None)

    def _take(self, data: bytes) -> bytes:
        """Sort the packets that are complete; gives what is left. Raises `ValueError` on what is no MQTT."""
        view, offset = memoryview(data), 0
        while offset < len(data):
            try:
                packet, used = mqtt5.read(view[offset:])
            except IndexError:  # not all here yet
                break
            offset += used
            if isinstance(packet, mqtt5.PublishPacket):
                self._messages.put_nowait(Arrived(packet.topic, packet.payload))
                if packet.packet_id is not None:
                    self._writer.write(mqtt5.PubAckPacket(packet.packet_id).write())
            elif isinstance(packet, mqtt5.PubAckPacket):
                self._acknowledged.put_nowait(packet)
            elif isinstance(packet, mqtt5.DisconnectPacket):
                self._ended = f"closed by the broker: {packet.reason_code.name}"
            else:
                self._answers.put_nowait(packet)
        return data[offset:]

    async def _answer(self, what: str) -> mqtt5.Packet:
        try:
            answer = await asyncio.wait_for(self._answers.get(), ANSWER_LIMIT_S)
        except TimeoutError:
            raise WireError(f"no answer to {what} within {ANSWER_LIMIT_S:.0f} s") from None
        if answer is None:
            raise WireError(self._ended)
        return answer

    async def _acknowledgement(self) -> Code:
        try:
            answer = await asyncio.wait_for(self._acknowledged.get(), ANSWER_LIMIT_S)
        except TimeoutError:
            raise WireError(f"no acknowledgement of a publish within {ANSWER_LIMIT_S:.0f} s") from None
        if answer is None:
            raise WireError(self._ended)
        return _code(answer.reason_code)

    def _next_id(self) -> int:
        self._packet_id = self._packet_id % 65_535 + 1
        return self._packet_id


@asynccontextmanager
async def connected(
    broker: BrokerSettings, client_id: str, *, clean_start: bool = True, session_expiry_s: int = 0
) -> AsyncIterator[tuple[Wire, Granted]]:
    """A connection as `broker` says, ended with a goodbye. Raises `NotLetInError`, `WireError`."""
    secret = broker.secret()
    packet = mqtt5.ConnectPacket(
        client_id,
        username=broker.username,
        password=None if secret is None else secret.encode(),
        clean_start=clean_start,
        keep_alive=KEEP_ALIVE_S,
        session_expiry_interval=session_expiry_s,
    )
    wire, reading, writer = await _opened(broker)
    try:
        granted = await wire.connect(packet)
        yield wire, granted
        if not writer.is_closing():
            writer.write(mqtt5.DisconnectPacket().write())
    finally:
        await _end(reading, writer)


def hello(client_id: str) -> bytes:
    """CONNECT of a client without a name, as it goes over the wire."""
    return mqtt5.ConnectPacket(client_id, clean_start=True, keep_alive=KEEP_ALIVE_S).write()


def is_welcome(answer: bytes) -> bool:
    """Whether an answer to it lets the client in."""
    try:
        packet, _ = mqtt5.read(memoryview(answer))
    except (IndexError, ValueError):
        return False
    return isinstance(packet, mqtt5.ConnAckPacket) and packet.reason_code is mqtt5.ConnAckReasonCode.SUCCESS


async def _end(reading: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
    reading.cancel()
    await asyncio.wait([reading])
    writer.close()
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), 1.0)


async def _opened(broker: BrokerSettings) -> tuple[Wire, asyncio.Task[None], asyncio.StreamWriter]:
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(broker.host, broker.port, ssl=broker.ssl_context()), ANSWER_LIMIT_S
        )
    except TimeoutError:
        raise WireError(f"no connection within {ANSWER_LIMIT_S:.0f} s") from None
    except ssl.SSLCertVerificationError as error:
        raise UntrustedBrokerError(f"its certificate is not trusted: {error.verify_message}") from None
    except OSError as error:
        raise WireError(why_not(error) or str(error)) from None
    wire = Wire(reader, writer)
    return wire, asyncio.create_task(wire.read(), name="wire"), writer


def _code(code: mqtt5.PubAckReasonCode | mqtt5.SubAckReasonCode) -> Code:
    return Code(int(code), code.name)

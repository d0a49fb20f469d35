"""One MQTT 5 connection of the receive path: packets in, batches out. The codec decodes a whole read at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from time import time_ns
from typing import cast

import mqtt5
import structlog
from mqtt5 import PublishPacket, read  # by name: looked up for every message

from telemetry.message import Message
from telemetry.mqtt.inflight import Delivery, Inflight

log = structlog.get_logger(__name__)

KEEP_ALIVE_S = 15
ANSWER_LIMIT_S = 10.0
"""How long the broker may take over CONNACK."""
CAP_BYTES = 64 * 1024 * 1024
"""Of payloads that are not acknowledged."""
TAKEN_OVER = mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER


class ConnectionFailedError(Exception):
    """The connection could not be made or was lost; the message says why. Trying again may help."""


class SessionTakenOverError(Exception):
    """Another client has connected with our client id. Trying again would start a fight that nobody wins."""


@dataclass(slots=True)
class Counts:
    """What has happened on all connections since the start."""

    received: int = 0
    received_bytes: int = 0
    qos0: int = 0
    """Delivered at QoS 0: the broker would not have repeated them."""
    redelivered: int = 0
    """Marked so by the broker. Not every broker marks them; nothing depends on it."""
    acknowledged: int = 0
    stale_acknowledgements: int = 0
    """For a connection that was gone. The broker sends those messages again."""
    connections: int = 0
    sessions_begun: int = 0
    """Times that the broker had no session of ours, the first time included: what was sent before is not in it."""
    sessions_lost: int = 0
    """Of these, where the broker had had one before: see `granted.py`."""
    pauses: int = 0
    """Times that a connection was not read for a while: the broker sent more than it was asked to."""
    malformed: int = 0


class Connection(asyncio.Protocol):
    """Speaks MQTT 5 over one transport. Made anew for every connection, so that packet ids can't be mixed up."""

    def __init__(self, counts: Counts, receive_maximum: int) -> None:
        self._counts = counts
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[mqtt5.Packet] | None = None
        self._last_read = self._loop.time()
        self._packet_ids = count(1)
        self._paused = False
        self.failure: Exception | None = None
        self.lost = asyncio.Event()
        self.inflight = Inflight(receive_maximum, CAP_BYTES, self._acknowledge)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop, once, whoever closed."""
        self.failure = self.failure or ConnectionFailedError(f"connection lost: {exc or 'closed by the broker'}")
        self._transport = None
        self.lost.set()
        self.inflight.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self.failure)

    def data_received(self, data: bytes) -> None:
        """Decode every packet that is complete; wake the consumer once."""
        self._last_read = self._loop.time()
        if self._rest:
            data = self._rest + data
        view = memoryview(data)
        offset, size, now_ns = 0, 0, time_ns()
        messages: list[Message] = []
        packet_ids: list[int] = []
        counts = self._counts
        while offset < len(data):
            try:
                packet, used = read(view[offset:])
            except IndexError:  # the packet is not all here yet
                break
            except ValueError as error:
                counts.malformed += 1
                self.abort(f"the broker sent a malformed packet: {error}")
                return
            offset += used
            if type(packet) is PublishPacket:
                payload, packet_id = packet.payload, packet.packet_id
                size += len(payload)
                if packet_id is not None:
                    packet_ids.append(packet_id)
                    if packet.duplicate:
                        counts.redelivered += 1
                messages.append(Message(packet.topic, payload, packet.retain, now_ns))
            else:
                self._other(packet)
        self._rest = data[offset:]
        if messages:
            counts.received += len(messages)
            counts.received_bytes += size
            counts.qos0 += len(messages) - len(packet_ids)
            self._arrived(messages, packet_ids, size)

    def _arrived(self, messages: Sequence[Message], packet_ids: Sequence[int], size: int) -> None:
        self.inflight.arrived(messages, packet_ids, size)
        if self.inflight.over_cap and self._transport is not None:
            self._counts.pauses += 1
            self._paused = True
            self._transport.pause_reading()

    def _other(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.ConnAckPacket | mqtt5.SubAckPacket):
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(packet)
        elif isinstance(packet, mqtt5.DisconnectPacket):
            if packet.reason_code is TAKEN_OVER:
                self.failure = SessionTakenOverError("another client has connected with our client id")
            self.abort(f"the broker disconnected: {packet.reason_code.name} {packet.reason_str or ''}".rstrip())

    # What the session does

    async def open(self, connect: mqtt5.ConnectPacket) -> mqtt5.ConnAckPacket:
        """CONNECT, and the broker's answer. Raises `ConnectionFailedError`."""
        answer = await self._ask(connect.write(), "CONNECT", ANSWER_LIMIT_S)
        assert isinstance(answer, mqtt5.ConnAckPacket)
        if answer.reason_code is not mqtt5.ConnAckReasonCode.SUCCESS:
            reason = f" ({answer.reason_str})" if answer.reason_str else ""
            raise ConnectionFailedError(f"the broker refused the connection: {answer.reason_code.name}{reason}")
        return answer

    async def subscribe(self, filters: Sequence[mqtt5.TopicFilter]) -> mqtt5.SubAckPacket:
        """SUBSCRIBE, and the broker's answer, which comes behind all messages that are on their way already."""
        packet = mqtt5.SubscribePacket(next(self._packet_ids), list(filters))
        answer = await self._ask(packet.write(), "SUBSCRIBE", limit_s=None)
        assert isinstance(answer, mqtt5.SubAckPacket)
        return answer

    async def keep_alive(self, interval_s: float) -> None:
        """Ping until the connection is gone; give it up when nothing has come for one and a half intervals."""
        ping = mqtt5.PingReqPacket().write()
        while self._transport is not None:
            self._transport.write(ping)
            try:
                await asyncio.wait_for(self.lost.wait(), interval_s / 2)
            except TimeoutError:
                if self._loop.time() - self._last_read > interval_s * 1.5 and not self._paused:
                    self.abort(f"no answer to pings for {interval_s * 1.5:.0f} s")

    def disconnect(self) -> None:
        """Say goodbye; the broker keeps the session."""
        if self._transport is not None:
            self._transport.write(mqtt5.DisconnectPacket().write())
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once, without acknowledging anything."""
        self.failure = self.failure or ConnectionFailedError(reason)
        if self._transport is not None:
            self._transport.abort()

    async def next(self) -> Delivery | None:
        """The next batch; None when the connection is gone."""
        return await self.inflight.next()

    async def _ask(self, packet: bytes, name: str, limit_s: float | None) -> mqtt5.Packet:
        if self._transport is None:
            raise self.failure or ConnectionFailedError("not connected")
        self._answer = self._loop.create_future()
        self._transport.write(packet)
        try:
            return await asyncio.wait_for(self._answer, limit_s)
        except TimeoutError:
            raise ConnectionFailedError(f"no answer to {name} within {limit_s:.0f} s") from None
        finally:
            self._answer = None

    def _acknowledge(self, packet_ids: Sequence[int]) -> None:
        if self._transport is None or self._transport.is_closing():
            self._counts.stale_acknowledgements += len(packet_ids)
            return
        # PUBACK, success: 0x40, two bytes follow, the packet id. Written out: the codec would make an object for each.
        self._transport.write(b"".join([b"\x40\x02" + packet_id.to_bytes(2) for packet_id in packet_ids]))
        self._counts.acknowledged += len(packet_ids)
        if self._paused and self.inflight.under_half:
            self._paused = False
            self._last_read = self._loop.time()
            self._transport.resume_reading()

"""The load generator's end of MQTT 5: a plain socket and the codec, so that it takes little of what is measured."""

import select
import socket
from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Self

import mqtt5

ANSWER_LIMIT_S = 30.0
EXPIRY_S = 3_600
WINDOW = 1_000
"""Publishes without an acknowledgement at most."""
PACKET_IDS = 65_535


class Wire:
    """One connection that publishes at QoS 1, or makes a session. Raises `OSError` and `RuntimeError`."""

    def __init__(self, port: int, client_id: str, *, clean_start: bool = True, receive_max: int = 65_535) -> None:
        """Connect."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_LIMIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._last_id = 0
        self.outstanding = 0
        expiry_s = 0 if clean_start else EXPIRY_S
        connect = mqtt5.ConnectPacket(
            client_id,
            clean_start=clean_start,
            keep_alive=600,
            session_expiry_interval=expiry_s,
            receive_max=receive_max,
        )
        self._socket.sendall(connect.write())
        answer = self._answer()
        if not isinstance(answer, mqtt5.ConnAckPacket) or answer.reason_code is not mqtt5.ConnAckReasonCode.SUCCESS:
            raise RuntimeError(f"the broker refused the connection: {answer}")
        self.window = min(WINDOW, answer.receive_max)

    def __enter__(self) -> Self:
        """Use with `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect; a persistent session stays with the broker."""
        with self._socket:
            if error is None:
                self._socket.sendall(mqtt5.DisconnectPacket().write())

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe at QoS 1."""
        wanted = mqtt5.TopicFilter(topic_filter, max_qos=mqtt5.QoS.AT_LEAST_ONCE)
        self._socket.sendall(mqtt5.SubscribePacket(1, [wanted]).write())
        answer = self._answer()
        if not isinstance(answer, mqtt5.SubAckPacket) or answer.reason_codes != [
            mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
        ]:
            raise RuntimeError(f"the broker did not grant the subscription: {answer}")

    def packet(self, topic: str, payload: bytes) -> bytes:
        """PUBLISH with the next packet id."""
        self._last_id = self._last_id % PACKET_IDS + 1
        publish = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._last_id)
        return publish.write()

    def send(self, packets: list[bytes]) -> None:
        """Send publishes; their acknowledgements are then outstanding."""
        self._socket.sendall(b"".join(packets))
        self.outstanding += len(packets)

    def settle(self, most: int) -> None:
        """Wait until at most so many acknowledgements are outstanding."""
        while self.outstanding > most:
            self._take()

    def poll(self, wait_s: float) -> None:
        """Take what acknowledgements there are, waiting at most so long for the first."""
        if select.select([self._socket], [], [], wait_s)[0]:
            self._take()

    def _take(self) -> None:
        for packet in self._packets():
            if not isinstance(packet, mqtt5.PubAckPacket) or packet.reason_code is not mqtt5.PubAckReasonCode.SUCCESS:
                raise RuntimeError(f"the broker did not take a message: {packet}")
            self.outstanding -= 1

    def _answer(self) -> mqtt5.Packet:
        while True:
            for packet in self._packets():
                return packet

    def _packets(self) -> Iterator[mqtt5.Packet]:
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the broker closed the connection")
        view, offset = memoryview(self._rest + data), 0
        while offset < len(view):
            try:
                packet, size = mqtt5.read(view[offset:])
            except IndexError:
                break
            offset += size
            yield packet
        self._rest = bytes(view[offset:])


def make_session(port: int, client_id: str, topic_filter: str) -> None:
    """A persistent session, as if the client had been there before: from now on the broker queues for it."""
    with Wire(port, client_id, clean_start=False, receive_max=5000) as wire:
        wire.subscribe(topic_filter)


def publish(port: int, messages: Iterable[tuple[str, bytes]]) -> None:
    """Publish all and return when the broker has acknowledged all."""
    with Wire(port, "bench-publisher") as wire:
        source = iter(messages)
        while packets := [wire.packet(*message) for message in islice(source, wire.window // 2)]:
            wire.settle(wire.window - len(packets))
            wire.send(packets)
        wire.settle(0)

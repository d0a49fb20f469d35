"""What goes over the wire between broker and ingestor, as seen from outside: by our own reading of MQTT 5's frames."""

from collections.abc import Callable, Iterator

CONNACK, PUBLISH, PUBACK, PINGREQ = 2, 3, 4, 12
_MORE = 0x80


class Wire:
    """Counts over all connections. Written by the proxy's thread, read by the test's."""

    def __init__(self) -> None:
        self.publishes = 0
        self.duplicates = 0
        """Deliveries of a message that had been delivered before; by content, not by the DUP flag."""
        self.acknowledged = 0
        self.strange_acks = 0
        """PUBACKs for what their connection had not delivered: a message would be lost by it."""
        self.pings = 0
        self.connects = 0
        """CONNACKs."""
        self.present: Tap | None = None
        """The connection on which something was delivered last; one before it that fell silent is nobody's any more."""
        self.left_in_flight = 0
        """Delivered and not acknowledged, when the last connection ended that published nothing itself."""
        self.ended = 0
        self.on_ack: Callable[[], None] | None = None
        """Called in the proxy's thread with the first PUBACK of each read."""
        self.seen: set[int] = set()

    @property
    def in_flight(self) -> int:
        """Delivered on the present connection, not acknowledged."""
        return 0 if self.present is None else self.present.in_flight

    def tap(self) -> "Tap":
        return Tap(self)


class Tap:
    """One connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._in_flight: set[int] = set()
        self._speaks = False
        self._rest = {"client": b"", "server": b""}

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def from_server(self, data: bytes) -> None:
        wire = self._wire
        for first, body in self._packets("server", data):
            kind = first >> 4
            if kind == CONNACK:
                wire.connects += 1
            elif kind == PUBLISH:
                wire.present = self
                wire.publishes += 1
                topic_end = 2 + int.from_bytes(body[:2])
                if first & 0x06:  # QoS 1 or 2: the packet id stands behind the topic
                    self._in_flight.add(int.from_bytes(body[topic_end : topic_end + 2]))
                # Everything but the packet id, which may be another at the next delivery.
                mark = hash((body[:topic_end], body[topic_end + 2 :]))
                wire.duplicates += mark in wire.seen
                wire.seen.add(mark)

    def from_client(self, data: bytes) -> None:
        wire = self._wire
        acknowledged = wire.acknowledged
        for first, body in self._packets("client", data):
            kind = first >> 4
            if kind == PUBACK:
                packet_id = int.from_bytes(body[:2])
                wire.strange_acks += packet_id not in self._in_flight
                self._in_flight.discard(packet_id)
                wire.acknowledged += 1
            elif kind == PUBLISH:
                self._speaks = True
            elif kind == PINGREQ:
                wire.pings += 1
        if wire.on_ack is not None and wire.acknowledged > acknowledged:
            wire.on_ack()

    def closed(self) -> None:
        if self._wire.present is self:
            self._wire.present = None
        if not self._speaks:
            self._wire.left_in_flight = len(self._in_flight)
        self._wire.ended += 1

    def _packets(self, side: str, data: bytes) -> Iterator[tuple[int, bytes]]:
        """First byte and body of each packet that is complete."""
        data = self._rest[side] + data
        start = 0
        while (framed := _frame(data, start)) is not None:
            body, end = framed
            yield data[start], data[body:end]
            start = end
        self._rest[side] = data[start:]


def _frame(data: bytes, start: int) -> tuple[int, int] | None:
    """Where the body of the packet begins and ends; None while it is not complete."""
    length, shift, at = 0, 0, start + 1
    while at < len(data):
        length |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & _MORE:
            return (at, at + length) if at + length <= len(data) else None
    return None

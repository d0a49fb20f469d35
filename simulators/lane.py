"""One connection to the broker and the devices that share it: a gateway, its last will, and what waits behind it."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from functools import partial

from msgspec import Struct

from simulators.encode import Sample
from simulators.ledger import Flag, Ledger, Ticket
from simulators.models.gateway import Party, status, status_topic
from telemetry.mqtt.publish import LastWill, Protocol, Publisher
from telemetry.mqtt.settings import BrokerSettings

MOST_OUTSTANDING = 2_000
"""Messages handed to the connection and not acknowledged. What comes on top waits in the devices."""


class Statistics(Struct):
    """What the simulators have done since they started, in messages. Read it at any time."""

    published: int = 0
    """Handed to a connection."""
    acknowledged: int = 0
    readings_acknowledged: int = 0
    poison_acknowledged: int = 0
    lost_in_devices: int = 0
    """Never sent: the gateway or the broker was away and the device's memory full, or it has none."""
    buffered: int = 0
    """Waiting in devices now."""
    connected: int = 0
    connections: int = 0
    refused: int = 0
    """MQTT could not carry them."""
    last_incident: str | None = None

    @property
    def in_flight(self) -> int:
        """Published and not acknowledged."""
        return self.published - self.acknowledged - self.refused


class Parcel(Struct, frozen=True, gc=False):
    """One publish, ready to go."""

    device: str
    topic: str
    payload: bytes
    samples: Sequence[Sample]
    flags: Flag = Flag.PLAIN
    reasons: tuple[str, ...] = ()
    retain: bool = False


class Lane:
    """Sends what the devices of one party say. Order is kept; while the way is closed it waits here, bounded."""

    def __init__(
        self, party: Party, broker: BrokerSettings, ledger: Ledger, statistics: Statistics, keep_messages: int
    ) -> None:
        self.party = party
        self._ledger = ledger
        self._statistics = statistics
        self._keep_messages = keep_messages
        self._waiting: deque[Parcel] = deque()
        self._down = False
        will = None
        if party.gateway is not None:
            will = LastWill(status_topic(party.gateway), status(None, online=False))
        self.publisher = Publisher(
            broker, client_id=f"caretaker-sim-{party.id}", will=will, on_connect=self._arrived, protocol=Protocol.V5
        )

    def send(self, parcel: Parcel, *, keep: bool = True) -> None:
        """Publish now, or keep for later (`keep` and room), or lose it as a device without memory does."""
        if not self._down and not self._waiting and self.publisher.outstanding < MOST_OUTSTANDING:
            self._hand_over(parcel)
        elif keep and len(self._waiting) < self._keep_messages:
            self._waiting.append(parcel)
            self._statistics.buffered += 1
        else:
            self._statistics.lost_in_devices += 1

    def pump(self) -> None:
        """Send what has waited, as far as there is room: a burst after an outage."""
        while self._waiting and not self._down and self.publisher.outstanding < MOST_OUTSTANDING:
            self._statistics.buffered -= 1
            self._hand_over(self._waiting.popleft())

    def go_down(self) -> None:
        """The gateway loses power."""
        self._down = True
        self.publisher.vanish()

    def come_up(self) -> None:
        """It has power again."""
        self._down = False
        self.publisher.return_()

    def _arrived(self) -> None:
        """At each connect the gateway says that it is online; those behind it do when it starts."""
        now_ms = time.time_ns() // 1_000_000
        if self.party.gateway is not None:
            devices = [self.party.gateway]
            if self.publisher.traffic.connects <= 1:
                devices += self.party.devices
            for device in devices:
                sample = Sample(now_ms, None, {"online": True})
                payload = status(now_ms, online=True)
                self._hand_over(Parcel(device.id, status_topic(device), payload, (sample,), Flag.STATUS, retain=True))

    def _hand_over(self, parcel: Parcel) -> None:
        ticket = self._ledger.sent(parcel.device, parcel.samples, parcel.flags, parcel.reasons)
        future = self.publisher.submit(parcel.topic, parcel.payload, retain=parcel.retain)
        self._statistics.published += 1
        future.add_done_callback(partial(self._settled, parcel.flags, ticket))

    def _settled(self, flags: Flag, ticket: Ticket, future: asyncio.Future[None]) -> None:
        if future.cancelled():
            return
        if future.exception() is not None:
            self._statistics.refused += 1
            return
        self._ledger.acknowledged(ticket, flags)
        self._statistics.acknowledged += 1
        if flags & Flag.POISON:
            self._statistics.poison_acknowledged += 1
        else:
            self._statistics.readings_acknowledged += ticket.rows

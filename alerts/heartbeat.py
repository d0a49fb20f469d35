"""The alert clock: a message to ourselves, once a second, through the broker and our own session.

What comes back says how far the stream of messages has got: behind a backlog the clock is late, while the broker is
away it stands still. So no outage of ours makes a device look silent, and no backlog makes a `for` pass.
"""

import asyncio
import time
from contextlib import suppress

import msgspec

from telemetry.message import Message
from telemetry.mqtt.publish import Publisher
from telemetry.reading import NS_PER_MS
from telemetry.topics import PLATFORM_SITE, topic

EVERY_S = 1.0
WAIT_S = 5.0
"""A beat that the broker has not taken by then is given up: it would come back long after its time."""


class Beat(msgspec.Struct, frozen=True):
    """The payload."""

    time: int
    """Milliseconds since the epoch, UTC, when it was sent."""


_decode = msgspec.json.Decoder(Beat).decode


class Heartbeat:
    """Sends beats, and knows them again."""

    def __init__(self, publisher: Publisher, name: str) -> None:
        """`name` is the session's client id: two engines do not hear each other's hearts."""
        self._publisher = publisher
        self.topic = topic(PLATFORM_SITE, name)

    def time_ns(self, message: Message) -> int | None:
        """When a beat of ours was sent, ns UTC; None: it is none."""
        if message.topic != self.topic:
            return None
        try:
            return _decode(message.payload).time * NS_PER_MS
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    async def run(self) -> None:
        """Beat until cancelled. While the broker is away there is one beat on its way, and no more."""
        while True:
            began = time.monotonic()
            with suppress(TimeoutError):
                payload = msgspec.json.encode(Beat(time.time_ns() // NS_PER_MS))
                await asyncio.wait_for(self._publisher.publish(self.topic, payload), WAIT_S)
            await asyncio.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))

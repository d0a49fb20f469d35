"""What one connection has delivered and has not had acknowledged yet. No I/O."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from telemetry.message import Message

BATCH_MESSAGES = 500
"""Enough to be worth a commit at once."""
BATCH_WAIT_S = 0.020
"""How long the first message of a batch waits for others: a twentieth of what a person notices."""


@dataclass(slots=True)
class Delivery:
    """One batch of one connection. A QoS 0 message has no packet id and is not acknowledged."""

    messages: Sequence[Message]
    _packet_ids: Sequence[int]
    _acknowledge: Callable[[Sequence[int]], None]

    def acknowledge(self) -> None:
        """Tell the broker that all of it is durable. On a connection that is gone: does nothing, is counted."""
        self._acknowledge(self._packet_ids)


class Inflight:
    """Gathers messages into batches, and counts what is not acknowledged.

    The broker is asked for at most `receive_maximum` at a time. Mosquitto 2.0 sends all that it has when a session is
    resumed, so there is a cap of our own, above which the connection is not read.
    """

    def __init__(self, cap: int, cap_bytes: int, acknowledge: Callable[[Sequence[int]], None]) -> None:
        self._cap = cap
        # Half of what may be in flight: the broker sends the other half while this one is made durable.
        self._batch = max(1, min(BATCH_MESSAGES, cap // 2))
        self._cap_bytes = cap_bytes
        self._send = acknowledge
        self._messages: list[Message] = []
        self._packet_ids: list[int] = []
        self._bytes = 0
        self._unacknowledged_bytes = 0
        self.unacknowledged = 0
        self._loop = asyncio.get_running_loop()
        self._wake: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def over_cap(self) -> bool:
        """Whether so much is unacknowledged that no more is wanted for now."""
        return self.unacknowledged > self._cap or self._unacknowledged_bytes > self._cap_bytes

    @property
    def under_half(self) -> bool:
        """Whether there is room again for a good deal."""
        return self.unacknowledged <= self._cap // 2 and self._unacknowledged_bytes <= self._cap_bytes // 2

    def arrived(self, messages: Sequence[Message], packet_ids: Sequence[int], size: int) -> None:
        """Add what one read has brought: messages, the ids of those to acknowledge, the bytes of their payloads."""
        self._messages += messages
        self._packet_ids += packet_ids
        self._bytes += size
        self.unacknowledged += len(packet_ids)
        self._unacknowledged_bytes += size
        self._tell()

    def _tell(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def close(self) -> None:
        """The connection is gone: what has arrived is still handed over, then `next` gives None."""
        self._closed = True
        self._tell()

    async def next(self) -> Delivery | None:
        """All that has arrived, at least one message; None when the connection is gone and everything handed over."""
        while not self._messages:
            if self._closed:
                return None
            await self._changed(None)
        deadline = self._loop.time() + BATCH_WAIT_S
        while len(self._messages) < self._batch and not self._closed and self._loop.time() < deadline:
            await self._changed(deadline)
        messages, packet_ids, size = self._messages, self._packet_ids, self._bytes
        self._messages, self._packet_ids, self._bytes = [], [], 0

        def acknowledge(ids: Sequence[int]) -> None:
            self.unacknowledged -= len(ids)
            self._unacknowledged_bytes -= size
            self._send(ids)

        return Delivery(messages, packet_ids, acknowledge)

    async def _changed(self, deadline: float | None) -> None:
        self._wake = self._loop.create_future()
        timer = None if deadline is None else self._loop.call_at(deadline, self._tell)
        try:
            await self._wake
        finally:
            self._wake = None
            if timer is not None:
                timer.cancel()

"""Batches: what has arrived, handed over once, acknowledged once."""

import asyncio
from collections.abc import Sequence

from telemetry.message import Message
from telemetry.mqtt.inflight import BATCH_MESSAGES, Inflight


class Broker:
    """Notes what is acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    def take(self, packet_ids: Sequence[int]) -> None:
        self.acknowledged.extend(packet_ids)


def message(size: int = 1) -> Message:
    return Message("t", b"x" * size, False, 0)


def inflight(broker: Broker, cap: int = 10_000, cap_bytes: int = 1_000_000) -> Inflight:
    return Inflight(cap, cap_bytes, broker.take)


def arrive(flight: Inflight, packet_id: int | None, size: int = 1) -> None:
    flight.arrived([message(size)], [] if packet_id is None else [packet_id], size)


async def test_a_batch_is_all_that_has_arrived() -> None:
    broker = Broker()
    flight = inflight(broker)
    for packet_id in (7, 8):
        arrive(flight, packet_id)
    arrive(flight, None)  # QoS 0: nothing to acknowledge
    delivery = await flight.next()
    assert delivery is not None
    assert len(delivery.messages) == 3
    assert flight.unacknowledged == 2
    delivery.acknowledge()
    assert broker.acknowledged == [7, 8]
    assert flight.unacknowledged == 0


async def test_the_first_message_waits_for_others_but_a_full_batch_waits_for_nobody() -> None:
    loop = asyncio.get_running_loop()
    flight = inflight(Broker())
    waiting = asyncio.create_task(flight.next())
    await asyncio.sleep(0)
    arrive(flight, 1)
    await asyncio.sleep(0)
    arrive(flight, 2)
    delivery = await waiting
    assert delivery is not None
    assert len(delivery.messages) == 2

    for packet_id in range(BATCH_MESSAGES):
        arrive(flight, packet_id)
    before = loop.time()
    full = await flight.next()
    assert full is not None
    assert len(full.messages) == BATCH_MESSAGES
    assert loop.time() == before or loop.time() - before < 0.015


async def test_while_one_batch_is_made_durable_the_next_one_grows() -> None:
    flight = inflight(Broker())
    arrive(flight, 1)
    first = await flight.next()
    for packet_id in range(2, 2_000):
        arrive(flight, packet_id)
    second = await flight.next()
    assert first is not None
    assert second is not None
    assert (len(first.messages), len(second.messages)) == (1, 1_998)


async def test_a_lost_connection_hands_over_what_it_has_and_ends() -> None:
    flight = inflight(Broker())
    arrive(flight, 1)
    flight.close()
    delivery = await flight.next()
    assert delivery is not None
    assert await flight.next() is None

    waiting = asyncio.create_task(inflight_closed_later(flight := inflight(Broker())))
    await asyncio.sleep(0)
    flight.close()
    assert await waiting is None


async def inflight_closed_later(flight: Inflight) -> object:
    return await flight.next()


async def test_too_much_is_noticed_by_number_and_by_size() -> None:
    by_number = inflight(Broker(), cap=2)
    for packet_id in range(3):
        assert not by_number.over_cap
        arrive(by_number, packet_id)
    assert by_number.over_cap

    by_size = inflight(Broker(), cap_bytes=100)
    arrive(by_size, 1, size=101)
    assert by_size.over_cap
    delivery = await by_size.next()
    assert delivery is not None
    delivery.acknowledge()
    assert by_size.under_half

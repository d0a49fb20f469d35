"""The rules of the receive path's session, against a real mosquitto: what is asked for, resumed, repeated, counted."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import mqtt5
import pytest

from telemetry.mqtt import session as session_module
from telemetry.mqtt.granted import forget_sessions
from telemetry.mqtt.session import SessionSettings, Subscription
from tests.components import MOSQUITTO_CONFIG, Mosquitto
from tests.faults.proxy import Proxy
from tests.faults.wire import Wire
from tests.integration.listener import eventually
from tests.integration.taker import TOPIC, Packets, Taker, publish

FORGETFUL = MOSQUITTO_CONFIG.replace("persistence true", "persistence false").replace(
    "persistence_location {folder}/\nautosave_interval 1\nautosave_on_changes true\n", ""
)
WITHOUT_LIMIT = FORGETFUL.replace("max_inflight_messages 1000", "max_inflight_messages 0")


@pytest.fixture
def broker(mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    made = mosquitto(WITHOUT_LIMIT)
    made.start()
    return made


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def proxy(broker: Mosquitto, wire: Wire) -> Iterator[Proxy]:
    with closing(Proxy(broker.port, wire.tap)) as made:
        yield made


async def test_what_it_asks_for(broker: Mosquitto) -> None:
    packets = Packets()
    with closing(Proxy(broker.port, lambda: packets)) as proxy:
        async with Taker(proxy.port) as taker:
            await eventually(lambda: taker.session.trouble is None)
        connect, subscribe = (
            next(packet for packet in packets.said if isinstance(packet, kind))
            for kind in (mqtt5.ConnectPacket, mqtt5.SubscribePacket)
        )
    assert isinstance(connect, mqtt5.ConnectPacket)
    assert connect.client_id == "caretaker-ingestor"
    assert connect.clean_start is False
    assert connect.session_expiry_interval == 7 * 86_400
    assert connect.receive_max == 5_000
    assert connect.keep_alive == 15
    assert connect.max_packet_size is None  # brokers discard silently what is larger
    assert isinstance(subscribe, mqtt5.SubscribePacket)
    readings, status = subscribe.topic_filters
    assert (readings.max_qos, status.max_qos) == (mqtt5.QoS.AT_LEAST_ONCE, mqtt5.QoS.AT_LEAST_ONCE)
    assert readings.retain_handling is mqtt5.RetainHandling.SEND_NEVER
    assert status.retain_handling is mqtt5.RetainHandling.SEND_ALWAYS


async def test_the_broker_keeps_what_comes_while_we_are_away(broker: Mosquitto) -> None:
    async with Taker(broker.port) as taker:
        await eventually(lambda: taker.session.trouble is None)
    await asyncio.to_thread(publish, broker.port, [b"1", b"2"])
    async with Taker(broker.port) as taker:
        await eventually(lambda: taker.payloads == [b"1", b"2"])


async def test_it_connects_again_and_the_session_goes_on(broker: Mosquitto, proxy: Proxy) -> None:
    async with Taker(proxy.port) as taker:
        await eventually(lambda: taker.session.trouble is None)
        proxy.refuse()
        await eventually(lambda: taker.session.trouble is not None)
        assert str(proxy.port) in str(taker.session.trouble)
        await asyncio.to_thread(publish, broker.port, [b"1"])
        proxy.heal()
        await eventually(lambda: taker.payloads == [b"1"])
        await eventually(lambda: taker.session.trouble is None)
        assert taker.session.counts.connections == 2
        assert taker.session.counts.sessions_lost == 0


async def test_only_what_is_not_acknowledged_comes_again(broker: Mosquitto, proxy: Proxy, wire: Wire) -> None:
    async with Taker(proxy.port) as taker:
        await eventually(lambda: taker.session.trouble is None)
        await asyncio.to_thread(publish, broker.port, [b"durable"])
        await eventually(lambda: wire.acknowledged == 1)
        taker.acknowledge = False
        await asyncio.to_thread(publish, broker.port, [b"pending"])
        await eventually(lambda: len(taker.messages) == 2)
        assert taker.session.unacknowledged == 1
        proxy.cut()
        await eventually(lambda: len(taker.messages) == 3)
        assert taker.payloads == [b"durable", b"pending", b"pending"]
        assert taker.session.counts.redelivered == 1


async def test_an_acknowledgement_for_an_old_connection_is_counted_and_never_sent(
    broker: Mosquitto, proxy: Proxy, wire: Wire
) -> None:
    async with Taker(proxy.port, acknowledge=False) as taker:
        await eventually(lambda: taker.session.trouble is None)
        await asyncio.to_thread(publish, broker.port, [b"1", b"2"])
        await eventually(lambda: len(taker.messages) == 2)
        old = list(taker.kept)
        proxy.cut()
        await eventually(lambda: len(taker.messages) == 4)
        for delivery in old:
            delivery.acknowledge()
        assert taker.session.counts.stale_acknowledgements == 2
        assert taker.session.unacknowledged == 2
        assert wire.acknowledged == 0


async def test_a_lost_session_is_counted(mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto(FORGETFUL)
    broker.start()
    async with Taker(broker.port) as taker:
        await eventually(lambda: taker.session.trouble is None)
        await asyncio.to_thread(broker.kill)
        await eventually(lambda: taker.session.trouble is not None)
        await asyncio.to_thread(broker.start)
        await eventually(lambda: taker.session.trouble is None)
        assert taker.session.counts.sessions_lost == 1
        await asyncio.to_thread(publish, broker.port, [b"1"])
        await eventually(lambda: taker.payloads == [b"1"])


async def test_a_session_that_was_lost_while_we_were_away_is_counted(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    async def lost(broker: Mosquitto) -> int:
        async with Taker(broker.port, data=tmp_path) as taker:
            await eventually(lambda: taker.session.trouble is None)
            return taker.session.counts.sessions_lost

    broker = mosquitto(FORGETFUL)
    broker.start()
    assert await lost(broker) == 0, "the first time there is nothing to lose"
    assert await lost(broker) == 0
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.start)
    assert await lost(broker) == 1
    assert await lost(broker) == 0, "it is told once"
    await asyncio.to_thread(broker.kill)
    forget_sessions(tmp_path)
    await asyncio.to_thread(broker.start)
    assert await lost(broker) == 0, "a broker that was stopped in order has lost nothing"


async def test_two_clients_with_one_id_are_suspected(broker: Mosquitto) -> None:
    def suspected(taker: Taker) -> bool:
        return "another client use the id caretaker-ingestor" in (taker.session.trouble or "")

    async with Taker(broker.port) as one, Taker(broker.port) as other:
        await eventually(lambda: suspected(one) or suspected(other))


async def test_a_backlog_far_beyond_the_receive_maximum_takes_bounded_memory(broker: Mosquitto) -> None:
    settings = SessionSettings(receive_maximum=10)
    async with Taker(broker.port, settings) as taker:
        await eventually(lambda: taker.session.trouble is None)
    payloads = [b"%07d" % number + b" " * 4_000 for number in range(2_000)]
    await asyncio.to_thread(publish, broker.port, payloads)
    async with Taker(broker.port, settings, acknowledge=False) as taker:
        await eventually(lambda: len(taker.messages) >= 10)
        with pytest.raises(TimeoutError):  # no more than what one read of the socket holds
            await eventually(lambda: taker.session.unacknowledged > 10 + 256 // 4, limit_s=1.0)
        taker.acknowledge_kept()
        await eventually(lambda: len(taker.messages) == len(payloads))
        assert taker.payloads == payloads
        assert taker.session.counts.connections == 1


async def test_a_broker_that_stands_still_is_noticed(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "KEEP_ALIVE_S", 2)
    async with Taker(broker.port) as taker:
        await eventually(lambda: taker.session.trouble is None)
        broker.pause()
        await eventually(lambda: "no answer to pings" in str(taker.session.trouble), limit_s=8)
        broker.resume()
        await eventually(lambda: taker.session.trouble is None)
        assert taker.session.counts.connections == 2
        await asyncio.to_thread(publish, broker.port, [b"1"])
        await eventually(lambda: taker.payloads == [b"1"])


async def test_an_idle_connection_stays(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "KEEP_ALIVE_S", 2)
    async with Taker(broker.port, acknowledge=False) as taker:
        await eventually(lambda: taker.session.trouble is None)
        await asyncio.to_thread(publish, broker.port, [b"held back"])
        with pytest.raises(TimeoutError):  # two keep-alives, with a message unacknowledged
            await eventually(lambda: taker.session.counts.connections > 1, limit_s=4)
        taker.acknowledge_kept()
        assert taker.session.counts.stale_acknowledgements == 0


async def test_retained_readings_do_not_come_and_the_retained_status_does(broker: Mosquitto) -> None:
    status = TOPIC.replace("readings", "status")
    await asyncio.to_thread(publish, broker.port, [b"old"], TOPIC, retain=True)
    await asyncio.to_thread(publish, broker.port, [b"online"], status, retain=True)
    async with Taker(broker.port) as taker:
        await eventually(lambda: taker.session.trouble is None)
        await asyncio.to_thread(publish, broker.port, [b"new"])
        await eventually(lambda: b"new" in taker.payloads)
    assert [(message.topic, message.payload, message.retained) for message in taker.messages] == [
        (status, b"online", True),
        (TOPIC, b"new", False),
    ]


async def test_deliveries_at_qos_0_are_counted(broker: Mosquitto, wire: Wire, proxy: Proxy) -> None:
    async with Taker(proxy.port) as taker:
        await eventually(lambda: taker.session.trouble is None)
        await asyncio.to_thread(publish, broker.port, [b"0"], qos=0)
        await asyncio.to_thread(publish, broker.port, [b"1"], qos=1)
        await eventually(lambda: taker.payloads == [b"0", b"1"] and wire.acknowledged == 1)
        assert taker.session.counts.qos0 == 1
        assert taker.session.counts.acknowledged == 1


async def test_a_shared_subscription_shares(broker: Mosquitto) -> None:
    shared = [Subscription(filter="$share/ingestors/caretaker/v1/+/+/readings")]
    first = Taker(broker.port, SessionSettings(client_id="one"), shared)
    second = Taker(broker.port, SessionSettings(client_id="two"), shared)
    async with first, second:
        await eventually(lambda: first.session.trouble is None and second.session.trouble is None)
        payloads = [b"%d" % number for number in range(40)]
        await asyncio.to_thread(publish, broker.port, payloads)
        await eventually(lambda: len(first.messages) + len(second.messages) == len(payloads))
    assert first.messages
    assert second.messages
    assert sorted(first.payloads + second.payloads) == sorted(payloads)

"""The embedded broker as we configure it, with an independent client."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from caretaker import lan
from caretaker.broker import INFLIGHT, BrokerPlan, Tls
from tests.components import free_port

LIMIT_S = 30.0
RECEIVE_MAXIMUM = 5_000


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
    except OSError:
        return False
    return True


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not true():  # noqa: ASYNC110 - other threads and processes set no event of ours
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(folder: Path, plan: BrokerPlan) -> AsyncIterator[None]:
    file = folder / "broker.toml"
    file.write_text(plan.toml())
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "caretaker.broker", str(file))
    try:
        await until(lambda: accepts(plan.port_3) and accepts(plan.port_5))
        yield
    finally:
        process.kill()
        await process.wait()


class Subscriber:
    """Takes QoS 1 with a persistent MQTT 5 session; acknowledges when told to."""

    def __init__(self, port: int, *, acknowledges: bool) -> None:
        self.got: list[bytes] = []
        self.granted = False
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="taker", protocol=paho.MQTTv5, manual_ack=not acknowledges
        )
        self.client.on_connect = lambda client, *_: client.subscribe("plant/+", 1)
        self.client.on_subscribe = lambda *_: setattr(self, "granted", True)
        self.client.on_message = lambda _client, _data, message: self.got.append(bytes(message.payload))
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho has no types here
        properties.SessionExpiryInterval = 600
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self.client.connect("127.0.0.1", port, 15, clean_start=False, properties=properties)
        self.client.loop_start()

    def drop(self) -> None:
        """End without a DISCONNECT, as a killed process does."""
        connection = self.client.socket()
        assert isinstance(connection, socket.socket)
        connection.shutdown(socket.SHUT_RDWR)
        self.client.loop_stop()


def publisher(port: int) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="giver")
    client.connect("127.0.0.1", port, 15)
    client.loop_start()
    return client


async def test_what_was_not_acknowledged_comes_again_and_what_was_missed_comes_at_all(tmp_path: Path) -> None:
    plan = BrokerPlan(port_3=free_port(), port_5=free_port())
    async with serving(tmp_path, plan):
        deaf = Subscriber(plan.port_5, acknowledges=False)
        await until(lambda: deaf.granted)
        giver = publisher(plan.port_3)
        wanted = [str(number).encode() for number in range(3 * INFLIGHT)]
        for payload in wanted[: 2 * INFLIGHT]:
            giver.publish("plant/a", payload, 1)
        await until(lambda: len(deaf.got) >= INFLIGHT)
        deaf.drop()
        for payload in wanted[2 * INFLIGHT :]:
            giver.publish("plant/a", payload, 1)
        taker = Subscriber(plan.port_5, acknowledges=True)
        await until(lambda: len(taker.got) >= len(wanted))
        assert taker.got == wanted
        # The constant that we state is the broker's own.
        assert deaf.got == wanted[:INFLIGHT]
        for client in (giver, taker.client):
            client.disconnect()
            client.loop_stop()


@pytest.mark.parametrize("size_bytes", [64 * 1024, 70 * 1024])
async def test_large_messages_pass(tmp_path: Path, size_bytes: int) -> None:
    plan = BrokerPlan(port_3=free_port(), port_5=free_port())
    async with serving(tmp_path, plan):
        taker = Subscriber(plan.port_5, acknowledges=True)
        await until(lambda: taker.granted)
        giver = publisher(plan.port_3)
        giver.publish("plant/a", b"x" * size_bytes, 1)
        await until(lambda: [len(payload) for payload in taker.got] == [size_bytes])
        for client in (giver, taker.client):
            client.disconnect()
            client.loop_stop()


async def test_on_the_network_nobody_comes_in_without_a_password_and_tls(tmp_path: Path) -> None:
    files = lan.certificates(tmp_path / "tls", datetime.now(UTC), lan.addresses(), "box")
    users = lan.credentials(tmp_path / "credentials.csv", ["tst-odour"])
    plan = BrokerPlan(port_3=free_port(), port_5=free_port(), tls=Tls(files.certificate, files.key), users=users)

    def attempt(port: int, user: str | None, password: str, protocol: MQTTProtocolVersion) -> bool:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="device", protocol=protocol)
        client.tls_set(str(files.authority))
        if user is not None:
            client.username_pw_set(user, password)
        client.connect("127.0.0.1", port, 15)
        for _ in range(50):
            if client.loop(0.1) != paho.MQTT_ERR_SUCCESS or client.is_connected():
                break
        came_in = client.is_connected()
        client.disconnect()
        return came_in

    async with serving(tmp_path, plan):
        for port, protocol in (
            (plan.port_3, MQTTProtocolVersion.MQTTv311),
            (plan.port_5, MQTTProtocolVersion.MQTTv5),
        ):
            right = await asyncio.to_thread(attempt, port, "tst-odour", users["tst-odour"], protocol)
            wrong = await asyncio.to_thread(attempt, port, "tst-odour", "guess", protocol)
            nobody = await asyncio.to_thread(attempt, port, None, "", protocol)
            assert (right, wrong, nobody) == (True, False, False)

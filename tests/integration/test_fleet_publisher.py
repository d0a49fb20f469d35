"""The publisher against real brokers: a publish ends when it is acknowledged, whatever happens to the connection."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from caretaker.broker import BrokerPlan
from caretaker.lan import certificates
from telemetry.mqtt.publish import BACK_OFF_MOST_S, LastWill, Protocol, Publisher, back_off_s
from telemetry.mqtt.settings import BrokerSettings
from tests.components import Mosquitto, free_port, wait_until
from tests.integration.listener import LIMIT_S, Listener, eventually


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    """Mosquitto's file for somebody with a secret."""
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), "somebody", "secret"], check=True)
    file.chmod(0o644)
    return file


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[BrokerPlan]:
    """The embedded broker, in a process of its own."""
    plan = BrokerPlan(port_3=free_port(), port_5=free_port())
    (tmp_path / "broker.toml").write_text(plan.toml())
    with subprocess.Popen([sys.executable, "-m", "caretaker.broker", str(tmp_path / "broker.toml")]) as process:
        try:
            wait_until(lambda: answers(plan.port_3) and answers(plan.port_5), "the broker answers", 20)
            yield plan
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_publish_ends_at_its_acknowledgement(mosquitto: Callable[..., Mosquitto], protocol: Protocol) -> None:
    broker = mosquitto()
    broker.start()
    listener = Listener(broker.port)
    async with Publisher(BrokerSettings(port=broker.port), client_id="p", protocol=protocol) as publisher:
        await asyncio.gather(*(publisher.publish(f"t/{i}", b"x") for i in range(500)))
        assert publisher.outstanding == 0
        assert (publisher.traffic.submitted, publisher.traffic.acknowledged) == (500, 500)
    await eventually(lambda: len(listener.messages) >= 500)
    assert [topic for topic, _, _ in listener.messages] == [f"t/{i}" for i in range(500)], "in the order of submission"
    listener.close()


async def test_what_is_not_acknowledged_is_sent_again_after_a_crash_of_the_broker(
    mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = mosquitto()
    broker.start()
    async with Publisher(BrokerSettings(port=broker.port), client_id="p") as publisher:
        await publisher.publish("t", b"first")
        broker.pause()  # takes what is sent, acknowledges nothing
        # Killed as it stands: were it to run for a moment more, it would acknowledge what it then forgets.
        await eventually(lambda: psutil.Process(broker.pid).status() == psutil.STATUS_STOPPED)
        waiting = [publisher.submit(f"t/{i}", b"x", retain=True) for i in range(100)]
        await asyncio.sleep(0.1)
        assert publisher.outstanding == 100
        os.kill(broker.pid, signal.SIGKILL)
        broker.kill()
        await eventually(lambda: not publisher.connected)
        broker.start()
        listener = Listener(broker.port)
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*waiting)
        assert publisher.traffic.resent > 0
        assert publisher.traffic.connects == 2
    # Retained, so that it does not matter whether the listener or the publisher was first.
    await eventually(lambda: {topic for topic, _, _ in listener.messages} >= {f"t/{i}" for i in range(100)})
    listener.close()


async def test_it_waits_for_a_broker_that_is_not_there_yet(mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()
    async with Publisher(BrokerSettings(port=broker.port), client_id="p") as publisher:
        waiting = publisher.submit("t", b"x")
        await asyncio.sleep(0.3)
        assert not waiting.done()
        broker.start()
        async with asyncio.timeout(LIMIT_S):
            await waiting


async def test_vanishing_lets_the_broker_say_the_will(mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()
    broker.start()
    listener = Listener(broker.port)
    connects: list[int] = []
    will = LastWill("gone", b"yes")
    async with Publisher(
        BrokerSettings(port=broker.port), client_id="p", will=will, on_connect=lambda: connects.append(1)
    ) as publisher:
        await eventually(lambda: publisher.connected)
        publisher.vanish()
        await eventually(lambda: ("gone", b"yes", False) in listener.messages)
        waiting = publisher.submit("t", b"kept")
        assert not publisher.connected
        publisher.return_()
        async with asyncio.timeout(LIMIT_S):
            await waiting
    assert len(connects) == 2
    assert [topic for topic, _, _ in listener.messages].count("gone") == 1, "leaving in order is no reason for a will"
    listener.close()


async def test_what_mqtt_cannot_carry_fails_alone(mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()
    broker.start()
    async with Publisher(BrokerSettings(port=broker.port), client_id="p") as publisher:
        with pytest.raises(ValueError, match="wildcards"):
            await publisher.publish("a/#", b"x")
        await publisher.publish("a/b", b"x")
        assert publisher.outstanding == 0


async def test_leaving_cancels_what_is_open() -> None:
    async with Publisher(BrokerSettings(port=free_port()), client_id="p") as publisher:
        waiting = publisher.submit("t", b"x")
    assert waiting.cancelled()


async def test_a_caller_who_gives_up_does_not_hold_the_others(mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()
    async with Publisher(BrokerSettings(port=broker.port), client_id="p") as publisher:
        given_up, kept = publisher.submit("t", b"1"), publisher.submit("t", b"2")
        given_up.cancel()
        broker.start()
        async with asyncio.timeout(LIMIT_S):
            await kept
        await publisher.drained()
        assert publisher.outstanding == 0


async def test_user_and_password(mosquitto: Callable[..., Mosquitto], passwords: Path) -> None:
    broker = mosquitto(f"listener {{port}} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n")
    broker.start()
    right = BrokerSettings(port=broker.port, username="somebody", password="secret")
    wrong = BrokerSettings(port=broker.port, username="somebody", password="guess")
    async with Publisher(right, client_id="a") as publisher, Publisher(wrong, client_id="b") as other:
        refused = other.submit("t", b"x")
        async with asyncio.timeout(LIMIT_S):
            await publisher.publish("t", b"x")
        assert not refused.done()
        assert not other.connected


# paho leaves the socket of a handshake that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_and_a_stranger_with_the_same_name(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    hosts = [ip_address("127.0.0.1")]
    mine, other = (certificates(tmp_path / name, datetime.now(UTC), hosts, "localhost") for name in ("mine", "other"))
    broker = mosquitto(
        f"listener {{port}} 127.0.0.1\nallow_anonymous true\ncertfile {mine.certificate}\nkeyfile {mine.key}\n"
    )
    broker.start()
    right = BrokerSettings(port=broker.port, ca=mine.authority)
    wrong = BrokerSettings(port=broker.port, ca=other.authority)
    async with Publisher(right, client_id="a") as publisher, Publisher(wrong, client_id="b") as suspicious:
        refused = suspicious.submit("t", b"x")
        async with asyncio.timeout(LIMIT_S):
            await publisher.publish("t", b"x")
        assert not refused.done()


@pytest.mark.parametrize("protocol", Protocol)
async def test_the_embedded_broker(embedded: BrokerPlan, protocol: Protocol) -> None:
    port = embedded.port_5 if protocol is Protocol.V5 else embedded.port_3
    listener = Listener(embedded.port_3)
    will = LastWill("gone", b"yes")
    async with Publisher(BrokerSettings(port=port), client_id="p", will=will, protocol=protocol) as publisher:
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*(publisher.publish("t", json.dumps(i).encode()) for i in range(300)))
        await eventually(lambda: len(listener.messages) >= 300)
        publisher.vanish()
        await eventually(lambda: any(topic == "gone" for topic, _, _ in listener.messages))
    listener.close()


@pytest.mark.parametrize("failures", range(30))
def test_back_off_grows_to_a_cap_with_jitter(failures: int) -> None:
    if failures == 0:
        assert back_off_s(0, 0.5) == 0
        return
    longest, shortest = back_off_s(failures, 0.0), back_off_s(failures, 1.0)
    assert 0 < shortest == longest / 2
    assert longest <= BACK_OFF_MOST_S
    assert longest >= back_off_s(failures - 1, 0.0)

"""How the doctor speaks with brokers that are wrong on purpose, with one that is away, and with the embedded one."""

import asyncio
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import mqtt5
import pytest

from deploy.doctor import wire
from deploy.doctor.broker import terms
from deploy.doctor.examine import Look, examine
from deploy.doctor.finding import Check, Verdict
from deploy.doctor.place import Ground
from deploy.doctor.queue import look
from deploy.doctor.survey import Wishes, survey
from deploy.doctor.wire import NotLetInError, WireError, connected
from telemetry.mqtt.settings import BrokerSettings
from tests.components import MOSQUITTO_CONFIG, Mosquitto, free_port
from tests.integration.taker import FakeBroker

SITES = "sites:\n  - {id: pier, kind: toilet, names: {en: Pier}, timezone: Asia/Hong_Kong}\n"
DEVICES = "devices:\n  - {id: gateway-1, site: pier, kind: gateway, metrics: [uptime_s], names: {en: Gateway}}\n"


def ground(folder: Path, port: int) -> Ground:
    """A configuration that names this broker, and nothing else that runs."""
    config = folder / "config"
    config.mkdir(exist_ok=True)
    (config / "sites.yaml").write_text(SITES)
    (config / "devices.yaml").write_text(DEVICES)
    (config / "caretaker.yaml").write_text(f"broker: {{port: {port}}}\n")
    return survey(config, folder / "data", Wishes(device="gateway-1"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path_factory.mktemp("mosquitto"), MOSQUITTO_CONFIG)
    made.start()
    yield made
    made.stop()


async def test_a_broker_that_shortens_the_session_is_found_on_the_wire(tmp_path: Path) -> None:
    async with FakeBroker(mqtt5.ConnAckPacket(session_expiry_interval=3_600)).serving() as port:
        (remark,) = await terms(ground(tmp_path, port))
    assert remark.verdict is Verdict.WRONG
    assert "3600 s, 7 days were asked for" in remark.found


async def test_a_broker_that_grants_no_acknowledgements_is_found_on_the_wire(tmp_path: Path) -> None:
    async with FakeBroker(granted=mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE).serving() as port:
        (remark,) = await terms(ground(tmp_path, port))
    assert remark.verdict is Verdict.WRONG
    assert "QoS 1 was asked for" in remark.found


async def test_a_broker_that_is_away_is_one_fault_and_not_ten(tmp_path: Path) -> None:
    wanted = {
        Check.BROKER, Check.QUEUE, Check.READING, Check.ANONYMOUS, Check.PASSWORD, Check.OTHER_DEVICE, Check.VERSIONS
    }  # fmt: skip
    found = await examine(ground(tmp_path, free_port()), wanted, lambda *_: None)
    wrong = [one for one in found if one.remark.verdict is Verdict.WRONG]
    assert [one.check for one in wrong] == [Check.BROKER]
    assert "Connection refused" in wrong[0].remark.found
    assert "start the broker" in wrong[0].remark.mend


async def test_what_takes_the_connection_and_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ANSWER_LIMIT_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        (remark,) = await terms(ground(tmp_path, silent.getsockname()[1]))
    assert time.monotonic() - began < 3
    assert (remark.verdict, "no answer" in remark.found) == (Verdict.WRONG, True)


async def test_what_speaks_no_mqtt_is_said_so() -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server:
        with pytest.raises(WireError):
            async with connected(BrokerSettings(port=server.sockets[0].getsockname()[1]), "doctor"):
                pass


async def test_a_refusal_has_its_name() -> None:
    async with FakeBroker(mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.BANNED)).serving() as port:
        with pytest.raises(NotLetInError, match="BANNED"):
            async with connected(BrokerSettings(port=port), "doctor"):
                pass


@pytest.mark.parametrize("check", [look, terms])
async def test_the_session_of_a_check_is_forgotten(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Look
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "of-a-test")
    (remark,) = await check(ground(tmp_path, broker.port))
    assert remark.verdict is Verdict.SOUND, remark
    client_id = "caretaker-doctor-of-a-test"
    async with connected(BrokerSettings(port=broker.port), client_id, clean_start=False) as (_, granted):
        assert not granted.session_present


async def test_more_messages_than_may_be_under_way_all_arrive_in_order(broker: Mosquitto) -> None:
    settings = BrokerSettings(port=broker.port)
    async with connected(settings, "doctor-reader") as (reader, _), connected(settings, "doctor-writer") as (writer, _):
        await reader.subscribe("doctor/test")
        codes = await writer.publish_all("doctor/test", (b"%d" % number for number in range(500)))
        arrived = [await reader.next(2.0) for _ in range(500)]
        assert await reader.next(0.05) is None
    assert len(codes) == 500
    assert [one.payload for one in arrived if one is not None] == [b"%d" % number for number in range(500)]

"""What a broker may refuse, or do wrong: said in a sentence, counted, never a tight loop, never a loss."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import mqtt5
import pytest
import yaml
from pydantic import SecretStr

from telemetry.mqtt.connection import SessionTakenOverError
from telemetry.mqtt.session import SessionSettings
from telemetry.mqtt.settings import BrokerSettings
from tests.components import MOSQUITTO_CONFIG, Mosquitto, free_port, require_program, wait_until
from tests.faults.process import IngestorProcess
from tests.integration.listener import eventually
from tests.integration.taker import FakeBroker, Taker, publishes

CANARY = "canary-5f1e-do-not-print"


async def test_a_broker_that_grants_no_qos_1_is_no_ground_to_stand_on() -> None:
    broker = FakeBroker(granted=mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE)
    async with broker.serving() as port, Taker(port) as taker:
        await eventually(lambda: "QoS 1 was asked for" in str(taker.session.trouble))
        assert "caretaker/v1/+/+/readings" in str(taker.session.trouble)


async def test_mosquitto_with_a_limit_on_qos(mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto(MOSQUITTO_CONFIG + "max_qos 0\n")
    broker.start()
    async with Taker(broker.port) as taker:
        await eventually(lambda: "QoS 1 was asked for" in str(taker.session.trouble))


async def test_a_refused_subscription() -> None:
    async with FakeBroker(granted=mqtt5.SubAckReasonCode.NOT_AUTHORIZED).serving() as port, Taker(port) as taker:
        await eventually(lambda: "NOT_AUTHORIZED" in str(taker.session.trouble))


async def test_a_session_that_is_kept_for_less_than_was_asked_for() -> None:
    broker = FakeBroker(mqtt5.ConnAckPacket(session_expiry_interval=3_600))
    async with broker.serving() as port, Taker(port) as taker:
        await eventually(lambda: "3600 s" in str(taker.session.trouble))
        assert "604800 s" in str(taker.session.trouble)


async def test_more_than_the_receive_maximum_is_not_read_and_not_acknowledged() -> None:
    broker = FakeBroker(then=publishes(2_000, lambda number: b"%d" % number + b" " * 4_000))
    async with broker.serving() as port, Taker(port, SessionSettings(receive_maximum=10), acknowledge=False) as taker:
        await eventually(lambda: taker.session.counts.pauses > 0)
        assert taker.session.unacknowledged <= 10 + 256 // 4
        assert broker.acknowledged == []
        taker.acknowledge_kept()
        await eventually(lambda: len(broker.acknowledged) == 2_000)
        assert broker.acknowledged == list(range(1, 2_001))  # in the order received


async def test_a_malformed_packet_ends_the_connection_and_is_counted() -> None:
    async with FakeBroker(then=b"\x30\x05\xff\xff\xff\xff\xff").serving() as port, Taker(port) as taker:
        await eventually(lambda: taker.session.counts.malformed > 0)
        await eventually(lambda: taker.session.counts.connections > 1)


async def test_a_broker_that_hangs_up_at_once_is_not_stormed() -> None:
    broker = FakeBroker(hang_up=True)
    async with broker.serving() as port, Taker(port):
        await asyncio.sleep(2)
        # Waits of at least 0.1, 0.2, 0.4, 0.8 s.
        assert 2 <= broker.connects <= 5


async def test_a_wrong_password_is_said_without_the_password(guarded: Mosquitto) -> None:
    wrong = BrokerSettings(port=guarded.port, username="ingestor", password=SecretStr(CANARY))
    async with Taker(wrong) as taker:
        await eventually(lambda: "NOT_AUTHORIZED" in str(taker.session.trouble))
        assert CANARY not in str(taker.session.trouble)
    right = BrokerSettings(port=guarded.port, username="ingestor", password=SecretStr("right"))
    async with Taker(right) as taker:
        await eventually(lambda: taker.session.trouble is None)


@pytest.fixture
def guarded(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> Mosquitto:
    passwords = tmp_path / "passwords"
    require_program("mosquitto")
    subprocess.run(
        [require_program("mosquitto_passwd"), "-b", "-c", passwords, "ingestor", "right"], check=True, timeout=10
    )
    config = MOSQUITTO_CONFIG.replace("allow_anonymous true", f"allow_anonymous false\npassword_file {passwords}")
    broker = mosquitto(config)
    broker.start()
    return broker


@pytest.fixture
def ingestor(tmp_path: Path) -> Iterator[Callable[[int, Mapping[str, str]], IngestorProcess]]:
    """Starts an ingestor with the embedded store at a broker's port, with more settings from the environment."""
    started: list[IngestorProcess] = []

    def start(broker_port: int, environment: Mapping[str, str]) -> IngestorProcess:
        config = tmp_path / "config"
        config.mkdir()
        http_port = free_port()
        settings = {"broker": {"port": broker_port}, "http": {"port": http_port}}
        (config / "caretaker.yaml").write_text(yaml.safe_dump(settings))
        site = {"id": "site", "kind": "test", "names": {"en": "Site"}, "timezone": "UTC", "areas": []}
        (config / "sites.yaml").write_text(yaml.safe_dump({"sites": [site]}))
        process = IngestorProcess(config, tmp_path / "data", tmp_path / "log", http_port)
        process.start(environment)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


def test_the_reason_stands_in_the_readiness_and_no_secret_anywhere(
    guarded: Mosquitto, ingestor: Callable[[int, Mapping[str, str]], IngestorProcess]
) -> None:
    secret = {"CARETAKER_BROKER__USERNAME": "ingestor", "CARETAKER_BROKER__PASSWORD": CANARY}
    process = ingestor(guarded.port, secret)
    wait_until(lambda: "NOT_AUTHORIZED" in process.ready()[1], "the reason is said")
    status, _ = process.ask("/health/ready")
    assert status == 503
    said = [str(process.ask(path)) for path in ("/health/ready", "/metrics", "/account", "/quarantine")]
    process.stop()
    assert CANARY not in "".join([*said, process.log])
    assert "NOT_AUTHORIZED" in process.log


@pytest.fixture
def usurped() -> FakeBroker:
    """Says that another client has come with our id. Mosquitto 2.0.11 hangs up without a word."""
    said = mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER)
    return FakeBroker(then=said.write(), hang_up=True)


async def test_whoever_is_thrown_out_stays_out(usurped: FakeBroker) -> None:
    async with usurped.serving() as port, Taker(port) as taker:
        assert taker.task is not None
        with pytest.raises(SessionTakenOverError, match="client id"):
            await asyncio.wait_for(taker.task, 10)
        assert "client id" in str(taker.session.trouble)
        assert usurped.connects == 1


async def test_an_ingestor_that_is_thrown_out_leaves_with_1(
    usurped: FakeBroker, ingestor: Callable[[int, Mapping[str, str]], IngestorProcess]
) -> None:
    async with usurped.serving() as port:
        process = ingestor(port, {})
        assert await asyncio.to_thread(process.wait, 10) == 1
        assert usurped.connects == 1
    assert "another client has connected with our client id" in process.log

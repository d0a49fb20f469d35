"""Transitions on MQTT, by a real broker, and that the platform takes in what it says; and the inbox."""

import asyncio
import json
from collections.abc import Callable

import pytest

from alerts.notice import Attempt, Cause, Channel, Delivery, Message, Verdict
from alerts.receivers.inbox import InboxReceiver
from alerts.receivers.mqtt import MqttReceiver
from telemetry.admission.admit import admit
from telemetry.admission.limits import Limits
from telemetry.message import Message as MqttMessage
from telemetry.mqtt.publish import Publisher
from telemetry.mqtt.settings import BrokerSettings
from tests.builders import registry
from tests.components import Mosquitto
from tests.integration.listener import Listener, eventually

NOW_NS = 1_795_334_400_000_000_000
SAID = {
    "alert": "0a1b2c3d4e",
    "rule": "odour",
    "device": "nh3-1",
    "site": "toilet-1",
    "severity": 2,
    "state": 2,
    "time_ms": NOW_NS // 1_000_000,
    "seq": 41,
}


def delivery(data: bytes) -> Delivery:
    return Delivery(
        id="msg_2kj4h5g6f7d8s9a0q1w2e3r4t5",
        person="",
        place=0,
        channel=Channel.MQTT,
        cause=Cause.NEW,
        created_ns=NOW_NS,
        alerts=("0a1b2c3d4e",),
        message=Message("", "", None, data),
    )


TAKEN_ON = {name: value for name, value in SAID.items() if name not in {"severity", "state"}}


@pytest.mark.parametrize(
    ("said", "values"),
    [
        pytest.param(SAID, {"alert_severity": 2.0, "alert_state": 2.0}, id="a change of severity"),
        pytest.param(TAKEN_ON | {"acknowledge_s": 12.5}, {"alert_acknowledge_s": 12.5}, id="the first acknowledgement"),
        pytest.param(
            SAID | {"severity": 0, "state": 0, "resolve_s": 0.0},
            {"alert_severity": 0.0, "alert_state": 0.0, "alert_resolve_s": 0.0},
            id="an end",
        ),
    ],
)
async def test_a_transition_becomes_a_reading(
    mosquitto: Callable[[], Mosquitto], said: dict[str, object], values: dict[str, float]
) -> None:
    broker = mosquitto()
    broker.start()
    listener = Listener(broker.port)
    async with Publisher(BrokerSettings(port=broker.port), client_id="caretaker-alerts-publisher") as publisher:
        attempt = await MqttReceiver(publisher).send(delivery(json.dumps(said).encode()), "")
    assert attempt == Attempt(Verdict.DELIVERED)
    await eventually(lambda: bool(listener.messages))
    listener.close()
    ((topic, payload, retained),) = listener.messages
    assert (topic, retained) == ("caretaker/v1/toilet-1/nh3-1/alerts", False)
    admitted = admit(
        MqttMessage(topic, payload, retained=False, received_ns=NOW_NS), registry(), Limits(10**18, 300 * 10**9)
    )
    (reading,) = admitted.readings
    assert (reading.device, reading.time_ns, reading.seq) == ("nh3-1", NOW_NS, 41)
    assert reading.values == {**values, "alert_rule": "odour"}


class _NoBroker:
    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        del topic, payload, retain
        await asyncio.Event().wait()


async def test_a_broker_that_is_away_is_asked_later() -> None:
    attempt = await MqttReceiver(_NoBroker(), timeout_s=0.05).send(delivery(json.dumps(SAID).encode()), "")
    assert attempt.verdict is Verdict.LATER


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        json.dumps(SAID | {"severity": "high"}).encode(),
        json.dumps(SAID | {"site": ""}).encode(),
        json.dumps(SAID | {"device": "#"}).encode(),
    ],
)
async def test_what_has_no_place_on_mqtt_is_refused(data: bytes) -> None:
    assert (await MqttReceiver(_NoBroker()).send(delivery(data), "")).verdict is Verdict.REFUSED


async def test_the_inbox_has_it_already() -> None:
    assert await InboxReceiver().send(delivery(b"{}"), "inbox") == Attempt(Verdict.DELIVERED)

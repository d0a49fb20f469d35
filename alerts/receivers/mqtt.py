"""Transitions on MQTT: each appears as a reading of its device on `…/alerts`, and so in the store and on dashboards."""

import asyncio
from typing import Protocol

import msgspec

from alerts.notice import Attempt, Delivery, Verdict
from alerts.receivers.receiver import later, refused
from telemetry.series import ALERT_RULE
from telemetry.topics import Channel, parse, topic

TIMEOUT_S = 20.0
"""Until the broker has acknowledged."""


class Said(msgspec.Struct, frozen=True):
    """What stands in the message's `data` of a delivery to MQTT, as JSON."""

    alert: str
    rule: str
    device: str
    site: str
    time_ms: int
    """Event time of the transition, ms since the epoch, UTC."""
    seq: int
    """The transition's number."""
    severity: int | None = None
    """`alert_severity` of the catalogue: 0 none, 1 information, 2 warning, 3 critical; None: as it was."""
    state: int | None = None
    """`alert_state`: 0 inactive, 1 pending, 2 firing; None: as it was."""
    acknowledge_s: float | None = None
    """`alert_acknowledge_s`, with the first acknowledgement."""
    resolve_s: float | None = None
    """`alert_resolve_s`, with the end."""

    @property
    def values(self) -> dict[str, float | str]:
        """By metric: what the reading says."""
        found = {
            "alert_severity": self.severity,
            "alert_state": self.state,
            "alert_acknowledge_s": self.acknowledge_s,
            "alert_resolve_s": self.resolve_s,
        }
        return {name: value for name, value in found.items() if value is not None} | {ALERT_RULE: self.rule}


class Publishes(Protocol):
    """What is needed of `telemetry.mqtt.publish.Publisher`."""

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Return when the broker has acknowledged."""


class MqttReceiver:
    """Publishes with QoS 1. A broker that is away is waited for by trying again; the same bytes may arrive twice."""

    def __init__(self, publisher: Publishes, timeout_s: float = TIMEOUT_S) -> None:
        self._publisher = publisher
        self._timeout_s = timeout_s

    async def send(self, delivery: Delivery, address: str) -> Attempt:
        """Publish the transition. The address is not used: topic and broker are the platform's."""
        try:
            said = msgspec.json.decode(delivery.message.data, type=Said)
        except msgspec.MsgspecError as error:
            return refused(f"no transition in it: {error}", address)
        where = topic(said.site, said.device, Channel.ALERTS)
        if parse(where) is None:  # such as the end of an alert because its device is gone, and with it the site
            return refused("there is no topic for it: the device is not in the registry", address)
        payload = msgspec.json.encode({"time": said.time_ms, "seq": said.seq, "values": said.values})
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._publisher.publish(where, payload)
        except TimeoutError:
            return later("the broker has not acknowledged in time", address)
        except ValueError as error:
            return refused(f"MQTT can't carry it: {error}", address)
        return Attempt(Verdict.DELIVERED)

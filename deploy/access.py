"""Who may read and write which topic: the broker's access rules, by user name.

A device's user name is its id, so one pattern says it for all: each writes its own readings and status, and reads
nothing. A gateway also writes for the devices behind it. Our services may what each of them does, and no more.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from deploy.layout import Secret
from telemetry.registry.models import Device, Registry
from telemetry.topics import PLATFORM_SITE, PREFIX, Channel, filters, topic

HEADER = """\
# Who may read and write which topic. Written by `caretaker deploy init` and `caretaker devices credentials` from the
# registry: changes by hand are lost. The broker reads it at its start and at SIGHUP.
"""
DOCTOR_TOPIC = "caretaker/doctor"
"""Where the doctor tries what the broker keeps for a session that is away; nobody else reads there."""
DEVICE_CHANNELS = (Channel.READINGS, Channel.STATUS)
"""What a device says itself; derived values and alerts are our services' to say."""


class MqttUser(StrEnum):
    """Users of our own. No device can have such a name: credentials are refused to ids that begin with _."""

    INGESTOR = "_ingestor"
    ALERTS = "_alerts"
    API = "_api"
    DOCTOR = "_doctor"


PASSWORDS: Mapping[MqttUser, Secret] = {
    MqttUser.INGESTOR: Secret.MQTT_INGESTOR,
    MqttUser.ALERTS: Secret.MQTT_ALERTS,
    MqttUser.API: Secret.MQTT_API,
    MqttUser.DOCTOR: Secret.MQTT_DOCTOR,
}


class Right(StrEnum):
    """What may be done with a topic."""

    READ = "read"
    WRITE = "write"


Line = tuple[Right, str]
_ALL = tuple((Right.READ, filters(channel)) for channel in Channel)
SERVICE_RIGHTS: Mapping[MqttUser, Sequence[Line]] = {
    MqttUser.INGESTOR: _ALL,
    MqttUser.ALERTS: (
        *((Right.READ, filters(channel)) for channel in (Channel.READINGS, Channel.DERIVED, Channel.STATUS)),
        (Right.WRITE, filters(Channel.READINGS, PLATFORM_SITE)),
        (Right.WRITE, filters(Channel.ALERTS)),
    ),
    # Writes what people enter by hand.
    MqttUser.API: (*_ALL, (Right.WRITE, filters(Channel.READINGS))),
    # Readings it publishes as the device that is made for it.
    MqttUser.DOCTOR: (
        (Right.READ, "$SYS/broker/version"),
        (Right.READ, f"{DOCTOR_TOPIC}/#"),
        (Right.WRITE, f"{DOCTOR_TOPIC}/#"),
    ),
}


def gateways(registry: Registry) -> Mapping[str, Sequence[Device]]:
    """Each gateway to the devices that speak through it, those behind a gateway behind it among them."""
    children: dict[str, list[Device]] = {}
    for device in registry.devices.values():
        if device.parent is not None:
            children.setdefault(device.parent, []).append(device)
    return {gateway: _behind(gateway, children) for gateway in sorted(children)}


def _behind(gateway: str, children: Mapping[str, Sequence[Device]]) -> Sequence[Device]:
    found: dict[str, Device] = {}
    waiting = [*children[gateway]]
    while waiting:
        device = waiting.pop()
        if device.id not in found and device.id != gateway:
            found[device.id] = device
            waiting += children.get(device.id, ())
    return [found[device] for device in sorted(found)]


def access_rules(registry: Registry) -> str:
    """The file for the broker."""
    blocks = [HEADER, *(_block(user, lines) for user, lines in SERVICE_RIGHTS.items())]
    for gateway, devices in gateways(registry).items():
        lines = [(Right.WRITE, topic(one.site, one.id, channel)) for one in devices for channel in DEVICE_CHANNELS]
        blocks.append(_block(gateway, lines))
    patterns = "".join(f"pattern {Right.WRITE} {PREFIX}/+/%u/{channel}\n" for channel in DEVICE_CHANNELS)
    return "\n".join([*blocks, patterns])


def _block(user: str, lines: Iterable[Line]) -> str:
    return f"user {user}\n" + "".join(f"topic {right} {where}\n" for right, where in lines)

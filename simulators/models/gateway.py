"""Who speaks through whom, and what a gateway says for those behind it."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from simulators.encode import encode
from telemetry.registry.models import Device
from telemetry.topics import Channel, topic


class Party(Struct, frozen=True):
    """One connection to the broker: a gateway with the devices behind it, or devices of a site that have none."""

    id: str
    gateway: Device | None
    devices: tuple[Device, ...]
    """Without the gateway itself."""


def parties(devices: Iterable[Device]) -> list[Party]:
    """Devices by the connection they share: their gateway's, else their site's."""
    everyone = {device.id: device for device in devices}
    behind: dict[str, list[Device]] = {}
    for device in everyone.values():
        if device.kind == "gateway":
            behind.setdefault(device.id, [])
        else:
            behind.setdefault(_speaks_through(device, everyone), []).append(device)
    return [Party(name, everyone.get(name), tuple(members)) for name, members in behind.items()]


def _speaks_through(device: Device, everyone: Mapping[str, Device]) -> str:
    if device.parent is not None and device.parent in everyone:
        return device.parent
    return f"site.{device.site}"


def status_topic(device: Device) -> str:
    """Where a device's being online is kept."""
    return topic(device.site, device.id, Channel.STATUS)


def status(time_ms: int | None, *, online: bool) -> bytes:
    """The payload of a status. A last will has no time: the broker says it at a moment nobody knows beforehand."""
    return encode(time_ms, None, {"online": online})

"""Which devices are played by models, where real ones and simulated ones stand in one configuration."""

from dataclasses import replace

from telemetry.registry.models import Registry

LABEL, NO = "simulated", "no"


def simulated_part(registry: Registry) -> Registry:
    """The registry without the devices that carry the label `simulated=no`: nobody speaks in their name."""
    devices = {name: device for name, device in registry.devices.items() if device.labels.get(LABEL) != NO}
    by_topic = {address: device for address, device in registry.by_topic.items() if device.id in devices}
    return replace(registry, devices=devices, by_topic=by_topic)

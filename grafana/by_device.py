"""What a device is called where most sites have one of its kind."""

from collections import Counter
from collections.abc import Mapping, Sequence

from grafana.deployment import Deployment
from telemetry.registry.models import Device


def names_of(deployment: Deployment, devices: Sequence[Device]) -> Mapping[str, str]:
    """Device id to its site's name alone, with its own behind it where a site has several of these devices."""
    here = Counter(device.site for device in devices)
    sites = deployment.short_names([deployment.registry.sites[place] for place in here])
    full = deployment.device_names(devices)
    return {device.id: sites[device.site] if here[device.site] == 1 else full[device.id] for device in devices}

"""The device whose readings the doctor publishes: it measures nothing, so that tests never mix with real values."""

from collections import Counter
from collections.abc import Mapping

from telemetry.registry.models import Registry

CHECK_SITE = "caretaker-check"
CHECK_DEVICE = "caretaker-check"
CHECK_METRIC = "uptime_s"

_SITES = """\
# A place that is none: what `caretaker doctor` publishes to see whether readings arrive.
sites:
  - id: {site}
    kind: platform
    names: {{en: Caretaker's own check, zh-Hant: 系統自我檢查}}
    timezone: {zone}
"""
_DEVICES = """\
# No interval: it speaks when `caretaker doctor` runs, and its silence means nothing.
devices:
  - id: {device}
    site: {site}
    kind: platform_check
    metrics: [{metric}]
    names: {{en: Caretaker's own check, zh-Hant: 系統自我檢查}}
"""


def check_files(registry: Registry) -> Mapping[str, str]:
    """Name to text of the files that a configuration lacks; none where it has the device."""
    if CHECK_DEVICE in registry.devices:
        return {}
    files = {f"devices-{CHECK_DEVICE}.yaml": _DEVICES.format(device=CHECK_DEVICE, site=CHECK_SITE, metric=CHECK_METRIC)}
    if CHECK_SITE not in registry.sites:
        files[f"sites-{CHECK_SITE}.yaml"] = _SITES.format(site=CHECK_SITE, zone=zone_of(registry))
    return files


def zone_of(registry: Registry) -> str:
    """The time zone of most sites."""
    zones = Counter(site.timezone.key for site in registry.sites.values())
    return max(sorted(zones), key=lambda zone: zones[zone], default="UTC")

"""Where Grafana draws what a page shows: addresses, made of what whoever wires us knows of the dashboards. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlencode

from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.registry.models import Registry

AROUND_NS = 3_600 * NS_PER_S
"""So much before the start of an alert is shown with it, and after its end."""


@dataclass(frozen=True, slots=True)
class Panels:
    """What is known of the dashboards. The last argument of each is the reader's language, as in `zh-Hant`."""

    panel_of: Callable[[str, str, str], tuple[str, int] | None]
    """Of a metric at a kind of site: the dashboard's uid, and the id of the panel that draws it. None: none does."""
    site_dashboard: Callable[[str, str], str]
    """Of a kind of site: the dashboard's uid."""
    device_dashboard: Callable[[str], str]
    """The uid of the dashboard that says how devices are."""


class Episode(NamedTuple):
    """An alert, as far as a dashboard shows it. Event time, ns UTC."""

    device: str
    metric: str | None
    """What its rule looks at first; None: whether the device speaks at all."""
    raised_ns: int
    resolved_ns: int | None


class Dashboards:
    """Addresses in one Grafana. None instead of one: no dashboard shows it, such as what is no longer configured."""

    def __init__(self, url: str, languages: Sequence[str], panels: Panels) -> None:
        """`url`: as browsers reach Grafana, without a slash at the end; `languages`: those that have dashboards."""
        self._url = url
        self._languages = languages
        self._panels = panels

    def alert(self, episode: Episode, registry: Registry, language: str, now_ns: int) -> str | None:
        """The panel that draws what its rule looks at, around the alert; where none does, how the device was then."""
        device = registry.devices.get(episode.device)
        if device is None or not _is_shown(device.site, registry):
            return None
        language = self._spoken(language)
        kind = registry.sites[device.site].kind
        found = None if episode.metric is None else self._panels.panel_of(episode.metric, kind, language)
        uid, panel = found or (self._panels.device_dashboard(language), None)
        end_ns = None if episode.resolved_ns is None else episode.resolved_ns + AROUND_NS
        shown = {
            "viewPanel": panel,
            "var-site": device.site,
            "var-device": device.id,
            "from": (episode.raised_ns - AROUND_NS) // NS_PER_MS,
            "to": "now" if end_ns is None or end_ns > now_ns else end_ns // NS_PER_MS,
        }
        return self._address(uid, {name: value for name, value in shown.items() if value is not None})

    def device(self, device_id: str, registry: Registry, language: str) -> str | None:
        """How it is: whether it speaks, its battery, its radio."""
        device = registry.devices.get(device_id)
        if device is None or not _is_shown(device.site, registry):
            return None
        uid = self._panels.device_dashboard(self._spoken(language))
        return self._address(uid, {"var-site": device.site, "var-device": device.id})

    def site(self, site_id: str, registry: Registry, language: str) -> str | None:
        """What sites of its kind have in common, of this one."""
        if not _is_shown(site_id, registry):
            return None
        uid = self._panels.site_dashboard(registry.sites[site_id].kind, self._spoken(language))
        return self._address(uid, {"var-site": site_id})

    def _spoken(self, language: str) -> str:
        """The reader's language where there are dashboards in it, else the first that has some."""
        return language if language in self._languages else self._languages[0]

    def _address(self, uid: str, shown: Mapping[str, str | int]) -> str:
        return f"{self._url}/d/{quote(uid, safe='')}?{urlencode(shown)}"


def _is_shown(site_id: str, registry: Registry) -> bool:
    """Archives have no dashboards."""
    site = registry.sites.get(site_id)
    return site is not None and not site.archive

"""What dashboards are made of: a deployment's registry, its rules, the board's address, and one language."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from alerts.rules.rule import Rule, Rules
from alerts.rules.select import selected
from grafana.words import ENGLISH, Words, words_of
from telemetry.registry.models import Device, Registry, Site

MOST_NAMED = 2_000
"""Above so many devices a panel shows their ids: each name is an override, which costs the browser time."""


@dataclass(frozen=True)
class Deployment:
    """One deployment as dashboards show it, in one language. Sites of archives are not shown."""

    registry: Registry
    rules: Rules
    board_url: str
    """As browsers reach it, without a slash at the end."""
    language: str = ENGLISH

    @property
    def words(self) -> Words:
        """Of the language."""
        return words_of(self.language)

    @property
    def suffix(self) -> str:
        """What ends the uids of this language's dashboards."""
        return "" if self.language == ENGLISH else f"-{self.language.partition('-')[0]}"

    @property
    def archives(self) -> tuple[str, ...]:
        """The ids of the sites that are not shown."""
        return tuple(site.id for site in self.registry.sites.values() if site.archive)

    def sites(self, *kinds: str) -> Sequence[Site]:
        """Those of some kinds, or all, in the registry's order."""
        every = (site for site in self.registry.sites.values() if not site.archive)
        return [site for site in every if not kinds or site.kind in kinds]

    def devices(self, sites: Iterable[Site] | None = None, *metrics: str) -> Sequence[Device]:
        """Those of some sites, or all, that measure any of `metrics`, or anything."""
        places = {site.id for site in (self.sites() if sites is None else sites)}
        wanted = set(metrics)
        here = (device for device in self.registry.devices.values() if device.site in places)
        return [device for device in here if not wanted or not wanted.isdisjoint(device.metrics)]

    def mains(self, metric: str, sites: Iterable[Site]) -> Sequence[Device]:
        """The meters of a site's whole supply (label `supply: main`), so that sub-meters are not counted twice.

        Where a site labels none, all its devices with the metric.
        """
        found: list[Device] = []
        for site in sites:
            here = self.devices([site], metric)
            found += [device for device in here if device.labels.get("supply") == "main"] or here
        return found

    def site_name(self, site: Site) -> str:
        """In full."""
        return self.words.name(site.names, site.id)

    def short_names(self, sites: Sequence[Site]) -> Mapping[str, str]:
        """Site id to its name without what the names of all sites of its kind end with, for legends."""
        short: dict[str, str] = {}
        for kind in dict.fromkeys(site.kind for site in sites):
            # Of all sites of the kind, so that a site is called the same on every dashboard.
            full = {site.id: self.site_name(site) for site in self.sites(kind)}
            ending = _common_ending(full.values())
            short |= {name: text[: len(text) - len(ending)].strip() for name, text in full.items()}
        return {site.id: short[site.id] for site in sites}

    def device_names(self, devices: Iterable[Device]) -> Mapping[str, str]:
        """Device id to `Site · Device`, for legends and tables."""
        devices = list(devices)
        places = dict.fromkeys(device.site for device in devices)
        sites = self.short_names([self.registry.sites[place] for place in places])
        return {device.id: f"{sites[device.site]} · {self.words.name(device.names, device.id)}" for device in devices}

    def series_names(self, devices: Sequence[Device]) -> Mapping[str, str]:
        """Device id to `Site · Area` for a legend, or `Site · Device` where an area has two of them, or none."""
        full = self.device_names(devices)
        places = Counter((device.site, device.area) for device in devices)
        sites = self.short_names([self.registry.sites[place] for place in dict.fromkeys(one.site for one in devices)])
        found: dict[str, str] = {}
        for device in devices:
            area = self.registry.sites[device.site].areas.get(device.area or "")
            alone = area is not None and places[device.site, device.area] == 1
            short = self.words.name(area.names, area.id) if area is not None and alone else ""
            found[device.id] = f"{sites[device.site]} · {short}" if short else full[device.id]
        return found

    def rule_names(self) -> Mapping[str, str]:
        """Rule id to its name."""
        return {rule.id: self.words.name(rule.names, rule.id) for rule in self.rules.rules}

    def rules_of(self, devices: Iterable[Device]) -> Sequence[Rule]:
        """The rules that hold for any of the devices, in the order in which they are written."""
        by_device = selected(self.rules, self.registry)
        found = {rule.id for device in devices for rule in by_device.get(device.id, ())}
        return [rule for rule in self.rules.rules if rule.id in found]

    @property
    def zone(self) -> str:
        """The time zone of most sites: that of the dashboards."""
        zones = Counter(site.timezone.key for site in self.sites())
        return zones.most_common(1)[0][0] if zones else "UTC"

    def zones(self, sites: Iterable[Site]) -> Mapping[str, Sequence[Site]]:
        """Sites by their time zone: days begin at different moments."""
        found: dict[str, list[Site]] = {}
        for site in sites:
            found.setdefault(site.timezone.key, []).append(site)
        return found


def _common_ending(names: Collection[str]) -> str:
    """What all names end with, from a whole word on; empty for a single name, and where a name would have none left."""
    if len(names) < 2:  # noqa: PLR2004 - one name has nothing in common
        return ""
    columns = zip(*(reversed(name) for name in names), strict=False)
    ending = "".join(letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, columns))[::-1]
    if ending.isascii():
        ending = ending[ending.find(" ") :] if " " in ending else ""
    return ending if all(len(name.strip()) > len(ending.strip()) for name in names) else ""

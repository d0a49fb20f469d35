"""Small values for tests: say what matters, get the rest."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from telemetry.catalogue.load import load_catalogue
from telemetry.catalogue.metric import Kind, Metric, Privacy, Source
from telemetry.registry.models import Area, Device, Person, Registry, Site
from telemetry.topics import topic

CATALOGUE = load_catalogue()
"""The shipped metrics."""


def metric(name: str = "nh3_ppm", **fields: Any) -> Metric:
    """The shipped metric of that name, or a plain gauge without bounds; `fields` replace its own."""
    plain = Metric(
        name=name,
        unit="1",
        kind=Kind.GAUGE,
        measurement="test",
        source=Source.DEVICE,
        privacy=Privacy.OPEN,
        names={"en": name},
        decimals=1,
        possible_min=float("-inf"),
        possible_max=float("inf"),
        plausible_min=float("-inf"),
        plausible_max=float("inf"),
    )
    return replace(CATALOGUE.get(name, plain), **fields)


def area(name: str = "male", kind: str = "male") -> Area:
    """An area of a site."""
    return Area(name, kind, {"en": name})


def site(name: str = "toilet-1", *, areas: Iterable[Area] = (), **fields: Any) -> Site:
    """A site in Hong Kong."""
    plain = Site(name, {"en": name}, ZoneInfo("Asia/Hong_Kong"), {part.id: part for part in areas})
    return replace(plain, **fields)


def device(name: str = "nh3-1", site: str = "toilet-1", **fields: Any) -> Device:
    """A device that measures ammonia every ten seconds, where nothing else is said."""
    plain = Device(name, site, "toilet_odour", interval_s=10.0, metrics=("nh3_ppm",), names={"en": name})
    return replace(plain, **fields)


def registry(
    *devices: Device,
    sites: Iterable[Site] = (),
    metrics: Iterable[Metric] = (),
    people: Iterable[Person] = (),
) -> Registry:
    """A registry of `devices`, by default one; their sites are made up where not given.

    `metrics` are added to the shipped ones. A site's `archive` is handed on to its devices, as loading does.
    """
    given = {place.id: place for place in sites}
    known = devices or (device(),)
    all_sites = {one.site: site(one.site, archive=one.archive) for one in known} | given
    placed = [replace(one, archive=all_sites[one.site].archive) for one in known]
    return Registry(
        metrics={**CATALOGUE, **{one.name: one for one in metrics}},
        sites=all_sites,
        devices={one.id: one for one in placed},
        people={one.id: one for one in people},
        by_topic={topic(one.site, one.id): one for one in placed},
    )

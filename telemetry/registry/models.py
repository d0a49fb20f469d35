"""Sites, areas, devices and people: what a deployment consists of, as the services use it.

These are the checked values. How they are written in files stands in `load.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from msgspec import Struct

from telemetry.catalogue.metric import Kind, Metric, Source
from telemetry.registry.hours import Hours


class Area(Struct, frozen=True, gc=False):
    """A part of a site."""

    id: str
    type: str
    """male, female, accessible, family, floor or roof."""
    names: Mapping[str, str]


class Site(Struct, frozen=True):
    """One place: a toilet block, a building, an air station."""

    id: str
    names: Mapping[str, str]
    timezone: ZoneInfo
    areas: Mapping[str, Area]
    kind: str = "site"
    """toilet, building, air or whatever the deployment says: groups sites on screens."""
    archive: bool = False
    """Plays old measurements: `max_age` does not hold here."""
    retention_days: int | None = None
    """None: the deployment's retention."""


class Person(Struct, frozen=True):
    """Somebody who is told. `receivers` are addresses in the order in which they are tried."""

    id: str
    name: str
    language: str
    receivers: tuple[str, ...]
    sites: tuple[str, ...]
    """Empty: all sites."""
    hours: Hours | None = None
    """When this person is told; None: always. In the time zone of the site that it is about."""


class Outage(Struct, frozen=True, gc=False):
    """A period in which a device is out of service: start <= t < end, ns UTC; no end: until further notice."""

    start_ns: int
    end_ns: int | None
    reason: str


class Device(Struct, frozen=True, gc=False):
    """One measuring point."""

    id: str
    site: str
    kind: str
    area: str | None = None
    parent: str | None = None
    """The gateway through which it speaks."""
    unit: str | None = None
    """The physical unit of which it is one channel."""
    interval_s: float | None = None
    """Expected time between readings; None: it speaks when something happens."""
    metrics: tuple[str, ...] = ()
    """What it is expected to measure."""
    names: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    out_of_service: tuple[Outage, ...] = ()
    archive: bool = False
    """Its site's."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything known about a deployment. Immutable: a reload makes a new one."""

    metrics: Mapping[str, Metric]
    sites: Mapping[str, Site]
    devices: Mapping[str, Device]
    people: Mapping[str, Person] = field(default_factory=dict)
    by_topic: Mapping[str, Device] = field(default_factory=dict)
    """The topic of a device's readings, whole, to the device: one lookup a message on the receive path."""
    plain: Mapping[str, tuple[float, float]] = field(init=False)
    """The plausible range of each number that devices say: all that the receive path asks of an ordinary value."""

    def __post_init__(self) -> None:
        plain = {
            name: (metric.plausible_min, metric.plausible_max)
            for name, metric in self.metrics.items()
            if metric.source is Source.DEVICE and metric.kind is not Kind.TEXT
        }
        object.__setattr__(self, "plain", plain)  # the way in which a frozen dataclass derives a field

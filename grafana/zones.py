"""Days and weeks by the clocks of the sites: a target for each time zone, each about the sites that lie in it."""

from collections.abc import Sequence
from typing import NamedTuple

from grafana.deployment import Deployment
from grafana.queries import Scope
from telemetry.registry.models import Site


class Zoned(NamedTuple):
    """What a target is about."""

    ref_id: str
    zone: str
    """As the IANA calls it."""
    scope: Scope


def per_zone(deployment: Deployment, scope: Scope, sites: Sequence[Site], first: str = "A") -> Sequence[Zoned]:
    """The scope once for each zone of the sites; unchanged where there is one zone only. Refs begin with `first`."""
    zones = deployment.zones(sites)
    if len(zones) == 1:
        return [Zoned(first, next(iter(zones)), scope)]
    return [
        Zoned(f"{first}{place or ''}", zone, scope.of_sites(some)) for place, (zone, some) in enumerate(zones.items())
    ]

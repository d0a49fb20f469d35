"""Days and weeks by the clocks of the sites: a target for each time zone, each about the sites that lie in it."""

from collections.abc import Sequence
from string import ascii_uppercase
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
    """The scope once for each zone of the sites; unchanged where there is one zone only. Refs count from `first`."""
    zones = deployment.zones(sites)
    start = ascii_uppercase.index(first)
    refs = [
        ascii_uppercase[start + place] if start + place < len(ascii_uppercase) else f"Z{place}"
        for place in range(len(zones))
    ]
    if len(zones) == 1:
        return [Zoned(refs[0], next(iter(zones)), scope)]
    return [Zoned(ref, zone, scope.of_sites(some)) for ref, (zone, some) in zip(refs, zones.items(), strict=True)]

"""Who may look around: whoever has signed in or has a key. A link is for one alert, a printed code for one area."""

from collections.abc import Mapping, Sequence

from api.access.caller import Caller, Role, Way, require, require_site
from api.problem import ForbiddenError, NotFoundError
from api.sources import Sources
from telemetry.registry.models import Device, Registry, Site


def require_reader(caller: Caller, role: Role = Role.VIEWER) -> None:
    """Raises `ForbiddenError` for links and printed codes, and where the role is less."""
    if caller.way in {Way.LINK, Way.CODE}:
        raise ForbiddenError("a link from a message or a printed code opens its own page only: sign in")
    require(caller, role)


def site_of(sources: Sources, caller: Caller, site_id: str) -> Site:
    """Raises `NotFoundError` where there is none for this caller."""
    require_site(caller, site_id, f"site {site_id}")
    site = sources.registry.sites.get(site_id)
    if site is None:
        raise NotFoundError(f"there is no site {site_id}")
    return site


def device_of(sources: Sources, caller: Caller, device_id: str) -> Device:
    """Raises `NotFoundError` where there is none for this caller."""
    device = sources.registry.devices.get(device_id)
    if device is None or not caller.sees(device.site):
        raise NotFoundError(f"there is no device {device_id}")
    return device


def devices_at(registry: Registry, site: str) -> Sequence[Device]:
    """By id; none for an unknown site. Found without looking at all others."""
    if _index.registry is not registry:
        _index.make(registry)
    return _index.by_site.get(site, ())


class _Index:
    """The devices of the registry that was asked last: there is one in force at a time."""

    def __init__(self) -> None:
        self.registry: Registry | None = None
        self.by_site: Mapping[str, Sequence[Device]] = {}

    def make(self, registry: Registry) -> None:
        by_site: dict[str, list[Device]] = {}
        for _, device in sorted(registry.devices.items()):
            by_site.setdefault(device.site, []).append(device)
        self.registry, self.by_site = registry, by_site


_index = _Index()

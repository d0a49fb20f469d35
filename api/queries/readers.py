"""Who may look around: whoever has signed in or has a key. A link is for one alert, a printed code for one area."""

from api.access.caller import Caller, Role, Way, require, require_site
from api.problem import ForbiddenError, NotFoundError
from api.sources import Sources
from telemetry.registry.models import Device, Site


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

"""Why is nobody told of an alert at the moment? The reasons in their order."""

from typing import NamedTuple

from alerts.dispatch.look import Case, Look
from alerts.dispatch.routing import Route
from alerts.mute.inhibit import behind, outage_at, says_silent
from alerts.mute.quiet_hours import quiet_until_ns
from alerts.mute.silence import silenced_until_ns
from alerts.notice import Muted


class Mute(NamedTuple):
    """A reason, and how long it holds at least."""

    why: Muted
    until_ns: int | None
    """Wall clock; None: no moment is known."""


def muted(look: Look, case: Case, route: Route) -> Mute | None:
    """The first reason that holds for everybody on a route; None: there is none."""
    return explained(look, case) or _quiet(look, case, route)


def explained(look: Look, case: Case) -> Mute | None:
    """The reasons that lie in the alert: silenced, out of service, behind a gateway that is down."""
    until_ns = silenced_until_ns(look.world.silences, case.labels, look.now_ns)
    if until_ns is not None:
        return Mute(Muted.SILENCED, until_ns)
    if case.device is None:
        return None
    outage = outage_at(case.device, look.now_ns)
    if outage is not None:
        return Mute(Muted.OUT_OF_SERVICE, outage.end_ns)
    # Of a device that is heard again its people know at once, even while its gateway counts as down.
    silent = case.alert.active and says_silent(case.rule)
    if look.down and silent and behind(case.device, look.down, look.world.registry.devices):
        return Mute(Muted.GATEWAY_DOWN, None)
    return None


def _quiet(look: Look, case: Case, route: Route) -> Mute | None:
    if not route.quiet_hours:
        return None
    until_ns = quiet_until_ns(look.world.routing.quiet_hours, case.alert.severity, case.zone, look.now_ns)
    return None if until_ns is None else Mute(Muted.QUIET_HOURS, until_ns)

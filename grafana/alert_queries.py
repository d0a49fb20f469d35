"""InfluxQL about alerts: what fires now, what was raised when. A change of an alert is a row of its rule and device."""

from collections.abc import Sequence

from grafana.queries import Every, Scope, group, of, tz
from telemetry.series import ALERT
from telemetry.stores.influxdb.influxql import identifier, select

FIRING = 2
"""The value of `alert_state`."""
STATE, SEVERITY = identifier("alert_state"), identifier("alert_severity")
ACKNOWLEDGE, RESOLVE = identifier("alert_acknowledge_s"), identifier("alert_resolve_s")
BACK_DAYS = 30
"""How long before a range an alert may have been raised that is shown from its beginning on."""
ALERT_TAGS = ("site", "device", "rule")


def firing(scope: Scope) -> str:
    """A row for each alert that fires now: since when it has its severity, and that severity.

    Whatever the range: an alert of last week that nobody has resolved is still there.
    """
    return of("severity", _newest(scope), f"WHERE state = {FIRING} {group(ALERT_TAGS)}")


def firing_count(scope: Scope, severity: int) -> str:
    """How many alerts fire now with this severity, as one number; no row where none does."""
    return of("count(severity) AS alerts", firing(scope), f"WHERE severity = {severity:d}")


def raised(scope: Scope) -> str:
    """A row where an alert was raised, or took another severity: its rule and device."""
    return select(f'{STATE}, "rule", "device"', ALERT, scope.where(f"{STATE} = {FIRING}"))


def raised_by_calendar(scope: Scope, every: Every, zone: str, by: Sequence[str] = ("rule",)) -> str:
    """How often alerts were raised, or took another severity, in each hour, day or week by the clocks of `zone`."""
    where = f"{scope.where(f'{STATE} = {FIRING}')} {group(by, every)} fill(0)"
    return f"{select(f'count({STATE}) AS alerts', ALERT, where)} {tz(zone)}"


def firing_linked(scope: Scope) -> str:
    """The same rows, with columns for links, which give what a column shows: an id must stand in one without names.

    `at_site` and `of_device` hold the ids. `dashboard` and `panel` hold the rule: a value mapping makes it the uid of a
    dashboard there, and the id of a panel.
    """
    what = 'severity, "site" AS at_site, "device" AS of_device, "rule" AS dashboard, "rule" AS panel'
    return of(what, _newest(scope), f"WHERE state = {FIRING} {group(ALERT_TAGS)}")


def changes(scope: Scope) -> str:
    """Every change of every alert: its severity from then on, 0 where it ended.

    Looks back from the range's beginning for `BACK_DAYS`: what was raised before it fires in it from the first.
    """
    span = f"time >= ${{__from}}ms - {BACK_DAYS}d AND time <= ${{__to}}ms"
    return select(f"{SEVERITY} AS severity", ALERT, f"{scope.where(span, time=False)} {group(ALERT_TAGS)}")


def noisiest(scope: Scope, by: Sequence[str]) -> str:
    """How often alerts were raised, or took another severity, in the range: a row for each of `by`."""
    return select(f"count({STATE}) AS alerts", ALERT, f"{scope.where(f'{STATE} = {FIRING}')} {group(by)}")


def lengths(scope: Scope) -> str:
    """A row for each rule: how many alerts ended and how many were taken on in the range, and how long it took, s."""
    what = (
        f"count({RESOLVE}) AS ended, median({RESOLVE}) AS resolve, percentile({RESOLVE}, 90) AS resolve_90, "
        f"count({ACKNOWLEDGE}) AS taken, median({ACKNOWLEDGE}) AS acknowledge, "
        f"percentile({ACKNOWLEDGE}, 90) AS acknowledge_90"
    )
    return select(what, ALERT, f"{scope.where()} {group(('rule',))}")


def median_by_calendar(scope: Scope, length: str, every: Every, zone: str) -> str:
    """The median of a length, `ACKNOWLEDGE` or `RESOLVE`, in each day or week by the clocks of `zone`, s."""
    return (
        f"{select(f'median({length}) AS length', ALERT, f'{scope.where()} {group((), every)} fill(null)')} {tz(zone)}"
    )


def _newest(scope: Scope) -> str:
    return select(
        f"last({STATE}) AS state, {SEVERITY} AS severity", ALERT, f"{scope.where(time=False)} {group(ALERT_TAGS)}"
    )

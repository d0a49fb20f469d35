"""InfluxQL about alerts: what fires now, what was raised when. A change of an alert is a row of its rule and device."""

from collections.abc import Sequence

from grafana.queries import Every, Scope, group, of, tz
from telemetry.series import ALERT
from telemetry.stores.influxdb.influxql import identifier, select

FIRING = 2
"""The value of `alert_state`."""
STATE, SEVERITY = identifier("alert_state"), identifier("alert_severity")
ALERT_TAGS = ("site", "device", "rule")


def firing(scope: Scope) -> str:
    """A row for each alert that fires now: since when it has its severity, and that severity.

    Whatever the range: an alert of last week that nobody has resolved is still there.
    """
    newest = select(
        f"last({STATE}) AS state, {SEVERITY} AS severity", ALERT, f"{scope.where(time=False)} {group(ALERT_TAGS)}"
    )
    return of("severity", newest, f"WHERE state = {FIRING} {group(ALERT_TAGS)}")


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

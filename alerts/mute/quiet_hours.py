"""Quiet hours: alerts of some severities wait until morning."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from alerts.alert import Severity
from alerts.dispatch.routing import QuietHours


def quiet_until_ns(quiet_hours: Iterable[QuietHours], severity: Severity, zone: ZoneInfo, now_ns: int) -> int | None:
    """When quiet hours that hold now for a severity may end, by the clocks of `zone`; None: none hold."""
    ends = [
        quiet.hours.next_change_ns(now_ns, zone)
        for quiet in quiet_hours
        if severity in quiet.severities and quiet.hours.hold(now_ns, zone)
    ]
    return max(ends, default=None)

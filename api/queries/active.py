"""The alerts that are active, for what is shown of places and devices: without the alert database all the rest is."""

from collections.abc import Collection, Mapping, Sequence

from alerts.desk import Alert, Desk, Severity
from api.problem import AwayError
from api.queries.answer import Answer
from api.sources import Sources

ACTIVE_MOST = 100_000
"""More than one for each device of the largest deployment is a disaster of its own kind."""


class AlertCounts(Answer):
    """How many alerts are active."""

    critical: int
    warning: int
    information: int


def counts_of(alerts: Sequence[Alert]) -> AlertCounts:
    """By severity."""
    severities = [alert.severity for alert in alerts]
    return AlertCounts(
        critical=severities.count(Severity.CRITICAL),
        warning=severities.count(Severity.WARNING),
        information=severities.count(Severity.INFORMATION),
    )


async def active_alerts(
    sources: Sources, devices: Collection[str] | None = None
) -> Mapping[str, Sequence[Alert]] | None:
    """By device, most severe first; None: the alert database can't be asked just now."""
    try:
        alerts = await sources.alerts.ask(Desk.alerts, devices=devices, limit=ACTIVE_MOST)
    except AwayError:
        return None
    by_device: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_device.setdefault(alert.device, []).append(alert)
    return by_device

"""A message for programs: the body of a webhook, in the shape that Standard Webhooks recommends.

Field names stay, and their meaning; new ones may come. Values are in the catalogue's units, times in UTC.
`docs/receivers.md` shows one.
"""

from collections.abc import Mapping, Sequence

import msgspec

from alerts.alert import Alert
from alerts.message.shown import utc
from alerts.message.subject import Subject
from alerts.notice import Cause, Notice
from alerts.rules.rule import Rule
from telemetry.registry.models import Registry


class Fact(msgspec.Struct, frozen=True):
    """One alert. Names are in the person's language."""

    id: str
    cause: str
    state: str
    """active or resolved."""
    severity: str
    rule: str
    rule_name: str
    device: str
    device_name: str
    site: str
    site_name: str
    area: str
    area_name: str
    metrics: Sequence[str]
    value: float | None
    threshold: float | None
    shown: str
    """Value and threshold in words, with their unit."""
    raised: str
    changed: str
    resolved: str | None
    ending: str | None
    reading: str | None
    """Event time of the reading that shows it."""
    suspect: bool
    acknowledged_by: str | None
    acknowledged: str | None
    comment: str | None
    link: str | None


class LowBattery(msgspec.Struct, frozen=True):
    """Of a digest."""

    device: str
    percent: float


class Data(msgspec.Struct, frozen=True):
    """What is told."""

    person: str
    title: str
    text: str
    group: Mapping[str, str]
    alerts: Sequence[Fact]
    also: int
    """How many more there are than are listed."""
    assigned_by: str | None
    """Of `alert.assigned`: who gave them to the person."""
    silent_devices: Sequence[str]
    low_batteries: Sequence[LowBattery]


class Body(msgspec.Struct, frozen=True):
    """All of it."""

    type: str
    """`alert.` and the cause, as in `alert.new`."""
    timestamp: str
    """When the message was made."""
    data: Data


def payload(
    notice: Notice,
    title: str,
    text: str,
    facts: Mapping[str, tuple[Subject, str | None]],
    rules: Mapping[str, Rule],
    registry: Registry,
) -> bytes:
    """JSON, UTF-8. `facts`: an alert's id to its names and its link."""
    data = Data(
        person=notice.person,
        title=title,
        text=text,
        group=notice.group,
        alerts=[
            _fact(alert, cause, *facts[alert.id], rules.get(alert.rule), registry) for alert, cause in notice.alerts
        ],
        also=notice.also,
        assigned_by=notice.by,
        silent_devices=notice.silent_devices,
        low_batteries=[LowBattery(device, percent) for device, percent in notice.low_batteries],
    )
    return msgspec.json.encode(Body(f"alert.{notice.cause}", utc(notice.at_ns), data))


def _fact(
    alert: Alert, cause: Cause, subject: Subject, link: str | None, rule: Rule | None, registry: Registry
) -> Fact:
    device = registry.devices.get(alert.device)
    return Fact(
        id=alert.id,
        cause=cause,
        state="active" if alert.active else "resolved",
        severity=alert.severity.word,
        rule=alert.rule,
        rule_name=subject.rule,
        device=alert.device,
        device_name=subject.device,
        site="" if device is None else device.site,
        site_name=subject.site,
        area="" if device is None else device.area or "",
        area_name=subject.area,
        metrics=() if rule is None else rule.metrics,
        value=alert.value,
        threshold=alert.threshold,
        shown=subject.figures,
        raised=utc(alert.raised_ns),
        changed=utc(alert.changed_ns),
        resolved=_utc(alert.resolved_ns),
        ending=alert.ending,
        reading=_utc(alert.reading_ns),
        suspect=alert.suspect,
        acknowledged_by=alert.acknowledged_by,
        acknowledged=_utc(alert.acknowledged_ns),
        comment=alert.comment,
        link=link,
    )


def _utc(time_ns: int | None) -> str | None:
    return None if time_ns is None else utc(time_ns)

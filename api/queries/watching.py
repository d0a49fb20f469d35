"""What rules watch: which devices, how many alerts of theirs are active, and what one of them thinks of a device."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.desk import Desk, Rules, Severity
from alerts.desk.thoughts import CLOCK, Explanation, Thought, Why, misfits
from api.access.caller import Caller
from api.problem import ForbiddenError, NotFoundError
from api.queries.active import active_alerts
from api.queries.alert_values import SeverityWord
from api.queries.answer import Answer, moment_or_none
from api.queries.readers import device_of, require_reader
from api.queries.thoughts import explanations
from api.sources import Sources
from telemetry.registry.models import Device, Registry


class Watched(Answer):
    """A rule at the sites of the caller."""

    devices: tuple[str, ...]
    """Ids of those that it looks at."""
    active: int
    """Alerts."""
    worst: SeverityWord | None
    """Of these; null: there are none."""


class LevelNow(Answer):
    """How one severity of a rule stands."""

    severity: SeverityWord
    phase: str
    """idle, pending, active or clearing."""
    since: datetime | None
    due: datetime | None
    """When it is raised, or cleared, if nothing changes."""


class Explained(Answer):
    """What a rule thinks of a device, as of the last beat of the alert service's clock."""

    thought: Thought
    why: Why | None
    """Why there is nothing to compare, or why it does not count; null: it compares a value, and that counts."""
    why_since: datetime | None
    why_until: datetime | None
    value: float | None
    """What it compares, in the unit of its thresholds."""
    value_at: datetime | None
    levels: tuple[LevelNow, ...]
    alert: str | None
    """Id of its active alert."""
    silent_at: datetime | None
    """When the device counts as silent if nothing comes; only of rules for silent devices."""
    clock: datetime | None
    """Null: the alert service has not judged anything yet."""


async def watching(sources: Sources, caller: Caller) -> Mapping[str, Watched]:
    """By rule. While the alert database is away no alerts are counted."""
    require_reader(caller)
    registry, rules = sources.registry, sources.rules
    devices = await asyncio.to_thread(_LAST.devices, registry, rules)
    active: defaultdict[str, list[Severity]] = defaultdict(list)
    for device, alerts in (await active_alerts(sources) or {}).items():
        if device in registry.devices and caller.sees(registry.devices[device].site):
            for alert in alerts:
                active[alert.rule].append(alert.severity)
    return {
        rule: Watched(
            devices=tuple(one for one in found if caller.sees(registry.devices[one].site)),
            active=len(active[rule]),
            worst=SeverityWord(max(active[rule]).word) if active[rule] else None,
        )
        for rule, found in devices.items()
    }


def watched_by(registry: Registry, rules: Rules) -> Mapping[str, Sequence[str]]:
    """Rule to the devices that it selects. Those that are alike are asked about once: there may be 100,000."""
    alike: defaultdict[tuple[object, ...], list[Device]] = defaultdict(list)
    for device in registry.devices.values():
        labels = tuple(sorted(device.labels.items()))
        silent = device.interval_s is None
        alike[device.site, device.area, device.kind, device.metrics, device.archive, labels, silent].append(device)
    found: dict[str, Sequence[str]] = {}
    for rule in rules.rules:
        single = [[device] for device in registry.devices.values()] if rule.where.devices else None
        found[rule.id] = [
            device.id
            for group in single or alike.values()
            if not misfits(rule, group[0], registry.sites[group[0].site])
            for device in group
        ]
    return found


class _Last:
    """Worked out once for a registry and its rules."""

    def __init__(self) -> None:
        self._of: tuple[Registry, Rules, Mapping[str, Sequence[str]]] | None = None

    def devices(self, registry: Registry, rules: Rules) -> Mapping[str, Sequence[str]]:
        kept = self._of
        if kept is not None and kept[0] is registry and kept[1] is rules:
            return kept[2]
        found = watched_by(registry, rules)
        self._of = registry, rules, found
        return found


_LAST = _Last()


async def explain(sources: Sources, caller: Caller, rule_id: str, device_id: str) -> Explained:
    """What the rule thinks of the device now.

    Raises `NotFoundError` (rule, device, a device at which the rule does not look), `ForbiddenError` where it compares
    what is personal, `AwayError`.
    """
    require_reader(caller)
    device = device_of(sources, caller, device_id)
    rule = next((one for one in sources.rules.rules if one.id == rule_id), None)
    if rule is None:
        raise NotFoundError(f"there is no rule {rule_id}")
    metrics = sources.registry.metrics
    if not all(caller.reads(metrics[name]) for name in rule.metrics if name in metrics):
        raise ForbiddenError("this rule looks at where people are: that needs the role operator")
    found = await explanations(sources, device.id, Rules((rule,), sources.rules.missed_intervals))
    clock_ns = (await sources.alerts.ask(Desk.figures)).get(CLOCK, 0)
    if not found:
        raise NotFoundError(f"the rule {rule_id} does not look at {device_id}")
    return _explained(found[0], clock_ns)


def _explained(found: Explanation, clock_ns: int) -> Explained:
    reason = found.reason
    return Explained(
        thought=found.thought,
        why=None if reason is None else reason.why,
        why_since=None if reason is None else moment_or_none(reason.since_ns),
        why_until=None if reason is None else moment_or_none(reason.until_ns),
        value=_value(found),
        value_at=None if found.now is None else moment_or_none(found.now.reading_ns),
        levels=tuple(
            LevelNow(
                severity=SeverityWord(one.level.severity.word),
                phase=one.phase.name.lower(),
                since=moment_or_none(one.since_ns),
                due=moment_or_none(one.due_ns),
            )
            for one in found.levels
        ),
        alert=found.alert,
        silent_at=moment_or_none(found.silent_ns),
        clock=moment_or_none(clock_ns or None),
    )


def _value(found: Explanation) -> float | None:
    if found.now is None:
        return None
    compares = any(level.raise_at is not None for level in found.rule.levels)
    return found.now.value if compares else found.now.shown

"""What is to be done with a device's readings: worked out once for a registry and its rules. Pure.

A device that no rule selects has no plan, and its readings cost one look-up.
"""

from collections.abc import Mapping
from hashlib import blake2b
from math import inf

import msgspec
from msgspec import Struct

from alerts.judge.state import Place
from alerts.rules.rule import MISSED_INTERVALS, Aggregate, NoData, Rule, Rules, Side, State, Value, Window
from alerts.rules.select import selected
from telemetry.catalogue.metric import Kind
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device, Registry


class Watcher(Struct, frozen=True):
    """A rule that reads a metric."""

    rule: Rule
    low: float = inf
    """A value from here up to `high` changes nothing while the rule has no state of the device. By default all do."""
    high: float = -inf


class LanePlan(Struct, frozen=True):
    """Rules of the same lateness: they see a device's readings in the same order."""

    key: str
    lateness_ns: int
    by_clock: bool
    """Whether readings wait for the alert clock: other devices have a say, as with a pause."""
    watch: tuple[tuple[str, tuple[Watcher, ...]], ...]
    """Metric to the rules that read it."""
    waits: bool = False
    """Whether a reading waits here before it is judged: `lateness_ns` or `by_clock`."""


class Plan(Struct):
    """For one device."""

    place: Place
    lanes: tuple[LanePlan, ...]
    latches: tuple[Rule, ...]
    """Those for events: they wait for nothing."""
    silence: tuple[tuple[Rule, int], ...]
    """Those for no data, and after how long, ns."""
    rules: Mapping[str, Rule]
    """All of them, by id."""
    silent_ns: int | None
    """After how long without a reading the device counts as silent; None: it speaks when something happens."""


def plans(registry: Registry, rules: Rules) -> Mapping[str, Plan]:
    """By device id. Also for devices without rules on which others depend: gateways, and what puts rules to rest."""
    chosen = selected(rules, registry)
    pausing = {rule.pause.metric for rule in rules.rules if rule.pause is not None}
    gateways = {registry.devices[device].parent for device in chosen}
    counters = frozenset(name for name, metric in registry.metrics.items() if metric.kind is Kind.COUNTER)
    lanes: dict[tuple[str, ...], tuple[LanePlan, ...]] = {}
    found: dict[str, Plan] = {}
    for device in registry.devices.values():
        own = chosen.get(device.id, ())
        if not own and device.id not in gateways and pausing.isdisjoint(device.metrics):
            continue
        names = tuple(rule.id for rule in own)
        if names not in lanes:
            lanes[names] = _lanes(own)
        silent_ns = _silent_ns(device, rules)
        zone = registry.sites[device.site].timezone
        found[device.id] = Plan(
            place=Place(device, zone, silent_ns, counters),
            lanes=lanes[names],
            latches=tuple(rule for rule in own if rule.latches),
            silence=tuple((rule, _limit_ns(rule.condition, device, rules)) for rule in own if _is_no_data(rule)),
            rules={rule.id: rule for rule in own},
            silent_ns=silent_ns,
        )
    return found


def shape(rule: Rule) -> str:
    """What a state was made for: another condition or other severities begin anew, another threshold does not."""
    severities = [int(level.severity) for level in rule.levels]
    return blake2b(msgspec.json.encode([rule.condition, rule.side, severities]), digest_size=4).hexdigest()


def counts(rule: Rule) -> bool:
    """Whether it counts what happens: it then watches from the first moment on, not from the first reading."""
    return isinstance(rule.condition, Window) and rule.condition.aggregate is Aggregate.COUNT


def behind_ns(rule: Rule, lag_ns: int) -> int:
    """How far a rule's time on a device is behind the alert clock, where the device itself is `lag_ns` behind it.

    The end of what latches waits for no reading; a rule that rests waits for the clock, as all devices of its area do.
    """
    if rule.latches:
        return 0
    return rule.lateness_ns + (0 if rule.pause is not None else lag_ns)


def _is_no_data(rule: Rule) -> bool:
    return isinstance(rule.condition, NoData)


def _lanes(rules: tuple[Rule, ...]) -> tuple[LanePlan, ...]:
    groups: dict[tuple[int, bool], dict[str, list[Watcher]]] = {}
    for rule in rules:
        if rule.latches or _is_no_data(rule):
            continue
        watch = groups.setdefault((rule.lateness_ns, rule.pause is not None), {})
        metrics = rule.metrics if rule.guard is None else (*rule.metrics, rule.guard.metric)
        for metric in dict.fromkeys(metrics):
            watch.setdefault(metric, []).append(_watcher(rule))
    return tuple(
        LanePlan(
            key=f"{lateness_ns}{'c' if by_clock else ''}",
            lateness_ns=lateness_ns,
            by_clock=by_clock,
            watch=tuple((metric, tuple(watchers)) for metric, watchers in watch.items()),
            waits=by_clock or lateness_ns > 0,
        )
        for (lateness_ns, by_clock), watch in groups.items()
    )


def _watcher(rule: Rule) -> Watcher:
    """With the range in which nothing can happen, where the rule needs to remember nothing between readings."""
    if rule.guard is None and isinstance(rule.condition, Value):
        raises = [level.raise_at for level in rule.levels if level.raise_at is not None]
        return Watcher(rule, -inf, min(raises)) if rule.side is Side.ABOVE else Watcher(rule, max(raises), inf)
    if rule.guard is None and isinstance(rule.condition, State):
        equals = rule.condition.equals
        # States are whole numbers: those on the far side of the one that is meant.
        return Watcher(rule, -inf, equals - 0.5) if equals > 0 else Watcher(rule, equals + 0.5, inf)
    return Watcher(rule)


def _silent_ns(device: Device, rules: Rules) -> int | None:
    if device.interval_s is None:
        return None
    return round(device.interval_s * rules.missed_intervals.get(device.kind, MISSED_INTERVALS) * NS_PER_S)


def _limit_ns(condition: object, device: Device, rules: Rules) -> int:
    assert isinstance(condition, NoData), "asked for such rules only"
    if condition.after_ns is not None:
        return condition.after_ns
    assert device.interval_s is not None, "such a rule selects only devices with an interval"
    missed = condition.missed or rules.missed_intervals.get(device.kind, MISSED_INTERVALS)
    return round(missed * device.interval_s * NS_PER_S)

"""What one rule thinks of one device now, and why. Pure: state, memory and clock are given, as the judge left them.

A rule that remembers nothing of a device has found nothing bad in it; then the last stored value is shown.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from alerts.alert import Severity
from alerts.conditions import number
from alerts.explain.reason import Reason, Why, reason, rest
from alerts.judge.evaluate import begin
from alerts.judge.hearing import BEAT_NS, silence
from alerts.judge.lifecycle import Known, Phase
from alerts.judge.memory import NEVER, DeviceMemory
from alerts.judge.plans import Plan, shape
from alerts.judge.state import Place, RuleState
from alerts.rules.rule import Condition, Imbalance, Level, NoData, Rule, State, Value, Window
from telemetry.reading import Quality, Reading


class Thought(StrEnum):
    """What a rule thinks of a device, in a word."""

    QUIET = "quiet"
    PENDING = "pending"
    RAISED = "raised"
    CLEARING = "clearing"
    """Raised, and its condition has stopped."""
    UNKNOWN = "unknown"
    """Not raised, and there is nothing to compare."""
    OFF = "off"
    """Outside its hours."""


PHASES = {Phase.PENDING: Thought.PENDING, Phase.ACTIVE: Thought.RAISED, Phase.CLEARING: Thought.CLEARING}


class Standing(NamedTuple):
    """How one level stands."""

    level: Level
    phase: Phase
    since_ns: int | None
    """None: it is idle."""
    due_ns: int | None
    """When it is raised, or cleared, if nothing changes."""


class Share(NamedTuple):
    """How much of a window is known."""

    known: float
    """Of 1, at the end of its last step."""
    needed: float
    step_ns: int
    """When it is worked out next."""


class Explanation(Struct, frozen=True):
    """What a rule thinks of a device."""

    rule: Rule
    phase: Phase
    severity: Severity | None
    """Of the alert; while it is pending the one that comes first."""
    levels: tuple[Standing, ...]
    reason: Reason | None
    """None: it compares a value, and that counts."""
    now: Known | None
    """What it compares; also while that does not count."""
    stored: bool
    """`now` comes from the store: the rule remembers nothing, and so is quiet."""
    judged_ns: int | None
    """Event time of the last that it judged; None: nothing yet."""
    share: Share | None = None
    guard: tuple[int, float] | None = None
    """Time and value of the guard's metric."""
    silent_ns: int | None = None
    """When the device counts as silent, on the alert clock, if nothing comes. Only rules for silent devices."""
    alert: str | None = None
    expires_ns: int | None = None
    """Of an event's alert that ends by itself."""
    flapping: bool = False

    @property
    def thought(self) -> Thought:
        """All of it in a word."""
        if self.phase is not Phase.IDLE:
            return PHASES[self.phase]
        match None if self.reason is None else self.reason.why:
            case None | Why.GUARD_NOT_MET:
                return Thought.QUIET
            case Why.OUTSIDE_HOURS:
                return Thought.OFF
            case _:
                return Thought.UNKNOWN


class Stored(NamedTuple):
    """The newest value of a metric in the store."""

    time_ns: int
    value: float
    quality: Quality = Quality.GOOD


class Facts(Struct, frozen=True):
    """What is known of a device besides what rules remember."""

    memory: DeviceMemory
    clock_ns: int
    """The alert clock."""
    resumed_ns: int = 0
    """The alert clock at the end of the last outage of ours."""
    gateway: tuple[DeviceMemory, int | None] | None = None
    """The one through which it speaks, and how long that may be silent, ns."""
    stored: Mapping[str, Stored] = {}
    """By metric."""


def explain(rule: Rule, state: RuleState | None, plan: Plan, facts: Facts) -> Explanation:
    """What `rule`, one of the plan's, thinks of the plan's device.

    `state` is what it remembers, None: nothing. `plan.place` has to know the pauses of its area.
    """
    if state is not None and state.shape != shape(rule):
        begun = begin(rule, facts.clock_ns)
        return _of_life(rule, begun, Reason(Why.CHANGED))
    if isinstance(rule.condition, NoData):
        return _of_silence(rule, state, plan, facts)
    stored = _from_store(rule, plan.place, facts.stored) if state is None else None
    seen = stored or state
    at_ns = _moment_ns(rule, facts, state)
    found = _of_life(rule, state or begin(rule, at_ns), reason(rule, seen, plan.place, at_ns))
    return replace(
        found,
        now=None if seen is None else seen.now,
        stored=stored is not None,
        judged_ns=_quiet_ns(rule, plan, facts) if state is None else _judged_ns(rule, state),
        share=None if state is None else _share(rule.condition, state),
        guard=None if seen is None else seen.guard,
    )


def _of_life(rule: Rule, state: RuleState, reason: Reason | None) -> Explanation:
    levels = tuple(
        Standing(
            level,
            stage.phase,
            None if stage.phase is Phase.IDLE else stage.since_ns,
            {
                Phase.PENDING: stage.since_ns + level.for_ns,
                Phase.CLEARING: stage.since_ns + level.clear_for_ns,
            }.get(stage.phase),
        )
        for level, stage in zip(rule.levels, state.life.stages, strict=True)
    )
    active = [one for one in levels if one.phase >= Phase.ACTIVE]
    pending = [one for one in levels if one.phase is Phase.PENDING]
    first = active[-1] if active else min(pending, key=lambda one: one.due_ns or 0, default=None)
    return Explanation(
        rule=rule,
        phase=Phase.IDLE if first is None else first.phase,
        severity=None if first is None else first.level.severity,
        levels=levels,
        reason=reason,
        now=state.now,
        stored=False,
        judged_ns=None,
        alert=state.life.alert,
        expires_ns=state.due_ns if rule.latches and state.life.alert is not None else None,
        flapping=state.life.flapping,
    )


def _of_silence(rule: Rule, state: RuleState | None, plan: Plan, facts: Facts) -> Explanation:
    """Of a rule for silent devices: it compares no value but how long nothing has come."""
    memory = facts.memory
    limit_ns = next(limit_ns for one, limit_ns in plan.silence if one.id == rule.id)
    overdue_ns = max(memory.arrived_ns, facts.resumed_ns, memory.back_ns) + limit_ns + rule.lateness_ns
    why, silent_ns = rest(rule, plan.place, _moment_ns(rule, facts, state)), None
    if not memory.heard_ns:
        why = why or Reason(Why.NEVER_HEARD)
    elif _is_away(facts.gateway, facts.clock_ns) and facts.clock_ns >= overdue_ns:
        why = why or Reason(Why.GATEWAY_AWAY, overdue_ns)
    elif state is None or state.now is None or not state.now.value:
        found = silence(memory, limit_ns, facts.clock_ns, facts.resumed_ns, facts.gateway, rule.lateness_ns)
        silent_ns = found if isinstance(found, int) else found.again_ns - BEAT_NS
    life = _of_life(rule, state or begin(rule, facts.clock_ns), why)
    return replace(life, judged_ns=memory.heard_ns or None, silent_ns=silent_ns)


def _moment_ns(rule: Rule, facts: Facts, state: RuleState | None) -> int:
    """Where the rule stands in the device's own time, as with the judge's tick."""
    behind_ns = rule.lateness_ns + (0 if rule.pause is not None else facts.memory.lag_ns)
    return max(facts.clock_ns - behind_ns, 0 if state is None else state.at_ns)


def _share(condition: Condition, state: RuleState) -> Share | None:
    course = state.course
    if not isinstance(condition, Window) or course is None:
        return None
    known_ns = sum(bucket.known_ns for bucket in state.closed)
    return Share(known_ns / condition.window_ns, condition.coverage, course.end_ns)


def _from_store(rule: Rule, place: Place, stored: Mapping[str, Stored]) -> RuleState | None:
    """A state with the newest stored values; None where the rule compares more than single values of one moment."""
    found = [stored[metric] for metric in rule.metrics if metric in stored]
    single = isinstance(rule.condition, Value | State | Imbalance)
    if not single or len(found) < len(rule.metrics) or len({one.time_ns for one in found}) > 1:
        return None
    values = {metric: stored[metric].value for metric in rule.metrics}
    quality = {metric: stored[metric].quality for metric in rule.metrics}
    reading = Reading(place.device.id, found[0].time_ns, None, values, quality)
    guard = None if rule.guard is None else stored.get(rule.guard.metric)
    begun = replace(begin(rule, 0), guard=None if guard is None else (guard.time_ns, guard.value))
    return number.observed(rule.condition, begun, reading, place)


def _judged_ns(rule: Rule, state: RuleState) -> int | None:
    if rule.latches:
        return state.seen[-1][0] if state.seen else None
    return state.at_ns or None


def _quiet_ns(rule: Rule, plan: Plan, facts: Facts) -> int | None:
    """A rule without a state was quiet at the last reading that its lane saw."""
    for lane in plan.lanes:
        if any(one.rule.id == rule.id for _, watchers in lane.watch for one in watchers):
            kept = facts.memory.lanes.get(lane.key)
            last = [] if kept is None else [kept.last.get(metric, NEVER)[0] for metric in rule.metrics]
            return max((moment_ns for moment_ns in last if moment_ns >= 0), default=None)
    return None


def _is_away(gateway: tuple[DeviceMemory, int | None] | None, clock_ns: int) -> bool:
    if gateway is None or not gateway[0].heard_ns:
        return False
    memory, may_ns = gateway
    return memory.offline or (may_ns is not None and clock_ns - memory.arrived_ns >= may_ns)

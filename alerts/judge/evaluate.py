"""One rule, one device: from its state and an event to the next state and what changed. Pure.

Everything happens in event time. Before an event is looked at, all that time alone has changed until then is worked
out, moment by moment: a `for` that is fulfilled, a value that holds no longer, hours that begin, a step of a window.
So a transition carries the moment at which it became true, however late it is noticed, and it is the same whether a
tick of the clock or a reading brought it to light.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from alerts.alert import Transition
from alerts.conditions import latch, number, window
from alerts.conditions.rest import is_out_of_service, is_paused
from alerts.judge import lifecycle
from alerts.judge.lifecycle import Known, Signal, Verdict
from alerts.judge.state import Event, Place, RuleState, Silent, Tick, is_suspect
from alerts.rules.rule import Guard, NoData, Rule, Side, Window
from telemetry.reading import Reading


def begin(rule: Rule, at_ns: int, shape: str = "") -> RuleState:
    """A rule meets a device."""
    state = RuleState(lifecycle.born(rule), shape, at_ns)
    if isinstance(rule.condition, Window):
        course = window.begin(rule.condition, at_ns)
        return replace(state, course=course, due_ns=course.end_ns)
    return state


def evaluate(
    rule: Rule, state: RuleState, event: Event, place: Place, noticed_ns: int
) -> tuple[RuleState, Sequence[Transition]]:
    """The next state, and the transitions in order. `noticed_ns` is the alert clock; it decides nothing but staleness.

    Readings are given in order; one that the clock has overtaken counts from the moment that was reached.
    """
    if rule.latches:
        return latch.evaluate(rule, state, event, place, noticed_ns)
    if rule.pause is not None:  # there may be new ones
        state = replace(state, due_ns=_due_ns(rule, state, place))
    transitions: list[Transition] = []
    # A reading of the very moment has the last word on it; a window's step ends before what comes at its end.
    until_ns = event.time_ns if isinstance(rule.condition, Window) else event.time_ns - 1
    while state.due_ns is not None and state.due_ns <= until_ns:
        state, found = _step(rule, state, place, state.due_ns, noticed_ns)
        transitions += found
    if isinstance(event, Tick):
        return state, transitions
    state = _observed(rule, state, event, place)
    if not isinstance(rule.condition, Window):
        state, found = _step(rule, state, place, max(event.time_ns, state.at_ns), noticed_ns)
        transitions += found
    return state, transitions


def signal(rule: Rule, state: RuleState, place: Place, at_ns: int) -> Signal:
    """What the rule compares at a moment, or why it compares nothing."""
    if rule.hours is not None and not rule.hours.hold(at_ns, place.zone):
        return Verdict.OFF
    if is_paused(rule, place, at_ns) or is_out_of_service(place.device, at_ns) or state.now is None:
        return Verdict.UNKNOWN
    if _fades(rule) and _is_old(state.now.reading_ns, place.hold_ns, at_ns):
        return Verdict.UNKNOWN
    if rule.guard is not None:
        if state.guard is None or _is_old(state.guard[0], place.hold_ns, at_ns):
            return Verdict.UNKNOWN
        if not _is_met(rule.guard, state.guard[1]):
            return Verdict.NOT
    return state.now


def _step(
    rule: Rule, state: RuleState, place: Place, at_ns: int, noticed_ns: int
) -> tuple[RuleState, list[Transition]]:
    """Judge at one moment."""
    if isinstance(rule.condition, Window) and state.course is not None and at_ns >= state.course.end_ns:
        state = _closed(rule.condition, state, place)
    life, transitions = lifecycle.step(
        rule, place.device.id, state.life, signal(rule, state, place, at_ns), at_ns, noticed_ns
    )
    state = replace(state, life=life, at_ns=at_ns)
    return replace(state, due_ns=_due_ns(rule, state, place)), transitions


def _closed(condition: Window, state: RuleState, place: Place) -> RuleState:
    """The next step of a window."""
    assert state.course is not None, "every window has its course"
    end_ns = state.course.end_ns
    course, closed = window.close(condition, state.course, state.closed, place.hold_ns)
    value = window.aggregate(condition, course, closed)
    if value is not None and condition.part_of_month_peak:
        course, value = window.against_peak(condition, course, value, end_ns, place.zone)
    now = None if value is None else Known(value, value, course.reading_ns, course.suspect)
    return replace(state, course=course, closed=closed, now=now)


def _observed(rule: Rule, state: RuleState, event: Reading | Silent, place: Place) -> RuleState:
    """The state with what a reading says."""
    if isinstance(event, Silent):
        return replace(state, now=Known(1.0, None, event.heard_ns or None))
    if isinstance(rule.condition, NoData):
        return replace(state, now=Known(0.0, None, event.time_ns))
    if rule.guard is not None:
        guard = event.values.get(rule.guard.metric)
        if isinstance(guard, float):
            state = replace(state, guard=(event.time_ns, guard))
    if isinstance(rule.condition, Window):
        value = event.values.get(rule.condition.metric)
        if not isinstance(value, float) or state.course is None:
            return state
        counter = rule.condition.metric in place.counters
        suspect = is_suspect(event, rule.condition.metric)
        course, closed = window.wake(rule.condition, state.course, state.closed, event.time_ns)
        course = window.add(course, event.time_ns, value, place.hold_ns, suspect=suspect, counter=counter)
        state = replace(state, course=course, closed=closed)
        return state if state.due_ns is not None else replace(state, due_ns=_due_ns(rule, state, place))
    return number.observed(rule.condition, state, event, place)


def _due_ns(rule: Rule, state: RuleState, place: Place) -> int | None:
    """The next moment after `at_ns` at which time alone may change something. A moment too many does no harm."""
    at_ns, idle = state.at_ns, lifecycle.is_idle(state.life)
    moments: list[int | None] = [] if idle else [lifecycle.due_ns(rule, state.life, state.at_ns)]
    if isinstance(rule.condition, Window) and state.course is not None:
        lives = window.is_alive(rule.condition, state.course, state.closed, place.hold_ns)
        moments.append(state.course.end_ns if lives else None)
    # Where nothing is bad and nothing is remembered, no hours and no pause change that.
    if not idle or (state.now is not None and lifecycle.is_bad(rule, state.now.value)):
        if state.now is not None and _fades(rule) and place.hold_ns is not None and state.now.reading_ns is not None:
            moments.append(state.now.reading_ns + place.hold_ns)
        if state.guard is not None and place.hold_ns is not None:
            moments.append(state.guard[0] + place.hold_ns)
        if rule.hours is not None:
            moments.append(rule.hours.next_change_ns(at_ns, place.zone))
        if rule.pause is not None:
            for time_ns, metric in place.pauses:
                if metric == rule.pause.metric:
                    moments += [time_ns, time_ns + rule.pause.for_ns]
        for outage in place.device.out_of_service:
            moments += [outage.start_ns, outage.end_ns]
    return min((moment for moment in moments if moment is not None and moment > at_ns), default=None)


def _fades(rule: Rule) -> bool:
    """Whether what it compares holds only so long: a window keeps its own account, silence ends with a reading."""
    return not isinstance(rule.condition, Window | NoData)


def _is_old(reading_ns: int | None, hold_ns: int | None, at_ns: int) -> bool:
    return hold_ns is not None and reading_ns is not None and at_ns >= reading_ns + hold_ns


def _is_met(guard: Guard, value: float) -> bool:
    return value > guard.threshold if guard.side is Side.ABOVE else value < guard.threshold

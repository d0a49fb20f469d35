"""Why a rule compares nothing on a device at a moment, or why what it compares does not count. Pure.

`evaluate.signal` decides; this says for which reason, and until when, where that is known.
"""

from enum import StrEnum
from typing import NamedTuple

from alerts.conditions.rest import is_out_of_service
from alerts.judge.evaluate import signal
from alerts.judge.lifecycle import Known, Verdict
from alerts.judge.state import Place, RuleState
from alerts.rules.rule import Rate, Rule, Window

CHANGES_AHEAD = 32
"""Of hours, that are looked at for their next beginning: more than a week has."""


class Why(StrEnum):
    """Why a rule compares nothing now, or why what it compares does not count."""

    CHANGED = "changed"
    """The rule is another than the one that the alert service remembers."""
    OUTSIDE_HOURS = "outside_hours"
    PAUSED = "paused"
    """After an event of its area."""
    OUT_OF_SERVICE = "out_of_service"
    NEVER_HEARD = "never_heard"
    """Nothing that it reads has come yet."""
    SILENT = "silent"
    """The last value is too old to hold."""
    ONE_READING = "one_reading"
    """A rate needs two readings without a gap between them."""
    WINDOW_NOT_FULL = "window_not_full"
    """The device has not been watched for a whole window yet."""
    TOO_LITTLE_KNOWN = "too_little_known"
    """For too small a share of the window."""
    NO_PEAK = "no_peak"
    """This month has no peak yet that means something, see `window.SETTLES_DAYS`."""
    GUARD_UNKNOWN = "guard_unknown"
    GUARD_NOT_MET = "guard_not_met"
    GATEWAY_AWAY = "gateway_away"
    """The device is overdue, and so is the gateway through which it speaks."""


class Reason(NamedTuple):
    """Why, and for how long, event time in ns UTC where it is known."""

    why: Why
    since_ns: int | None = None
    until_ns: int | None = None


def reason(rule: Rule, state: RuleState | None, place: Place, at_ns: int) -> Reason | None:
    """Why there is no value that counts at `at_ns`, event time; None: there is one. `state` None: nothing is kept."""
    if (rests := rest(rule, place, at_ns)) is not None or rule.latches:
        return rests
    if state is None or state.now is None:
        return _missing(rule, state)
    found = signal(rule, state, place, at_ns)
    if isinstance(found, Known):
        return None
    if found is Verdict.NOT:
        return Reason(Why.GUARD_NOT_MET, None if state.guard is None else state.guard[0])
    reading_ns, hold_ns = state.now.reading_ns, place.hold_ns
    if not isinstance(rule.condition, Window) and reading_ns is not None and hold_ns is not None:
        old_ns = reading_ns + hold_ns
        if at_ns >= old_ns:
            return Reason(Why.SILENT, old_ns)
    return Reason(Why.GUARD_UNKNOWN)


def rest(rule: Rule, place: Place, at_ns: int) -> Reason | None:
    """Why the rule looks at nothing then, whatever there is."""
    if rule.hours is not None and not rule.hours.hold(at_ns, place.zone):
        return Reason(Why.OUTSIDE_HOURS, until_ns=_hours_begin_ns(rule, place, at_ns))
    if rule.pause is not None:
        metric, for_ns = rule.pause.metric, rule.pause.for_ns
        begun = [time_ns for time_ns, one in place.pauses if one == metric and time_ns <= at_ns < time_ns + for_ns]
        if begun:
            return Reason(Why.PAUSED, begun[-1], begun[-1] + for_ns)
    if is_out_of_service(place.device, at_ns):
        begun = [one.start_ns for one in place.device.out_of_service if one.start_ns <= at_ns]
        ends = [one.end_ns for one in place.device.out_of_service if one.start_ns <= at_ns]
        last_ns = None if None in ends else max(end_ns for end_ns in ends if end_ns is not None)
        return Reason(Why.OUT_OF_SERVICE, max(begun), last_ns)
    return None


def _hours_begin_ns(rule: Rule, place: Place, at_ns: int) -> int | None:
    assert rule.hours is not None, "asked for rules with hours only"
    for _ in range(CHANGES_AHEAD):
        at_ns = rule.hours.next_change_ns(at_ns, place.zone)
        if rule.hours.hold(at_ns, place.zone):
            return at_ns
    return None


def _missing(rule: Rule, state: RuleState | None) -> Reason:
    """Why there is nothing to compare."""
    if state is None:
        return Reason(Why.NEVER_HEARD)
    condition, course = rule.condition, state.course
    if isinstance(condition, Rate) and state.before is not None:
        return Reason(Why.ONE_READING, state.before[0])
    if not isinstance(condition, Window) or course is None:
        return Reason(Why.NEVER_HEARD)
    if course.cursor_ns - course.observed_ns < condition.window_ns:
        full_ns = course.observed_ns + condition.window_ns
        return Reason(Why.WINDOW_NOT_FULL, course.observed_ns, full_ns + -full_ns % condition.step_ns)
    known_ns = sum(bucket.known_ns for bucket in state.closed)
    if known_ns < condition.coverage * condition.window_ns or not known_ns:
        return Reason(Why.TOO_LITTLE_KNOWN)
    return Reason(Why.NO_PEAK)

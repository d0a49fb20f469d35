"""Events: an alert that stays until a person, or time, ends it. Pure.

An event counts once, in whatever order events arrive: the last ones are remembered. One that comes late raises too, if
it is younger than the rule's `expire_after`.
"""

from msgspec.structs import replace

from alerts.alert import Ending, Transition
from alerts.conditions.rest import is_out_of_service
from alerts.judge import lifecycle
from alerts.judge.lifecycle import Known
from alerts.judge.state import Event, Place, RuleState, is_suspect
from alerts.rules.rule import Happening, Rule
from telemetry.reading import Reading

STALE_NS = 24 * 3_600_000_000_000
"""An event older than this raises nothing, where the rule says nothing else."""
SEEN = 256


def evaluate(
    rule: Rule, state: RuleState, event: Event, place: Place, noticed_ns: int
) -> tuple[RuleState, list[Transition]]:
    """As `alerts.evaluate.evaluate`."""
    transitions: list[Transition] = []
    if state.due_ns is not None and state.due_ns <= event.time_ns:
        life, transitions = lifecycle.end(rule, place.device.id, state.life, Ending.EXPIRED, state.due_ns, noticed_ns)
        state = replace(state, life=life, due_ns=None)
    if not isinstance(event, Reading) or not isinstance(rule.condition, Happening):
        return state, transitions
    value = event.values.get(rule.condition.metric)
    key = (event.time_ns, event.seq or 0)
    if not isinstance(value, float) or key in state.seen:
        return state, transitions
    state = replace(state, seen=tuple(sorted({*state.seen, key})[-SEEN:]))
    if state.life.alert is not None or not _counts(rule, rule.condition, value, event.time_ns, place, noticed_ns):
        return state, transitions
    known = Known(1.0, value, event.time_ns, is_suspect(event, rule.condition.metric))
    life, raised = lifecycle.step(rule, place.device.id, state.life, known, event.time_ns, noticed_ns)
    due_ns = None if rule.expire_after_ns is None else event.time_ns + rule.expire_after_ns
    return replace(state, life=life, due_ns=due_ns), [*transitions, *raised]


def _counts(rule: Rule, condition: Happening, value: float, time_ns: int, place: Place, noticed_ns: int) -> bool:
    """Whether an event raises an alert."""
    if not condition.at_least <= value <= condition.at_most:
        return False
    if noticed_ns - time_ns >= (STALE_NS if rule.expire_after_ns is None else rule.expire_after_ns):
        return False
    if rule.hours is not None and not rule.hours.hold(time_ns, place.zone):
        return False
    return not is_out_of_service(place.device, time_ns)

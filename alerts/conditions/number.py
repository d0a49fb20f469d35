"""What a rule without a window compares: a value, a rate, an imbalance, a state. Pure."""

from msgspec.structs import replace

from alerts.judge.lifecycle import Known
from alerts.judge.state import Place, RuleState, is_suspect
from alerts.rules.rule import Condition, Imbalance, Rate, State, Value
from telemetry.reading import Reading

PERCENT = 100.0


def observed(condition: Condition, state: RuleState, reading: Reading, place: Place) -> RuleState:
    """The state with what the reading says of it; as it was where it says nothing."""
    match condition:
        case Value(metric=metric):
            value = reading.values.get(metric)
            if isinstance(value, float):
                return replace(state, now=_known(value, value, reading, metric))
        case State(metric=metric, equals=equals):
            value = reading.values.get(metric)
            if isinstance(value, float):
                return replace(state, now=_known(float(value == equals), value, reading, metric))
        case Rate():
            return _rate(condition, state, reading, place)
        case Imbalance(metrics=metrics):
            phases = [value for metric in metrics if isinstance(value := reading.values.get(metric), float)]
            if len(phases) == len(metrics):
                value = imbalance_pct(phases)
                return replace(state, now=_known(value, value, reading, *metrics))
        case _:
            pass
    return state


def imbalance_pct(phases: list[float]) -> float:
    """The largest deviation from the mean, in percent of the mean (NEMA MG 1-14.36); 0 where there is no load."""
    mean = sum(phases) / len(phases)
    if mean <= 0.0:
        return 0.0
    return max(abs(phase - mean) for phase in phases) / mean * PERCENT


def _rate(condition: Rate, state: RuleState, reading: Reading, place: Place) -> RuleState:
    """The change from the reading before, per period; none over a gap, and none where a counter fell."""
    metric = condition.metric
    value = reading.values.get(metric)
    if not isinstance(value, float):
        return state
    before, state = state.before, replace(state, before=(reading.time_ns, value))
    if before is None or reading.time_ns <= before[0]:
        return state
    passed_ns = reading.time_ns - before[0]
    gap = place.hold_ns is not None and passed_ns > place.hold_ns
    if gap or (metric in place.counters and value < before[1]):
        return replace(state, now=None)
    rate = (value - before[1]) * condition.per_ns / passed_ns
    return replace(state, now=_known(rate, rate, reading, metric))


def _known(value: float, shown: float, reading: Reading, *metrics: str) -> Known:
    return Known(value, shown, reading.time_ns, is_suspect(reading, *metrics))

"""What a rule compares, in the words of one language, and how its numbers are written. Pure."""

from enum import Enum, auto

from msgspec import Struct

from alerts.message.shown import plain, window
from alerts.message.words import Words
from alerts.rules.rule import Aggregate, Happening, Imbalance, NoData, Rate, Rule, State, Value, Window
from telemetry.catalogue.load import Named, label
from telemetry.catalogue.metric import Metric
from telemetry.catalogue.units import symbol
from telemetry.registry.models import Registry

_DECIMALS_UNKNOWN = 2
_PERCENT = 100.0


class Form(Enum):
    """How a value is written."""

    NUMBER = auto()
    PEAK = auto()
    """As a part of the month's peak."""
    YES_NO = auto()
    HAPPENED = auto()
    """Not at all: the metric's name says it."""


class Measure(Struct, frozen=True):
    """What a rule compares, and how its numbers are written."""

    what: str
    unit: str
    decimals: int
    form: Form = Form.NUMBER

    @property
    def factor(self) -> float:
        """What a number is multiplied by before it is written."""
        return _PERCENT if self.form is Form.PEAK else 1.0

    def text(self, digits: str, words: Words) -> str:
        """Digits with what belongs to them."""
        text = f"{digits} {self.unit}".rstrip()
        return words.peak.format(value=text) if self.form is Form.PEAK else text


def measure_of(rule: Rule | None, registry: Registry, words: Words, language: str) -> Measure:
    """What the rule compares; of one that is no longer configured: plain numbers."""
    match None if rule is None else rule.condition:
        case None:
            return Measure("", "", _DECIMALS_UNKNOWN)
        case NoData():
            return Measure(words.no_data, "", 0, Form.HAPPENED)
        case Imbalance(metrics):
            names = words.comma.join(metric_name(name, registry, language) for name in metrics)
            return Measure(words.imbalance.format(metrics=names), "%", 1)
        case condition:
            name = metric_name(condition.metric, registry, language)
            metric = registry.metrics.get(condition.metric)
            return _of_metric(condition, name, metric, words)


def name_of(thing: Named | None, id_: str, language: str) -> str:
    """What people call it, on one line; its id where it has no name."""
    return plain("" if thing is None else label(thing, language)) or id_


def metric_name(name: str, registry: Registry, language: str) -> str:
    """What people call a metric."""
    return name_of(registry.metrics.get(name), name, language)


def _of_metric(
    condition: Value | Rate | Window | State | Happening, name: str, metric: Metric | None, words: Words
) -> Measure:
    unit = "" if metric is None else symbol(metric.unit)
    decimals = _DECIMALS_UNKNOWN if metric is None else metric.decimals
    flag = metric is not None and (metric.possible_min, metric.possible_max) == (0.0, 1.0)
    match condition:
        case Rate(_, per_ns):
            return Measure(words.rate.format(metric=name, span=window(per_ns, words)[1]), unit, decimals)
        case Window():
            described, span = window(condition.window_ns, words)
            what = words.aggregates[condition.aggregate].format(metric=name, window=described, span=span)
            if condition.part_of_month_peak:
                return Measure(what, "%", 0, Form.PEAK)
            if condition.aggregate is Aggregate.COUNT:
                return Measure(what, "", 0)
            return Measure(what, unit, decimals)
        case State():
            return Measure(name, unit, decimals, Form.YES_NO if flag else Form.NUMBER)
        case Happening():
            return Measure(name, unit, decimals, Form.HAPPENED if flag else Form.NUMBER)
        case Value():
            return Measure(name, unit, decimals)

"""Values as people read them: unit, decimals, and how far to trust them."""

from telemetry.catalogue.load import Named, label
from telemetry.catalogue.metric import Kind, Metric
from telemetry.catalogue.units import symbol
from telemetry.reading import Quality


def unit_text(metric: Metric | None) -> str:
    """The unit's sign; empty for plain numbers and for a metric that the catalogue has lost."""
    return "" if metric is None else symbol(metric.unit)


def value_text(metric: Metric | None, value: float | str) -> str:
    """With the catalogue's decimals; a state of two as yes or no; what the catalogue has lost as stored."""
    if isinstance(value, str):
        return value
    if metric is None:
        return f"{value:g}"
    if metric.kind is Kind.STATE and metric.possible_max <= 1:
        return "yes" if value else "no"
    return f"{value:.{metric.decimals}f}"


def quality_text(quality: Quality) -> str:
    """In words: `good`, or any of `suspect`, `arrival time` and `manual`."""
    words = []
    if Quality.SUSPECT in quality:
        words.append("suspect")
    if Quality.ARRIVAL_TIME in quality:
        words.append("arrival time")
    if Quality.MANUAL in quality:
        words.append("manual")
    return ", ".join(words) or "good"


def name_text(thing: Named | None, language: str, fallback: str) -> str:
    """What people call it, or the id where it has no name."""
    return (thing and label(thing, language)) or fallback

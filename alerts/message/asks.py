"""What a rule asks, in one line of the reader's language: what it compares, and from where on it is how bad. Pure."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from collections.abc import Mapping

from msgspec import Struct

from alerts.message.measure import Form, Measure, measure_of, metric_name
from alerts.message.shown import MOST_DECIMALS, number, window
from alerts.message.words import Words, spoken, words_for
from alerts.rules.rule import Guard, Happening, Level, NoData, Rule, Side, State
from telemetry.catalogue.units import symbol
from telemetry.registry.models import Registry


class _Phrases(Struct, frozen=True):
    """Of one language."""

    sides: Mapping[Side, str]
    """Field threshold."""
    state: str
    """Field value."""
    reported: str
    between: str
    """Fields least and most."""
    at_least: str
    missed: str
    """Field count; intervals."""
    missed_usual: str
    after: str
    """Field duration."""
    lasting: str
    """Fields limit and duration."""
    silent: str
    """The same, where the limit is itself a time."""
    level: str
    """Fields limit and severity."""
    then: str
    """Between levels."""
    guard: str
    """Fields what and limit."""


_PHRASES: Mapping[str, _Phrases] = {
    "en": _Phrases(
        sides={Side.ABOVE: "above {threshold}", Side.BELOW: "below {threshold}"},
        state="at “{value}”",
        reported="when reported",
        between="when {least} to {most} is reported",
        at_least="when {least} is reported",
        missed="after {count} missed intervals",
        missed_usual="after too many missed intervals",
        after="after {duration}",
        lasting="{limit} for {duration}",
        silent="{limit} and {duration} more",
        level="{severity} {limit}",
        then=", ",
        guard=", only while {what} is {limit}",
    ),
    "zh-Hant": _Phrases(
        sides={Side.ABOVE: "高於 {threshold}", Side.BELOW: "低於 {threshold}"},
        state="「{value}」",
        reported="一有報告",
        between="報告 {least} 至 {most}",
        at_least="報告 {least}",
        missed="漏報 {count} 次",
        missed_usual="漏報過多",
        after="{duration}後",
        lasting="{limit}，持續 {duration}",
        silent="{limit}，再過 {duration}",
        level="{limit}，即屬{severity}",
        then="；",
        guard="；只在{what}{limit} 時生效",
    ),
}


def asks(rule: Rule, registry: Registry, language: str) -> str:
    """As in `Ammonia: warning above 1.5 ppm for 5 min, critical above 3 ppm`."""
    words, phrases = words_for(language), _PHRASES[spoken(language)]
    measure = measure_of(rule, registry, words, language)
    levels = phrases.then.join(_level(rule, level, measure, words, phrases) for level in rule.levels)
    said = words.sentence.format(what=measure.what, figures=levels)
    return said if rule.guard is None else said + _guard(rule.guard, registry, language, phrases)


def _level(rule: Rule, level: Level, measure: Measure, words: Words, phrases: _Phrases) -> str:
    limit = _limit(rule, level, measure, words, phrases)
    if level.for_ns:
        lasting = phrases.silent if isinstance(rule.condition, NoData) else phrases.lasting
        limit = lasting.format(limit=limit, duration=window(level.for_ns, words)[1])
    return phrases.level.format(limit=limit, severity=words.severities[level.severity].lower())


def _limit(rule: Rule, level: Level, measure: Measure, words: Words, phrases: _Phrases) -> str:
    match rule.condition:
        case State(_, equals):
            answer = measure.text(_exact(equals), words)
            if measure.form is Form.YES_NO:
                answer = words.yes if equals else words.no
            return phrases.state.format(value=answer)
        case Happening(_, at_least, at_most):
            if measure.form is Form.HAPPENED:
                return phrases.reported
            between = phrases.at_least if at_least == at_most else phrases.between
            return between.format(least=_exact(at_least), most=_exact(at_most))
        case NoData(missed, after_ns):
            if after_ns is not None:
                return phrases.after.format(duration=window(after_ns, words)[1])
            return phrases.missed_usual if missed is None else phrases.missed.format(count=_exact(missed))
        case _:
            assert level.raise_at is not None, "the condition has thresholds"
            threshold = measure.text(_exact(level.raise_at * measure.factor), words)
            return phrases.sides[rule.side].format(threshold=threshold)


def _guard(guard: Guard, registry: Registry, language: str, phrases: _Phrases) -> str:
    metric = registry.metrics.get(guard.metric)
    threshold = f"{_exact(guard.threshold)} {'' if metric is None else symbol(metric.unit)}".rstrip()
    limit = phrases.sides[guard.side].format(threshold=threshold)
    return phrases.guard.format(what=metric_name(guard.metric, registry, language), limit=limit)


def _exact(threshold: float) -> str:
    """As it was written: rounded it would be another threshold."""
    return number(threshold, MOST_DECIMALS)

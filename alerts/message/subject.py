"""What an alert is about, in the words of one language: names of its rule, place and device, and its figures. Pure."""

import string
from collections.abc import Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.alert import Alert
from alerts.message.measure import Form, Measure, measure_of, metric_name, name_of
from alerts.message.shown import moment, number, pair, plain
from alerts.message.words import Words
from alerts.rules.rule import Happening, NoData, Rule, Side, State
from telemetry.registry.models import Registry


class Texts(NamedTuple):
    """Something that a person wrote in several languages; `label` chooses."""

    names: Mapping[str, str]


class Subject(Struct, frozen=True):
    """Names and figures, ready to be put into sentences."""

    rule: str
    device: str
    site: str
    """Empty where the device is no longer configured."""
    area: str
    zone: ZoneInfo | None
    """The site's; None: not known."""
    metric: str
    """Its name; of an imbalance: those of all its metrics."""
    unit: str
    value: str
    """With its unit; empty: there is none."""
    threshold: str
    what: str
    """What was compared, as in `30-minute mean of Ammonia`."""
    figures: str
    """The value against the threshold, as in `3.4 ppm, above 3 ppm`; of what has no number: the state, or nothing."""
    since: str

    def where(self, words: Words) -> str:
        """The place; the device where that is all that is known."""
        return words.comma.join(part for part in (self.area, self.site) if part) or self.device

    def sentence(self, words: Words) -> str:
        """What is the matter, made from the condition."""
        return words.sentence.format(what=self.what, figures=self.figures) if self.figures else self.what


def subject_of(
    alert: Alert, rule: Rule | None, registry: Registry, words: Words, language: str, now_ns: int
) -> Subject:
    """Everything that a message says about an alert; what is no longer configured goes by its id."""
    device = registry.devices.get(alert.device)
    site = None if device is None else registry.sites.get(device.site)
    area = None if site is None or device is None or device.area is None else site.areas.get(device.area)
    zone = None if site is None else site.timezone
    measure = measure_of(rule, registry, words, language)
    value, threshold, figures = _figures(alert, rule, measure, words)
    metrics = () if rule is None else rule.metrics
    if rule is not None and isinstance(rule.condition, NoData) and alert.reading_ns is not None:
        since = moment(alert.reading_ns, zone, now_ns, words)
        measure = Measure(words.no_data_since.format(time=since), "", 0, Form.HAPPENED)
    return Subject(
        rule=name_of(rule, alert.rule, language),
        device=name_of(device, alert.device, language),
        site=name_of(site, "" if device is None else device.site, language),
        area=name_of(area, "" if device is None else device.area or "", language),
        zone=zone,
        metric=words.comma.join(metric_name(name, registry, language) for name in metrics),
        unit=measure.unit,
        value=value,
        threshold=threshold,
        what=measure.what,
        figures=figures,
        since=moment(alert.raised_ns, zone, now_ns, words),
    )


def fields_of(template: str) -> frozenset[str]:
    """The names in braces in a rule's message. Raises `ValueError` where braces don't pair."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)


def filled(template: str, subject: Subject, severity: str) -> str:
    """A rule's message with its fields filled in.

    Value and threshold carry their unit, but for a template that names the unit itself. Braces that hold anything else
    stay as they are: a template reaches nothing but these texts.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return plain(template)
    texts = {name: str(getattr(subject, name)) for name in ("rule", "metric", "value", "threshold", "device", "unit")}
    texts |= {"site": subject.site, "area": subject.area, "since": subject.since, "severity": severity}
    if any(name == "unit" for _, name, _, _ in parts):
        for field in ("value", "threshold"):
            texts[field] = texts[field].removesuffix(subject.unit).rstrip()
    filled_in = (
        literal + ("" if name is None else texts.get(name, f"{{{name}}}"))
        for literal, name, _format, _conversion in parts
    )
    return plain("".join(filled_in))


def _figures(alert: Alert, rule: Rule | None, measure: Measure, words: Words) -> tuple[str, str, str]:
    """Value and threshold with their units, and both in a phrase."""
    if alert.value is None or measure.form is Form.HAPPENED:
        return "", "", ""
    value = alert.value * measure.factor
    if measure.form is Form.YES_NO and value in (0.0, 1.0):
        answer = words.yes if value else words.no
        return answer, "", answer
    if alert.threshold is None or (rule is not None and isinstance(rule.condition, State | Happening)):
        alone = measure.text(number(value, measure.decimals), words)
        return alone, "", alone
    threshold = alert.threshold * measure.factor
    digits, limit_digits = pair(value, threshold, measure.decimals)
    shown = measure.text(digits, words)
    limit = f"{limit_digits} {measure.unit}".rstrip()
    return shown, limit, _against(rule, value, threshold, words).format(value=shown, threshold=limit)


def _against(rule: Rule | None, value: float, threshold: float, words: Words) -> str:
    if rule is not None and rule.side is Side.ABOVE and value > threshold:
        return words.above
    if rule is not None and rule.side is Side.BELOW and value < threshold:
        return words.below
    return words.beside

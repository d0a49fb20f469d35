"""Rules as a person writes them in YAML. What each setting means stands in `docs/write-a-rule.md`."""

import re
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from alerts.message.compose import TEMPLATE_FIELDS
from alerts.rules.rule import Aggregate
from telemetry.catalogue.load import FALLBACK, LanguageTag, Names, Text
from telemetry.document import Section
from telemetry.reading import NS_PER_S
from telemetry.registry.written import Id, Kind, WeekHours

DURATION_EXPECTED = "a duration such as 90s, 10m, 1h30m or 1d"

_PART = re.compile(r"(\d{1,6})([smhd])")
_DURATION = re.compile(f"(?:{_PART.pattern})+")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration_ns(text: object) -> int:
    """The nanoseconds that `text` means.

    Raises:
        ValueError: it is no duration; the message says what is.
    """
    if not isinstance(text, str) or not _DURATION.fullmatch(text.strip()):
        raise ValueError(DURATION_EXPECTED)
    return sum(int(number) * _UNIT_S[unit] for number, unit in _PART.findall(text)) * NS_PER_S


def _some_time(duration: int) -> int:
    if duration == 0:
        raise ValueError("a duration above 0")
    return duration


def _in_english(texts: dict[str, str]) -> dict[str, str]:
    if texts and FALLBACK not in texts:
        raise ValueError("a text in English (en) at least")
    return texts


def _template(text: str) -> str:
    allowed = ", ".join(f"{{{name}}}" for name in sorted(TEMPLATE_FIELDS))
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise ValueError(f"braces in pairs, with one of {allowed} in them") from None
    for _, field, spec, conversion in parts:
        if field is not None and (field not in TEMPLATE_FIELDS or spec or conversion):
            raise ValueError(f"no other fields than {allowed}")
    return text


def _no_flapping(value: object) -> object:
    return None if value is False else value


Duration = Annotated[int, PlainValidator(duration_ns)]
"""Nanoseconds; 0 is allowed."""
SomeTime = Annotated[int, PlainValidator(duration_ns), AfterValidator(_some_time)]
"""Nanoseconds above 0."""
Sentence = Annotated[str, Field(min_length=1, max_length=500)]
Template = Annotated[Sentence, AfterValidator(_template)]


class WhereEntry(Section):
    """Which devices."""

    kinds: tuple[str, ...] = ()
    site_kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    area_types: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    labels: dict[str, Text] = Field({})


class NoDataEntry(Section):
    """How long a device may be silent."""

    missed: float | None = Field(None, ge=1, le=1000)
    after: SomeTime | None = None


class WhenEntry(Section):
    """The condition: one of metric, imbalance, state, event, no_data, and what goes with it."""

    metric: str | None = None
    rate_per: SomeTime | None = None
    window: SomeTime | None = None
    of: Aggregate | None = None
    coverage: float | None = Field(None, ge=0, le=1)
    part_of_month_peak: bool | None = None
    imbalance: tuple[str, ...] | None = None
    state: str | None = None
    is_: float | None = Field(None, alias="is")
    event: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    no_data: NoDataEntry | None = None


class LevelEntry(Section):
    """When one severity is raised and cleared."""

    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    clear_above: float | None = None
    for_: Duration = Field(0, alias="for")
    clear_for: Duration = 0


class SeveritiesEntry(Section):
    """The severities that the rule knows."""

    information: LevelEntry | None = None
    warning: LevelEntry | None = None
    critical: LevelEntry | None = None


class GuardEntry(Section):
    """While another metric of the device is above or below a value."""

    metric: str = Field(description="a metric such as power_kw")
    above: float | None = None
    below: float | None = None


class PauseEntry(Section):
    """After an event at the same place."""

    after: str = Field(description="an event such as cleaned")
    for_: SomeTime = Field(alias="for", description=DURATION_EXPECTED)


class FlappingEntry(Section):
    """How often it may be raised before further changes are only recorded."""

    raises: int = Field(ge=2, le=1000, description="a whole number of raises, 2 or more")
    within: SomeTime = Field(description=DURATION_EXPECTED)


class RuleEntry(Section):
    """One rule."""

    id: Id = Field(description="an id such as odour")
    names: Annotated[Names, Field(min_length=1), AfterValidator(_in_english)] = Field(
        description="names by language, as in {en: Odour}"
    )
    why: Sentence = Field(description="a sentence that says why this threshold")
    where: WhereEntry = WhereEntry()
    when: WhenEntry = Field(description="a condition, as in {metric: nh3_ppm}")
    only_while: GuardEntry | None = None
    severities: SeveritiesEntry = Field(description="severities, as in warning: {above: 3, for: 10m}")
    active: WeekHours | None = None
    pause: PauseEntry | None = None
    lateness: Duration = 0
    expire_after: SomeTime | None = None
    flapping: Annotated[FlappingEntry | None, BeforeValidator(_no_flapping)] = None
    message: Annotated[dict[LanguageTag, Template], AfterValidator(_in_english)] = Field({})
    do: Annotated[dict[LanguageTag, Sentence], AfterValidator(_in_english)] = Field({})
    labels: dict[Kind, Text] = Field({})


class RulesFile(Section):
    """`rules*.yaml`, or a file in the folder `rules`."""

    missed_intervals: dict[str, Annotated[float, Field(ge=1, le=1000)]] = Field({})
    rules: tuple[RuleEntry, ...] = ()

"""`routes.yaml` as a person writes it. What each setting means stands in `docs/route-alerts.md`."""

from datetime import time
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator

from alerts.alert import Severity
from alerts.rules.written import SomeTime, duration_ns
from telemetry.catalogue.load import Text
from telemetry.document import Section
from telemetry.reading import NS_PER_S
from telemetry.registry.written import WeekHours

HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS
MAX_GROUP_WAIT_NS = HOUR_NS
MAX_GROUP_INTERVAL_NS = DAY_NS
MIN_REPEAT_NS = 60 * NS_PER_S
MAX_REPEAT_NS = 30 * DAY_NS
MAX_ESCALATION_NS = 7 * DAY_NS

PEOPLE_EXPECTED = "people, by their ids, at least one"
SEVERITY_EXPECTED = f"one of {', '.join(severity.word for severity in Severity)}"
CLOCK_EXPECTED = "a time of the day such as 08:00"


def _group_wait(text: object) -> int:
    wait_ns = duration_ns(text)
    if wait_ns > MAX_GROUP_WAIT_NS:
        raise ValueError("at most 1h: nobody is told before")
    return wait_ns


def _group_interval(text: object) -> int:
    interval_ns = duration_ns(text)
    if interval_ns > MAX_GROUP_INTERVAL_NS:
        raise ValueError("at most 1d: news wait so long")
    return interval_ns


def _repeat_interval(text: object) -> int:
    interval_ns = duration_ns(text)
    if not MIN_REPEAT_NS <= interval_ns <= MAX_REPEAT_NS:
        raise ValueError("from 1m to 30d")
    return interval_ns


def _soon(after_ns: int) -> int:
    if after_ns > MAX_ESCALATION_NS:
        raise ValueError("at most 7d")
    return after_ns


def _clock(text: object) -> time:
    try:
        clock = time.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        clock = None
    if clock is None or clock.tzinfo is not None or clock.second or clock.microsecond:
        raise ValueError(CLOCK_EXPECTED)
    return clock


def severity_of(text: object) -> Severity:
    """The severity of that word.

    Raises:
        ValueError: there is none; the message says which there are.
    """
    for severity in Severity:
        if text == severity.word:
            return severity
    raise ValueError(SEVERITY_EXPECTED)


def _somebody(people: tuple[str, ...]) -> tuple[str, ...]:
    if not people:
        raise ValueError(PEOPLE_EXPECTED)
    return people


SeverityWord = Annotated[Severity, PlainValidator(severity_of)]
People = Annotated[tuple[str, ...], AfterValidator(_somebody)]


class StepEntry(Section):
    """Who is told next."""

    after: Annotated[SomeTime, AfterValidator(_soon)] = Field(description="a duration such as 10m")
    to: People = Field(description=PEOPLE_EXPECTED)


class Settings(Section):
    """What a branch says; what it leaves out is as in the branch that holds it."""

    to: People | None = None
    group_by: tuple[str, ...] | None = None
    group_wait: Annotated[int, PlainValidator(_group_wait)] | None = None
    group_interval: Annotated[int, PlainValidator(_group_interval)] | None = None
    repeat_interval: Annotated[int, PlainValidator(_repeat_interval)] | None = None
    escalate: tuple[StepEntry, ...] | None = None
    quiet_hours: bool | None = None


class RouteEntry(Settings):
    """A branch below another."""

    match: dict[str, Text] = Field({})
    go_on: bool = False
    routes: tuple["RouteEntry", ...] = ()


class RootEntry(Settings):
    """The trunk: everything that no branch takes."""

    to: People = Field(description=PEOPLE_EXPECTED)
    routes: tuple[RouteEntry, ...] = ()


class QuietEntry(Section):
    """When alerts wait until morning."""

    hours: WeekHours = Field(description="hours such as 22:00-07:00")
    severities: tuple[SeverityWord, ...] = (Severity.INFORMATION, Severity.WARNING)


class DigestEntry(Section):
    """The day in one message."""

    at: Annotated[time, PlainValidator(_clock)] = Field(description=CLOCK_EXPECTED)
    to: People = Field(description=PEOPLE_EXPECTED)


class RoutesFile(Section):
    """`routes*.yaml`."""

    route: RootEntry = Field(description="a mapping that says at least `to`")
    quiet_hours: tuple[QuietEntry, ...] = ()
    cap_an_hour: int = Field(30, ge=1, le=10_000)
    digest: DigestEntry | None = None

"""Sites, people and devices as a person writes them in YAML."""

import re
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field, PlainValidator, SecretStr

from telemetry.catalogue.load import LanguageTag, Names, Text
from telemetry.document import Section, nearest
from telemetry.registry.hours import Hours, parse_hours
from telemetry.topics import ID

ID_EXPECTED = "1 to 64 of a-z, 0-9, _ and -"
KIND_EXPECTED = "a word such as toilet_odour (a-z, 0-9, _)"
UNIT_EXPECTED = "a serial number: 1 to 64 letters, digits, _ . : -"
INTERVAL_EXPECTED = "seconds between readings, above 0, at most 31622400 (a year)"
TIME_EXPECTED = "a time such as 2026-11-22T08:00 (the site's) or 2026-11-22T08:00:00Z"
MAX_INTERVAL_S = 366 * 86_400.0

KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
UNIT = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def _id(text: str) -> str:
    if not ID.fullmatch(text):
        raise ValueError(ID_EXPECTED)
    return text


def _site_id(text: str) -> str:
    if text.startswith("_"):
        raise ValueError("an id that doesn't start with _ (those are the platform's own)")
    return _id(text)


def _kind(text: str) -> str:
    if not KIND.fullmatch(text):
        raise ValueError(KIND_EXPECTED)
    return text


def _unit(text: str) -> str:
    if not UNIT.fullmatch(text):
        raise ValueError(UNIT_EXPECTED)
    return text


def _interval(seconds: float) -> float:
    if not 0 < seconds <= MAX_INTERVAL_S:
        raise ValueError(INTERVAL_EXPECTED)
    return seconds


def _timezone(name: object) -> ZoneInfo:
    """An IANA time zone. ZoneInfo itself raises three unrelated errors for bad names."""
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = nearest(str(name), available_timezones()) or "Asia/Hong_Kong"
    raise ValueError(f"an IANA time zone such as {close}")


def _moment(text: object) -> datetime:
    try:
        return moment(str(text))
    except ValueError:
        raise ValueError(TIME_EXPECTED) from None


def _hours(text: object) -> Hours:
    return parse_hours(str(text))


def moment(text: str) -> datetime:
    """An ISO 8601 time; without an offset it is the site's local time.

    Raises:
        ValueError: it is none.
    """
    return datetime.fromisoformat(text)


Id = Annotated[str, AfterValidator(_id)]
SiteId = Annotated[str, AfterValidator(_site_id)]
Kind = Annotated[str, AfterValidator(_kind)]
Unit = Annotated[str, AfterValidator(_unit)]
Interval = Annotated[float, AfterValidator(_interval)]
TimeZone = Annotated[ZoneInfo, PlainValidator(_timezone)]
Moment = Annotated[datetime, PlainValidator(_moment)]
WeekHours = Annotated[Hours, PlainValidator(_hours)]


class AreaEntry(Section):
    """A part of a site."""

    id: Id = Field(description="an id such as male")
    type: Literal["male", "female", "accessible", "family", "floor", "roof"] = Field(
        description="male, female, accessible, family, floor or roof"
    )
    names: Names = Field({})


class SiteEntry(Section):
    """One place."""

    id: SiteId = Field(description="an id such as harbour-road")
    kind: Kind = "site"
    names: Names = Field({})
    timezone: TimeZone = Field(description="an IANA time zone such as Asia/Hong_Kong")
    areas: tuple[AreaEntry, ...] = ()
    archive: bool = False
    retention_days: int | None = Field(None, ge=1)


class SitesFile(Section):
    """`sites*.yaml`."""

    sites: tuple[SiteEntry, ...] = Field(description="a list of sites")


class PersonEntry(Section):
    """Somebody who is told. Receivers are addresses that may carry a token, so errors never show them."""

    id: Id = Field(description="an id such as duty-attendant")
    name: Text = Field(description="what people call them")
    language: LanguageTag = "en"
    receivers: tuple[SecretStr, ...] = ()
    sites: tuple[str, ...] = ()
    hours: WeekHours | None = None


class PeopleFile(Section):
    """`people*.yaml`."""

    people: tuple[PersonEntry, ...] = Field(description="a list of people")


class OutageEntry(Section):
    """A period out of service."""

    start: Moment = Field(description=TIME_EXPECTED)
    end: Moment | None = None
    reason: Text = Field("out of service")


class DeviceEntry(Section):
    """One measuring point."""

    id: Id = Field(description="an id such as nh3-1")
    site: str = Field(description="the id of a site")
    kind: Kind = Field(description=KIND_EXPECTED)
    area: str | None = None
    parent: str | None = None
    unit: Unit | None = None
    interval_s: Interval | None = None
    metrics: tuple[str, ...] = Field(description="a list of metrics such as [nh3_ppm]")
    names: Names = Field({})
    labels: dict[Kind, Text] = Field({})
    out_of_service: tuple[OutageEntry, ...] = ()


class DevicesFile(Section):
    """`devices*.yaml`."""

    devices: tuple[DeviceEntry, ...] = Field(description="a list of devices")

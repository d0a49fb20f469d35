"""Tests of rules as a person writes them: readings, a clock that runs to an end, and the alerts that must come of it.

    tests:
      - name: Ten minutes of ammonia raise, nine do not
        start: 2026-11-23T10:00
        readings:
          - device: tst-odour-male
            every: 5s
            values: {0m: {nh3_ppm: 1}, 5m: {nh3_ppm: 6}, 20m: {nh3_ppm: 1}, 25m: silent}
        until: 26m
        expect:
          - {at: 15m, rule: odour, raised: warning}
          - {at: 25m, rule: odour, resolved: warning}

All moments are counted from `start`. With `every` the values of a line are sent again and again until the next line;
without it each line is one reading.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from alerts.rules.written import DURATION_EXPECTED, Duration, SomeTime
from telemetry.catalogue.load import Text
from telemetry.document import Section
from telemetry.registry.written import TIME_EXPECTED, DeviceEntry, Moment, SiteEntry

SILENT = "silent"

Word = Literal["information", "warning", "critical"]


def _values(value: object) -> object:
    return None if value == SILENT else value


Values = Annotated[dict[str, float] | None, BeforeValidator(_values)]
"""None: silent from here on."""


class ReadingsEntry(Section):
    """What one device, or several alike, send."""

    device: str | None = None
    devices: tuple[str, ...] = ()
    every: SomeTime | None = None
    late: Duration = 0
    values: dict[Duration, Values] = Field(description="values from each moment on, as in {0m: {nh3_ppm: 1}}")


class ExpectEntry(Section):
    """One change of one alert."""

    at: Duration = Field(description=DURATION_EXPECTED)
    rule: str = Field(description="the id of a rule")
    device: str | None = None
    raised: Word | None = None
    rose: Word | None = None
    fell: Word | None = None
    resolved: Word | None = None


class ProofEntry(Section):
    """One test."""

    name: Text = Field(description="a sentence that says what has to happen")
    start: Moment = Field(description=TIME_EXPECTED)
    until: SomeTime = Field(description=f"when the test ends, {DURATION_EXPECTED} after its start")
    rules: tuple[str, ...] = ()
    intervals: dict[str, SomeTime] = Field({})
    readings: tuple[ReadingsEntry, ...] = Field(description="a list of readings")
    expect: tuple[ExpectEntry, ...] = Field(description="a list of changes; [] for none")


class ProofsFile(Section):
    """A file of tests; sites and devices of its own come beside the registry's."""

    sites: tuple[SiteEntry, ...] = ()
    devices: tuple[DeviceEntry, ...] = ()
    tests: tuple[ProofEntry, ...] = Field(description="a list of tests")

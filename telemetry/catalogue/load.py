"""Metrics from YAML: the shipped ones and a user's own.

A file maps a measurement to its metrics:

    toilet:
      nh3_ppm: {unit: "[ppm]", possible: [0, 1000], plausible: [0, 50], names: {en: Ammonia, zh-Hant: 氨氣}}

Left out: `kind` is gauge, `source` device, `privacy` open, `decimals` 1, `possible` without bounds, `plausible` as
`possible`. Events, states and texts need no ranges; a state is 0 or 1 where none is given. Metrics of kind event, and
only they, are in the measurement `event`: their times carry a sequence number, so they can't share points with others.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Protocol, Self

from pydantic import AfterValidator, Field, RootModel, model_validator

from telemetry.catalogue.metric import Kind, Metric, Privacy, Source
from telemetry.catalogue.units import UNITS
from telemetry.document import Document, DocumentError, Problem, Section, nearest, show

SHIPPED = ("toilets.yaml", "meters.yaml", "air.yaml", "device.yaml", "results.yaml")
FALLBACK = "en"
"""The language in which everything in the catalogue has a name."""
EVENTS = "event"
"""The measurement of all metrics of kind event."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
# Languages whose region says the script: a browser sends zh-HK and never zh-Hant.
_SCRIPTS = {"zh-HK": "zh-Hant", "zh-MO": "zh-Hant", "zh-TW": "zh-Hant", "zh-CN": "zh-Hans", "zh-SG": "zh-Hans"}
_UNBOUNDED = (-math.inf, math.inf)


def language_tag(text: str) -> str:
    """A language as in BCP 47.

    Raises:
        ValueError: it is none.
    """
    if not _TAG.fullmatch(text):
        raise ValueError("a language tag such as en or zh-Hant")
    return text


def _names(names: dict[str, str]) -> dict[str, str]:
    if FALLBACK not in names:
        raise ValueError("a name in English (en) at least")
    return names


def _unit(code: str) -> str:
    if code in UNITS:
        return code
    by_symbol = {unit.symbol: known for known, unit in UNITS.items() if unit.symbol}
    close = by_symbol.get(code) or nearest(code, UNITS)
    raise ValueError(f"a UCUM code{f' such as {close!r}' if close else ', one of ' + ', '.join(UNITS)}")


def _range(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        raise ValueError("[lowest, highest]")
    return bounds


LanguageTag = Annotated[str, AfterValidator(language_tag)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Names = dict[LanguageTag, Text]
_Range = Annotated[tuple[float, float], AfterValidator(_range)]


class MetricEntry(Section):
    """One metric as written."""

    unit: Annotated[str, AfterValidator(_unit)] = Field(description="a UCUM code such as '[ppm]', 'kW.h' or '1'")
    kind: Kind = Kind.GAUGE
    source: Source = Source.DEVICE
    privacy: Privacy = Privacy.OPEN
    decimals: int = Field(1, ge=0, le=9)
    possible: _Range | None = None
    plausible: _Range | None = None
    names: Annotated[Names, AfterValidator(_names)] = Field(description="names by language, as in {en: Ammonia}")

    @model_validator(mode="after")
    def _nested(self) -> Self:
        possible, plausible = self.ranges()
        if not possible[0] <= plausible[0] <= plausible[1] <= possible[1]:
            raise ValueError("a plausible range within the possible one")
        if self.kind is Kind.TEXT and possible != _UNBOUNDED:
            raise ValueError("no range for a text")
        return self

    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The possible and the plausible range."""
        default = (0.0, 1.0) if self.kind is Kind.STATE else _UNBOUNDED
        possible = self.possible or default
        return possible, self.plausible or possible


class _File(RootModel[dict[str, dict[str, MetricEntry]]]):
    """Measurement to name to metric."""


class Named(Protocol):
    """A metric, a site, an area, a device."""

    @property
    def names(self) -> Mapping[str, str]:
        """Names by language tag."""


def load_catalogue(extra: Sequence[Path] = (), directory: Path | None = None) -> Mapping[str, Metric]:
    """All metrics by name: the shipped ones, then those of the `extra` files.

    Problems name a file by its path from `directory`, where that is given, else by its name alone.

    Raises:
        DocumentError: a file can't be used, or defines a metric that exists already.
    """
    metrics: dict[str, Metric] = {}
    places: dict[str, str] = {}
    problems: list[Problem] = []
    with resources.as_file(resources.files("telemetry.catalogue")) as shipped:
        for path in [*(shipped / name for name in SHIPPED), *extra]:
            try:
                document = Document.open(path, _file(path, shipped, directory))
                entries = document.validate(_File)
            except DocumentError as error:
                problems += error.problems
                continue
            problems += _added(document, entries, metrics, places)
    if problems:
        raise DocumentError(problems)
    return metrics


def _file(path: Path, shipped: Path, directory: Path | None) -> str:
    if path.parent == shipped:
        return f"telemetry/catalogue/{path.name}"
    return path.name if directory is None else path.relative_to(directory).as_posix()


def label(thing: Named, language: str) -> str:
    """What people call it in `language`: the tag itself, then a wider one (zh-Hant-HK, zh-Hant, zh), then English.

    Empty where it has no name at all; the id is then what people know.
    """
    for tag in _wider(language):
        if tag in thing.names:
            return thing.names[tag]
    return thing.names.get(FALLBACK) or next(iter(thing.names.values()), "")


def _wider(language: str) -> Iterator[str]:
    tag = language
    while tag:
        yield tag
        if tag in _SCRIPTS:
            yield _SCRIPTS[tag]
        tag = tag.rpartition("-")[0]


def _added(document: Document, entries: _File, metrics: dict[str, Metric], places: dict[str, str]) -> Iterator[Problem]:
    for measurement, group in entries.root.items():
        if not _NAME.fullmatch(measurement):
            yield document.problem(
                (measurement,), show(measurement), "a measurement such as 'toilet' ([a-z][a-z0-9_]*)"
            )
        for name, entry in group.items():
            path = (measurement, name)
            if name in places:
                yield document.problem(path, show(name), f"a new name ({name} is defined in {places[name]})")
            elif not _NAME.fullmatch(name):
                yield document.problem(path, show(name), "a name such as 'nh3_ppm' ([a-z][a-z0-9_]{0,63})")
            elif name.endswith("_q"):
                yield document.problem(path, show(name), "a name that doesn't end in '_q' (those hold the quality)")
            elif (entry.kind is Kind.EVENT) != (measurement == EVENTS):
                yield document.problem(
                    path, f"kind {entry.kind} in {measurement}", f"events, and only events, in {EVENTS}"
                )
            else:
                places[name] = document.name
                metrics[name] = _metric(name, measurement, entry)


def _metric(name: str, measurement: str, entry: MetricEntry) -> Metric:
    possible, plausible = entry.ranges()
    return Metric(
        name=name,
        unit=entry.unit,
        kind=entry.kind,
        measurement=measurement,
        source=entry.source,
        privacy=entry.privacy,
        names=entry.names,
        decimals=entry.decimals,
        possible_min=possible[0],
        possible_max=possible[1],
        plausible_min=plausible[0],
        plausible_max=plausible[1],
    )

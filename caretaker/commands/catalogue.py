"""`caretaker catalogue`: every metric, and what holds for it."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from caretaker.deployment import explained
from caretaker.options import LanguageOption
from caretaker.output import Cell, Exit, Format, FormatOption, fail, rows
from caretaker.values import name_text, unit_text
from telemetry.catalogue.load import load_catalogue
from telemetry.catalogue.metric import Metric
from telemetry.registry.load import load_registry

FOR_PEOPLE = ("metric", "name", "unit", "kind", "source", "privacy", "possible", "plausible")
FOR_PROGRAMS = (
    "metric",
    "name",
    "unit",
    "kind",
    "domain",
    "source",
    "privacy",
    "possible_min",
    "possible_max",
    "plausible_min",
    "plausible_max",
    "decimals",
)


def catalogue(
    domain: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this measurement: toilet, meter, air, device and so on.")
    ] = None,
    language: LanguageOption = "en",
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", envvar="CARETAKER_CONFIG", metavar="DIR", help="With the metrics of its own."),
    ] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List every metric: what a device may send, in which unit and range.

    [bold]caretaker catalogue --domain air --language zh-Hant[/bold]

    A value outside the possible range is refused; outside the plausible range
    it is stored and marked suspect. For programs the unit is its UCUM code.
    """
    with explained():
        metrics = load_catalogue() if config is None else load_registry(config).metrics
    chosen = _of_domain(metrics, domain)
    if format is Format.TABLE:
        rows(FOR_PEOPLE, (_for_people(metric, language) for metric in chosen), format)
    else:
        rows(FOR_PROGRAMS, (_for_programs(metric, language) for metric in chosen), format)


def _of_domain(metrics: Mapping[str, Metric], domain: str | None) -> list[Metric]:
    domains = {metric.measurement for metric in metrics.values()}
    if domain is not None and domain not in domains:
        fail(f"no domain {domain!r}; there are {', '.join(sorted(domains))}", code=Exit.USAGE)
    return [metric for metric in metrics.values() if domain in {None, metric.measurement}]


def _for_people(metric: Metric, language: str) -> tuple[Cell, ...]:
    return (
        metric.name,
        name_text(metric, language, metric.name),
        unit_text(metric),
        metric.kind,
        metric.source,
        metric.privacy,
        _range_text(metric.possible_min, metric.possible_max),
        _range_text(metric.plausible_min, metric.plausible_max),
    )


def _for_programs(metric: Metric, language: str) -> tuple[Cell, ...]:
    bounds = (metric.possible_min, metric.possible_max, metric.plausible_min, metric.plausible_max)
    return (
        metric.name,
        name_text(metric, language, metric.name),
        metric.unit,
        metric.kind,
        metric.measurement,
        metric.source,
        metric.privacy,
        *(bound if isfinite(bound) else None for bound in bounds),
        metric.decimals,
    )


def _range_text(low: float, high: float) -> str | None:
    if not isfinite(low) and not isfinite(high):
        return None
    return f"{low:g} … {high:g}"

"""The one or two figures that say most about a site of its kind, from what is known now. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from api.access.caller import Caller
from api.now import Now, Value
from api.queries import standing
from api.queries.answer import Answer, Names
from api.queries.buildings import POWER, mains_of
from api.queries.standing import State
from telemetry.catalogue.guidelines import GUIDELINES
from telemetry.catalogue.metric import Metric
from telemetry.reading import Quality
from telemetry.registry.models import Device

OCCUPIED, AMMONIA = "occupied", "nh3_ppm"
_NO_WEIGHTS: Mapping[str, float] = {}
_LIMITS: Mapping[str, float] = {metric: guideline.limit for metric, guideline in GUIDELINES.items()}


class FigureKind(StrEnum):
    """What a figure tells."""

    CUBICLES_FREE = "cubicles_free"
    ODOUR = "odour"
    """The highest ammonia of its areas."""
    POWER_NOW = "power_now"
    ENERGY_TODAY = "energy_today"
    WORST_POLLUTANT = "worst_pollutant"
    """The one nearest to its guideline, or furthest beyond."""
    DEVICES_HEARD = "devices_heard"


class Figure(Answer):
    """One figure."""

    kind: FigureKind
    value: float | None
    """Null: not known, or not for the caller."""
    out_of: int | None = None
    unit: str = "1"
    """UCUM."""
    decimals: int = 0
    names: Names = Field(default={})
    """Of the metric, where the kind does not say it."""
    stale: bool = False
    suspect: bool = False
    needs_operator: bool = False
    """It says where people are."""


class Source(NamedTuple):
    """Where a small line comes from."""

    device: str
    metric: str


class Here(NamedTuple):
    """What figures are made from."""

    now: Now
    metrics: Mapping[str, Metric]
    now_ns: int
    caller: Caller


def cubicles(parts: Iterable[Device], here: Here) -> Figure:
    """How many of those in service are free. One that is silent is not said to be free."""
    if not here.caller.reads(here.metrics[OCCUPIED]):
        return Figure(kind=FigureKind.CUBICLES_FREE, value=None, needs_operator=True)
    working = [one for one in measuring(parts, OCCUPIED) if not standing.out_of_service(one, here.now_ns)]
    known = [value for one in working if (value := fresh(one, OCCUPIED, here)) is not None]
    free = sum(value.value == 0 for value in known)
    return Figure(kind=FigureKind.CUBICLES_FREE, value=free if known else None, out_of=len(working))


def odour(parts: Iterable[Device], here: Here) -> tuple[Figure, Source | None]:
    """The highest ammonia, and whose."""
    return _highest(FigureKind.ODOUR, [(one, AMMONIA) for one in measuring(parts, AMMONIA)], here, _NO_WEIGHTS)


def power(parts: Iterable[Device], here: Here) -> tuple[Figure, Source | None]:
    """The sum of the main meters, and the first of them."""
    meters = mains_of(measuring(parts, POWER))
    known = [(one, value) for one in meters if (value := here.now.of(one.id).get(POWER)) is not None]
    metric = here.metrics[POWER]
    figure = Figure(
        kind=FigureKind.POWER_NOW,
        value=sum(float(value.value) for _, value in known) if known and len(known) == len(meters) else None,
        unit=metric.unit,
        decimals=1,
        stale=any(standing.is_stale(one, metric, value.time_ns, here.now_ns) for one, value in known),
        suspect=any(Quality.SUSPECT in value.quality for _, value in known),
    )
    return figure, Source(meters[0].id, POWER) if meters else None


def energy(since_midnight_kwh: Sequence[float | None]) -> Figure:
    """The sum of what each main meter has counted today."""
    known = [one for one in since_midnight_kwh if one is not None and one >= 0]
    whole = bool(known) and len(known) == len(since_midnight_kwh)
    return Figure(kind=FigureKind.ENERGY_TODAY, value=sum(known) if whole else None, unit="kW.h")


def pollutant(parts: Iterable[Device], here: Here) -> tuple[Figure, Source | None]:
    """The one that is nearest to its guideline, or furthest beyond."""
    pairs = [(one, metric) for one in parts for metric in one.metrics if metric in GUIDELINES]
    return _highest(FigureKind.WORST_POLLUTANT, pairs, here, _LIMITS)


def heard(states: Iterable[State]) -> Figure:
    """How many devices speak, of those in service."""
    working = [one for one in states if one is not State.OUT_OF_SERVICE]
    speaking = sum(one is not State.UNKNOWN for one in working)
    return Figure(kind=FigureKind.DEVICES_HEARD, value=speaking, out_of=len(working))


def measuring(parts: Iterable[Device], metric: str) -> Sequence[Device]:
    """Those that measure it, by id."""
    return sorted((one for one in parts if metric in one.metrics), key=lambda one: one.id)


def fresh(device: Device, metric: str, here: Here) -> Value | None:
    """Its value now; None: it has not spoken, or is silent."""
    value = here.now.of(device.id).get(metric)
    if value is None or standing.silent(device, value.time_ns, here.now_ns):
        return None
    return value


def _highest(
    kind: FigureKind, pairs: Sequence[tuple[Device, str]], here: Here, weights: Mapping[str, float]
) -> tuple[Figure, Source | None]:
    found = [
        (float(value.value) / weights.get(metric, 1.0), one, metric, value)
        for one, metric in pairs
        if not standing.out_of_service(one, here.now_ns)
        and (value := here.now.of(one.id).get(metric)) is not None
        and isinstance(value.value, float | int)
        and (one.archive or not standing.silent(one, value.time_ns, here.now_ns))
    ]
    if not found:
        first = pairs[0] if pairs else None
        names = here.metrics[first[1]].names if first is not None and weights else {}
        return Figure(kind=kind, value=None, names=names), None
    _, device, name, value = max(found, key=lambda one: (one[0], one[1].id))
    metric = here.metrics[name]
    figure = Figure(
        kind=kind,
        value=float(value.value),
        unit=metric.unit,
        decimals=metric.decimals,
        names=metric.names,
        stale=standing.is_stale(device, metric, value.time_ns, here.now_ns),
        suspect=Quality.SUSPECT in value.quality,
    )
    return figure, Source(device.id, name)

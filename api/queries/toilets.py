"""A toilet block: what must be done here now, and each area as it stands."""

from collections.abc import Mapping, Sequence

from api.access.caller import Caller, Role
from api.problem import AwayError
from api.queries import alerts, figures, standing
from api.queries.alert_values import AlertBrief
from api.queries.answer import Answer, Names, moment, moment_or_none
from api.queries.figures import OCCUPIED, Here
from api.queries.paging import Page
from api.queries.readers import require_reader, site_of
from api.queries.standing import State
from api.queries.tasks import Task, tasks
from api.queries.toilet_areas import AreaNow, AreaValue, Cubicle, CubicleState
from api.queries.trends import Trends, midnight_ns
from api.queries.value_now import value_now
from api.sources import Sources
from telemetry.registry.models import Area, Device

GASES = ("nh3_ppm", "h2s_ppm")
SUPPLIES = ("paper_pct", "soap_pct", "bin_level_pct")
CLEANED, LEAK, USES = "cleaned", "leak", "uses"
LOW_PCT: Mapping[str, float] = {"paper_pct": 20.0, "soap_pct": 20.0}
"""Below it a supply is worth taking along."""
FULL_PCT: Mapping[str, float] = {"bin_level_pct": 80.0}

ALERTS_MOST = 200


class Toilet(Answer):
    """A block."""

    site: str
    names: Names
    state: State
    tasks: tuple[Task, ...]
    """The next one first."""
    areas: tuple[AreaNow, ...]
    alerts_known: bool
    may_act: bool


async def toilet(sources: Sources, caller: Caller, site_id: str, trends: Trends) -> Toilet:
    """Raises `NotFoundError`. Without the alert database or the store, the rest is shown."""
    require_reader(caller)
    place = site_of(sources, caller, site_id)
    here = Here(sources.now, sources.registry.metrics, sources.clock(), caller)
    parts = [one for one in sources.registry.devices.values() if one.site == site_id]
    try:
        wanted = alerts.AlertFilter(site=site_id)
        active: Sequence[AlertBrief] | None = (
            await alerts.alerts(sources, caller, wanted, Page(limit=ALERTS_MOST))
        ).items
    except AwayError:
        active = None
    states = {one.id: _state(one, active or (), here) for one in parts}
    areas = []
    for area in place.areas.values():
        inside = [one for one in parts if one.area == area.id]
        if any({OCCUPIED, CLEANED, LEAK, *GASES, *SUPPLIES} & set(one.metrics) for one in inside):
            areas.append(await _area(area, inside, states, here, trends, midnight_ns(here.now_ns, place.timezone)))
    rules = {rule.id: rule for rule in sources.rules.rules}
    names = {area.id: area.names for area in place.areas.values()}
    return Toilet(
        site=place.id,
        names=place.names,
        state=standing.state_of_all(states.values()),
        tasks=tasks(areas, active or (), rules, names, moment(here.now_ns)),
        areas=areas,
        alerts_known=active is not None,
        may_act=caller.role >= Role.OPERATOR,
    )


async def _area(
    area: Area, inside: Sequence[Device], states: Mapping[str, State], here: Here, trends: Trends, midnight: int
) -> AreaNow:
    cleaned_ns = _cleaned_ns(inside, here)
    gases = [_measured(one, metric, here) for metric in GASES for one in figures.measuring(inside, metric)]
    known = [one for one in gases if one is not None]
    lines = await trends.lines([(one.device, one.metric) for one in known])
    supplies = [_measured(one, metric, here) for metric in SUPPLIES for one in figures.measuring(inside, metric)]
    doors = figures.measuring(inside, OCCUPIED)
    shown = here.caller.reads(here.metrics[OCCUPIED])
    return AreaNow(
        id=area.id,
        type=area.type,
        names=area.names,
        state=standing.state_of_all(states[one.id] for one in inside),
        cubicles=[_cubicle(one, here) for one in doors] if shown else [],
        cubicles_hidden=bool(doors) and not shown,
        uses=await _uses(inside, here, trends, cleaned_ns or midnight),
        cleaned=moment_or_none(cleaned_ns),
        cleanable=len(figures.measuring(inside, CLEANED)) == 1,
        gases=[one.model_copy(update={"trend": tuple(line)}) for one, line in zip(known, lines, strict=True)],
        supplies=[one for one in supplies if one is not None],
        leak=_leak(inside, here),
    )


def _state(device: Device, active: Sequence[AlertBrief], here: Here) -> State:
    severities = [one.severity.severity for one in active if one.device == device.id]
    return standing.state_of(device, severities, here.now, here.metrics, here.now_ns)


def _cubicle(device: Device, here: Here) -> Cubicle:
    value = figures.fresh(device, OCCUPIED, here)
    if standing.out_of_service(device, here.now_ns):
        state = CubicleState.OUT
    elif value is None:
        state = CubicleState.UNKNOWN
    else:
        state = CubicleState.OCCUPIED if value.value else CubicleState.FREE
    return Cubicle(device=device.id, names=device.names, number=device.labels.get("cubicle", ""), state=state)


def _measured(device: Device, name: str, here: Here) -> AreaValue | None:
    metric = here.metrics[name]
    found = value_now(device, metric, here.now.of(device.id).get(name), here.now_ns)
    if found is None or not here.caller.reads(metric):
        return None
    return AreaValue(**dict(found), low=runs_down(name, found.value))


def runs_down(metric: str, value: float) -> bool:
    """Whether somebody should bring some, or empty it."""
    return value < LOW_PCT.get(metric, float("-inf")) or value > FULL_PCT.get(metric, float("inf"))


def _cleaned_ns(inside: Sequence[Device], here: Here) -> int | None:
    times = [value.time_ns for one in inside if (value := here.now.of(one.id).get(CLEANED)) is not None]
    return max(times, default=None)


def _leak(inside: Sequence[Device], here: Here) -> bool | None:
    known = [value for one in figures.measuring(inside, LEAK) if (value := figures.fresh(one, LEAK, here)) is not None]
    return any(one.value for one in known) if known else None


async def _uses(inside: Sequence[Device], here: Here, trends: Trends, since_ns: int) -> int | None:
    """A counter that has fallen began anew: what it shows has come since."""
    total, known = 0.0, False
    for one in figures.measuring(inside, USES):
        value = here.now.of(one.id).get(USES)
        if value is None or isinstance(value.value, str):
            continue
        first = value.value if value.time_ns < since_ns else await trends.first_since(one.id, USES, since_ns)
        if first is None:
            continue
        total += value.value - first if value.value >= first else value.value
        known = True
    return round(total) if known else None

"""What the first screen says: is everything all right, and if not, where."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.desk import Alert, Change, Desk, Severity
from api.access.caller import Caller, Role
from api.problem import AwayError
from api.queries import figures, standing
from api.queries.active import AlertCounts, active_alerts, counts_of
from api.queries.answer import Answer, Names, moment, moment_or_none
from api.queries.buildings import ENERGY, POWER, mains_of
from api.queries.figures import Figure, Here, Source
from api.queries.readers import require_reader
from api.queries.standing import State
from api.queries.trends import Trend, Trends, midnight_ns
from api.sources import Sources
from telemetry.catalogue.guidelines import GUIDELINES
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device, Site

REASONS_MOST = 3
LINES_MOST = 60
"""Sites with a small line; the others are far down."""
KEPT_NS = NS_PER_S
KEPT_MOST = 200
"""Of so many sorts of callers."""
LOOK_BACK = 500
"""Changes of alerts among which the last raise is looked for."""


class Reason(Answer):
    """One thing that is wrong at a site."""

    alert: str
    rule_names: Names
    rule: str
    place_names: Names
    """Of the area, else of the device; empty: neither has any."""
    severity: Severity
    raised: datetime
    has_it: str | None
    """Who has acknowledged it."""


class Tile(Answer):
    """A site, at one look."""

    id: str
    kind: str
    names: Names
    state: State
    reasons: tuple[Reason, ...]
    """The weightiest few that are active, those first that nobody has."""
    alerts: AlertCounts
    silent: int
    """Devices in service that have missed too many readings."""
    devices: int
    needs_someone: bool
    """A warning or worse is active, and nobody has it."""
    figures: tuple[Figure, ...]
    trend: tuple[float | None, ...]
    """Of its key figure, the last 24 h by half hours; empty: not known."""
    archive: bool


class Overview(Answer):
    """All sites of the caller, worst first."""

    tiles: tuple[Tile, ...]
    alerts_known: bool
    """False: the alert database can't be asked just now."""
    last_alert: datetime | None
    """When one was raised last, as far as is known; looked for only while none is active."""
    rules: int
    """How many are watching."""
    active: int
    """Alerts."""


async def count_of_alerts(sources: Sources, caller: Caller) -> int | None:
    """Active alerts at the sites of the caller; None: the alert database can't be asked just now."""
    require_reader(caller)
    active = await active_alerts(sources)
    if active is None:
        return None
    devices = sources.registry.devices
    return sum(len(alerts) for id_, alerts in active.items() if id_ in devices and caller.sees(devices[id_].site))


class Overviews:
    """Worked out once in a while for all who may see the same, however many look. For one event loop."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._trends = Trends(sources)
        self._kept: dict[tuple[Role, frozenset[str] | None], tuple[int, int, Overview]] = {}

    async def of(self, caller: Caller) -> Overview:
        """What the caller's sites need: at most `KEPT_NS` old, and of the newest change of an alert."""
        require_reader(caller)
        name = (caller.role, caller.sites)
        now_ns, changes = self._sources.clock(), self._sources.news.changes
        kept = self._kept.get(name)
        if kept is None or kept[1] != changes or now_ns - kept[0] >= KEPT_NS:
            kept = (now_ns, changes, await overview(self._sources, caller, self._trends))
            if len(self._kept) >= KEPT_MOST:
                self._kept.clear()
            self._kept[name] = kept
        return kept[2]


async def overview(sources: Sources, caller: Caller, trends: Trends) -> Overview:
    """What the caller's sites need. The store may be away: then the small lines and the day's energy are missing."""
    require_reader(caller)
    active = await active_alerts(sources)
    parts: dict[str, list[Device]] = {}
    for device in sources.registry.devices.values():
        parts.setdefault(device.site, []).append(device)
    here = Here(sources.now, sources.registry.metrics, sources.clock(), caller)
    tiles: list[Tile] = []
    lines: dict[str, Source] = {}
    for place in sources.registry.sites.values():
        if caller.sees(place.id):
            tile, source = await _tile(sources, place, parts.get(place.id, []), active or {}, here, trends)
            tiles.append(tile)
            if source is not None:
                lines[place.id] = source
    tiles.sort(key=_rank)
    drawn = [one.id for one in tiles if one.id in lines][:LINES_MOST]
    found = dict(zip(drawn, await trends.lines([lines[one] for one in drawn]), strict=True))
    nothing: Trend = ()
    total = sum(sum(one.alerts.model_dump().values()) for one in tiles)
    return Overview(
        tiles=[one.model_copy(update={"trend": tuple(found.get(one.id, nothing))}) for one in tiles],
        alerts_known=active is not None,
        last_alert=None if active is None or total else await _last_raise(sources, caller),
        rules=len(sources.rules.rules),
        active=total,
    )


def _rank(tile: Tile) -> tuple[object, ...]:
    """Worst first: what nobody has before what somebody has, then by name, so that nothing jumps without a reason."""
    order = list(State)
    return (not tile.needs_someone, tile.archive, order.index(tile.state), tile.names.get("en", tile.id), tile.id)


async def _tile(
    sources: Sources,
    place: Site,
    parts: Sequence[Device],
    active: Mapping[str, Sequence[Alert]],
    here: Here,
    trends: Trends,
) -> tuple[Tile, Source | None]:
    alerts = [alert for one in parts for alert in active.get(one.id, ())]
    states = {
        one.id: standing.state_of(
            one, [alert.severity for alert in active.get(one.id, ())], here.now, here.metrics, here.now_ns
        )
        for one in parts
    }
    shown, source = await _figures(sources, place, parts, states, here, trends)
    tile = Tile(
        id=place.id,
        kind=place.kind,
        names=place.names,
        state=standing.state_of_all(states.values()),
        reasons=_reasons(sources, place, alerts),
        alerts=counts_of(alerts),
        silent=sum(one is State.UNKNOWN for one in states.values()),
        devices=len(parts),
        needs_someone=any(one.severity >= Severity.WARNING and one.acknowledged_by is None for one in alerts),
        figures=shown,
        trend=(),
        archive=place.archive,
    )
    return tile, source


async def _figures(
    sources: Sources, place: Site, parts: Sequence[Device], states: Mapping[str, State], here: Here, trends: Trends
) -> tuple[Sequence[Figure], Source | None]:
    """By what is measured there, so that kinds of the deployment's own have figures too."""
    measured = {metric for one in parts for metric in one.metrics}
    if figures.OCCUPIED in measured or (figures.AMMONIA in measured and place.kind == "toilet"):
        smell, source = figures.odour(parts, here)
        return [figures.cubicles(parts, here), smell], source
    if POWER in measured:
        load, source = figures.power(parts, here)
        today = [await _today_kwh(sources, one, place, trends) for one in mains_of(figures.measuring(parts, ENERGY))]
        return [load, figures.energy(today)], source
    if measured & GUIDELINES.keys():
        worst, source = figures.pollutant(parts, here)
        return [worst], source
    return [figures.heard(states.values())], None


async def _today_kwh(sources: Sources, meter: Device, place: Site, trends: Trends) -> float | None:
    now = sources.now.of(meter.id).get(ENERGY)
    midnight = midnight_ns(sources.clock(), place.timezone)
    first = await trends.first_since(meter.id, ENERGY, midnight)
    if now is None or first is None or isinstance(now.value, str):
        return None
    return now.value - first if now.value >= first else await trends.counted_since(meter.id, ENERGY, midnight)


def _reasons(sources: Sources, place: Site, alerts: Sequence[Alert]) -> Sequence[Reason]:
    rules = {rule.id: rule for rule in sources.rules.rules}
    ordered = sorted(alerts, key=lambda one: (one.acknowledged_by is not None, -one.severity, -one.raised_ns))
    reasons: list[Reason] = []
    for one in ordered[:REASONS_MOST]:
        device = sources.registry.devices[one.device]
        area = place.areas.get(device.area or "")
        rule = rules.get(one.rule)
        reasons.append(
            Reason(
                alert=one.id,
                rule=one.rule,
                rule_names={} if rule is None else rule.names,
                place_names=device.names if area is None else area.names,
                severity=one.severity,
                raised=moment(one.raised_ns),
                has_it=_person(sources, one.acknowledged_by),
            )
        )
    return reasons


def _person(sources: Sources, who: str | None) -> str | None:
    person = None if who is None else sources.registry.people.get(who)
    return who if person is None else person.name


async def _last_raise(sources: Sources, caller: Caller) -> datetime | None:
    devices = sources.registry.devices
    try:
        last = await sources.alerts.ask(Desk.last_number)
        changes = await sources.alerts.ask(Desk.news, max(0, last - LOOK_BACK), LOOK_BACK)
    except AwayError:
        return None
    raised = (
        one.at_ns
        for one in changes
        if one.change is Change.RAISED and one.device in devices and caller.sees(devices[one.device].site)
    )
    return moment_or_none(max(raised, default=None))

"""A building's day: power now, energy since midnight against the same weekday, demand by half hours, phases, meters.

The day begins at local midnight of the site. Energy is what the register counted, never power times time, so a reading
that is missing costs nothing. Demand is the energy of 30 minutes times two, as utilities bill it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from api.access.caller import Caller
from api.now import Value
from api.queries import standing
from api.queries.answer import Answer, Names, moment, time_ns_of
from api.queries.readers import devices_at, require_reader, site_of
from api.queries.register import Register, imbalance_pct, register_of
from api.sources import Sources
from telemetry.reading import NS_PER_MS
from telemetry.registry.models import Device

POWER, ENERGY = "power_kw", "energy_import_kwh"
SUPPLIES = ("water_m3", "gas_m3")
"""Other registers that a building has."""
PHASE_CURRENTS = ("current_l1_a", "current_l2_a", "current_l3_a")
PHASE_POWERS = ("power_l1_kw", "power_l2_kw", "power_l3_kw")
SUPPLY, MAIN, SUB = "supply", "main", "sub"
"""The label that tells the meter of the whole building from those behind it."""
SLOT_MS = 1_800_000
SLOTS_PER_HOUR = 2
WEEKS = 4
"""So many of the same weekday before are what is usual."""
LATE_SLOTS = 1
"""The last half hour is known when its end has been read: until then the one before it stands for it."""
ROUND_MS = 3_600_000
"""How far beyond the bounds of a time its register is read, to know it at the bounds."""


class Figure(Answer):
    """A value with its moment."""

    value: float
    time: datetime
    stale: bool


class Phases(Answer):
    """The three phases of a supply."""

    current_a: Sequence[float]
    power_kw: Sequence[float | None]
    imbalance_pct: float
    """The largest deviation of a current from the mean of all, in percent of that mean (NEMA MG 1-14.36)."""


class Supply(Answer):
    """What is drawn now; from memory, so it can be asked every second."""

    power: Figure | None
    """Of the whole, kW."""
    phases: Phases | None
    """Null: not known, or several supplies."""
    meters: Mapping[str, Figure | None]
    """kW by meter of electricity."""


class Meter(Answer):
    """One meter and its day so far."""

    device: str
    names: Names
    metric: str
    """Its register."""
    unit: str
    main: bool
    today: float | None
    """Counted since midnight, in `unit`; null: not known."""


class Compared(Answer):
    """The same weekday before, until the same time of the day."""

    day: date
    so_far_kwh: float
    change_pct: float | None
    """Of today against it; null: nothing was used then."""


class Slot(Answer):
    """Half an hour; kW are its energy times two. Null: not known."""

    start: datetime
    kw: float | None
    last_week_kw: float | None
    usual_low_kw: float | None
    """Over the weeks before, with the last one."""
    usual_high_kw: float | None


class Peak(Answer):
    """The highest demand of the day so far."""

    kw: float
    start: datetime
    """Of its half hour."""


class BuildingDay(Answer):
    """A building and its day so far."""

    site: str
    day: date
    until: datetime
    """The newest that is known of the supply's register: until then is counted and compared."""
    today_kwh: float | None
    compared: Compared | None
    """Null: nothing is known of last week."""
    weeks: int
    """Of how many weeks before something is known."""
    slots: Sequence[Slot]
    """Of the whole day."""
    demand_kw: float | None
    """Of the last half hour that is over, or the one before it; null: neither is known."""
    peak: Peak | None
    meters: Sequence[Meter]
    """Electricity, the main supply first."""
    supplies: Sequence[Meter]
    """Water and gas."""


async def building(sources: Sources, caller: Caller, site_id: str) -> BuildingDay:
    """Raises `NotFoundError`, `AwayError` when the store does not answer."""
    require_reader(caller)
    site = site_of(sources, caller, site_id)
    now = datetime.fromtimestamp(sources.clock() / 1e9, site.timezone)
    devices = devices_at(sources.registry, site_id)
    meters = [one for one in devices if ENERGY in one.metrics]
    mains = mains_of(meters)
    days = [now.date() - timedelta(weeks=week) for week in range(WEEKS + 1)]
    registers = [await _registers(sources, mains, day, site.timezone) for day in days]
    # What came last is where today ends, and where the day that it is compared with ends too.
    until = min([now, *(_moment(one.times_ms[-1], site.timezone) for one in registers[0] if one.times_ms)])
    so_far = [
        _sum([register.counted(_midnight(day, site.timezone), _same_time(until, day)) for register in of_day])
        for of_day, day in zip(registers[:2], days, strict=False)
    ]
    today, *before = [course_of(of_day, day, site.timezone, now) for of_day, day in zip(registers, days, strict=True)]
    courses = [today, *(by_clocks(one, day, days[0], site.timezone) for one, day in zip(before, days[1:], strict=True))]
    starts = slot_starts(days[0], site.timezone)
    return BuildingDay(
        site=site_id,
        day=days[0],
        until=until.astimezone(UTC),
        today_kwh=so_far[0],
        compared=compared(so_far[0], so_far[1], days[1]),
        weeks=sum(any(kw is not None for kw in course) for course in courses[1:]),
        slots=slots(starts, courses),
        demand_kw=demand(today),
        peak=peak(starts, today),
        meters=[
            await _meter(sources, one, ENERGY, now, site.timezone, main=one in mains)
            for one in sorted(meters, key=lambda one: (one not in mains, one.id))
        ],
        supplies=[
            await _meter(sources, one, metric, now, site.timezone, main=one.labels.get(SUPPLY) != SUB)
            for metric in SUPPLIES
            for one in sorted(devices, key=lambda one: (one.labels.get(SUPPLY) == SUB, one.id))
            if metric in one.metrics
        ],
    )


async def supply(sources: Sources, caller: Caller, site_id: str) -> Supply:
    """Raises `NotFoundError`."""
    require_reader(caller)
    site_of(sources, caller, site_id)
    now_ns = sources.clock()
    meters = [one for one in devices_at(sources.registry, site_id) if ENERGY in one.metrics]
    mains = mains_of(meters)
    return Supply(
        power=_total_power(sources, mains, now_ns),
        phases=_phases(sources, mains[0]) if len(mains) == 1 else None,
        meters={one.id: _total_power(sources, [one], now_ns) for one in meters},
    )


def mains_of(meters: Sequence[Device]) -> Sequence[Device]:
    """Those through which everything comes: labelled `supply=main`; else all that are not labelled `supply=sub`."""
    labelled = [one for one in meters if one.labels.get(SUPPLY) == MAIN]
    return labelled or [one for one in meters if one.labels.get(SUPPLY) != SUB]


def slot_starts(day: date, zone: ZoneInfo) -> Sequence[int]:
    """The half hours of a day, ms since the epoch; 46 or 50 of them where clocks are put forward or back."""
    return range(_midnight(day, zone), _midnight(day + timedelta(days=1), zone), SLOT_MS)


def compared(today: float | None, before: float | None, day: date) -> Compared | None:
    """Today so far against `day` until the same time; None where either is not known."""
    if today is None or before is None:
        return None
    return Compared(day=day, so_far_kwh=before, change_pct=(today / before - 1) * 100 if before > 0 else None)


def slots(starts: Sequence[int], courses: Sequence[Sequence[float | None]]) -> Sequence[Slot]:
    """`courses`: kW by slot, of the day itself and then of the weeks before by its clocks, the last one first."""
    found = []
    for i, start_ms in enumerate(starts):
        at = [course[i] if i < len(course) else None for course in courses]
        usual = [kw for kw in at[1:] if kw is not None]
        found.append(
            Slot(
                start=moment(start_ms * NS_PER_MS),
                kw=at[0],
                last_week_kw=at[1] if len(at) > 1 else None,
                usual_low_kw=min(usual, default=None),
                usual_high_kw=max(usual, default=None),
            )
        )
    return found


def peak(starts: Sequence[int], course: Sequence[float | None]) -> Peak | None:
    """The first of the highest."""
    known = [(kw, -start_ms) for start_ms, kw in zip(starts, course, strict=False) if kw is not None]
    if not known:
        return None
    kw, start_ms = max(known)
    return Peak(kw=kw, start=moment(-start_ms * NS_PER_MS))


def demand(course: Sequence[float | None]) -> float | None:
    """What was drawn last, kW; nothing older than `LATE_SLOTS` before the half hour that is over."""
    return next((kw for kw in reversed(course[-1 - LATE_SLOTS :]) if kw is not None), None)


def by_clocks(course: Sequence[float | None], day: date, other: date, zone: ZoneInfo) -> Sequence[float | None]:
    """The `course` of `day`, laid along the half hours of the `other` day by what clocks show.

    Where clocks were changed, a time that came twice is the first of the two, and one that was left out is not known.
    """
    shown: dict[time, float | None] = {}
    for start_ms, kw in zip(slot_starts(day, zone), course, strict=False):
        shown.setdefault(_moment(start_ms, zone).time(), kw)
    return [shown.get(_moment(start_ms, zone).time()) for start_ms in slot_starts(other, zone)]


def course_of(of_day: Sequence[Register], day: date, zone: ZoneInfo, now: datetime) -> Sequence[float | None]:
    """Of one day by half hour, kW: those that are over by now."""
    now_ms = _ms(now)
    return [
        None if (kwh := _sum([one.counted(start, start + SLOT_MS) for one in of_day])) is None else kwh * SLOTS_PER_HOUR
        for start in slot_starts(day, zone)
        if start + SLOT_MS <= now_ms
    ]


async def _registers(sources: Sources, meters: Sequence[Device], day: date, zone: ZoneInfo) -> Sequence[Register]:
    start, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    return [await register_of(sources, one.id, ENERGY, start - ROUND_MS, end + ROUND_MS) for one in meters]


async def _meter(sources: Sources, device: Device, metric: str, now: datetime, zone: ZoneInfo, *, main: bool) -> Meter:
    start, end = _midnight(now.date(), zone), _ms(now)
    register = await register_of(sources, device.id, metric, start - ROUND_MS, end)
    last_ms = register.times_ms[-1] if register.times_ms else start
    return Meter(
        device=device.id,
        names=device.names,
        metric=metric,
        unit=sources.registry.metrics[metric].unit,
        main=main,
        today=register.counted(start, max(start, last_ms)),
    )


def _total_power(sources: Sources, meters: Sequence[Device], now_ns: int) -> Figure | None:
    """Of all of them together; as old as the oldest. None where one is not known."""
    found = [(one, _number(sources.now.of(one.id).get(POWER))) for one in meters]
    known = [(one, *figure) for one, figure in found if figure is not None]
    if not known or len(known) < len(meters):
        return None
    oldest_ns = min(time_ns for _, _, time_ns in known)
    return Figure(
        value=sum(value for _, value, _ in known),
        time=moment(oldest_ns),
        stale=any(standing.stale(one, time_ns, now_ns) for one, _, time_ns in known),
    )


def _phases(sources: Sources, meter: Device) -> Phases | None:
    values = sources.now.of(meter.id)
    currents = [figure[0] for name in PHASE_CURRENTS if (figure := _number(values.get(name))) is not None]
    if len(currents) < len(PHASE_CURRENTS):
        return None
    powers = [_number(values.get(name)) for name in PHASE_POWERS]
    return Phases(
        current_a=currents,
        power_kw=[None if figure is None else figure[0] for figure in powers],
        imbalance_pct=imbalance_pct(currents),
    )


def _number(value: Value | None) -> tuple[float, int] | None:
    return None if value is None or isinstance(value.value, str) else (value.value, value.time_ns)


def _sum(parts: Sequence[float | None]) -> float | None:
    """None where there are none, or where one is not known."""
    known = [one for one in parts if one is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _midnight(day: date, zone: ZoneInfo) -> int:
    return _ms(datetime(day.year, day.month, day.day, tzinfo=zone))


def _same_time(now: datetime, day: date) -> int:
    return _ms(datetime.combine(day, now.timetz()))


def _moment(ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(ms / 1000, zone)


def _ms(when: datetime) -> int:
    return time_ns_of(when) // NS_PER_MS

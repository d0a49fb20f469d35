"""A building: are we within plan today? Power now, the day against the same weekday, demand, phases, meters, rooms."""

from collections.abc import Sequence

from api.board import parts
from api.board.frame import Visit
from api.board.pages.shown import active_at, alerts_of, shown
from api.board.plot import Course, Curve, Look, Scene, draw
from api.board.refusal import refusal
from api.board.words import Words
from api.problem import AwayError
from api.queries import buildings, devices, places
from api.queries.alert_values import AlertBrief
from api.queries.answer import time_ns_of
from api.queries.buildings import BuildingDay, Compared, Figure, Meter, Slot, Supply
from api.queries.devices import DeviceLatest
from api.queries.places import SiteDetail
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.wording import later

DAY_EVERY_NS = 60 * NS_PER_S
"""The day is worked out once in this time; what is drawn now, whenever something comes."""
HALF_HOUR_NS = 1_800 * NS_PER_S
LOOK_EVERY_S = 2.0
ALIKE_PCT = 1.0
"""A difference below this is none."""
LAST = (
    later("last Monday"),
    later("last Tuesday"),
    later("last Wednesday"),
    later("last Thursday"),
    later("last Friday"),
    later("last Saturday"),
    later("last Sunday"),
)
BALANCED_PCT = 10.0
"""What feeders are designed for at full load."""
ROOM = ("co2_ppm", "temperature_c", "humidity_pct")
"""What is told of a room."""


async def build_site(visit: Visit, site: str) -> None:
    """The page of a building."""
    day: BuildingDay | None = None
    away: AwayError | None = None
    asked_ns = 0

    async def build() -> None:
        nonlocal day, away, asked_ns
        sources, caller = visit.sources, await visit.caller()
        if day is None or visit.now_ns() - asked_ns >= DAY_EVERY_NS:
            asked_ns = visit.now_ns()
            try:
                day, away = await buildings.building(sources, caller, site), None
            except AwayError as error:
                away = error
        supply = await buildings.supply(sources, caller, site)
        place = await places.site(sources, caller, site)
        latest = await devices.latest(sources, caller, site=site)
        active = await active_at(visit, caller, site)
        _head(visit, place, day, active)
        if away is not None:
            refusal(away, visit.words)
        _figures(visit, site, day, supply.power)
        if day is not None:
            with parts.section(visit.words("Demand by half hour")):
                _demand(visit, day)
        _now(visit, place, day, supply, latest)

    await visit.live(build, [site], every_s=LOOK_EVERY_S)


def verdict(compared: Compared, words: Words) -> str:
    """Today against the same weekday, in words."""
    day = words(LAST[compared.day.weekday()])
    if compared.change_pct is None:
        return words("Nothing was used {day} until this time", day=day)
    if abs(compared.change_pct) < ALIKE_PCT:
        return words("Level with {day} so far", day=day)
    share = words.number(abs(compared.change_pct), 0)
    if compared.change_pct < 0:
        return words("{share}% under {day} so far", share=share, day=day)
    return words("{share}% over {day} so far", share=share, day=day)


def _head(visit: Visit, place: SiteDetail, day: BuildingDay | None, active: Sequence[AlertBrief] | None) -> None:
    words = visit.words
    name = words.name(place.names, place.id)
    visit.title(name)
    compared = None if day is None else day.compared
    with parts.tag("div", classes="verdict"):
        if compared is None:
            parts.tag("h1", name)
            parts.tag("p", words("Nothing is known of last week to compare with"), "quiet")
        else:
            parts.tag("p", name, "quiet")
            parts.tag("h1", verdict(compared, words))
    alerts_of(visit, active)


def _now(
    visit: Visit, place: SiteDetail, day: BuildingDay | None, supply: Supply, latest: Sequence[DeviceLatest]
) -> None:
    words = visit.words
    if supply.phases is not None:
        with parts.section(words("Phases")):
            _phases(words, supply)
    if day is not None:
        with parts.section(words("Electricity meters")):
            _meters(visit, day.meters, supply)
        if day.supplies:
            with parts.section(words("Water and gas today")):
                _registers(visit, day.supplies)
    rooms = [one for one in latest if {value.metric for value in one.latest} & {ROOM[0]}]
    if rooms:
        with parts.section(words("Rooms")):
            _rooms(visit, place, rooms)
    with parts.tag("p", classes="foot"):
        parts.link(words("All devices here"), f"/devices?site={place.id}")


def _figures(visit: Visit, site: str, day: BuildingDay | None, power: Figure | None) -> None:
    words, zone = visit.words, visit.zone(site)
    with parts.tag("dl", classes="figures figures-large"):
        with _figure(words("Power now")):
            _power(visit, site, power)
        if day is None:
            return
        with _figure(words("Today so far")):
            parts.value(words, day.today_kwh, unit="kW.h", decimals=0)
        if day.compared is not None:
            before = words(LAST[day.compared.day.weekday()])
            until = words.clock(time_ns_of(day.until), zone)
            with _figure(words("{day} until {time}", day=before[:1].upper() + before[1:], time=until)):
                parts.value(words, day.compared.so_far_kwh, unit="kW.h", decimals=0)
        with _figure(words("Last half hour")):
            parts.value(words, day.demand_kw, unit="kW", decimals=1)
        if day.peak is not None:
            start_ns = time_ns_of(day.peak.start)
            span = f"{words.clock(start_ns, zone)}\u2013{words.clock(start_ns + HALF_HOUR_NS, zone)}"
            with _figure(words("Highest today, {span}", span=span)):
                parts.value(words, day.peak.kw, unit="kW", decimals=1)


def _figure(title: str) -> parts.Tag:
    with parts.tag("div", classes="figure"):
        parts.tag("dt", title)
        return parts.tag("dd")


def _power(visit: Visit, site: str, power: Figure | None) -> None:
    if power is None:
        parts.value(visit.words, None, unit="kW")
        return
    time_ns = time_ns_of(power.time)
    parts.value(
        visit.words,
        power.value,
        unit="kW",
        decimals=1,
        age=visit.words.ago(time_ns, visit.now_ns()),
        exact=visit.words.moment(time_ns, visit.zone(site)),
        stale=power.stale,
    )


def _demand(visit: Visit, day: BuildingDay) -> None:
    words = visit.words
    today = _course([(one, one.kw) for one in day.slots])
    before = _course([(one, one.last_week_kw) for one in day.slots])
    curves = [Curve(today, words("Today"))]
    if before.values:
        curves.insert(0, Curve(before, words(LAST[day.day.weekday()]), Look.COMPARED))
    usual = [one for one in day.slots if one.usual_low_kw is not None and one.usual_high_kw is not None]
    if day.weeks > 1:
        band = Course(
            [_middle_ms(one) for one in usual],
            [one.usual_low_kw or 0.0 for one in usual],
            [one.usual_low_kw or 0.0 for one in usual],
            [one.usual_high_kw or 0.0 for one in usual],
            step_ms=HALF_HOUR_NS / NS_PER_MS,
        )
        name = words("{n} weeks before, lowest to highest", n=day.weeks)
        curves.insert(0, Curve(band, name, Look.BAND))
    start_ms = time_ns_of(day.slots[0].start) // NS_PER_MS
    draw(
        curves,
        Scene(
            title=words("Demand by half hour"),
            start_ms=start_ms,
            end_ms=time_ns_of(day.slots[-1].start) // NS_PER_MS + HALF_HOUR_NS // NS_PER_MS,
            zone=visit.zone(day.site),
            unit="kW",
            on_zero=True,
        ),
        words,
    )


def _course(slots: Sequence[tuple[Slot, float | None]]) -> Course:
    known = [(_middle_ms(slot), kw) for slot, kw in slots if kw is not None]
    return Course([ms for ms, _ in known], [kw for _, kw in known], step_ms=HALF_HOUR_NS / NS_PER_MS)


def _middle_ms(slot: Slot) -> int:
    return (time_ns_of(slot.start) + HALF_HOUR_NS // 2) // NS_PER_MS


def _phases(words: Words, supply: Supply) -> None:
    phases = supply.phases
    assert phases is not None, "drawn only then"
    share = words.number(phases.imbalance_pct, 0)
    if phases.imbalance_pct <= BALANCED_PCT:
        parts.tag("p", words("Balanced: no phase is more than {share}% from the mean.", share=share), "quiet")
    else:
        parts.tag("p", words("One phase is {share}% from the mean of all.", share=share))
    columns = [
        parts.Column(words("Phase")),
        parts.Column(words("Current"), number=True),
        parts.Column(words("Power"), number=True),
    ]
    rows = [
        (
            f"L{place + 1}",
            lambda value=current: parts.value(words, value, unit="A"),
            lambda value=power: parts.value(words, value, unit="kW"),
        )
        for place, (current, power) in enumerate(zip(phases.current_a, phases.power_kw, strict=True))
    ]
    parts.table(columns, rows, words("Phases"), "narrow")


def _meters(visit: Visit, meters: Sequence[Meter], supply: Supply) -> None:
    words = visit.words
    columns = [
        parts.Column(words("Meter")),
        parts.Column(words("Power now"), number=True),
        parts.Column(words("Today so far"), number=True),
    ]
    site = visit.sources.registry.devices[meters[0].device].site if meters else ""
    rows = [
        (
            lambda one=one: parts.link(words.name(one.names, one.device), f"/devices/{one.device}"),
            lambda one=one: _power(visit, site, supply.meters.get(one.device)),
            lambda one=one: parts.value(words, one.today, unit=one.unit, decimals=1),
        )
        for one in meters
    ]
    parts.table(columns, rows, words("Electricity meters"))


def _registers(visit: Visit, meters: Sequence[Meter]) -> None:
    words = visit.words
    columns = [parts.Column(words("Meter")), parts.Column(words("Today so far"), number=True)]
    rows = [
        (
            lambda one=one: parts.link(words.name(one.names, one.device), f"/devices/{one.device}"),
            lambda one=one: parts.value(words, one.today, unit=one.unit, decimals=2),
        )
        for one in meters
    ]
    parts.table(columns, rows, words("Water and gas today"), "narrow")


def _rooms(visit: Visit, place: SiteDetail, rooms: Sequence[DeviceLatest]) -> None:
    words, metrics = visit.words, visit.sources.registry.metrics
    briefs = {one.id: one for one in place.parts}
    columns = [
        parts.Column(words("Room")),
        parts.Column(words("State")),
        *(parts.Column(words.name(metrics[name].names), number=True) for name in ROOM),
    ]
    rows = []
    for room in rooms:
        brief, values = briefs[room.device], {one.metric: one for one in room.latest}
        cells = [
            (lambda one=values[name]: shown(visit, one, place.id)) if name in values else "\u2013" for name in ROOM
        ]
        rows.append(
            (
                lambda brief=brief: parts.link(words.name(brief.names, brief.id), f"/devices/{brief.id}"),
                lambda brief=brief: parts.state(brief.state, words),
                *cells,
            )
        )
    parts.table(columns, rows, words("Rooms"))

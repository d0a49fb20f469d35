"""One device: can I trust this reading? Its last values with age and quality, gaps, battery, radio, its neighbours."""

from collections.abc import Sequence

from api.board import parts
from api.board.frame import Board, Visit
from api.board.in_grafana import link_to_device
from api.board.pages.shown import alerts_of, moment_text, shown, trust_of
from api.board.plot import Course, Curve, Scene, Shape, draw
from api.board.refusal import refusal
from api.problem import AwayError
from api.queries import devices as query
from api.queries import fleet
from api.queries.answer import time_ns_of
from api.queries.devices import DeviceDetail, Latest
from api.queries.fleet import Coverage
from api.queries.readers import device_of
from telemetry.catalogue.metric import Kind
from telemetry.reading import NS_PER_MS, NS_PER_S

LOOK_EVERY_S = 2.0
COVERAGE_EVERY_NS = 60 * NS_PER_S
HOUR_NS = 3_600 * NS_PER_S
PLOT_PX = 96
WHOLE = 0.995
"""A share from here on is all."""
RADIO = ("rssi_dbm", "snr_db", "signal_quality_pct")


def add(board: Board) -> None:
    """Register it."""
    board.page("/devices/{device}", "Device")(device_page)


async def device_page(visit: Visit, device: str) -> None:
    """One device."""
    coverage: Coverage | None = None
    away: AwayError | None = None
    asked_ns = 0

    async def build() -> None:
        nonlocal coverage, asked_ns, away
        caller = await visit.caller()
        found = await query.device(visit.sources, caller, device)
        if visit.now_ns() - asked_ns >= COVERAGE_EVERY_NS:
            asked_ns = visit.now_ns()
            try:
                coverage, away = await fleet.coverage(visit.sources, caller, device), None
            except AwayError as error:
                away = error
        _draw(visit, found, coverage, away)

    known = device_of(visit.sources, await visit.caller(), device)
    await visit.live(build, [known.site], every_s=LOOK_EVERY_S)


def _draw(visit: Visit, found: DeviceDetail, coverage: Coverage | None, away: AwayError | None) -> None:
    words = visit.words
    name = words.name(found.names, found.id)
    visit.title(name)
    with parts.tag("div", classes="heading"):
        parts.link(_site(visit, found.site), f"/sites/{found.site}", "crumb")
        parts.tag("h1", name)
        with parts.tag("p", classes="state-line"):
            parts.state(found.state, words)
            parts.tag("span", _spoke(visit, found), "quiet")
    alerts_of(visit, found.active if found.alerts_known else None)
    with parts.section(words("Last values")):
        _values(visit, found)
        link_to_device(visit, found.id)
    with parts.section(words("Last 24 hours")):
        if away is not None:
            refusal(away, words)
        _coverage(visit, found, coverage)
    with parts.section(words("About this device")):
        _facts(visit, found, coverage)
    if found.children:
        with parts.section(words("Devices behind it")), parts.tag("ul", classes="chips"):
            for child in found.children:
                with parts.tag("li"):
                    parts.link(_device(visit, child), f"/devices/{child}")
    with parts.section(words("Out of service")):
        _outages(visit, found)


def _spoke(visit: Visit, found: DeviceDetail) -> str:
    words = visit.words
    if found.spoke is None:
        return words("It has never spoken.")
    ago = words.ago(time_ns_of(found.spoke), visit.now_ns())
    if found.interval_s is None:
        return words("Last reading {ago}; it speaks when something happens.", ago=ago)
    return words("Last reading {ago}; one is expected every {span}.", ago=ago, span=words.span(found.interval_s))


def _values(visit: Visit, found: DeviceDetail) -> None:
    words = visit.words
    if not found.latest:
        parts.empty(words("Nothing has come from it yet."), words("How to connect it"), f"/connect?device={found.id}")
        return
    columns = [
        parts.Column(words("Metric")),
        parts.Column(words("Value"), number=True),
        parts.Column(words("Age"), number=True),
        parts.Column(words("Quality")),
    ]
    rows = [
        (
            lambda one=one: _metric(visit, found, one),
            lambda one=one: shown(visit, one, found.site),
            moment_text(visit, one),
            trust_of(visit, one),
        )
        for one in found.latest
    ]
    parts.table(columns, rows, words("Last values"), "values")


def _metric(visit: Visit, found: DeviceDetail, one: Latest) -> None:
    metric = visit.sources.registry.metrics.get(one.metric)
    name = visit.words.name(one.names, one.metric)
    if metric is not None and metric.kind is Kind.TEXT:
        parts.tag("span", name, title=one.metric)
    else:
        parts.link(name, f"/devices/{found.id}/{one.metric}", title=one.metric)


def _coverage(visit: Visit, found: DeviceDetail, coverage: Coverage | None) -> None:
    words = visit.words
    if coverage is None:
        parts.tag("p", words("No readings came."), "quiet")
        return
    if coverage.expected is None:
        said = words.many("{n} reading came.", "{n} readings came.", coverage.count)
        parts.tag("p", said, "quiet")
    else:
        share = coverage.count / coverage.expected
        text = words("All that were expected came.")
        if share < WHOLE:
            text = words(
                "{share}% of the expected readings came: {count} of {expected}.",
                share=words.number(share * 100, 0 if share < 0.99 else 1),  # noqa: PLR2004 - 99.7 is not 100
                count=words.number(coverage.count, 0),
                expected=words.number(coverage.expected, 0),
            )
        parts.tag("p", text, "" if share < WHOLE else "quiet")
    now_ns = visit.now_ns()
    scene = Scene(
        title=words("Readings in each hour"),
        start_ms=(now_ns - 24 * HOUR_NS) // NS_PER_MS,
        end_ms=now_ns // NS_PER_MS,
        zone=visit.zone(found.site),
        decimals=0,
        height_px=PLOT_PX,
    )
    course = Course(
        [time_ns_of(hour.start) // NS_PER_MS for hour in coverage.hours],
        [float(hour.count) for hour in coverage.hours],
        step_ms=HOUR_NS / NS_PER_MS,
    )
    draw([Curve(course, shape=Shape.BARS)], scene, words)


def _facts(visit: Visit, found: DeviceDetail, coverage: Coverage | None) -> None:
    words, latest = visit.words, {one.metric: one for one in found.latest}
    site = visit.sources.registry.sites.get(found.site)
    with parts.tag("dl", classes="facts facts-left"):
        _fact(words("Id"), found.id)
        _fact(words("Kind"), found.kind)
        if found.area is not None and site is not None and found.area in site.areas:
            _fact(words("Area"), words.name(site.areas[found.area].names, found.area))
        if found.parent is not None:
            with _row(words("Gateway")):
                parts.link(_device(visit, found.parent), f"/devices/{found.parent}")
        if found.unit is not None:
            _fact(words("Physical unit"), found.unit)
        if found.labels:
            _fact(words("Labels"), " ".join(f"{name}={value}" for name, value in found.labels.items()))
        battery = None if coverage is None else coverage.battery
        if battery is not None and battery.days_left is not None:
            lasts = words.many("{n} day", "{n} days", int(battery.days_left))
            _fact(words("Battery lasts about"), lasts)
        for name in RADIO:
            if name in latest:
                with _row(words.name(latest[name].names, name)):
                    shown(visit, latest[name], found.site)
        with _row(words("All values as a file")):
            parts.link("CSV", f"/api/v1/devices/{found.id}/history?format=csv", download=True)
            parts.link("JSON", f"/api/v1/devices/{found.id}/history", download=True)


def _fact(title: str, text: str) -> None:
    with _row(title):
        parts.tag("span", text)


def _row(title: str) -> parts.Tag:
    with parts.tag("div", classes="fact"):
        parts.tag("dt", title)
        return parts.tag("dd")


def _outages(visit: Visit, found: DeviceDetail) -> None:
    words, zone = visit.words, visit.zone(found.site)
    rows: list[Sequence[parts.Cell]] = []
    for period in found.out_of_service:
        end = words("until further notice") if period.end is None else words.moment(time_ns_of(period.end), zone)
        rows.append((words.moment(time_ns_of(period.start), zone), end, period.reason))
    if rows:
        columns = [parts.Column(words("From")), parts.Column(words("Until")), parts.Column(words("Reason"))]
        parts.table(columns, rows, words("Out of service"), "narrow")
    parts.tag(
        "p",
        words(
            "Written in the device's line of the registry, column out_of_service, as 2026-11-22T08:00/2026-11-23T08:00 "
            "reason. While it lasts nobody is told of alerts, and the key figures leave the device out."
        ),
        "quiet",
    )


def _site(visit: Visit, site: str) -> str:
    place = visit.sources.registry.sites.get(site)
    return site if place is None else visit.words.name(place.names, site)


def _device(visit: Visit, device: str) -> str:
    found = visit.sources.registry.devices.get(device)
    return device if found is None else visit.words.name(found.names, device)

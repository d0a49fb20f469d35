"""Any metric of any device over any range. The address holds the range, so that it can be shared and gone back to."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from msgspec import Struct

from api.access.caller import Caller
from api.board import parts
from api.board.frame import Board, Visit
from api.board.plot import Curve, Line, Scene, Shape, Tone, course_of, draw
from api.board.refusal import refusal
from api.board.words import Words
from api.problem import ApiError, NotFoundError, UnprocessableError
from api.queries.alert_values import SeverityWord
from api.queries.answer import moment, time_ns_of
from api.queries.history import MAX_DAYS, Series, series
from api.queries.readers import device_of
from api.queries.thresholds import Threshold, thresholds
from telemetry.catalogue.metric import Kind, Metric, Source
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.registry.models import Device
from telemetry.wording import later

HOUR_S, DAY_S = 3_600, 86_400
SPANS = {
    "1h": (HOUR_S, later("1 hour")),
    "24h": (DAY_S, later("24 hours")),
    "7d": (7 * DAY_S, later("7 days")),
    "30d": (30 * DAY_S, later("30 days")),
    "1y": (365 * DAY_S, later("1 year")),
}
DEFAULT_SPAN = "24h"
LATEST_NS = 7_258_118_400 * NS_PER_S
"""The year 2200."""
POINTS = 600
"""As many as a wide screen can tell apart."""
PLOT_PX, BESIDE_PX = 360, 220
LOOK_EVERY_S = 10.0
SHAPES = {Kind.STATE: Shape.STEP, Kind.EVENT: Shape.DOTS}
"""Others are lines."""


class Range(Struct, frozen=True):
    """What is looked at, ns UTC."""

    start_ns: int
    end_ns: int
    span: str
    """Of `SPANS`; empty: from and to were given."""


def add(board: Board) -> None:
    """Register it."""
    board.page("/devices/{device}/{metric}", "Explore")(explore)


async def explore(
    visit: Visit,
    device: str,
    metric: str,
    span: str = DEFAULT_SPAN,
    start: str = "",
    end: str = "",
    beside: str = "",
) -> None:
    """One metric, and another one below it where `beside` names it."""
    caller = await visit.caller()
    known = device_of(visit.sources, caller, device)
    what = visit.sources.registry.metrics.get(metric)
    if what is None:
        raise NotFoundError(f"there is no metric {metric}")
    words, zone = visit.words, visit.zone(known.site)
    range_of(span, start, end, zone, visit.now_ns())  # so that a wrong one is said at once
    name = words.name(what.names, metric)
    visit.title(f"{name}, {words.name(known.names, device)}")
    with parts.tag("div", classes="heading"):
        parts.link(words.name(known.names, device), f"/devices/{device}", "crumb")
        parts.tag("h1", name)
    _ranges(visit, known, metric, range_of(span, start, end, zone, visit.now_ns()), beside)

    async def build() -> None:
        caller = await visit.caller()
        seen = range_of(span, start, end, zone, visit.now_ns())
        await _plot(visit, caller, known, metric, seen, PLOT_PX)
        if beside:
            other = visit.sources.registry.metrics.get(beside)
            parts.tag("h2", beside if other is None else words.name(other.names, beside))
            await _plot(visit, caller, known, beside, seen, BESIDE_PX)

    await visit.live(build, [known.site] if not end else [], alerts=False, every_s=LOOK_EVERY_S)
    _others(visit, caller, known, metric, beside)


def range_of(span: str, start: str, end: str, zone: ZoneInfo, now_ns: int) -> Range:
    """`start` and `end` as `2026-11-22T08:00`, by the site's clocks or with an offset; else the `span` until now.

    Raises `UnprocessableError`.
    """
    if start or end:
        end_ns = now_ns if not end else _moment_ns(end, zone)
        start_ns = end_ns - SPANS[DEFAULT_SPAN][0] * NS_PER_S if not start else _moment_ns(start, zone)
        if start_ns >= end_ns:
            raise UnprocessableError("the range ends before it begins")
        if end_ns - start_ns > MAX_DAYS * DAY_S * NS_PER_S:
            raise UnprocessableError(f"more than {MAX_DAYS} days: ask for a shorter range")
        return Range(start_ns, end_ns, "")
    if span not in SPANS:
        raise UnprocessableError(f"the range {span} is none of {', '.join(SPANS)}")
    return Range(now_ns - SPANS[span][0] * NS_PER_S, now_ns, span)


def lines_of(found: Sequence[Threshold], words: Words, decimals: int) -> Sequence[Line]:
    """Where alerts are raised, and, where that differs, where they end."""
    drawn: dict[tuple[float, Tone], Line] = {}
    for one in found:
        name = words.name(one.names, one.rule)
        tone = Tone.CRITICAL if one.severity is SeverityWord.CRITICAL else Tone.ATTENTION
        raised = words("{name}: alert {value}", name=name, value=words.number(one.raise_at, decimals))
        drawn.setdefault((one.raise_at, tone), Line(one.raise_at, raised, tone))
        if one.clear_at != one.raise_at:
            cleared = words("{name}: ends {value}", name=name, value=words.number(one.clear_at, decimals))
            drawn.setdefault((one.clear_at, Tone.CLEAR), Line(one.clear_at, cleared, Tone.CLEAR))
    return list(drawn.values())


def _moment_ns(text: str, zone: ZoneInfo) -> int:
    try:
        when = datetime.fromisoformat(text)
        time_ns = time_ns_of(when if when.tzinfo is not None else when.replace(tzinfo=zone))
    except (ValueError, OverflowError) as error:
        raise UnprocessableError(f"{text} is no time such as 2026-11-22T08:00") from error
    if not 0 <= time_ns <= LATEST_NS:
        raise UnprocessableError(f"{text} is not between 1970 and 2200")
    return time_ns


async def _plot(visit: Visit, caller: Caller, device: Device, metric: str, seen: Range, height_px: int) -> None:
    words = visit.words
    file = _file(device.id, metric, seen)
    try:
        found = await series(visit.sources, caller, device.id, metric, seen.start_ns, seen.end_ns, POINTS)
        rules = await thresholds(visit.sources, caller, device.id, metric)
    except ApiError as error:
        refusal(error, words)
        return
    what = visit.sources.registry.metrics[metric]
    name = words.name(what.names, metric)
    scene = Scene(
        title=name,
        start_ms=seen.start_ns // NS_PER_MS,
        end_ms=seen.end_ns // NS_PER_MS,
        zone=visit.zone(device.site),
        unit=what.unit,
        decimals=what.decimals,
        lines=lines_of(rules, words, what.decimals),
        height_px=height_px,
        download=f"{file}&format=csv",
    )
    course = course_of(found, device.interval_s, scene.end_ms)
    draw([Curve(course, shape=_shape(what, found))], scene, words)
    _summary(visit, what, found, file)


def _shape(what: Metric, found: Series) -> Shape:
    if what.kind is Kind.EVENT and found.window_s:
        return Shape.BARS
    return SHAPES.get(what.kind, Shape.LINE)


def _summary(visit: Visit, what: Metric, found: Series, file: str) -> None:
    words = visit.words
    with parts.tag("dl", classes="figures"):
        if found.values:
            low, high = min(found.low or found.values), max(found.high or found.values)
            for title, value in (
                (words("Lowest"), low),
                (words("Highest"), high),
                (words("Last"), found.values[-1]),
            ):
                with _figure(title):
                    parts.value(words, value, unit=what.unit, decimals=what.decimals)
        if found.suspect:
            with _figure(words("Suspect")):
                parts.value(words, float(len(found.suspect)), decimals=0)
        with _figure(words("Drawn from")):
            parts.tag("span", words("each value") if found.window_s is None else _windows(words, found.window_s))
        with _figure(words("As a file")):
            parts.link("JSON", file, download=True)


def _windows(words: Words, window_s: int) -> str:
    return words("windows of {span}, with the range in each", span=words.span(window_s))


def _figure(title: str) -> parts.Tag:
    with parts.tag("div", classes="figure"):
        parts.tag("dt", title)
        return parts.tag("dd", classes="words")


def _file(device: str, metric: str, seen: Range) -> str:
    fields = {
        "metric": metric,
        "start": moment(seen.start_ns).isoformat().replace("+00:00", "Z"),
        "end": moment(seen.end_ns).isoformat().replace("+00:00", "Z"),
    }
    return f"/api/v1/devices/{device}/history?{urlencode(fields)}"


def _ranges(visit: Visit, device: Device, metric: str, seen: Range, beside: str) -> None:
    """Links, so that going back works; and a form, whose fields are in the address too."""
    words, zone = visit.words, visit.zone(device.site)
    here = f"/devices/{device.id}/{metric}"
    with parts.tag("div", classes="ranges"):
        with parts.tag("nav", classes="actions", aria_label=words("Range")):
            for span, (_, text) in SPANS.items():
                fields = {"span": span} | ({"beside": beside} if beside else {})
                parts.link(
                    words(text),
                    f"{here}?{urlencode(fields)}",
                    "button range",
                    aria_current="true" if span == seen.span else None,
                )
        with parts.tag("form", classes="narrowing", action=here, method="get"):
            if beside:
                parts.tag("input", type="hidden", name_="beside").props["^value"] = beside
            for name, title, time_ns in (
                ("start", words("From"), seen.start_ns),
                ("end", words("Until"), seen.end_ns),
            ):
                with parts.tag("label", classes="field"):
                    parts.tag("span", title, "field-title")
                    field = parts.tag("input", classes="input", type="datetime-local", name_=name, required=True)
                    field.props["^value"] = _local(time_ns, zone)
            parts.tag("button", words("Show"), "button", type="submit")


def _local(time_ns: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(time_ns / NS_PER_S, UTC).astimezone(zone):%Y-%m-%dT%H:%M}"


def _others(visit: Visit, caller: Caller, device: Device, metric: str, beside: str) -> None:
    words, metrics = visit.words, visit.sources.registry.metrics
    names = {
        name: words.name(metrics[name].names, name)
        for name in device.metrics
        if name != metric and caller.reads(metrics[name]) and metrics[name].kind is not Kind.TEXT
        if metrics[name].source is not Source.ALERT
    }
    if not names:
        return
    options = {"": words("Nothing"), **names}
    title = words("Show below it")
    with parts.tag("div", classes="beside"):
        chosen = parts.field(
            title, kind="select", initial=beside, options=options, on_change=lambda: _beside(visit, chosen)
        )


def _beside(visit: Visit, chosen: parts.Field) -> None:
    fields = {name: value for name, value in visit.request.query_params.items() if name != "beside"}
    if chosen.value:
        fields["beside"] = chosen.value
    visit.go(f"{visit.request.url.path}?{urlencode(fields)}")

"""Plots on a page: a picture, what a screen reader says of it, and what is read by whoever points at it."""

from collections.abc import Sequence
from math import inf, isfinite
from zoneinfo import ZoneInfo

import msgspec
from babel import Locale
from msgspec import Struct
from msgspec.structs import asdict, replace
from nicegui import ui

from api.board.plot.picture import Course, Curve, Line, Look, Shape, picture, within
from api.board.words import Words
from api.queries.history import Series
from telemetry.reading import NS_PER_MS

HEIGHT_PX = 240
MS_PER_S = 1_000
SPARK_WIDTH_PX, SPARK_HEIGHT_PX = 96, 24


class PlotElement(ui.element, component="plot.js"):
    """Draws what it is given in the browser; its colours are the stylesheet's."""


class Scene(Struct, frozen=True):
    """What belongs to a plot besides its values."""

    title: str
    """What is seen, for who can't see it; it is not drawn."""
    start_ms: int
    end_ms: int
    """Since the epoch, after the start."""
    zone: ZoneInfo
    """The site's."""
    unit: str = ""
    """UCUM."""
    decimals: int = 1
    lines: Sequence[Line] = ()
    height_px: int = HEIGHT_PX
    download: str = ""
    """Where the values are had as CSV."""
    on_zero: bool = False
    """Stands on zero whatever the values."""


def draw(curves: Sequence[Curve], scene: Scene, words: Words) -> ui.element:
    """Put a plot into what is open."""
    seen = [replace(one, course=within(one.course, scene.start_ms, scene.end_ms)) for one in curves]
    drawn = picture(
        seen,
        scene.start_ms,
        scene.end_ms,
        lines=scene.lines,
        zone=scene.zone,
        locale=locale_of(words.language),
        decimals=scene.decimals,
        on_zero=scene.on_zero,
    )
    element = PlotElement()
    element.props.update(
        {
            "picture": msgspec.to_builtins(drawn),
            "courses": [_pointed_at(one.course) for one in seen],
            "told": told(seen, scene, words),
            "height": scene.height_px,
            "unit": words.unit(scene.unit),
            "decimals": scene.decimals,
            "zone": scene.zone.key,
            "language": words.language,
            "marks": {"suspect": words("suspect"), "nothing": words("No values in this time")},
            "href": scene.download,
            "link": words("Download CSV"),
        }
    )
    return element


def plot(
    series: Series,
    lines: Sequence[Line],
    words: Words,
    zone: ZoneInfo,
    height_px: int,
    title: str,
    *,
    unit: str = "",
    decimals: int = 1,
    shape: Shape = Shape.LINE,
    start_ms: int | None = None,
    end_ms: int | None = None,
    download: str = "",
) -> ui.element:
    """One series with its lines. Without `start_ms` and `end_ms`: from its first value to its last."""
    course = course_of(series, end_ms=end_ms)
    times_ms = course.times_ms or (0,)
    first_ms = times_ms[0] if start_ms is None else start_ms
    last_ms = times_ms[-1] if end_ms is None else end_ms
    scene = Scene(
        title=title,
        start_ms=first_ms,
        end_ms=max(last_ms, first_ms + 1),
        zone=zone,
        unit=unit,
        decimals=decimals,
        lines=lines,
        height_px=height_px,
        download=download,
    )
    return draw([Curve(course, shape=shape)], scene, words)


def course_of(series: Series, interval_s: float | None = None, end_ms: int | None = None) -> Course:
    """As it is drawn: windows in their middle, the last one not beyond `end_ms`.

    `interval_s`: of the device, for what is a gap.
    """
    step_ms = (series.window_s or interval_s or 0.0) * MS_PER_S
    times_ms = series.times_ms
    if series.window_s:
        latest_ms = inf if end_ms is None else end_ms
        times_ms = [int(min(ms + step_ms / 2, max(ms, latest_ms))) for ms in times_ms]
    return Course(times_ms, series.values, series.low, series.high, series.suspect, step_ms)


def told(curves: Sequence[Curve], scene: Scene, words: Words) -> str:
    """What is seen, in a sentence for each thing that is in it."""
    said = [_told_of(one, scene, words) for one in curves]
    said += [
        words("Line at {value}: {name}.", value=_with_unit(line.value, scene, words), name=line.text)
        for line in scene.lines
    ]
    return " ".join([f"{scene.title}.", *said])


def spark(values: Sequence[float | None]) -> ui.element:
    """A tiny line for tiles, evenly spaced; None is a gap. It says nothing to a screen reader: a number stands by."""
    known = [value for value in values if value is not None and isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    height = SPARK_HEIGHT_PX - 4
    steps = max(len(values) - 1, 1)
    path, pen = [], "M"
    for i, value in enumerate(values):
        if value is None or not isfinite(value):
            pen = "M"
            continue
        share = (value - low) / (high - low) if high > low else 0.5
        path.append(f"{pen}{i / steps * SPARK_WIDTH_PX:.1f} {2 + (1 - share) * height:.1f}")
        pen = "L"
    box = f"0 0 {SPARK_WIDTH_PX} {SPARK_HEIGHT_PX}"
    with ui.element("svg").classes("spark") as drawn:
        drawn.props.update({"viewBox": box, "aria-hidden": "true", "focusable": "false"})
        ui.element("path").props.update({"d": "".join(path)})
    return drawn


def locale_of(language: str) -> Locale:
    """How dates are written: English in the order that Hong Kong uses."""
    return Locale.parse("en_GB" if language == "en" else f"{language.replace('-', '_')}_HK")


def _told_of(curve: Curve, scene: Scene, words: Words) -> str:
    course = curve.course
    name = curve.name or (words("Values") if curve.look is Look.MAIN else words("Compared with"))
    if not course.values:
        return words("{name}: no values in this time.", name=name)
    return words(
        "{name}: lowest {low}, highest {high}, last {last} at {time}.",
        name=name,
        low=_with_unit(min([*course.values, *course.low]), scene, words),
        high=_with_unit(max([*course.values, *course.high]), scene, words),
        last=_with_unit(course.values[-1], scene, words),
        time=words.moment(course.times_ms[-1] * NS_PER_MS, scene.zone),
    )


def _with_unit(value: float, scene: Scene, words: Words) -> str:
    return f"{words.number(value, scene.decimals)} {words.unit(scene.unit)}".rstrip()


def _pointed_at(course: Course) -> dict[str, object]:
    return {**asdict(course), "suspect": sorted(course.suspect)}

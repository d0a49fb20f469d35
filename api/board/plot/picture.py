"""A plot as data: what stands where, as shares of its width and height. Pure; `element.py` puts it on a page.

Curves are SVG paths in a square of 1000 by 1000 that is stretched to the plot's place, so that one picture fits a phone
and a wall; strokes keep their width. Texts stand beside it as HTML, so they are not stretched.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise, zip_longest
from statistics import median
from zoneinfo import ZoneInfo

from babel import Locale
from msgspec import Struct

from api.board.plot.scale import Tick, time_ticks, value_steps

SIDE = 1000.0
"""Of the square, in which y counts downwards."""
GAP_STEPS = 3.0
"""No value for so many steps is a gap."""
AROUND = 5
"""So many distances on each side say what is usual."""
ROOM_ABOVE = 0.08
"""Share of the height that stays free above the highest value, and below the lowest where that is not zero."""
FAR = 4.0
"""A line further away than so many times the spread of the values is told at the edge, so as not to flatten them."""
FROM_ZERO = 0.5
"""Values whose lowest is below this share of their highest stand on zero."""


class Shape(StrEnum):
    """How values follow each other."""

    LINE = "line"
    STEP = "step"
    """Each holds until the next: states."""
    BARS = "bars"
    """Each is of the step that begins at its moment: amounts."""
    DOTS = "dots"
    """Each stands for itself: events."""


class Look(StrEnum):
    """Which part a curve plays."""

    MAIN = "main"
    COMPARED = "compared"
    """Dashed and grey: what it is compared with."""
    BAND = "band"
    """Only the area from its lowest to its highest."""


class Tone(StrEnum):
    """What a line is drawn in for."""

    CRITICAL = "critical"
    ATTENTION = "attention"
    CLEAR = "clear"
    """Where an alert ends."""
    GUIDELINE = "guideline"


class Course(Struct, frozen=True):
    """Values by time, rising. All sequences have one length, but `low` and `high`, which may be empty."""

    times_ms: Sequence[int]
    values: Sequence[float]
    low: Sequence[float] = ()
    """Of windows: the lowest within each."""
    high: Sequence[float] = ()
    suspect: frozenset[int] = frozenset()
    """Places of the values that deserve less trust."""
    step_ms: float = 0.0
    """Expected between two values; 0: not known. Where the values themselves are further apart, that is what counts."""


class Curve(Struct, frozen=True):
    """A course and how it is drawn."""

    course: Course
    name: str = ""
    look: Look = Look.MAIN
    shape: Shape = Shape.LINE


class Line(Struct, frozen=True):
    """A value drawn from side to side."""

    value: float
    text: str
    tone: Tone


class Drawn(Struct, frozen=True):
    """One curve as paths; empty where there is nothing of the kind."""

    name: str
    look: Look
    shape: Shape
    path: str
    area: str
    """From the lowest to the highest of each window."""
    alone: str
    """Values without a neighbour, which a line would not show."""
    suspect: str
    """Values that deserve less trust: drawn hollow."""
    x: Sequence[float]
    """Of each value, share of the width: for who points at it."""
    y: Sequence[float]


class Mark(Struct, frozen=True):
    """A text beside the plot, at a share of its width or (from below) of its height."""

    at: float
    text: str


class DrawnLine(Struct, frozen=True):
    """A line with its text."""

    at: float
    text: str
    tone: Tone
    outside: bool
    """Too far away to be drawn: told at the edge that is nearest."""
    below: bool
    """The text stands below the line: above it is another's."""
    left: bool = False
    """The text stands at the left: at the right a curve would run through it."""


class Picture(Struct, frozen=True):
    """The whole plot."""

    curves: Sequence[Drawn]
    lines: Sequence[DrawnLine]
    values: Sequence[Mark]
    """Ticks beside the height."""
    times: Sequence[Mark]
    """Ticks below the width."""


class _Frame(Struct, frozen=True):
    """What is seen: from where to where."""

    start_ms: int
    end_ms: int
    low: float
    high: float

    def x(self, ms: float) -> float:
        return (ms - self.start_ms) / (self.end_ms - self.start_ms)

    def y(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


def picture(
    curves: Sequence[Curve],
    start_ms: int,
    end_ms: int,
    *,
    lines: Sequence[Line] = (),
    zone: ZoneInfo,
    locale: Locale,
    decimals: int = 1,
    on_zero: bool = False,
) -> Picture:
    """What is seen from `start_ms` to `end_ms` (after it), ms since the epoch; values outside are left out.

    `on_zero`: stands on zero whatever the values, as amounts should that are compared.
    """
    seen = [Curve(within(one.course, start_ms, end_ms), one.name, one.look, one.shape) for one in curves]
    low, high = _reach(seen, lines, on_zero=on_zero)
    frame = _Frame(start_ms, end_ms, low, high)
    finest = 0.0 if all(one.shape is Shape.LINE for one in curves) else 10.0**-decimals
    steps = value_steps(low, high, finest)
    places = max(decimals, 0) if len(steps) < 2 else _places(steps[1] - steps[0])  # noqa: PLR2004 - two give a step
    drawn = [_drawn(one, frame) for one in seen]
    return Picture(
        curves=drawn,
        lines=_drawn_lines(lines, frame, drawn),
        values=[Mark(_round(frame.y(step)), f"{step:,.{places}f}".replace("-", "\N{MINUS SIGN}")) for step in steps],
        times=[_mark(frame, tick) for tick in time_ticks(start_ms, end_ms, zone, locale)],
    )


def step_ms(course: Course) -> float:
    """The distance that two values usually have: as expected, or as it is where that is more."""
    return max(course.step_ms, median(_apart(course) or [0]))


def runs(course: Course) -> Iterator[range]:
    """The places of values that follow each other without a gap.

    What is usual is judged by the distances around: a past that was filled in more coarsely, or thinned out for the
    screen, is not one gap after another.
    """
    apart = _apart(course)
    start = 0
    for i, distance in enumerate(apart):
        around = apart[max(0, i - AROUND) : i + AROUND + 1]
        if distance > GAP_STEPS * max(course.step_ms, median(around)):
            yield range(start, i + 1)
            start = i + 1
    if course.times_ms:
        yield range(start, len(course.times_ms))


def _apart(course: Course) -> Sequence[int]:
    return [b - a for a, b in pairwise(course.times_ms)]


def within(course: Course, start_ms: int, end_ms: int) -> Course:
    """Its values from `start_ms` to `end_ms`, both included."""
    inside = [i for i, ms in enumerate(course.times_ms) if start_ms <= ms <= end_ms]
    if len(inside) == len(course.times_ms):
        return course
    return Course(
        [course.times_ms[i] for i in inside],
        [course.values[i] for i in inside],
        [course.low[i] for i in inside] if course.low else (),
        [course.high[i] for i in inside] if course.high else (),
        frozenset(place for place, i in enumerate(inside) if i in course.suspect),
        course.step_ms,
    )


def _reach(curves: Sequence[Curve], lines: Sequence[Line], *, on_zero: bool) -> tuple[float, float]:
    """The lowest and the highest that is seen."""
    values = [
        value for one in curves for part in (one.course.values, one.course.low, one.course.high) for value in part
    ]
    if not values:
        values = [line.value for line in lines] or [0.0, 1.0]
    low, high = min(values), max(values)
    if on_zero or any(one.shape is Shape.BARS for one in curves) or 0 <= low < FROM_ZERO * high:
        low = min(low, 0.0)
    spread = (high - low) or abs(high) * 0.1 or 1.0
    near = [line.value for line in lines if low - FAR * spread <= line.value <= high + FAR * spread]
    low, high = min([low, *near]), max([high, *near])
    spread = (high - low) or spread
    return (low if low == 0 else low - ROOM_ABOVE * spread), high + ROOM_ABOVE * spread


def _drawn(curve: Curve, frame: _Frame) -> Drawn:
    course = curve.course
    x = [_round(frame.x(ms)) for ms in course.times_ms]
    y = [_round(frame.y(value)) for value in course.values]
    parts = list(runs(course))
    dots = curve.shape is Shape.DOTS
    hidden = range(0) if not dots else range(len(x))
    alone = [i for part in parts if len(part) == 1 for i in part] if curve.shape is Shape.LINE else hidden
    if curve.look is Look.BAND:
        alone = []
    return Drawn(
        name=curve.name,
        look=curve.look,
        shape=curve.shape,
        path="" if dots or curve.look is Look.BAND else "".join(_path(curve, part, x, y, frame) for part in parts),
        area="".join(_area(course, part, x, frame) for part in parts if len(part) > 1) if course.low else "",
        alone="".join(_dot(x[i], y[i]) for i in alone),
        suspect="".join(_dot(x[i], y[i]) for i in sorted(course.suspect)),
        x=x,
        y=y,
    )


def _path(curve: Curve, part: range, x: Sequence[float], y: Sequence[float], frame: _Frame) -> str:
    first = part[0]
    if curve.shape is Shape.BARS:
        width = max(step_ms(curve.course) / (frame.end_ms - frame.start_ms), 0.002) * SIDE
        ground = _down(_clip(frame.y(0.0)))
        return "".join(
            f"M{_across(x[i])} {ground}V{_down(y[i])}h{width * 0.85:.1f}V{ground}Z" for i in part if y[i] is not None
        )
    begin = f"M{_across(x[first])} {_down(y[first])}"
    if curve.shape is Shape.STEP:
        return begin + "".join(f"H{_across(x[i])}V{_down(y[i])}" for i in part[1:])
    return begin + "".join(f"L{_across(x[i])} {_down(y[i])}" for i in part[1:])


def _area(course: Course, part: range, x: Sequence[float], frame: _Frame) -> str:
    upper = [f"{_across(x[i])} {_down(frame.y(course.high[i]))}" for i in part]
    lower = [f"{_across(x[i])} {_down(frame.y(course.low[i]))}" for i in reversed(part)]
    return f"M{'L'.join([*upper, *lower])}Z"


def _dot(x: float, y: float) -> str:
    # A line without length: its round ends stay round however the square is stretched.
    return f"M{_across(x)} {_down(y)}h0"


TEXT_HALF, TEXT_WIDE = 0.06, 0.35
"""About what a line's text takes of a small plot: half of its height, and its width."""
CROWDED = 0.12
"""Two lines that are closer than this share of the height have no room for a text between them."""


def _drawn_lines(lines: Sequence[Line], frame: _Frame, curves: Sequence[Drawn]) -> Sequence[DrawnLine]:
    """Of those that are too far away only the nearest at each edge, and none where an alert merely ends."""
    points = [(x, y) for curve in curves if curve.look is Look.MAIN for x, y in zip(curve.x, curve.y, strict=True)]
    ordered = sorted(lines, key=lambda line: line.value)
    seen = [line for line in ordered if frame.low <= line.value <= frame.high]
    drawn = []
    for line, above in zip_longest(seen, seen[1:]):
        at = frame.y(line.value)
        crowded = above is not None and frame.y(above.value) - at < CROWDED
        below = crowded or at > 1 - CROWDED
        left = _taken(points, at, below=below) and not _taken([(1 - x, y) for x, y in points], at, below=below)
        drawn.append(DrawnLine(_round(at), line.text, line.tone, outside=False, below=below, left=left))
    told = [line for line in ordered if line.tone is not Tone.CLEAR]
    under = [line for line in told if line.value < frame.low][-1:]
    over = [line for line in told if line.value > frame.high][:1]
    drawn += [DrawnLine(0.0, line.text, line.tone, outside=True, below=False) for line in under]
    drawn += [DrawnLine(1.0, line.text, line.tone, outside=True, below=True) for line in over]
    return drawn


def _taken(points: Sequence[tuple[float, float]], at: float, *, below: bool) -> bool:
    """Whether a curve runs through where a line's text stands at the right."""
    middle = at - TEXT_HALF if below else at + TEXT_HALF
    return any(x > 1 - TEXT_WIDE and abs(y - middle) < TEXT_HALF for x, y in points)


def _mark(frame: _Frame, tick: Tick) -> Mark:
    return Mark(_round(frame.x(tick.at)), tick.text)


def _places(step: float) -> int:
    """Decimals that tell two ticks apart."""
    return next((places for places in range(7) if abs(round(step, places) - step) < step * 1e-6), 7)


def _clip(share: float) -> float:
    return min(1.0, max(0.0, share))


def _round(share: float) -> float:
    return round(share, 4)


def _across(share: float) -> str:
    return f"{share * SIDE:.1f}"


def _down(share: float) -> str:
    return f"{(1 - share) * SIDE:.1f}"

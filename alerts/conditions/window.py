"""Aggregates over a window of event time, in buckets. Pure.

A window is cut into steps; each step's readings are kept as one bucket: how long a value was known, its integral, its
extremes, and what the readings add up to. So a window of a day costs no more memory than one of ten minutes, and at
the end of each step, the only moments at which the aggregate is worked out, it is exact: buckets and window share
their bounds. The last value holds into the next bucket until a reading comes or the device counts as silent.
"""

from collections.abc import Callable
from datetime import datetime
from math import inf
from operator import attrgetter
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from alerts.rules.rule import Aggregate, Window
from telemetry.reading import NS_PER_S

SETTLES_DAYS = 3
"""At the month's beginning, and where we have just begun to watch, every morning is a record."""
_DAY_NS = 86_400 * NS_PER_S
MONTHS = 12


class Bucket(Struct, frozen=True, gc=False, array_like=True):
    """One step. Values in the metric's unit, times in ns."""

    known_ns: int = 0
    integral: float = 0.0
    """Value times seconds."""
    low: float = inf
    high: float = -inf
    total: float = 0.0
    """Sum of the readings."""
    count: int = 0
    delta: float = 0.0
    """What the readings add to a counter, or change."""


class Course(Struct, frozen=True, array_like=True):
    """A window between two readings: everything but the buckets that are closed."""

    observed_ns: int
    """Since when the device is watched."""
    end_ns: int
    """Where the open bucket ends."""
    cursor_ns: int
    """How far the held value is added up."""
    held: float | None = None
    """The last value."""
    reading_ns: int | None = None
    """Its time."""
    suspect: bool = False
    open: Bucket = Bucket()
    month: int = 0
    """Of `peak`: year times 12 plus month."""
    peak: float = 0.0
    """The highest aggregate of this month's closed windows."""
    best: float = 0.0
    """The highest of the window that is open: counts into the peak when it is closed."""
    steps: int = 0
    """How many buckets were closed since the beginning."""


EMPTY = Bucket()
_known_ns: Callable[[Bucket], int] = attrgetter("known_ns")
_integral: Callable[[Bucket], float] = attrgetter("integral")
_low: Callable[[Bucket], float] = attrgetter("low")
_high: Callable[[Bucket], float] = attrgetter("high")


def begin(window: Window, at_ns: int) -> Course:
    """Watch from `at_ns` on."""
    return Course(at_ns, at_ns - at_ns % window.step_ns + window.step_ns, at_ns)


def add(course: Course, time_ns: int, value: float, hold_ns: int | None, *, suspect: bool, counter: bool) -> Course:
    """A reading, within the open bucket; one that is overtaken by the clock counts from there."""
    moment_ns = max(time_ns, course.cursor_ns)
    bucket = _held(course, moment_ns, hold_ns)
    step = 0.0 if course.held is None else value - course.held
    if counter and step < 0.0:  # a reset: what it shows was counted since
        step = value
    return replace(
        course,
        cursor_ns=moment_ns,
        held=value,
        reading_ns=time_ns,
        suspect=suspect,
        open=Bucket(
            bucket.known_ns,
            bucket.integral,
            min(bucket.low, value),
            max(bucket.high, value),
            bucket.total + value,
            bucket.count + 1,
            bucket.delta + step,
        ),
    )


def close(
    window: Window, course: Course, closed: tuple[Bucket, ...], hold_ns: int | None
) -> tuple[Course, tuple[Bucket, ...]]:
    """End the open bucket; the window's buckets after that, oldest first."""
    bucket = _held(course, course.end_ns, hold_ns)
    most = window.window_ns // window.step_ns
    end_ns = course.end_ns
    following = replace(course, cursor_ns=end_ns, end_ns=end_ns + window.step_ns, open=EMPTY, steps=course.steps + 1)
    return following, (*closed[max(0, len(closed) - most + 1) :], bucket)


def is_alive(window: Window, course: Course, closed: tuple[Bucket, ...], hold_ns: int | None) -> bool:
    """Whether the end of the next step may change anything; if not, it can wait for the next reading."""
    if course.cursor_ns - course.observed_ns < window.window_ns or course.open.count:
        return True
    if course.reading_ns is not None and (hold_ns is None or course.cursor_ns < course.reading_ns + hold_ns):
        return True
    return any(bucket != EMPTY for bucket in closed)


def wake(window: Window, course: Course, closed: tuple[Bucket, ...], time_ns: int) -> tuple[Course, tuple[Bucket, ...]]:
    """The same at the step that `time_ns` is in, after a time in which nothing was alive: all of it is empty."""
    missed = max(0, (time_ns - course.end_ns) // window.step_ns + 1)
    if not missed:
        return course, closed
    most = window.window_ns // window.step_ns
    start_ns = course.end_ns + (missed - 1) * window.step_ns
    return (
        replace(course, cursor_ns=start_ns, end_ns=start_ns + window.step_ns, open=EMPTY, steps=course.steps + missed),
        (*closed, *(EMPTY,) * min(missed, most))[-most:],
    )


def aggregate(window: Window, course: Course, closed: tuple[Bucket, ...]) -> float | None:
    """Over the window that ends where the open bucket begins; None: unknown."""
    if course.cursor_ns - course.observed_ns < window.window_ns:
        return None
    known_ns = sum(map(_known_ns, closed))
    if known_ns < window.coverage * window.window_ns:
        return None
    if window.aggregate is Aggregate.COUNT:
        return float(sum(bucket.count for bucket in closed))
    if not known_ns:
        return None
    match window.aggregate:
        case Aggregate.MEAN:
            return sum(map(_integral, closed)) * NS_PER_S / known_ns
        case Aggregate.MIN:
            return min(map(_low, closed))
        case Aggregate.MAX:
            return max(map(_high, closed))
        case Aggregate.SPREAD:
            return max(map(_high, closed)) - min(map(_low, closed))
        case Aggregate.SUM:
            return sum(bucket.total for bucket in closed)
        case _:
            return sum(bucket.delta for bucket in closed)


def against_peak(
    window: Window, course: Course, value: float, at_ns: int, zone: ZoneInfo
) -> tuple[Course, float | None]:
    """`value` as a part of the month's peak so far, and the course that remembers it."""
    local = datetime.fromtimestamp((at_ns - 1) / NS_PER_S, zone)
    month = local.year * MONTHS + local.month - 1
    if month != course.month:
        course = replace(course, month=month, peak=0.0, best=0.0)
    settled = local.day > SETTLES_DAYS and at_ns - course.observed_ns >= SETTLES_DAYS * _DAY_NS
    part = value / course.peak if course.peak > 0.0 and settled else None
    best = max(course.best, value)
    if at_ns % window.window_ns == 0:
        return replace(course, peak=max(course.peak, best), best=0.0), part
    return replace(course, best=best), part


def _held(course: Course, until_ns: int, hold_ns: int | None) -> Bucket:
    """The open bucket with the held value added up to `until_ns`, or to where it stops to hold."""
    bucket, value = course.open, course.held
    if value is None or course.reading_ns is None:
        return bucket
    end_ns = until_ns if hold_ns is None else min(until_ns, course.reading_ns + hold_ns)
    known_ns = end_ns - course.cursor_ns
    if known_ns <= 0:
        return bucket
    return Bucket(
        bucket.known_ns + known_ns,
        bucket.integral + value * known_ns / NS_PER_S,
        min(bucket.low, value),
        max(bucket.high, value),
        bucket.total,
        bucket.count,
        bucket.delta,
    )

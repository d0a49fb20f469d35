"""Questions about the hour of the day, the day of the week and the month, in InfluxQL. Pure.

Each asks for a span of its own that ends with the dashboard's range, whatever the range's beginning: four weeks, the
weeks since a Monday, two months. Windows without readings are no rows. `clock.py` says how a window gets its hour.
"""

from collections.abc import Sequence

from grafana import clock
from grafana.clock import END_MS, LAST_SECOND_MS, START_MS, Width, clock_of
from grafana.queries import DEVICE, SITE, TIME, Scope, group, of
from telemetry.catalogue.metric import Metric
from telemetry.stores.influxdb.influxql import identifier, select

PROFILE_DAYS = 28
"""Each hour of the week four times."""
WEEKS = 4
"""The week in which the range ends, and those before it."""
_WEEKS_DAYS = 7 * WEEKS + 1
_MONTH_DAYS, _MONTHS_DAYS = 32, 63
"""One month and two, and the reading before them."""
_EMPTY = -1_000_000_000_000
"""Stands for a window without readings while windows are counted; no metric of the catalogue can be so low."""
_ALL: Sequence[str] = ()
"""All devices together."""


def span(days: int) -> str:
    """The condition for a span that ends with the range."""
    return f"time >= {END_MS}ms - {days}d AND time <= {END_MS}ms"


def hours_of_week(metric: Metric, scope: Scope, zone: str) -> str:
    """Rows `site, device, hour, weekday, value`: the mean of each hour of the last `PROFILE_DAYS`."""
    return of(
        f'{clock.hour(_AT, Width.HOUR)} AS "hour", {clock.weekday(clock.day(_AT, Width.HOUR))} AS "weekday", "value"',
        _numbered(
            _means(metric, scope, Width.HOUR, PROFILE_DAYS, DEVICE, zone), Width.HOUR, PROFILE_DAYS, DEVICE, zone
        ),
        f"WHERE {span(PROFILE_DAYS)} {group(DEVICE)}",
    )


def counted_by_weekday(metric: Metric, scope: Scope, zone: str) -> str:
    """Rows `weekday, ago, value`: what counters counted on each day, all together.

    `ago` is 0 in the week in which the range ends, 1 in the one before, up to `WEEKS` in all.
    """
    windows = _counted(metric, scope, _WEEKS_DAYS, _ALL, zone)
    day, today = clock.day(_AT, Width.HOUR), clock.day(_END, Width.HOUR)
    hours = of(
        f'{clock.weekday(day)} AS "weekday", {clock.week(today)} - {clock.week(day)} AS "ago", "value"',
        _numbered(windows, Width.HOUR, _WEEKS_DAYS, _ALL, zone),
        f"WHERE {span(_WEEKS_DAYS)}",
    )
    days = _days(hours, "weekday", _WEEKS_DAYS, zone)
    return of('"weekday", "ago", "value"', days, f'WHERE {span(_WEEKS_DAYS)} AND "ago" < {WEEKS}')


def counted_by_day_of_month(metric: Metric, scope: Scope, zone: str) -> str:
    """Rows `day, ago, value`: what counters counted on each day, all together.

    `ago` is 0 in the month in which the range ends, 1 in the one before.
    """
    windows = _counted(metric, scope, _MONTHS_DAYS, _ALL, zone)
    days = _days(_of_months(windows, Width.HOUR, _MONTHS_DAYS, _ALL, zone), "day", _MONTHS_DAYS, zone)
    return of('"day", "ago", "value"', days, f'WHERE {span(_MONTHS_DAYS)} AND "ago" < 2')


def counted_in_month(metric: Metric, scope: Scope, zone: str) -> str:
    """A row for each site: `this` month so far, the month `before` until the same day and hour, `change` in percent."""
    windows = _counted(metric, scope, _MONTHS_DAYS, SITE, zone)
    parted = of(
        '"value" * (1 - "ago") AS "this", "value" * "ago" AS "before"',
        _of_months(windows, Width.HOUR, _MONTHS_DAYS, SITE, zone),
        f'WHERE {span(_MONTHS_DAYS)} AND "ago" < 2 AND "beyond" <= 0 {group(SITE)}',
    )
    # InfluxDB works out a subquery anew for each aggregate over it, so each stands once.
    sums = of('sum("this") AS "this", sum("before") AS "before"', parted, f"WHERE {span(_MONTHS_DAYS)} {group(SITE)}")
    # Divided by nothing, InfluxQL says 0; the logarithm of nothing is no value, and then the change is none either.
    what = '"this", "before", ("this" / "before" - 1) * 100 + 0 * ln("before") AS "change"'
    return of(what, sums, f"WHERE {span(_MONTHS_DAYS)} {group(SITE)}")


def peak_of_month(metric: Metric, scope: Scope, zone: str) -> str:
    """A row for each site, with its time: the highest 30-minute mean of the month in which the range ends.

    Devices of a site are added up. The half hour that is not over yet does not count: its mean is of minutes.
    """
    width = Width.HALF_HOUR
    half_hours = _of_months(_means(metric, scope, width, _MONTH_DAYS, SITE, zone), width, _MONTH_DAYS, SITE, zone)
    left = of(
        f'"ago", "beyond" - {clock_of(zone).over(width)} AS "left", "value"',
        half_hours,
        f"WHERE {span(_MONTH_DAYS)} {group(SITE)}",
    )
    return of('max("value") AS "peak"', left, f'WHERE {span(_MONTH_DAYS)} AND "ago" = 0 AND "left" < 0 {group(SITE)}')


def demand(metric: Metric, scope: Scope) -> str:
    """The 30-minute means of each site over the range, devices added up; none of the half hour that is not over yet."""
    name, width = identifier(metric.name), Width.HALF_HOUR
    by_window = group(SITE, width.influxql)
    each = select(
        f'mean({name}) AS "value"', metric.measurement, f"{scope.where()} {group(DEVICE, width.influxql)} fill(none)"
    )
    sums = of('sum("value") AS "value"', each, f"WHERE {TIME} {by_window} fill({_EMPTY})")
    before = f"floor({START_MS} / {width.ms}) - floor(({END_MS} + {LAST_SECOND_MS}) / {width.ms}) - 1"
    numbered = of(
        f'cumulative_sum(count("value")) + {before} AS "left", mean("value") AS "value"',
        sums,
        f"WHERE {TIME} {by_window}",
    )
    over = of('"value"', numbered, f'WHERE {TIME} AND "left" < 0 AND "value" > {_EMPTY} {group(SITE)}')
    return of(f'mean("value") AS {name}', over, f"WHERE {TIME} {by_window} fill(null)")


_AT, _END = '"at"', '"end"'


def _numbered(windows: str, width: Width, days: int, by: Sequence[str], zone: str) -> str:
    """The windows that hold readings, with `at`, their number by the clocks, and `end`, that of the range's end."""
    clocks = clock_of(zone)
    counted = of(
        f'cumulative_sum(count("value")) + {clocks.first(width, days)} - 1 AS "number", mean("value") AS "value"',
        windows,
        f"WHERE {span(days)} {group(by, width.influxql)} tz('{zone}')",
    )
    return of(
        f'{clocks.changed(_NUMBER, width)} AS "at", "number" * 0 + {clocks.last(width)} AS "end", "value"',
        counted,
        f'WHERE {span(days)} AND "value" > {_EMPTY} {group(by)}',
    )


_NUMBER = '"number"'


def _of_months(windows: str, width: Width, days: int, by: Sequence[str], zone: str) -> str:
    """Windows with `ago` in months, `day` of the month, and how far they lie `beyond` the same place of their month."""
    a_day = clock.windows_of_day(width)
    apart = of(
        f'{_AT} % {a_day} AS "at", {_END} % {a_day} AS "end", {clock.day(_AT, width)} AS "date", '
        f'{clock.day(_END, width)} AS "today", "value"',
        _numbered(windows, width, days, by, zone),
        f"WHERE {span(days)} {group(by)}",
    )
    date, today = '"date"', '"today"'
    day = clock.day_of_month(date)
    return of(
        f'{clock.month(today)} - {clock.month(date)} AS "ago", {day} AS "day", '
        f'({day} - {clock.day_of_month(today)}) * {a_day} + {_AT} - {_END} AS "beyond", "value"',
        apart,
        f"WHERE {span(days)} {group(by)}",
    )


def _days(hours: str, place: str, days: int, zone: str) -> str:
    """Hours taken together by day. Days break by the clocks; `place` and `ago` are the same all day."""
    name = identifier(place)
    what = f'sum("value") AS "value", max({name}) AS {name}, max("ago") AS "ago"'
    return of(what, hours, f"WHERE {span(days)} {group(_ALL, '1d')} fill(none) tz('{zone}')")


def _means(metric: Metric, scope: Scope, width: Width, days: int, by: Sequence[str], zone: str) -> str:
    """The mean of each window by device, added up where devices are not kept apart."""
    each = select(
        f'mean({identifier(metric.name)}) AS "value"',
        metric.measurement,
        f"{scope.where(span(days), time=False)} {group(DEVICE, width.influxql)} fill(none) tz('{zone}')",
    )
    rest = f"WHERE {span(days)} {group(by, width.influxql)} fill({_EMPTY}) tz('{zone}')"
    return of('sum("value") AS "value"', each, rest)


def _counted(metric: Metric, scope: Scope, days: int, by: Sequence[str], zone: str) -> str:
    """What counters counted in each hour, right across resets; see `queries.counted_by_calendar`."""
    name = identifier(metric.name)
    steps = select(
        f'non_negative_difference({name}) AS "value"',
        metric.measurement,
        f"{scope.where(f'{name} > 0', span(days), time=False)} {group(DEVICE)}",
    )
    rest = f"WHERE {span(days)} {group(by, Width.HOUR.influxql)} fill({_EMPTY}) tz('{zone}')"
    return of('sum("value") AS "value"', steps, rest)

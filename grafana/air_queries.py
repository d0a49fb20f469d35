"""Running means, and pollution by where the wind comes from, in InfluxQL. Pure."""

from grafana.clock import END_MS
from grafana.queries import SITE, TIME, Scope, group, of
from telemetry.catalogue.metric import Metric
from telemetry.reading import Quality
from telemetry.series import quality_field
from telemetry.stores.influxdb.influxql import identifier, select

COVERAGE = 0.75
"""The part of a running mean's hours that has to be known: usual for air quality."""
SECTORS = 8
"""Of 45 degrees each, the first around north."""
CALM_MS = 0.5
"""Metres a second: below it a vane points anywhere."""
_MANY = 1_000_000_000
"""More readings than an hour holds."""
_RADIANS = 0.017453292519943295
"""In a degree."""


def running_mean(metric: Metric, scope: Scope, hours: int) -> str:
    """By site: the mean of the last so many hours at each hour of the range; each hour with readings counts the same.

    Nothing where less than `COVERAGE` of the hours is known. A point stands at the beginning of the mean's last hour.
    """
    reach = f"time >= ${{__from}}ms - {hours}h AND time <= {END_MS}ms"
    name = identifier(metric.name)
    by_hour = select(
        f'mean({name}) AS "mean", count({name}) AS "count"',
        metric.measurement,
        f"{scope.where(reach, time=False)} {group(SITE, '1h')} fill(0)",
    )
    # An hour without readings adds 0 to both sums.
    known = of(f'"mean", ceil("count" / {_MANY}) AS "known"', by_hour, f"WHERE {reach} {group(SITE)}")
    moved = f'moving_average("mean", {hours}) AS "sum", moving_average("known", {hours}) AS "known"'
    means = of(moved, known, f"WHERE {reach} {group(SITE)}")
    kept = of('"sum" / "known" AS "value"', means, f'WHERE {reach} AND "known" >= {COVERAGE} {group(SITE)}')
    return of(f'mean("value") AS {name}', kept, f"WHERE {reach} {group(SITE, '1h')} fill(null)")


def mean_until_now(metric: Metric, scope: Scope, hours: int) -> str:
    """A row for each site: the mean of the so many hours that end with the range, each hour with readings alike.

    None where less than `COVERAGE` of the hours is known.
    """
    reach = f"time >= {END_MS}ms - {hours}h AND time <= {END_MS}ms"
    # The first window begins before the span, and InfluxDB 1.x forgets all that stands beside it.
    wider = f"time >= {END_MS}ms - {hours + 1}h AND time <= {END_MS}ms"
    name = identifier(metric.name)
    by_hour = select(
        f'mean({name}) AS "value"',
        metric.measurement,
        f"{scope.where(reach, time=False)} {group(SITE, '1h')} fill(none)",
    )
    means = of(f'mean("value") AS {name}, count("value") AS "known"', by_hour, f"WHERE {wider} {group(SITE)}")
    return of(name, means, f'WHERE {wider} AND "known" >= {COVERAGE * hours:g} {group(SITE)}')


def by_wind_sector(metric: Metric, direction: Metric, speed: Metric, scope: Scope) -> str:
    """Rows `site, sector, value`: the mean of each hour of the range, with the sector from which the wind came.

    0 is north, 2 east. The direction of an hour is that of the mean of unit vectors, so that 350 and 10 degrees are
    north; hours with less wind than `CALM_MS` have none.
    """
    angle, wind = f"{identifier(direction.name)} * {_RADIANS}", identifier(speed.name)
    rest = f"{scope.where()} {group(SITE)}"
    vectors = select(f'sin({angle}) AS "east", cos({angle}) AS "north", {wind} AS "speed"', direction.measurement, rest)
    values = select(f'{identifier(metric.name)} AS "value"', metric.measurement, rest)
    hourly = (
        f'atan2(mean("east"), mean("north")) / {_RADIANS} AS "from", mean("speed") AS "speed", mean("value") AS "value"'
    )
    hours = of(hourly, f"{vectors}), ({values}", f"WHERE {TIME} {group(SITE, '1h')} fill(none)")
    width = 360 / SECTORS
    sector = f'floor((("from" + {360 + width / 2}) % 360) / {width}) AS "sector", "value"'
    # Hours of which only one of the two is known are none.
    return of(sector, hours, f'WHERE {TIME} AND "speed" >= {CALM_MS} AND "value" > -1000000 {group(SITE)}')


def suspect_share(metric: Metric, scope: Scope) -> str:
    """A row for each site: which part of its values in the range was outside the plausible range, percent."""
    name, quality = identifier(metric.name), identifier(quality_field(metric.name))
    marked = f"{quality} & {Quality.SUSPECT:d} = {Quality.SUSPECT:d}"
    # The 0 is for sites of which no value was suspect.
    every = select(
        f'count({name}) AS "all", count({name}) * 0 AS "suspect"', metric.measurement, f"{scope.where()} {group(SITE)}"
    )
    some = select(f'count({quality}) AS "suspect"', metric.measurement, f"{scope.where(marked)} {group(SITE)}")
    share = f'sum("suspect") / sum("all") * 100 AS {name}'
    return of(share, f"{every}), ({some}", f"WHERE {TIME} {group(SITE)}")

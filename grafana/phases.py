"""Three phases in one figure, in InfluxQL. Pure."""

from collections.abc import Sequence

from grafana.queries import DEVICE, TIME, Scope, group, of
from telemetry.catalogue.metric import Metric
from telemetry.stores.influxdb.influxql import identifier, select


def imbalance(phases: Sequence[Metric], scope: Scope, *only: str) -> str:
    """By device: the largest deviation of a phase from the mean of all, in percent of that mean (NEMA MG 1-14.36).

    Of the phases' means in each window of the plot. `only` are further conditions on the readings.
    """
    # Of three figures the largest deviation is that of the highest or of the lowest: max(a, b) = (a + b + |a - b|) / 2.
    sides = of(
        'max("value") - mean("value") AS "over", mean("value") - min("value") AS "under", mean("value") AS "mean"',
        _each(phases, scope, "mean", *only),
        f"WHERE {TIME} {group(DEVICE, '$__interval')} fill(none)",
    )
    what = '("over" + "under" + abs("over" - "under")) / 2 / "mean" * 100 AS "value"'
    windows = of(what, sides, f'WHERE {TIME} AND "mean" > 0 {group(DEVICE)}')
    return of('max("value") AS "value"', windows, f"WHERE {TIME} {group(DEVICE, '$__interval')} fill(null)")


def band(phases: Sequence[Metric], scope: Scope, function: str) -> str:
    """By device: the lowest (`min`) or the highest (`max`) reading of any phase in each window of the plot."""
    each = _each(phases, scope, function)
    return of(f'{function}("value") AS "value"', each, f"WHERE {TIME} {group(DEVICE, '$__interval')} fill(null)")


def _each(phases: Sequence[Metric], scope: Scope, function: str, *only: str) -> str:
    """A query for each phase, as InfluxQL takes several in place of one."""
    rest = f"{scope.where(*only)} {group(DEVICE, '$__interval')} fill(none)"
    each = [select(f'{function}({identifier(phase.name)}) AS "value"', phase.measurement, rest) for phase in phases]
    return "), (".join(each)

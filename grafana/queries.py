"""InfluxQL as Grafana's InfluxDB data source takes it. Pure: a catalogue metric and a scope in, text out.

Grafana puts in the variables (`${site:regex}`), the range (`$timeFilter`) and the window (`$__interval`). Its data
source of 9.3 replaces `$timeFilter` in annotations once, so those hold it once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from telemetry.catalogue.metric import Metric
from telemetry.reading import Quality
from telemetry.registry.models import Site
from telemetry.series import quality_field
from telemetry.stores.influxdb.influxql import identifier, select

INFLUXDB = DataSourceRef(type_val="influxdb", uid="caretaker-influxdb")
"""The data source of readings."""
TIME = "$timeFilter"


class Shape(StrEnum):
    """What the data source makes of an answer."""

    TIME_SERIES = "time_series"
    """A frame for each series, named by the alias."""
    TABLE = "table"
    """One frame: the time, the tags, then the fields."""


@dataclass(frozen=True)
class InfluxQuery(Dataquery, Builder["InfluxQuery"]):
    """A target of a panel: the SDK has none for InfluxDB."""

    query: str
    shape: Shape = Shape.TIME_SERIES
    alias: str = ""
    """Name of a series: `$tag_device` is the device's id, `$col` the column."""
    ref_id: str = "A"

    def build(self) -> "InfluxQuery":
        """Itself: there is nothing to assemble."""
        return self

    def to_json(self) -> dict[str, object]:
        """As dashboards hold it."""
        held: dict[str, object] = {
            "datasource": INFLUXDB,
            "query": self.query,
            "rawQuery": True,
            "refId": self.ref_id,
            "resultFormat": self.shape,
        }
        return held | ({"alias": self.alias} if self.alias else {})


class Variable(StrEnum):
    """A dashboard's variable, by which queries are narrowed."""

    SITE = "site"
    AREA = "area"
    DEVICE = "device"


_CONDITIONS = {
    Variable.SITE: '"site" =~ /^${site:regex}$/',
    # The value of an area is `device|device`: `:regex` would escape the bar, and what keeps the bar keeps a slash. Our
    # own values hold nothing to be escaped; but Grafana takes any other from an address, and whatever statement is in
    # it. What guards the readings is not this text: Grafana's credentials only read, see `sources.Whose`.
    Variable.AREA: '"device" =~ /^(${area:pipe})$/',
    Variable.DEVICE: '"device" =~ /^${device:regex}$/',
}
EVERY_VARIABLE = tuple(Variable)


@dataclass(frozen=True)
class Scope:
    """Which series a query is about. A page's variables narrow it to what is chosen."""

    variables: tuple[Variable, ...] = EVERY_VARIABLE
    """Those that the page has."""
    sites: tuple[str, ...] | None = None
    """Only these; None: any but `archives`."""
    archives: tuple[str, ...] = ()
    """Sites that lie in the same store and are shown nowhere."""
    devices: tuple[str, ...] = ()
    """Only these; empty: any."""

    def of_sites(self, sites: Iterable[Site]) -> "Scope":
        """Narrowed to these sites."""
        return replace(self, sites=tuple(site.id for site in sites), archives=())

    def where(self, *more: str, time: bool = True) -> str:
        """The WHERE clause, with further conditions."""
        said = [_CONDITIONS[variable] for variable in self.variables]
        said += [] if self.sites is None else [f'"site" =~ {one_of(self.sites)}']
        said += [f'"site" !~ {one_of(self.archives)}'] if self.archives else []
        said += [f'"device" =~ {one_of(self.devices)}'] if self.devices else []
        said += [*more, *([TIME] if time else [])]
        return f"WHERE {' AND '.join(said)}" if said else ""


def one_of(ids: Sequence[str]) -> str:
    """The regular expression for any of these ids."""
    return f"/^({'|'.join(ids)})$/"


class Every(StrEnum):
    """Windows of the calendar, as InfluxQL groups by them."""

    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w, 4d"
    """From Monday: the epoch was a Thursday."""


DEVICE = ("site", "device")
"""Apart by device."""
SITE = ("site",)
"""Devices of a site taken together."""


def latest(metric: Metric, scope: Scope, by: Sequence[str] = DEVICE) -> str:
    """The newest value in the range of each device."""
    return select(f"last({_field(metric)}) AS {_field(metric)}", metric.measurement, f"{scope.where()} {group(by)}")


def latest_of_all(metric: Metric, scope: Scope, function: str, by: Sequence[str] = SITE) -> str:
    """`function` (mean, max, min, sum, count) of the devices' newest values in the range."""
    newest = latest(metric, scope)
    return of(f"{function}({_field(metric)}) AS {_field(metric)}", newest, f"WHERE {TIME} {group(by)}")


def over_range(metric: Metric, scope: Scope, function: str, by: Sequence[str] = DEVICE) -> str:
    """`function` (mean, max, min, sum, count) of all readings in the range: one figure for each series."""
    what = f"{function}({_field(metric)}) AS {_field(metric)}"
    return select(what, metric.measurement, f"{scope.where()} {group(by)}")


def course(metric: Metric, scope: Scope, function: str = "mean", by: Sequence[str] = DEVICE) -> str:
    """`function` (mean, max, min, last) of each window of the plot; a window without readings is empty."""
    return _windows(f"{function}({_field(metric)}) AS {_field(metric)}", metric, scope, "$__interval", by, "null")


def course_of_all(metric: Metric, scope: Scope, function: str, within: str, by: Sequence[str] = SITE) -> str:
    """`function` over devices of what `within` makes of each device in each window of the plot.

    Each device counts once, however often it reports: `sum` of `mean` is the power of a site. A device that says
    nothing within a window is missing from it, so the panel's least interval is a few times the expected one. (To hold
    the value before would be better. InfluxDB 1.13 and 2.x make each window many times of an inner `fill(previous)`.)
    """
    each = course(metric, scope, within)
    what = f"{function}({_field(metric)}) AS {_field(metric)}"
    return of(what, each, f"WHERE {TIME} {group(by, '$__interval')} fill(null)")


def by_calendar(
    metric: Metric, scope: Scope, function: str, every: Every, zone: str, by: Sequence[str] = DEVICE
) -> str:
    """`function` (count, sum, mean, max, min) of each hour, day or week by the clocks of `zone`; empty ones are 0.

    For a mean an empty window stays empty.
    """
    fill = "0" if function in {"count", "sum"} else "null"
    what = f"{function}({_field(metric)}) AS {_field(metric)}"
    return f"{_windows(what, metric, scope, every, by, fill)} {tz(zone)}"


def counted(metric: Metric, scope: Scope, by: Sequence[str] = DEVICE) -> str:
    """How much a counter counted in the range; see `counted_by_calendar`."""
    return of(
        f"sum(step) AS {_field(metric)}", _steps(metric, scope, f"{_field(metric)} > 0"), f"WHERE {TIME} {group(by)}"
    )


def counted_by_calendar(metric: Metric, scope: Scope, every: Every, zone: str, by: Sequence[str] = DEVICE) -> str:
    """How much a counter counted in each hour, day or week by the clocks of `zone`.

    The steps from each reading to the next, each in the window of the later one: none is lost between two windows and
    none is in both. A fall (a reset, a roll-over) counts nothing, and a 0 is passed over, since many meters say it when
    they start; so a reset costs what was counted between two readings. What was counted between the last reading
    before the range and the first in it is in no window: ranges of such panels begin with an hour, a day or a week.
    """
    return _by_calendar(metric, _steps(metric, scope, f"{_field(metric)} > 0"), every, zone, by)


def counted_from_0_by_calendar(
    metric: Metric, scope: Scope, every: Every, zone: str, by: Sequence[str] = DEVICE
) -> str:
    """The same of a counter whose 0 is true: nothing has been counted yet, so that the step to 1 counts."""
    return _by_calendar(metric, _steps(metric, scope), every, zone, by)


def between(metric: Metric, scope: Scope, unit_s: int, by: Sequence[str] = DEVICE) -> str:
    """How long it has been since the one before, at each event in the range but the first, in units of `unit_s`."""
    what = f"elapsed({_field(metric)}, 1s) / {unit_s:d} AS {_field(metric)}"
    return select(what, metric.measurement, f"{scope.where(f'{_field(metric)} > 0')} {group(by)}")


def suspect(metric: Metric, scope: Scope, by: Sequence[str] = DEVICE) -> str:
    """How many values in the range were outside the plausible range."""
    quality = identifier(quality_field(metric.name))
    marked = f"{quality} & {Quality.SUSPECT:d} = {Quality.SUSPECT:d}"
    what = f"count({quality}) AS {_field(metric)}"
    return select(what, metric.measurement, f"{scope.where(marked)} {group(by)}")


def _field(metric: Metric) -> str:
    return identifier(metric.name)


def _steps(metric: Metric, scope: Scope, *of_these: str) -> str:
    """From each reading to the next, of readings for which the conditions hold."""
    what = f"non_negative_difference({_field(metric)}) AS step"
    return select(what, metric.measurement, f"{scope.where(*of_these)} {group(DEVICE)}")


def _by_calendar(metric: Metric, steps: str, every: Every, zone: str, by: Sequence[str]) -> str:
    grouped = f"WHERE {TIME} {group(by, every)} fill(0)"
    return f"{of(f'sum(step) AS {_field(metric)}', steps, grouped)} {tz(zone)}"


def _windows(what: str, metric: Metric, scope: Scope, window: str, by: Sequence[str], fill: str) -> str:
    return select(what, metric.measurement, f"{scope.where()} {group(by, window)} fill({fill})")


def of(what: str, inner: str, rest: str) -> str:
    """A query over the rows of another."""
    return f"SELECT {what} FROM ({inner}) {rest}"  # noqa: S608  # quoted names, numbers and Grafana's own words


def group(by: Sequence[str], window: str = "") -> str:
    """The GROUP BY clause: series apart by these tags, in windows where one is given."""
    parts = [f"time({window})"] if window else []
    parts += [identifier(tag) for tag in by]
    return f"GROUP BY {', '.join(parts)}" if parts else ""


def tz(zone: str) -> str:
    """By whose clocks windows begin."""
    return f"tz('{zone}')"

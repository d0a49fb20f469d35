"""The way out of InfluxDB: InfluxQL, which 1.x, 2.x and 3.x share."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from telemetry.catalogue.metric import Metric
from telemetry.reading import NS_PER_S, Quality
from telemetry.registry.models import Registry
from telemetry.series import ALERT, quality_field
from telemetry.stores.influxdb.aggregate import Row, count, page_of, windows
from telemetry.stores.influxdb.client import InfluxHttp
from telemetry.stores.influxdb.influxql import identifier, rows, select, series
from telemetry.stores.influxdb.provision import field_types
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import Page, Sample, Window
from telemetry.stores.thread import StoreThread

PAGE = 20_000
"""Rows fetched at a time: bounds memory on both sides. Must exceed the rows that one device can have of one moment: the
sites at which it has stood, of an alert's metrics times the rules."""
FEW = PAGE // 8
"""Rows in a page: below, the next one is of a longer time."""
FIRST_SPAN_NS = 7 * 86_400 * NS_PER_S
"""Asked for at first: InfluxDB's usual shard."""
DEVICES_AT_ONCE = 50
"""In one query: their names travel in its address."""


class InfluxReader:
    """Reads one bucket. Requests run in one thread of its own."""

    def __init__(self, settings: InfluxSettings, registry: Callable[[], Registry]) -> None:
        """`registry` gives the one in force now: it says in which measurement a metric lies."""
        self._registry = registry
        self._thread = StoreThread("influxdb-read")
        self._http = InfluxHttp(settings)  # touched by the thread only

    async def latest(self, devices: Sequence[str]) -> Sequence[Sample]:
        """The newest value of each metric of each device, in the order asked for, then by metric, then by rule."""
        return await self._thread.run(self._latest, list(dict.fromkeys(devices)))

    async def history(self, device: str, metrics: Sequence[str], start_ns: int, end_ns: int) -> AsyncIterator[Sample]:
        """All values with start <= time < end, in order of time, a metric after the other."""
        for metric in metrics:
            async for page in self._pages(device, metric, start_ns, end_ns):
                for row in page:
                    yield _sample(device, metric, *row)

    async def columns(self, device: str, metric: str, start_ns: int, end_ns: int) -> AsyncIterator[Page]:
        """The same values of one metric, a page at a time."""
        async for page in self._pages(device, metric, start_ns, end_ns):
            yield page_of(page)

    async def count(self, device: str, metric: str, start_ns: int, end_ns: int, most: int) -> int:
        """How many values there are with start <= time < end; `most` where there are more."""
        known = self._registry().metrics.get(metric)
        if known is None:
            return 0
        return min(most, await self._thread.run(count, self._http, known, device, start_ns, end_ns))

    async def windows(
        self, device: str, metric: str, start_ns: int, end_ns: int, step_ns: int, offset_ns: int = 0
    ) -> Sequence[Window]:
        """What there is with start <= time < end, by windows; see the contract."""
        known = self._registry().metrics.get(metric)
        if known is None:
            return []
        return await self._thread.run(windows, self._http, known, device, start_ns, end_ns, step_ns, offset_ns)

    async def _pages(self, device: str, name: str, start_ns: int, end_ns: int) -> AsyncIterator[list[Row]]:
        """Rows, a span of time after the other: every shard that a question touches takes InfluxDB time."""
        metric = self._registry().metrics.get(name)
        from_ns, span_ns = start_ns, FIRST_SPAN_NS
        while metric is not None and from_ns < end_ns:
            until_ns = min(from_ns + span_ns, end_ns)
            page, rest_ns = await self._thread.run(self._page, device, metric, from_ns, until_ns)
            if page:
                yield page
            if rest_ns is not None:
                span_ns = max(span_ns // 2, 1)
            elif len(page) < FEW:
                span_ns *= 4
            from_ns = until_ns if rest_ns is None else rest_ns

    async def close(self) -> None:
        """Close the connections; a second call does nothing."""
        await self._thread.close(self._http.close)

    # In the thread.

    def _latest(self, devices: Sequence[str]) -> list[Sample]:
        if not devices:
            return []
        stored = field_types(self._http.query("SHOW FIELD KEYS"))
        metrics = [
            metric
            for name, metric in sorted(self._registry().metrics.items())
            if name in stored.get(metric.measurement, ())
        ]
        found: dict[str, list[Sample]] = {device: [] for device in devices}
        for start in range(0, len(devices), DEVICES_AT_ONCE):
            some = devices[start : start + DEVICES_AT_ONCE]
            for metric in metrics:
                for sample in self._newest(metric, some):
                    found[sample.device].append(sample)
        return [sample for samples in found.values() for sample in samples]

    def _newest(self, metric: Metric, devices: Sequence[str]) -> Iterator[Sample]:
        parameters = {f"device{index}": device for index, device in enumerate(devices)}
        anyone = " OR ".join(f'"device" = ${name}' for name in parameters)
        what = f"last({identifier(metric.name)}) AS value, {identifier(quality_field(metric.name))} AS quality"
        tags = '"device", "rule"' if metric.measurement == ALERT else '"device"'
        query = select(what, metric.measurement, f"WHERE {anyone} GROUP BY {tags}")
        for result in self._http.query(query, parameters):
            for row in rows(result):
                yield _sample(row["device"], metric.name, row["time"], row["value"], row["quality"], row.get("rule"))

    def _page(self, device: str, metric: Metric, from_ns: int, end_ns: int) -> tuple[list[Row], int | None]:
        """One page, and where the next begins; None: that was all."""
        what = f"{identifier(metric.name)} AS value, {identifier(quality_field(metric.name))} AS quality"
        if metric.measurement == ALERT:
            what += ', "rule"'
        rest = f'WHERE "device" = $device AND time >= {from_ns:d} AND time < {end_ns:d} ORDER BY time LIMIT {PAGE}'
        (result,) = self._http.query(select(what, metric.measurement, rest), {"device": device})
        found = [one for part in series(result) for one in part["values"]]
        next_ns = None
        if len(found) == PAGE and found[0][0] != found[-1][0]:
            # A device that has moved, or on which two rules have changed, may have two rows of one moment, and the page
            # may end between them.
            next_ns = found[-1][0]
            found = [row for row in found if row[0] != next_ns]
        return [row for row in found if row[1] is not None], next_ns


def _sample(
    device: str, metric: str, time_ns: int, value: float | str, quality: int | None, rule: str | None = None
) -> Sample:
    # JSON has one kind of number: 21.0 comes as 21.
    number = value if isinstance(value, str) else float(value)
    return Sample(device, metric, time_ns, number, Quality(quality or 0), rule or "")

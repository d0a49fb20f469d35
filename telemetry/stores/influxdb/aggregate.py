"""Questions whose work InfluxDB does itself: counts and windows. For the reader's thread."""

from collections.abc import Sequence
from typing import Any

import msgspec

from telemetry.catalogue.metric import Kind, Metric
from telemetry.reading import NS_PER_MS, Quality
from telemetry.series import quality_field
from telemetry.stores.influxdb.client import InfluxHttp
from telemetry.stores.influxdb.influxql import identifier, rows, select
from telemetry.stores.store import Page, Window

_encode = msgspec.json.Encoder().encode


Row = list[Any]
"""Time in ns, value, quality (None: good), and of an alert its rule."""


def page_of(rows: Sequence[Row]) -> Page:
    """Rows as columns. JSON has one kind of number: 21.0 comes as 21."""
    return Page(
        times_ms=_encode([row[0] // NS_PER_MS for row in rows]),
        values=_encode([row[1] if isinstance(row[1], str) else float(row[1]) for row in rows]),
        count=len(rows),
        marks=[(place, Quality(row[2])) for place, row in enumerate(rows) if row[2]],
    )


def count(http: InfluxHttp, metric: Metric, device: str, start_ns: int, end_ns: int) -> int:
    """How many values there are with start <= time < end. Raises `StoreAwayError`."""
    query = select(f"count({identifier(metric.name)}) AS count", metric.measurement, _within(start_ns, end_ns))
    (result,) = http.query(query, {"device": device})
    return sum(int(row["count"]) for row in rows(result))


def windows(
    http: InfluxHttp, metric: Metric, device: str, start_ns: int, end_ns: int, step_ns: int, offset_ns: int
) -> Sequence[Window]:
    """By windows; see the contract. Raises `StoreAwayError`."""
    field, quality = identifier(metric.name), identifier(quality_field(metric.name))
    asked = {"count": "count", "last": "last"}
    if metric.kind is not Kind.TEXT:
        asked |= {"first": "first", "total": "sum", "low": "min", "high": "max"}
    what = ", ".join(f"{function}({field}) AS {name}" for name, function in asked.items())
    within = _within(start_ns, end_ns)
    grouped = f"GROUP BY time({step_ns:d}ns, {offset_ns % step_ns:d}ns) fill(none)"
    every = select(what, metric.measurement, f"{within} {grouped}")
    is_suspect = f"{quality} & {Quality.SUSPECT:d} = {Quality.SUSPECT:d}"
    suspect = select(f"count({quality}) AS count", metric.measurement, f"{within} AND {is_suspect} {grouped}")
    # One after the other: 2.x answers two at once for a database that is not there with neither's reason.
    (of_all,) = http.query(every, {"device": device})
    found = list(rows(of_all))
    if not found:
        return []
    (of_suspect,) = http.query(suspect, {"device": device})
    suspects = {row["time"]: int(row["count"]) for row in rows(of_suspect)}
    return [
        Window(
            start_ns=row["time"],
            count=int(row["count"]),
            suspect=suspects.get(row["time"], 0),
            last=_number(row["last"]),
            **{name: float(row[name]) for name in ("first", "total", "low", "high") if name in asked},
        )
        for row in found
    ]


def _within(start_ns: int, end_ns: int) -> str:
    return f'WHERE "device" = $device AND time >= {start_ns:d} AND time < {end_ns:d}'


def _number(value: float | str) -> float | str:
    # JSON has one kind of number: 21.0 comes as 21.
    return value if isinstance(value, str) else float(value)

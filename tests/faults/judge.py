"""The judge: what was sent against what is stored, value by value. Asks InfluxDB itself, not through our reader."""

import json
import urllib.parse
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.load import Numbers

QUERY_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """In readings."""

    sent: int
    unknown: int
    """Published, never acknowledged by the broker: may be stored or not."""
    stored: int
    missing: int
    """Acknowledged by the broker, and not stored."""
    extra: int
    """Stored, and never sent."""
    wrong: int
    """Stored with another value than was sent."""


def query(url: str, database: str, statement: str) -> list[dict[str, Any]]:
    """The series of one InfluxQL statement."""
    text = urllib.parse.urlencode({"db": database, "epoch": "ns", "q": statement})
    with urllib.request.urlopen(f"{url}/query?{text}", timeout=QUERY_LIMIT_S) as answer:  # noqa: S310 - loopback
        result = json.load(answer)["results"][0]
    assert "error" not in result, result
    series: list[dict[str, Any]] = result.get("series", [])
    return series


def stored(url: str, database: str, measurement: str, device: str, metrics: Collection[str]) -> dict[int, Any]:
    """Time in ns to the values by metric, of one device."""
    names = ", ".join(f'"{metric}"' for metric in metrics)
    statement = f'SELECT {names} FROM "{measurement}" WHERE "device" = \'{device}\''  # noqa: S608 - names are ours
    found = query(url, database, statement)
    if not found:
        return {}
    columns = found[0]["columns"][1:]
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in found[0]["values"]}


def judge(
    numbers: Numbers, acknowledged: Collection[int], url: str, database: str, *, sent: int | None = None
) -> Verdict:
    """Compare every value; `acknowledged` are the numbers that the broker has acknowledged, `sent` of all."""
    total = numbers.count if sent is None else sent
    known: dict[int, set[int]] = {}
    for number in acknowledged:
        known.setdefault(number % numbers.devices, set()).add(numbers.stored_ns(number))
    counts = {"stored": 0, "missing": 0, "extra": 0, "wrong": 0}
    for index in range(numbers.devices):
        found: Mapping[int, Any] = stored(
            url, database, numbers.measurement(index), numbers.device(index), numbers.metrics(index)
        )
        expected = numbers.expected(index)
        counts["stored"] += len(found)
        counts["missing"] += len(known.get(index, set()) - found.keys())
        counts["extra"] += len(found.keys() - expected.keys())
        counts["wrong"] += sum(found[time_ns] != expected[time_ns] for time_ns in found.keys() & expected.keys())
    return Verdict(sent=total, unknown=total - len(acknowledged), **counts)

"""What InfluxDB holds and has taken, asked over plain HTTP, with none of our own code for it."""

import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bench.judge import Row
from bench.load import MEASUREMENT, METRICS
from bench.measure import wait_for

LIMIT_S = 120.0
decode = msgspec.json.Decoder().decode


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:  # noqa: S310  # http on the loopback
        body: bytes = answer.read()
        return body


def make_database(url: str, name: str) -> None:
    """A database with the default retention policy."""
    data = urllib.parse.urlencode({"q": f'CREATE DATABASE "{name}"'}).encode()
    with urllib.request.urlopen(f"{url}/query", data, timeout=LIMIT_S):  # noqa: S310  # http on the loopback
        pass


def points_taken(url: str) -> int:
    """Points written since InfluxDB started, from its own counters: costs it next to nothing."""
    document = decode(_get(f"{url}/debug/vars"))
    return sum(
        int(one["values"].get("pointsWrittenOK", 0))
        for one in document.values()
        if isinstance(one, dict) and one.get("name") == "httpd"
    )


def wait_points(url: str, points: int) -> None:
    """Wait until so many were taken. Raises `TimeoutError`."""
    wait_for(lambda: points_taken(url) >= points, "all points are written")


def query(url: str, database: str, statement: str) -> list[dict[str, Any]]:
    """The series of one InfluxQL statement, times in ms."""
    fields = urllib.parse.urlencode({"db": database, "epoch": "ms", "q": statement})
    series: list[dict[str, Any]] = decode(_get(f"{url}/query?{fields}"))["results"][0].get("series", [])
    return series


def probed(url: str, database: str, devices: str, since_ms: int) -> Iterator[tuple[str, int]]:
    """Device and time, ms, of the newest points of devices whose ids match a pattern."""
    conditions = f'"device" =~ /{devices}/ AND time > {since_ms}ms'
    statement = f'SELECT "{METRICS[0]}" FROM "{MEASUREMENT}" WHERE {conditions} GROUP BY "device"'  # noqa: S608  # ours
    for one in query(url, database, statement):
        for time_ms, _ in one["values"]:
            yield one["tags"]["device"], time_ms


def rows(url: str, database: str, where: Mapping[str, str]) -> Iterator[Row]:
    """Every stored reading, read back in full and put together again; `where` is metric to measurement."""
    found: dict[tuple[str, int], list[object]] = {}
    names = list(where)
    for measurement in dict.fromkeys(where.values()):
        here = [name for name in names if where[name] == measurement]
        fields = ", ".join(f'"{name}"' for name in here)
        statement = f'SELECT {fields} FROM "{measurement}" GROUP BY "device"'  # noqa: S608  # names of our own
        for one in query(url, database, statement):
            device = one["tags"]["device"]
            for time_ms, *values in one["values"]:
                reading = found.setdefault((device, time_ms), [None] * len(names))
                for name, value in zip(here, values, strict=True):
                    reading[names.index(name)] = value
    for (device, time_ms), reading in found.items():
        yield device, time_ms, tuple(reading)

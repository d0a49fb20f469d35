"""Both generations of InfluxDB with readings of a test's own, asked as Grafana asks them."""

import asyncio
import json
import os
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from telemetry.reading import Reading
from telemetry.registry.models import Registry
from telemetry.stores.influxdb.write import InfluxWriter
from telemetry.stores.settings import InfluxSettings
from tests.components import drop_database
from tests.influxdb2 import INFLUXDB2_TOKEN, TOKEN, drop_bucket, settings_of

GENERATIONS = ("1.x", "2.x")
_AT_ONCE = 5_000


class Store:
    """One database."""

    def __init__(self, settings: InfluxSettings, token: str | None, begin: datetime, end: datetime) -> None:
        """`begin`, `end`: the dashboard's range."""
        self.settings = settings
        self._database = settings.bucket.partition("/")[0]
        self._headers = {} if token is None else {"Authorization": f"Token {token}"}
        self._begin, self._end = begin, end

    def fill(self, known: Registry, readings: Sequence[Reading]) -> None:
        """Through the writer of the services."""

        async def go() -> None:
            writer = InfluxWriter(self.settings, lambda: known)
            await writer.start()
            for first in range(0, len(readings), _AT_ONCE):
                outcome = await writer.write(readings[first : first + _AT_ONCE])
                assert not outcome.refused
                assert not outcome.keep, outcome.trouble
            await writer.close()

        asyncio.run(go())

    def rows(
        self, query: str, begin: datetime | None = None, end: datetime | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Each row with its tags; windows of the plot are hours. Fails on an error."""
        end_ms, begin_ms = ms(end or self._end), ms(begin or self._begin)
        text = query.replace("${__to}", str(end_ms)).replace("${__from}", str(begin_ms)).replace("$__interval", "1h")
        text = text.replace("$timeFilter", f"time >= {begin_ms}ms and time <= {end_ms}ms")
        asked = urllib.parse.urlencode({"q": text, "db": self._database, "epoch": "ms"})
        request = urllib.request.Request(f"{self.settings.url}/query", asked.encode(), self._headers)  # noqa: S310  # http on the loopback
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # as above
            (result,) = json.loads(answer.read())["results"]
        assert "error" not in result, f"{result['error']}\n{text}"
        return [
            {**one.get("tags", {}), **dict(zip(one["columns"], row, strict=True))}
            for one in result.get("series", ())
            for row in one["values"]
        ]


@contextmanager
def a_store(request: pytest.FixtureRequest, name: str, begin: datetime, end: datetime) -> Iterator[Store]:
    """An empty one of the generation that `request` asks for; dropped at the end."""
    own = f"test_{name}_{os.getpid()}"
    if request.param == "1.x":
        url = request.getfixturevalue("influxdb_url")
        settings = InfluxSettings(kind="influxdb", url=url, bucket=f"{own}/autogen", timeout_s=10)
        yield Store(settings, None, begin, end)
        drop_database(url, own)
    else:
        token = os.environ.get(INFLUXDB2_TOKEN, TOKEN)
        settings = settings_of(request.getfixturevalue("influxdb2_url"), own, token)
        yield Store(settings, token, begin, end)
        drop_bucket(settings)


def ms(moment: datetime) -> int:
    """Since the epoch."""
    return round(moment.timestamp() * 1000)

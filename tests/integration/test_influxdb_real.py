"""The writer against a real InfluxDB in the states in which operators leave one."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from telemetry.reading import Quality, Reading
from telemetry.stores.influxdb.read import InfluxReader
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import StoreAwayError, StoreUnusableError
from tests.components import Influxd
from tests.integration.influxdb_ground import (
    BAD,
    DAY_NS,
    KNOWN,
    WRITTEN,
    MakeWriter,
    T,
    readings,
    with_bad_points,
    writers,
)


@pytest.fixture
async def make_writer(influxdb: InfluxSettings) -> AsyncIterator[MakeWriter]:
    async with writers(influxdb) as make:
        yield make


def ask(url: str, statement: str, **more: str) -> Any:
    """One statement, by POST, past all of our code."""
    query = urllib.parse.urlencode({"q": statement, "epoch": "ns", **more})
    with urllib.request.urlopen(f"{url}/query?{query}", b"", timeout=10) as answer:  # noqa: S310  # http on the loopback
        return json.loads(answer.read())["results"][0]


def write(settings: InfluxSettings, lines: str) -> None:
    """Lines, past all of our code."""
    database = settings.bucket.partition("/")[0]
    with urllib.request.urlopen(f"{settings.url}/write?db={database}", lines.encode(), timeout=10):  # noqa: S310  # as above
        pass


def count(settings: InfluxSettings, measurement: str = "test", field: str = "warmth_c") -> int:
    database = settings.bucket.partition("/")[0]
    found = ask(settings.url, f'SELECT count("{field}") FROM "{measurement}"', db=database)  # noqa: S608  # a test's own
    return int(found["series"][0]["values"][0][1]) if "series" in found else 0


async def test_three_bad_points_of_5000_cost_three(influxdb: InfluxSettings, make_writer: MakeWriter) -> None:
    writer = make_writer()
    await writer.start()
    # From elsewhere: the field is a text already, so the store refuses each number for it.
    write(influxdb, f'other,device=d0,site=toilet-1 power_w="broken" {T}')
    batch = with_bad_points()
    outcome = await writer.write(batch)
    assert [refusal.reading for refusal in outcome.refused] == [batch[index] for index in BAD]
    assert all("field type conflict" in refusal.detail for refusal in outcome.refused)
    assert not outcome.keep
    assert outcome.trouble is None
    assert count(influxdb) == 4997


async def test_a_type_conflict_stops_the_start_and_says_the_mend(
    influxdb: InfluxSettings, make_writer: MakeWriter
) -> None:
    await make_writer().start()
    write(influxdb, f'test,device=d0,site=toilet-1 warmth_c="hot" {T}')
    with pytest.raises(StoreUnusableError) as caught:
        await make_writer().start()
    for word in ("'warmth_c'", "'test'", "string", "float", "store.bucket"):
        assert word in str(caught.value)


async def test_points_beyond_the_retention_are_refused(influxdb: InfluxSettings, make_writer: MakeWriter) -> None:
    writer = make_writer(bucket=influxdb.bucket.replace("autogen", "month"), retention_days=30)
    await writer.start()
    assert await writer.retention_s() == 30 * 86_400
    batch = [Reading("d0", at, None, {"warmth_c": 1.0}, {}) for at in (time.time_ns(), time.time_ns() - 31 * DAY_NS)]
    outcome = await writer.write(batch)
    assert [refusal.reading for refusal in outcome.refused] == batch[1:]
    assert "retention policy" in outcome.refused[0].detail


async def test_a_policy_is_added_to_a_database_that_is_there(influxdb: InfluxSettings, make_writer: MakeWriter) -> None:
    await make_writer().start()
    writer = make_writer(bucket=influxdb.bucket.replace("autogen", "week"), retention_days=7)
    await writer.start()
    assert await writer.retention_s() == 7 * 86_400
    plain = make_writer(bucket=influxdb.bucket.partition("/")[0])
    await plain.start()
    assert await plain.retention_s() is None
    assert await plain.write(readings(3)) == WRITTEN
    assert count(influxdb) == 3


async def test_a_dropped_database_is_an_alarm_until_it_is_back(
    influxdb: InfluxSettings, make_writer: MakeWriter
) -> None:
    writer = make_writer()
    await writer.start()
    database = influxdb.bucket.partition("/")[0]
    ask(influxdb.url, f'DROP DATABASE "{database}"')
    outcome = await writer.write(readings(3))
    assert list(outcome.keep) == readings(3)
    assert outcome.alarm
    assert outcome.trouble is not None
    assert "database not found" in outcome.trouble
    ask(influxdb.url, f'CREATE DATABASE "{database}"')
    assert await writer.write(readings(3)) == WRITTEN


async def test_away_at_the_start_and_at_any_time(influxd: Callable[..., Influxd], make_writer: MakeWriter) -> None:
    server = influxd()
    writer = make_writer(server.url, timeout_s=2)
    await writer.start()
    assert list((await writer.write(readings(3))).keep) == readings(3)
    server.start()
    assert await writer.write(readings(3)) == WRITTEN
    server.pause()
    outcome = await writer.write(readings(3))
    assert list(outcome.keep) == readings(3)
    assert outcome.trouble == f"InfluxDB at {server.url} did not answer within 2 s"
    server.resume()
    server.kill()
    outcome = await writer.write(readings(3))
    assert list(outcome.keep) == readings(3)
    assert not outcome.alarm
    server.start()
    assert await writer.write(readings(3)) == WRITTEN


async def test_a_limit_on_tag_values_pauses(influxd: Callable[..., Influxd], make_writer: MakeWriter) -> None:
    server = influxd(index="inmem", data="  max-values-per-tag = 5")
    server.start()
    writer = make_writer(server.url)
    await writer.start()
    assert await writer.write(readings(10, devices=5)) == WRITTEN
    batch = readings(100, devices=100)
    outcome = await writer.write(batch)
    assert list(outcome.keep) == batch
    assert not outcome.refused
    assert outcome.alarm
    assert outcome.trouble is not None
    assert "max-values-per-tag" in outcome.trouble


async def test_a_limit_on_series_pauses(influxd: Callable[..., Influxd], make_writer: MakeWriter) -> None:
    server = influxd(index="inmem", data="  max-series-per-database = 5")
    server.start()
    writer = make_writer(server.url)
    await writer.start()
    batch = readings(100, devices=100)
    outcome = await writer.write(batch)
    assert list(outcome.keep) == batch
    assert not outcome.refused
    assert outcome.alarm


async def test_a_body_that_is_too_large_is_split(influxd: Callable[..., Influxd], make_writer: MakeWriter) -> None:
    server = influxd(http="  max-body-size = 20000")
    server.start()
    writer = make_writer(server.url)
    await writer.start()
    batch = readings(2000)
    batch.append(Reading("d0", T, None, {"label": "x" * 30_000}, {}))
    outcome = await writer.write(batch)
    assert [refusal.reading for refusal in outcome.refused] == batch[-1:]
    assert not outcome.keep
    found = ask(server.url, 'SELECT count("warmth_c") FROM "test"', db=writer._http.database)
    assert found["series"][0]["values"][0][1] == 2000


async def test_users_and_rights(
    influxd: Callable[..., Influxd], make_writer: MakeWriter, influxdb: InfluxSettings
) -> None:
    server = influxd(http="  auth-enabled = true")
    server.start()
    ask(server.url, "CREATE USER boss WITH PASSWORD 'b0ss' WITH ALL PRIVILEGES")
    boss = {"u": "boss", "p": "b0ss"}
    database = influxdb.bucket.partition("/")[0]
    ask(server.url, "CREATE USER writer WITH PASSWORD 'wr1 tér:'", **boss)

    for wrong in ({}, {"username": "boss", "password": "wrong"}, {"token": "wrong"}):
        writer = make_writer(server.url, **wrong)
        with pytest.raises(StoreUnusableError, match="does not accept the credentials"):
            await writer.start()
        outcome = await writer.write(readings(1))
        assert list(outcome.keep) == readings(1)
        assert outcome.alarm

    limited = make_writer(server.url, username="writer", password="wr1 tér:")
    with pytest.raises(StoreUnusableError, match=database):
        await limited.start()
    admin = make_writer(server.url, username="boss", password="b0ss")
    await admin.start()
    assert await admin.write(readings(1)) == WRITTEN

    ask(server.url, f'GRANT ALL ON "{database}" TO writer', **boss)
    await limited.start()
    assert await limited.write(readings(1)) == WRITTEN
    ask(server.url, f'REVOKE ALL ON "{database}" FROM writer', **boss)
    outcome = await limited.write(readings(1))
    assert list(outcome.keep) == readings(1)
    assert outcome.alarm
    assert outcome.trouble is not None
    assert "403" in outcome.trouble


async def test_reading_from_a_store_that_is_away_says_so(
    influxd: Callable[..., Influxd], influxdb: InfluxSettings
) -> None:
    server = influxd()
    reader = InfluxReader(influxdb.model_copy(update={"url": server.url}), lambda: KNOWN)
    with pytest.raises(StoreAwayError, match="cannot be reached"):
        await reader.latest(["d0"])
    with pytest.raises(StoreAwayError, match="cannot be reached"):
        _ = [one async for one in reader.history("d0", ["warmth_c"], 0, T)]
    server.start()
    assert await reader.latest(["d0"]) == []
    await reader.close()


async def test_latest_of_many_devices(influxdb: InfluxSettings, make_writer: MakeWriter) -> None:
    writer = make_writer()
    await writer.start()
    batch = [
        Reading(f"d{k}", T, None, {"warmth_c": float(k)}, {"warmth_c": Quality.SUSPECT} if k % 2 else {})
        for k in range(200)
    ]
    assert await writer.write(batch) == WRITTEN
    reader = InfluxReader(influxdb, lambda: KNOWN)
    found = await reader.latest([f"d{k}" for k in range(200)])
    assert [(one.value, one.quality) for one in found] == [(k, k % 2) for k in range(200)]
    await reader.close()

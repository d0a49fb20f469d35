"""The writer against a real InfluxDB 2.x: what it refuses, and what its operator does to it."""

import time
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest

from telemetry.reading import Reading
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import StoreUnusableError
from tests.influxdb2 import ORG, TOKEN, ask, drop_bucket
from tests.integration.influxdb_ground import (
    BAD,
    DAY_NS,
    WRITTEN,
    MakeWriter,
    T,
    readings,
    with_bad_points,
    writers,
)


@pytest.fixture
async def make_writer(influxdb2: InfluxSettings) -> AsyncIterator[MakeWriter]:
    async with writers(influxdb2) as make:
        yield make


def write(settings: InfluxSettings, lines: str) -> None:
    """Lines, past all of our code."""
    request = urllib.request.Request(  # noqa: S310  # http on the loopback
        f"{settings.url}/api/v2/write?org={ORG}&bucket={settings.bucket}",
        lines.encode(),
        {"Authorization": f"Token {TOKEN}"},
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  # as above


def bucket_of(settings: InfluxSettings) -> dict[str, Any]:
    found: dict[str, Any] = ask(settings.url, "GET", f"/api/v2/buckets?name={settings.bucket}&org={ORG}")
    (bucket,) = found["buckets"]
    assert isinstance(bucket, dict)
    return bucket


async def test_three_bad_points_of_5000_cost_three(influxdb2: InfluxSettings, make_writer: MakeWriter) -> None:
    writer = make_writer()
    await writer.start()
    # From elsewhere: the field is a text already, so the store refuses each number for it.
    write(influxdb2, f'other,device=d0,site=toilet-1 power_w="broken" {T}')
    batch = with_bad_points()
    outcome = await writer.write(batch)
    assert [refusal.reading for refusal in outcome.refused] == [batch[index] for index in BAD]
    assert all("field type conflict" in refusal.detail for refusal in outcome.refused)
    assert (list(outcome.keep), outcome.trouble) == ([], None)


async def test_a_type_conflict_stops_the_start_and_says_the_mend(
    influxdb2: InfluxSettings, make_writer: MakeWriter
) -> None:
    await make_writer().start()
    write(influxdb2, f'test,device=d0,site=toilet-1 warmth_c="hot" {T}')
    with pytest.raises(StoreUnusableError) as caught:
        await make_writer().start()
    for word in ("'warmth_c'", "'test'", "string", "float", "store.bucket"):
        assert word in str(caught.value)


async def test_a_bucket_is_made_with_its_retention_and_what_is_older_is_refused(make_writer: MakeWriter) -> None:
    writer = make_writer(retention_days=30)
    await writer.start()
    assert await writer.retention_s() == 30 * 86_400
    batch = [Reading("d0", at, None, {"warmth_c": 1.0}, {}) for at in (time.time_ns(), time.time_ns() - 31 * DAY_NS)]
    outcome = await writer.write(batch)
    assert [refusal.reading for refusal in outcome.refused] == batch[1:]
    assert "retention policy" in outcome.refused[0].detail


async def test_a_deleted_bucket_is_an_alarm_until_it_is_back(
    influxdb2: InfluxSettings, make_writer: MakeWriter
) -> None:
    writer = make_writer()
    await writer.start()
    organisation = bucket_of(influxdb2)["orgID"]
    drop_bucket(influxdb2)
    outcome = await writer.write(readings(3))
    assert (list(outcome.keep), outcome.alarm) == (readings(3), True)
    assert outcome.trouble is not None
    assert "not found" in outcome.trouble
    ask(influxdb2.url, "POST", "/api/v2/buckets", {"orgID": organisation, "name": influxdb2.bucket})
    assert await writer.write(readings(3)) == WRITTEN


async def test_a_token_needs_to_be_known_and_to_have_the_rights(
    influxdb2: InfluxSettings, make_writer: MakeWriter
) -> None:
    await make_writer().start()
    stranger = make_writer(token="of-nobody")
    with pytest.raises(StoreUnusableError, match=r"store\.token"):
        await stranger.start()
    outcome = await stranger.write(readings(1))
    assert (list(outcome.keep), outcome.alarm) == (readings(1), True)

    bucket = bucket_of(influxdb2)
    resource = {"type": "buckets", "id": bucket["id"], "orgID": bucket["orgID"]}
    reads = {"action": "read", "resource": resource}
    only_reads = {"orgID": bucket["orgID"], "description": "reads", "permissions": [reads]}
    token = ask(influxdb2.url, "POST", "/api/v2/authorizations", only_reads)["token"]
    outcome = await make_writer(token=token).write(readings(1))
    assert (list(outcome.keep), outcome.alarm) == (readings(1), True)

    both = {**only_reads, "permissions": [reads, {**reads, "action": "write"}]}
    token = ask(influxdb2.url, "POST", "/api/v2/authorizations", both)["token"]
    scoped = make_writer(token=token)
    await scoped.start()
    assert await scoped.write(readings(1)) == WRITTEN

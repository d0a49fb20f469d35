"""InfluxDB 2.x where it differs from 1.x: organisations, tokens, buckets made by its own calls. Played by a double."""

import json
from collections.abc import AsyncIterator

import pytest

from telemetry.reading import NS_PER_S, Reading
from telemetry.stores.influxdb.write import InfluxWriter
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import Outcome, StoreUnusableError
from tests.builders import device, metric, registry
from tests.integration.influxdb_double import InfluxdbDouble, Reply

KNOWN = registry(device("d"), metrics=[metric("warmth_c")])
BATCH = [Reading("d", 1_763_800_000 * NS_PER_S, None, {"warmth_c": 1.0}, {})]


@pytest.fixture
def double(influxdb_double: InfluxdbDouble) -> InfluxdbDouble:
    return influxdb_double


@pytest.fixture
async def writer(double: InfluxdbDouble) -> AsyncIterator[InfluxWriter]:
    settings = {"kind": "influxdb", "url": double.url, "bucket": "city", "org": "works", "token": "t"}
    one = InfluxWriter(InfluxSettings.model_validate({**settings, "retention_days": 1}), lambda: KNOWN)
    yield one
    await one.close()


BUCKETS = ("GET", "/api/v2/buckets")
NEW_BUCKET = ("POST", "/api/v2/buckets")
ORGS = ("GET", "/api/v2/orgs")


async def test_a_bucket_of_2x_is_made(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    double.documents[BUCKETS] = Reply(404, '{"message":"bucket \\"city\\" not found"}')
    double.documents[ORGS] = Reply(200, '{"orgs":[{"id":"0a1b"}]}')
    made = {"id": "1", "retentionRules": [{"type": "expire", "everySeconds": 86_400}]}
    double.documents[NEW_BUCKET] = Reply(201, json.dumps(made))
    await writer.start()
    assert await writer.retention_s() == 86_400
    (call,) = [call for call in double.calls if (call.method, call.path) == NEW_BUCKET]
    rules = [{"type": "expire", "everySeconds": 86_400}]
    assert json.loads(call.body) == {"orgID": "0a1b", "name": "city", "retentionRules": rules}
    assert await writer.write(BATCH) == Outcome(refused=[])
    assert double.writes[0].query == {"org": "works", "bucket": "city", "precision": "ns"}


async def test_a_bucket_of_2x_that_is_there_is_left_alone(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    double.documents[BUCKETS] = Reply(200, '{"buckets":[{"id":"1","retentionRules":[]}]}')
    await writer.start()
    assert await writer.retention_s() is None
    assert all(call.method == "GET" for call in double.calls)


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ({BUCKETS: Reply(401, '{"message":"unauthorized"}')}, "correct `store.token`"),
        ({BUCKETS: Reply(200, '{"buckets":[]}'), ORGS: Reply(200, '{"orgs":[]}')}, "correct `store.org`"),
        (
            {
                BUCKETS: Reply(200, '{"buckets":[]}'),
                ORGS: Reply(200, '{"orgs":[{"id":"1"}]}'),
                NEW_BUCKET: Reply(403, '{"message":"forbidden"}'),
            },
            "the token may not make it",
        ),
    ],
    ids=["token", "organisation", "rights"],
)
async def test_what_a_person_has_to_mend_at_2x(
    double: InfluxdbDouble, writer: InfluxWriter, documents: dict[tuple[str, str], Reply], words: str
) -> None:
    double.documents.update(documents)
    with pytest.raises(StoreUnusableError, match=words):
        await writer.start()
    outcome = await writer.write(BATCH)
    assert list(outcome.keep) == BATCH
    assert outcome.alarm

"""Each answer that InfluxDB or the network can give has its outcome; none raises, none loses, none tells a secret."""

import base64
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import SecretStr

from telemetry.reading import NS_PER_S, Reading
from telemetry.stores.influxdb.bisect import FAILURES_WITHOUT_PASS
from telemetry.stores.influxdb.write import FAILURES_BEFORE_BISECTING, InfluxWriter
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import Outcome
from tests.builders import device, metric, registry
from tests.components import free_port
from tests.integration.influxdb_double import InfluxdbDouble, Reply

T = 1_763_800_000 * NS_PER_S
KNOWN = registry(device("d"), metrics=[metric("warmth_c"), metric("power_w", measurement="other")])
TOKEN = "canary-5c1f"


@pytest.fixture
def double(influxdb_double: InfluxdbDouble) -> InfluxdbDouble:
    return influxdb_double


MakeWriter = Callable[..., InfluxWriter]


@pytest.fixture
async def make_writer(double: InfluxdbDouble) -> AsyncIterator[MakeWriter]:
    made: list[InfluxWriter] = []

    def make(**settings: object) -> InfluxWriter:
        given = {"kind": "influxdb", "url": double.url, "timeout_s": 5.0, "token": TOKEN, **settings}
        made.append(InfluxWriter(InfluxSettings.model_validate(given), lambda: KNOWN))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
async def writer(make_writer: MakeWriter) -> InfluxWriter:
    one = make_writer()
    await one.start()
    return one


def readings(count: int) -> list[Reading]:
    return [Reading("d", T + k, None, {"warmth_c": float(k)}, {}) for k in range(count)]


def holds(lines: list[str], bad: set[int]) -> bool:
    return any(int(line.rsplit(" ", 1)[1]) - T in bad for line in lines)


def times(found: list[str]) -> set[int]:
    return {int(line.rsplit(" ", 1)[1]) - T for line in found}


def refused_times(outcome: Outcome) -> list[int]:
    return [refusal.reading.time_ns - T for refusal in outcome.refused]


async def test_an_answer_that_is_no_utf8_keeps_its_status(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    double.rule = lambda lines: Reply(400, b"\xff bad \xfe") if holds(lines, {1}) else Reply()
    outcome = await writer.write(readings(3))
    assert refused_times(outcome) == [1]


async def test_what_is_sent(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    assert await writer.write(readings(2)) == Outcome(refused=[])
    (call,) = double.writes
    assert call.query == {"bucket": "caretaker/autogen", "precision": "ns"}
    assert call.headers["Content-Encoding"] == "gzip"
    assert call.headers["Authorization"] == f"Token {TOKEN}"
    assert call.body.decode().split("\n")[1] == f"test,device=d,site=toilet-1 warmth_c=1.0 {T + 1}"


async def test_all_goes_through_one_connection(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    for status in (204, 400, 503, 413, 204):
        double.rule = lambda _, status=status: Reply(status, "x" * 1000)  # type: ignore[misc]  # a default, no argument
        await writer.write(readings(3))
    assert len({call.connection for call in double.calls}) == 1


@pytest.mark.parametrize(
    ("reply", "retry_after_s", "alarm"),
    [
        (Reply(401, '{"error":"authorization failed"}'), None, True),
        (Reply(403, '{"error":"not authorized"}'), None, True),
        (Reply(404, '{"error":"database not found"}'), None, True),
        (Reply(301, "", {"Location": "https://elsewhere.example"}), None, True),
        (Reply(405, "no"), None, True),
        (Reply(429, "", {"Retry-After": "7"}), 7.0, False),
        (Reply(429, "", {"Retry-After": "soon"}), None, False),
        (Reply(503, '{"message":"busy"}', {"Retry-After": "0"}), 0.0, False),
        (Reply(503), None, False),
        (Reply(408), None, False),
        (Reply(500, '{"error":"engine is closed"}'), None, False),
        (Reply(502, "<html>bad gateway</html>"), None, False),
        (Reply(504), None, False),
        (Reply(400, '{"error":"partial write: max-series-per-database limit exceeded: (5) dropped=1"}'), None, True),
        (Reply(400, '{"error":"partial write: max-values-per-tag limit exceeded (100/100) dropped=1"}'), None, True),
    ],
    ids=lambda value: f"{value.status} {value.headers or value.body!r}" if isinstance(value, Reply) else None,
)
async def test_everything_is_kept(
    double: InfluxdbDouble, writer: InfluxWriter, reply: Reply, *, retry_after_s: float | None, alarm: bool
) -> None:
    double.rule = lambda _: reply
    batch = readings(100)
    outcome = await writer.write(batch)
    assert list(outcome.keep) == batch
    assert not outcome.refused
    assert outcome.retry_after_s == retry_after_s
    assert outcome.alarm is alarm
    assert outcome.trouble is not None
    assert str(reply.status) in outcome.trouble
    assert len(double.writes) == 1
    double.rule = lambda _: Reply()
    assert await writer.write(batch) == Outcome(refused=[])


async def test_retry_after_may_be_a_date(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    double.rule = lambda _: Reply(429, "", {"Retry-After": at})
    outcome = await writer.write(readings(1))
    assert outcome.retry_after_s is not None
    assert 50 < outcome.retry_after_s <= 60


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("bad", [{0}, {4999}, {0, 2500, 4999}, {17, 18, 19}, set(range(20))], ids=str)
async def test_bad_lines_cost_themselves(
    double: InfluxdbDouble, writer: InfluxWriter, status: int, bad: set[int]
) -> None:
    # As 2.x on a parse error: nothing of a batch with a bad line is written.
    double.rule = lambda lines: Reply(status, '{"message":"field type conflict"}') if holds(lines, bad) else Reply()
    outcome = await writer.write(readings(5000))
    assert refused_times(outcome) == sorted(bad)
    assert {refusal.detail for refusal in outcome.refused} == {"field type conflict"}
    assert not outcome.keep
    assert outcome.trouble is None
    assert times(double.stored) == set(range(5000)) - bad


@pytest.mark.parametrize(
    ("size", "bad", "paused"),
    [(1, 1, False), (20, 20, False), (100, 20, False), (100, 21, True), (1000, 100, False), (1000, 101, True)],
)
async def test_most_of_a_batch_refused_is_not_the_lines_fault(
    double: InfluxdbDouble, writer: InfluxWriter, size: int, bad: int, *, paused: bool
) -> None:
    double.rule = lambda lines: Reply(400, '{"error":"no"}') if holds(lines, set(range(bad))) else Reply()
    batch = readings(size)
    outcome = await writer.write(batch)
    if paused:
        assert list(outcome.keep) == batch
        assert not outcome.refused
        assert outcome.alarm
        assert outcome.trouble is not None
        assert "no" in outcome.trouble
    else:
        assert refused_times(outcome) == list(range(bad))
        assert not outcome.keep


async def test_a_batch_that_is_too_large_is_split(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    double.rule = lambda lines: Reply(413) if len(lines) > 300 else Reply()
    assert await writer.write(readings(5000)) == Outcome(refused=[])
    assert times(double.stored) == set(range(5000))


async def test_a_line_that_is_too_large_alone_is_refused(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    double.rule = lambda lines: Reply(413, '{"error":"too large"}') if holds(lines, {7}) else Reply()
    outcome = await writer.write(readings(50))
    assert refused_times(outcome) == [7]
    assert times(double.stored) == set(range(50)) - {7}


@pytest.mark.parametrize("bad", [{0}, {999}, {0, 1, 2, 700}, set(range(20))], ids=str)
async def test_a_batch_that_keeps_getting_500_is_bisected(
    double: InfluxdbDouble, writer: InfluxWriter, bad: set[int]
) -> None:
    double.rule = lambda lines: Reply(500, '{"error":"panic"}') if holds(lines, bad) else Reply()
    batch = readings(1000)
    for _ in range(FAILURES_BEFORE_BISECTING - 1):
        outcome = await writer.write(batch)
        assert list(outcome.keep) == batch
    assert len(double.writes) == FAILURES_BEFORE_BISECTING - 1
    outcome = await writer.write(batch)
    assert refused_times(outcome) == sorted(bad)
    assert not outcome.keep
    assert times(double.stored) == set(range(1000)) - bad


@pytest.mark.parametrize("size", [1, 2, 5000])
async def test_a_sick_store_refuses_nothing(double: InfluxdbDouble, writer: InfluxWriter, size: int) -> None:
    double.rule = lambda _: Reply(500)
    batch = readings(size)
    for _ in range(FAILURES_BEFORE_BISECTING + 2):
        outcome = await writer.write(batch)
        assert list(outcome.keep) == batch
        assert not outcome.refused
    assert len(double.writes) <= FAILURES_BEFORE_BISECTING + 2 + 3 * FAILURES_WITHOUT_PASS


async def test_other_batches_between_do_not_count_as_the_same(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    double.rule = lambda _: Reply(500)
    for _ in range(FAILURES_BEFORE_BISECTING + 1):
        await writer.write(readings(10))
        await writer.write(readings(11))
    assert len(double.writes) == 2 * (FAILURES_BEFORE_BISECTING + 1)


@pytest.mark.parametrize("status", [503, 401])
async def test_trouble_while_halving_keeps_what_is_undecided(
    double: InfluxdbDouble, writer: InfluxWriter, status: int
) -> None:
    def rule(lines: list[str]) -> Reply:
        if len(double.writes) > 20:
            return Reply(status, '{"error":"later"}', {"Retry-After": "3"})
        return Reply(400, '{"error":"no"}') if holds(lines, {5, 800}) else Reply()

    double.rule = rule
    batch = readings(1000)
    outcome = await writer.write(batch)
    kept = {reading.time_ns - T for reading in outcome.keep}
    assert refused_times(outcome) == [5]
    assert outcome.trouble is not None
    assert "later" in outcome.trouble
    assert outcome.retry_after_s == 3.0
    assert outcome.alarm is (status == 401)
    assert 800 in kept
    # Each reading is in one place: stored, refused or kept.
    assert times(double.stored) | kept | {5} == set(range(1000))
    assert not times(double.stored) & kept


async def test_of_two_values_of_one_moment_the_later_is_written_last(
    double: InfluxdbDouble, writer: InfluxWriter
) -> None:
    batch = [Reading("d", T + 1 + k % 50, None, {"warmth_c": float(k)}, {}) for k in range(1000)]
    batch[500] = Reading("d", T, None, {"warmth_c": 0.0}, {})
    double.rule = lambda lines: Reply(400) if holds(lines, {0}) else Reply()
    assert refused_times(await writer.write(batch)) == [0]
    held = dict(line.rsplit(" ", 1)[::-1] for line in double.stored)
    for time_ns, line in held.items():
        newest = [reading for reading in batch if reading.time_ns == int(time_ns)][-1]
        assert line.endswith(f"={newest.values['warmth_c']}")


async def test_a_reading_of_two_lines_is_refused_once_and_kept_whole(
    double: InfluxdbDouble, writer: InfluxWriter
) -> None:
    both = Reading("d", T, None, {"warmth_c": 1.0, "power_w": 2.0}, {})
    double.rule = lambda lines: Reply(400, "no") if any(line.startswith("other") for line in lines) else Reply()
    outcome = await writer.write([both])
    assert [(refusal.reading, refusal.detail) for refusal in outcome.refused] == [(both, "no")]
    assert len(double.stored) == 1
    double.rule = lambda lines: (
        Reply(400 if len(lines) > 1 else 503) if any(line.startswith("other") for line in lines) else Reply()
    )
    outcome = await writer.write([both])
    assert list(outcome.keep) == [both]
    assert not outcome.refused


async def test_no_answer(double: InfluxdbDouble, make_writer: MakeWriter) -> None:
    writer = make_writer(timeout_s=0.2)
    await writer.start()
    double.hang.set()
    outcome = await writer.write(readings(3))
    assert list(outcome.keep) == readings(3)
    assert outcome.trouble == f"InfluxDB at {double.url} did not answer within 0.2 s"
    assert not outcome.alarm


async def test_a_connection_that_breaks(double: InfluxdbDouble, writer: InfluxWriter) -> None:
    double.reset = True
    outcome = await writer.write(readings(3))
    assert list(outcome.keep) == readings(3)
    assert outcome.trouble is not None
    assert "broke off" in outcome.trouble
    assert not outcome.alarm
    double.reset = False
    assert await writer.write(readings(3)) == Outcome(refused=[])


async def test_nobody_there(make_writer: MakeWriter, double: InfluxdbDouble) -> None:
    writer = make_writer(url=f"http://127.0.0.1:{free_port()}")
    await writer.start()
    outcome = await writer.write(readings(3))
    assert list(outcome.keep) == readings(3)
    assert outcome.trouble is not None
    assert "Connection refused" in outcome.trouble
    assert not outcome.alarm
    assert await writer.retention_s() is None
    assert double.calls == []


async def test_answers_that_are_no_influxdb_s(double: InfluxdbDouble, make_writer: MakeWriter) -> None:
    for document in ("[1, 2]", "<html>", "{}", '{"results": []}', '{"results": 7}', ""):
        double.documents["GET", "/query"] = Reply(200, document)
        outcome = await make_writer().write(readings(1))
        assert list(outcome.keep) == readings(1)
        assert outcome.trouble is not None


@pytest.mark.parametrize("status", [204, 400, 401, 429, 500])
async def test_no_secret_in_anything_said(
    double: InfluxdbDouble, make_writer: MakeWriter, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    writer = make_writer(token=None, username="somebody", password=TOKEN)
    await writer.start()
    double.rule = lambda _: Reply(status, "no")
    outcome = await writer.write(readings(2))
    double.reset = True
    broken = await writer.write(readings(2))
    sent = base64.b64encode(f"somebody:{TOKEN}".encode()).decode()
    assert double.writes[0].headers["Authorization"] == f"Basic {sent}"
    settings = InfluxSettings(kind="influxdb", url=double.url, token=SecretStr(TOKEN))
    for text in (caplog.text, repr(outcome), repr(broken), repr(settings), settings.model_dump_json()):
        assert TOKEN not in text
        assert sent not in text

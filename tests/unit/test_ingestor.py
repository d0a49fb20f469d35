"""The stages of the ingestor, each with stand-ins for its neighbours where a real one could not be made to wait."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from ingestor import app
from ingestor.journal import Journal
from ingestor.settings import Settings, load_settings
from ingestor.write import BACK_OFF_CAP_S, Drain, message_of, wait_s
from telemetry.document import DocumentError
from telemetry.message import Admitted, Message
from telemetry.mqtt.session import Session
from telemetry.reading import Reading
from telemetry.stores.store import Outcome, RetainingWriter
from tests.builders import device, registry
from tests.unit.test_journal_file import good, reading

MIB = 1024 * 1024
LIMIT_S = 10.0


@asynccontextmanager
async def opened(path: Path, cap_bytes: int = MIB) -> AsyncIterator[Journal]:
    journal = Journal.open(path, cap_bytes, MIB, lambda refused: Message("t", b"", False, refused.time_ns))
    try:
        yield journal
    finally:
        await journal.close()


class Store:
    """Gives the outcomes it is told to give, then takes everything."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.calls: list[list[int | None]] = []

    async def write(self, readings: Sequence[Reading]) -> Outcome:
        self.calls.append([one.seq for one in readings])
        return self.outcomes.pop(0) if self.outcomes else Outcome()


class Delivery:
    """One batch that notes when it is acknowledged."""

    def __init__(self, log: list[str]) -> None:
        self.messages = [Message("t", b"1", False, 0)]
        self._log = log

    def acknowledge(self) -> None:
        self._log.append("acknowledge")


async def test_durable_before_acknowledged() -> None:
    log: list[str] = []

    class Deliveries:
        async def deliveries(self) -> AsyncIterator[Delivery]:
            yield Delivery(log)
            yield Delivery(log)

    class Durable:
        async def append(self, admitted: Sequence[Admitted]) -> None:
            log.append(f"append {len(admitted)}")
            await asyncio.sleep(0)
            log.append("durable")

    await app.receive(cast("Session", Deliveries()), cast("Journal", Durable()), lambda _: good(1))
    assert log == ["append 1", "durable", "acknowledge"] * 2


async def test_the_drain_writes_the_oldest_first_and_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestor.write.BACK_OFF_FIRST_S", 0.001)
    store = Store(Outcome(keep=[reading(1), reading(2)], trouble="away"), Outcome(keep=[reading(2)], trouble="slow"))
    async with opened(tmp_path / "journal.db") as journal:
        await journal.append([good(1), good(2)])
        drain = Drain(journal, cast("RetainingWriter", store))
        running = asyncio.create_task(drain.run())
        await asyncio.wait_for(journal.emptied(), LIMIT_S)
        await journal.append([good(3)])
        await asyncio.wait_for(journal.emptied(), LIMIT_S)
        running.cancel()
        assert store.calls == [[1, 2], [1, 2], [2], [3]]
        assert drain.trouble is None
        account = await journal.account()
        assert (account.received, account.written) == (3, 3)
        assert account.balanced


async def test_a_full_journal_waits_says_so_and_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db", cap_bytes=10) as journal:
        await journal.append([good(1)])
        waiting = asyncio.create_task(journal.append([good(2)]))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert journal.trouble is not None
        assert "full" in journal.trouble
        batch = await journal.oldest(10)
        assert batch is not None
        await journal.settle(batch, Outcome())
        await asyncio.wait_for(waiting, LIMIT_S)
        assert journal.trouble is None


@pytest.mark.parametrize(
    ("failures", "asked_s", "jitter", "expected_s"),
    [
        (1, None, 1.0, 0.25),
        (2, None, 1.0, 0.5),
        (2, None, 0.5, 0.25),
        (40, None, 1.0, BACK_OFF_CAP_S),
        (1, 30.0, 1.0, 30.0),
        (40, 1.0, 1.0, BACK_OFF_CAP_S),
    ],
)
def test_back_off(failures: int, asked_s: float | None, jitter: float, expected_s: float) -> None:
    assert wait_s(failures, asked_s, jitter) == expected_s


def test_a_refused_reading_becomes_a_message_that_can_be_replayed() -> None:
    known = registry(device())
    turn = message_of(lambda: known)
    message = turn(Reading("nh3-1", 5_000_000, 3, {"nh3_ppm": 0.5}, {}))
    assert message.topic == "caretaker/v1/toilet-1/nh3-1/readings"
    assert message.payload == b'{"time":5,"seq":3,"values":{"nh3_ppm":0.5}}'
    assert message.received_ns == 5_000_000
    assert turn(Reading("nh3-1", 1, None, {"aqhi": 3.0}, {})).topic.endswith("/derived")
    assert turn(Reading("gone", 1, None, {"nh3_ppm": 3.0}, {})).topic == "caretaker/v1/unknown/gone/readings"


def write(folder: Path, text: str) -> Path:
    (folder / "caretaker.yaml").write_text(text, encoding="utf-8")
    return folder


def test_settings_have_defaults_that_are_safe(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, tmp_path / "data")
    assert settings.journal.path == tmp_path / "data" / "journal" / "journal.db"
    assert (settings.http.host, settings.broker.host) == ("127.0.0.1", "127.0.0.1")
    assert settings.session.session_expiry_s == 7 * 86_400
    assert [(one.filter.rsplit("/", 1)[1], one.retained) for one in settings.subscriptions] == [
        ("readings", False),
        ("derived", False),
        ("alerts", False),
        ("status", True),
    ]


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARETAKER_BROKER__PORT", "2000")
    monkeypatch.setenv("CARETAKER_BROKER__PASSWORD", "s3cret-canary")
    settings = load_settings(write(tmp_path, "broker: {port: 1000, username: ingest}\n"), tmp_path)
    assert (settings.broker.port, settings.broker.username, settings.broker.secret()) == (
        2000,
        "ingest",
        "s3cret-canary",
    )
    assert "s3cret-canary" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("broker: {host: broker.example}\n", 1, "not encrypted"),
        ("\nhttp: {host: 0.0.0.0}\n", 2, "token"),
        ("max_age_days: 3\n", 1, "longer than the broker keeps our session"),
        ("broker: {port: 99999}\n", 1, "65535"),
        ("brokr: {}\n", 1, "broker"),
        ("store: {kind: influxdb, url: 'http://influx.example:8086'}\n", 1, "plain http"),
        ("store: {kind: oracle}\n", 1, "sqlite"),
        ("journal: {cap_mb: 0}\n", 1, "greater than 0"),
        ("broker: {password: s3cret-canary, password_file: caretaker.yaml}\n", 1, "not both"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DocumentError) as raised:
        load_settings(write(tmp_path, text), tmp_path)
    said = str(raised.value)
    assert f"caretaker.yaml:{line}:" in said
    assert words in said
    assert "s3cret-canary" not in said


def test_settings_without_a_folder_say_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no such folder"):
        load_settings(tmp_path / "nowhere", tmp_path)


def test_tls_beyond_this_machine_is_enough() -> None:
    assert Settings.model_validate({"broker": {"host": "broker.example", "tls": True}}).broker.encrypted

"""The ledger: what was sent, what of it is acknowledged, and what a judge reads while it is written."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simulators.encode import Sample
from simulators.ledger import Flag, Ledger, LedgerInUseError, LedgerReader, Totals


def samples(number: int, count: int = 1) -> list[Sample]:
    return [
        Sample(1_795_000_000_000 + number * 10 + i, number + i, {"nh3_ppm": 0.5, "occupied": True})
        for i in range(count)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


@pytest.fixture
def reader(path: Path) -> Iterator[LedgerReader]:
    """Opened when the test has made the ledger."""
    asyncio.run(_touch(path))
    with closing(LedgerReader(path)) as one:
        yield one


async def _touch(path: Path) -> None:
    async with Ledger(path):
        pass


async def test_what_is_acknowledged_is_read_in_the_order_of_acknowledgement(path: Path) -> None:
    async with Ledger(path) as ledger:
        first, second, third = (ledger.sent(f"d-{i}", samples(i)) for i in range(3))
        ledger.acknowledged(third)
        await ledger.flush()
        with closing(LedgerReader(path)) as reader:
            page = reader.acknowledged(0, 10)
            assert [row.device for row in page] == ["d-2"]
            assert page[0].values == {"nh3_ppm": 0.5, "occupied": True}
            assert (page[0].time_ms, page[0].seq) == (1_795_000_000_020, 2)
            assert page[0].sent_ns <= page[0].acked_ns <= time.time_ns()
            assert reader.unknown() == 2

            ledger.acknowledged(first)  # its row is in the file already
            await ledger.flush()
            page = reader.acknowledged(page[-1].ack, 10)
            assert [row.device for row in page] == ["d-0"], "a row that was sent earlier is not passed over"
            assert reader.last_ack() == page[-1].ack
            assert reader.unknown() == 1
    assert second.rows == 1


async def test_a_publish_of_several_readings_is_several_rows(path: Path) -> None:
    async with Ledger(path) as ledger:
        ledger.acknowledged(ledger.sent("d", samples(0, 4)))
    with closing(LedgerReader(path)) as reader:
        assert [row.seq for row in reader.acknowledged(0, 10)] == [0, 1, 2, 3]
        assert reader.totals() == Totals(
            messages=1, messages_acknowledged=1, readings=4, readings_acknowledged=4, duplicates=0, poison=0
        )


async def test_poison_and_duplicates_are_marked_and_counted_apart(path: Path) -> None:
    async with Ledger(path) as ledger:
        plain = ledger.sent("d", samples(0))
        again = ledger.sent("d", samples(0), Flag.DUPLICATE)
        bad = ledger.sent("d", (), Flag.POISON, ("not_json", "too_deep"))
        ledger.acknowledged(plain)
        ledger.acknowledged(again, Flag.DUPLICATE)
        ledger.acknowledged(bad, Flag.POISON)
    with closing(LedgerReader(path)) as reader:
        rows = reader.acknowledged(0, 10)
        assert [row.flags for row in rows] == [Flag.PLAIN, Flag.DUPLICATE, Flag.POISON]
        assert rows[2].reasons == ("not_json", "too_deep")
        assert (rows[2].time_ms, rows[2].values) == (None, {})
        assert reader.totals() == Totals(
            messages=3, messages_acknowledged=3, readings=2, readings_acknowledged=2, duplicates=1, poison=1
        )


async def test_numbers_and_totals_go_on_after_a_restart(path: Path) -> None:
    for _ in range(2):
        async with Ledger(path) as ledger:
            ledger.acknowledged(ledger.sent("d", samples(0)))
    with closing(LedgerReader(path)) as reader:
        assert [row.ack for row in reader.acknowledged(0, 10)] == [1, 2]
        assert reader.totals().messages_acknowledged == 2


async def test_what_was_not_acknowledged_stays_unknown(path: Path) -> None:
    async with Ledger(path) as ledger:
        ledger.sent("d", samples(0))
    with closing(LedgerReader(path)) as reader:
        assert reader.acknowledged(0, 10) == []
        assert reader.unknown() == 1


async def test_old_rows_go_and_their_numbers_are_never_given_again(path: Path) -> None:
    async with Ledger(path, keep_hours=1e-9) as ledger:
        ledger.acknowledged(ledger.sent("d", samples(0)))
        await ledger.flush()
        ledger.acknowledged(ledger.sent("d", samples(1)))
        await ledger.flush()
    with closing(LedgerReader(path)) as reader:
        assert reader.acknowledged(0, 10) == []
        assert reader.totals().messages_acknowledged == 2
        last = reader.last_ack()
    async with Ledger(path) as ledger:
        ledger.acknowledged(ledger.sent("d", samples(2)))
    with closing(LedgerReader(path)) as reader:
        assert [row.ack for row in reader.acknowledged(last, 10)] == [last + 1]


async def test_it_is_written_without_being_asked(path: Path) -> None:
    async with Ledger(path) as ledger:
        ledger.acknowledged(ledger.sent("d", samples(0)))
        with closing(LedgerReader(path)) as reader:
            async with asyncio.timeout(10):
                while not reader.acknowledged(0, 1):  # noqa: ASYNC110  # another connection's file has no event
                    await asyncio.sleep(0.05)


def test_a_reader_needs_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        LedgerReader(tmp_path / "none.db")


def test_a_reader_of_an_empty_ledger_finds_nothing(reader: LedgerReader) -> None:
    assert reader.acknowledged(0, 10) == []
    assert reader.last_ack() == 0
    assert reader.totals() == Totals()


async def test_two_cannot_write_one_ledger(path: Path) -> None:
    async with Ledger(path):
        with pytest.raises(LedgerInUseError, match="another simulation"):
            await Ledger(path).__aenter__()
    async with Ledger(path):
        pass


async def test_what_could_not_be_written_is_written_later(path: Path) -> None:
    async with Ledger(path) as ledger:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("DROP TABLE totals")  # stands for any trouble with the file
            ledger.acknowledged(ledger.sent("d", samples(0)))
            await ledger.flush()
            other.execute("CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
        ledger.acknowledged(ledger.sent("d", samples(1)))
        await ledger.flush()
    with closing(LedgerReader(path)) as reader:
        assert [row.seq for row in reader.acknowledged(0, 10)] == [0, 1]
        assert reader.totals().messages_acknowledged == 2

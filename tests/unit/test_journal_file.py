"""The journal file: one transaction a call, first in first out, and an account that can be trusted."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestor import schema
from ingestor.journal_file import PAYLOAD_KEPT_BYTES, JournalFile, NoRoomError
from ingestor.quarantine import Quarantine
from ingestor.schema import JournalUnusableError
from telemetry.message import Admitted, Message, Reason, Rejection
from telemetry.reading import Quality, Reading
from telemetry.stores.store import Outcome, Refusal

MIB = 1024 * 1024


def reading(number: int) -> Reading:
    return Reading("nh3-1", number * 1_000_000, number, {"nh3_ppm": float(number)}, {"nh3_ppm": Quality.SUSPECT})


def good(*numbers: int) -> Admitted:
    return Admitted([reading(number) for number in numbers], ())


def bad(payload: bytes = b"{", reason: Reason = Reason.NOT_JSON, readings: int = 1) -> Admitted:
    return Admitted((), [Rejection(Message("t", payload, False, 7), reason, readings, "why")])


def message_of(refused: Reading) -> Message:
    return Message("caretaker/v1/s/nh3-1/readings", b"{}", False, refused.time_ns)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[JournalFile]:
    file = JournalFile(path, MIB)
    yield file
    file.close()


def numbers(journal: JournalFile, limit: int = 1_000) -> list[int | None]:
    batch = journal.oldest(limit)
    return [] if batch is None else [one.seq for one in batch.readings]


def test_first_in_first_out_and_whole_rows(journal: JournalFile) -> None:
    journal.append([good(1, 2), good(3)])
    journal.append([good(4)])
    assert numbers(journal) == [1, 2, 3, 4]
    assert numbers(journal, limit=1) == [1, 2, 3]
    batch = journal.oldest(1)
    assert batch is not None
    assert batch.readings[0] == reading(1)
    journal.settle(batch, Outcome(), message_of)
    assert numbers(journal) == [4]
    assert journal.account().balanced


def test_what_the_store_keeps_away_stays_first_in_line(journal: JournalFile) -> None:
    journal.append([good(1, 2, 3)])
    journal.append([good(4)])
    batch = journal.oldest(3)
    assert batch is not None
    journal.settle(batch, Outcome(keep=[reading(2)]), message_of)
    assert numbers(journal) == [2, 4]
    account = journal.account()
    assert (account.received, account.written, account.journal) == (4, 2, 2)
    assert account.balanced


def test_settling_nothing_changes_nothing(journal: JournalFile) -> None:
    journal.append([good(1, 2)])
    batch = journal.oldest(10)
    assert batch is not None
    journal.settle(batch, Outcome(keep=batch.readings, trouble="away"), message_of)
    assert numbers(journal) == [1, 2]
    assert journal.readings == 2


def test_what_the_store_refuses_is_quarantined_as_a_message(journal: JournalFile, path: Path) -> None:
    journal.append([good(1, 2)])
    batch = journal.oldest(10)
    assert batch is not None
    journal.settle(batch, Outcome(refused=[Refusal(reading(2), "field type conflict")]), message_of)
    account = journal.account()
    assert (account.written, account.quarantined, account.journal) == (1, 1, 0)
    assert account.balanced
    (row,) = Quarantine(path).newest()
    assert (row.reason, row.detail, row.topic) == (
        "refused_by_store",
        "field type conflict",
        message_of(reading(2)).topic,
    )


def test_everything_survives_closing(path: Path) -> None:
    first = JournalFile(path, MIB)
    first.append([good(1, 2), bad()])
    first.close()
    second = JournalFile(path, MIB)
    assert numbers(second) == [1, 2]
    assert (second.readings, second.quarantine_rows) == (2, 1)
    assert second.account().received == 3
    assert second.account().balanced
    second.close()


def test_live_bytes_follow_the_rows(journal: JournalFile, path: Path) -> None:
    journal.append([good(*range(100))])
    journal.append([good(*range(50))])
    with sqlite3.connect(path) as other:
        assert other.execute("select sum(length(body)) from batch").fetchone() == (journal.live_bytes,)
    batch = journal.oldest(1)
    assert batch is not None
    journal.settle(batch, Outcome(keep=[reading(5)]), message_of)
    with sqlite3.connect(path) as other:
        assert other.execute("select sum(length(body)) from batch").fetchone() == (journal.live_bytes,)


def test_a_second_ingestor_is_refused(journal: JournalFile, path: Path) -> None:
    del journal
    with pytest.raises(JournalUnusableError, match="another ingestor"):
        JournalFile(path, MIB)


def test_a_newer_format_is_refused(path: Path) -> None:
    JournalFile(path, MIB).close()
    with sqlite3.connect(path) as other:
        other.execute("pragma user_version = 99")
    other.close()
    with pytest.raises(JournalUnusableError, match="version 99"):
        JournalFile(path, MIB)


def test_a_file_that_is_no_journal_is_refused_with_the_mend(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(JournalUnusableError, match="move it away"):
        JournalFile(path, MIB)
    assert path.exists()


def test_a_row_of_a_newer_version_is_refused() -> None:
    with pytest.raises(JournalUnusableError, match="version 2"):
        schema.decode(b"\x02\x90")


def test_it_is_durable_by_full_synchronisation(journal: JournalFile) -> None:
    (mode,) = journal._connection.execute("pragma journal_mode").fetchone()
    (synchronous,) = journal._connection.execute("pragma synchronous").fetchone()
    assert (mode, synchronous) == ("wal", 2)


def test_nobody_else_may_read_it(journal: JournalFile, path: Path) -> None:
    del journal
    assert path.stat().st_mode & 0o077 == 0


def test_quarantine_keeps_the_raw_message(journal: JournalFile, path: Path) -> None:
    payload = b"\xff" * (PAYLOAD_KEPT_BYTES + 5)
    journal.append([bad(payload, Reason.TOO_LARGE)])
    (row,) = Quarantine(path).newest()
    assert row.payload == payload[:PAYLOAD_KEPT_BYTES]
    assert (row.topic, row.received_ns, row.reason, row.detail, row.readings) == ("t", 7, "too_large", "why", 1)


def test_single_values_are_quarantined_without_costing_a_reading(journal: JournalFile) -> None:
    rejection = Rejection(Message("t", b"{}", False, 7), Reason.NOT_FINITE, 0, "why")
    journal.append([Admitted([reading(1)], [rejection])])
    account = journal.account()
    assert (account.received, account.quarantined, account.journal) == (1, 0, 1)
    assert account.rejects == {"not_finite": 1}
    assert account.balanced


def test_ignored_is_only_counted(journal: JournalFile, path: Path) -> None:
    journal.append([bad(reason=Reason.HEARTBEAT)])
    account = journal.account()
    assert account.ignored == {"heartbeat": 1}
    assert account.balanced
    assert Quarantine(path).newest() == []


def test_beyond_its_cap_the_quarantine_only_counts_and_says_so(path: Path) -> None:
    journal = JournalFile(path, quarantine_cap_bytes=100)
    journal.append([bad(b"x" * 60), bad(b"y" * 60), bad(b"z" * 30)])
    account = journal.account()
    assert account.quarantined == 2
    assert account.ignored == {"quarantine_full": 1}
    assert account.rejects == {"not_json": 3, "quarantine_full": 1}
    assert account.balanced
    journal.close()


def test_replay_takes_in_what_is_admitted_now(journal: JournalFile, path: Path) -> None:
    journal.append([bad(b"1"), bad(b"2"), bad(b"3")])
    seen: list[Message] = []

    def admit(message: Message) -> Admitted:
        seen.append(message)
        return good(int(message.payload)) if message.payload != b"2" else bad(b"2")

    assert journal.replay([1, 2, 3, 99], admit) == {"replayed": 2, "still refused": 1, "not there": 1}
    assert [message.received_ns for message in seen] == [7, 7, 7]
    assert [row.payload for row in Quarantine(path).newest()] == [b"2"]
    assert numbers(journal) == [1, 3]
    assert journal.quarantine_rows == 1
    assert journal.account().balanced


class Failing:
    """Stands in for a disk that fails: real disks do not fail on demand at a given call."""

    def __init__(self, connection: sqlite3.Connection, code: int, statement: str) -> None:
        self._connection, self._code, self._statement = connection, code, statement
        self.armed = True

    def execute(self, statement: str, *args: object) -> sqlite3.Cursor:
        if self.armed and statement.startswith(self._statement):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self._code
            raise error
        return self._connection.execute(statement, *args)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


@pytest.mark.parametrize("statement", ["begin", "insert into batch", "commit"])
@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_CORRUPT])
def test_after_an_error_it_is_opened_again_and_takes_the_batch_once(path: Path, code: int, statement: str) -> None:
    journal = JournalFile(path, MIB)
    journal.append([good(1)])
    journal._connection = Failing(journal._connection, code, statement)  # type: ignore[assignment]
    with pytest.raises(NoRoomError, match="errors"):
        journal.append([good(2), bad()])
    assert journal.trouble is not None
    with pytest.raises(NoRoomError):
        journal.append([good(2), bad()])
    assert journal.recover()
    journal.append([good(2), bad()])
    assert numbers(journal) == [1, 2]
    assert (journal.readings, journal.quarantine_rows) == (2, 1)
    assert journal.account().balanced
    journal.close()


def test_a_full_disk_gives_the_reserve_away_and_takes_nothing_new(path: Path) -> None:
    journal = JournalFile(path, MIB)
    journal.append([good(1)])
    journal.append([good(2)])
    failing = Failing(journal._connection, sqlite3.SQLITE_FULL, "insert into batch")
    journal._connection = failing  # type: ignore[assignment]
    journal._ballast.disk_has_twice = lambda: False  # type: ignore[method-assign]
    with pytest.raises(NoRoomError, match="full"):
        journal.append([good(3)])
    assert not path.with_suffix(".ballast").exists()
    failing.armed = False
    with pytest.raises(NoRoomError, match="full"):
        journal.append([good(3)])
    assert not journal.recover(), "nothing has been taken out yet"
    batch = journal.oldest(1)
    assert batch is not None
    journal.settle(batch, Outcome(), message_of)  # taking out needs no reserve
    assert journal.recover()
    assert path.with_suffix(".ballast").stat().st_size == 8 * MIB
    journal.append([good(3)])
    assert numbers(journal) == [2, 3]
    assert journal.account().balanced
    journal.close()

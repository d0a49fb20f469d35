"""The audit: acknowledged readings, looked for one by one."""

import json
import sqlite3
from pathlib import Path

import pytest

from caretaker.audit import PRESENT, Audit, Key, Sent, StoredMoments, Verdict, kept, restored
from caretaker.screen.observe import sent_of
from simulators.ledger import Flag, Row
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.stores.sqlite.schema import open_for_writing

T0 = 1_800_000_000 * NS_PER_S


def sent(row: int, after_s: float = 0.0, device: str = "d", seq: int | None = None) -> Sent:
    moment_ns = T0 + round(after_s * NS_PER_S)
    return Sent(row, device, moment_ns, seq, moment_ns)


def numbers(verdict: Verdict) -> tuple[int, int, int]:
    return verdict.stored, verdict.on_the_way, verdict.missing


def test_what_is_found_is_stored_and_what_is_young_is_on_the_way() -> None:
    audit = Audit()
    audit.take([sent(1, 0), sent(2, 1)], 2)
    verdict = audit.judge({Key("d", T0)}, empty_ns=T0 + 20 * NS_PER_S)
    assert numbers(verdict) == (1, 1, 0)
    assert verdict.waiting_since_ns == T0 + NS_PER_S


def test_what_is_old_is_missing_only_when_the_journal_was_empty_since() -> None:
    audit = Audit()
    audit.take([sent(1, 0), sent(2, 40)], 2)
    assert numbers(audit.judge(set(), empty_ns=None)) == (0, 2, 0)
    assert numbers(audit.judge(set(), empty_ns=T0 + 29 * NS_PER_S)) == (0, 2, 0)
    verdict = audit.judge(set(), empty_ns=T0 + 30 * NS_PER_S)
    assert numbers(verdict) == (0, 1, 1)
    assert verdict.example == sent(1, 0)


def test_what_was_missing_is_looked_for_again() -> None:
    audit = Audit()
    audit.take([sent(1)], 1)
    assert numbers(audit.judge(set(), empty_ns=T0 + 60 * NS_PER_S)) == (0, 0, 1)
    assert Key("d", T0) in audit.wanted()
    assert numbers(audit.judge({Key("d", T0)}, None)) == (1, 0, 0)


def test_the_same_number_of_other_readings_does_not_make_up_for_a_lost_one() -> None:
    audit = Audit()
    audit.take([sent(1)], 1)
    others = {Key("d", T0 + NS_PER_MS), Key("e", T0)}
    assert numbers(audit.judge(others, T0 + 60 * NS_PER_S)) == (0, 0, 1)


def test_an_event_is_found_at_its_millisecond_and_count() -> None:
    audit = Audit()
    audit.take([sent(1, seq=41)], 1)
    assert audit.wanted() == [Key("d", T0), Key("d", T0 + 41)]
    assert numbers(audit.judge({Key("d", T0 + 41)}, None)) == (1, 0, 0)


def test_duplicates_of_one_reading_are_each_found() -> None:
    audit = Audit()
    audit.take([sent(1), sent(2)], 2)
    assert numbers(audit.judge({Key("d", T0)}, None)) == (2, 0, 0)


def test_a_restart_goes_on_without_counting_twice_or_forgetting(tmp_path: Path) -> None:
    audit = Audit()
    audit.take([sent(row, row) for row in range(1, 6)], 5)
    found = {Key("d", T0 + row * NS_PER_S) for row in (1, 3, 5)}
    audit.judge(found, empty_ns=T0 + 32 * NS_PER_S)  # 2 is old enough to be missing, 4 is on its way
    assert numbers(audit.verdict()) == (3, 1, 1)
    kept(tmp_path / "audit.json", audit)

    again = restored(tmp_path / "audit.json", last_row=5)
    assert again.row == 3
    again.take([sent(row, row) for row in range(again.row + 1, 6)], 5)
    assert numbers(again.judge(found, None)) == (3, 1, 1)
    everything = {Key("d", T0 + row * NS_PER_S) for row in range(1, 6)}
    assert numbers(again.judge(everything, None)) == (5, 0, 0)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"row": 9, "stored": 5, "missing": []}'])
def test_a_file_that_does_not_fit_starts_a_new_audit(tmp_path: Path, text: str) -> None:
    (tmp_path / "audit.json").write_text(text)
    assert restored(tmp_path / "audit.json", last_row=8).row == 0


def test_poison_and_readings_without_a_time_are_not_looked_for() -> None:
    plain = Row(7, "d", 5, None, {}, Flag.PLAIN, (), 1, 2)
    assert sent_of(plain) == Sent(7, "d", 5 * NS_PER_MS, None, 2)
    assert sent_of(Row(7, "d", None, None, {}, Flag.PLAIN, (), 1, 2)) is None
    assert sent_of(Row(7, "d", 5, None, {}, Flag.POISON, ("not_json",), 1, 2)) is None
    assert sent_of(Row(7, "d", 5, None, {}, Flag.PLAIN, ("too_old",), 1, 2)) is None


def test_the_stores_file_is_asked_by_device_and_time(tmp_path: Path) -> None:
    moments = StoredMoments(tmp_path / "store.db")
    assert moments.present([Key("d", 1)]) == set()
    store = open_for_writing(tmp_path / "store.db")
    store.execute("INSERT INTO series VALUES (1, 'd', 'nh3_ppm', 's', ''), (2, 'd', 'h2s_ppm', 's', '')")
    store.execute("INSERT INTO sample VALUES (1, 10, 0.5, 0), (2, 10, 0.1, 0), (2, 20, 0.1, 0)")
    wanted = [Key("d", 10), Key("d", 20), Key("d", 30), Key("e", 10)]
    assert moments.present(wanted) == {Key("d", 10), Key("d", 20)}
    store.execute("BEGIN EXCLUSIVE")  # a store that was taken away for writing can still be asked
    assert moments.present([Key("d", 10)]) == {Key("d", 10)}
    moments.close()
    store.close()


def test_a_look_up_never_scans_the_store(tmp_path: Path) -> None:
    store = open_for_writing(tmp_path / "store.db")
    store.execute("BEGIN")
    store.executemany("INSERT INTO series VALUES (?, ?, 'm', 's', '')", [(n, f"d{n}") for n in range(100)])
    store.executemany("INSERT INTO sample VALUES (?, ?, 0, 0)", [(n % 100, n) for n in range(20_000)])
    store.execute("COMMIT")
    moments = StoredMoments(tmp_path / "store.db")
    wanted = [Key(f"d{n % 100}", n) for n in range(10_000)]
    assert len(moments.present(wanted)) == 10_000
    plan = sqlite3.connect(tmp_path / "store.db")
    steps = plan.execute("EXPLAIN QUERY PLAN " + PRESENT, (json.dumps(wanted[:1]),)).fetchall()
    assert not any("SCAN sample" in step[3] or "SCAN series" in step[3] for step in steps)
    for connection in (plan, store, moments):
        connection.close()

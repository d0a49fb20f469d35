"""The desk: looking at alerts and asking for something, beside a running engine and without one."""

import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from alerts.alert import Change, Severity, Silence
from alerts.database import sqlite
from alerts.database.database import AlertDatabase, DatabaseUnusableError
from alerts.database.tables import VERSION
from alerts.desk import DatabaseAwayError, Desk, NoAlertsError, Outcome, UnknownAlertError, UnknownSilenceError
from alerts.dispatch.planned import Planned
from alerts.dispatch.state import Held, Ledger, Memory
from alerts.judge.judged import Act, Judged
from alerts.notice import Cause, Muted
from tests.unit.test_alert_database import alert, judged, resolved, transition

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts" / "alerts.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[AlertDatabase]:
    """A running engine."""
    opened = AlertDatabase.open(path)
    yield opened
    await opened.close()


@pytest.fixture
async def desk(database: AlertDatabase, path: Path) -> AsyncIterator[Desk]:
    """Beside it."""
    del database
    with Desk(path) as opened:
        yield opened


def test_where_no_alerts_are_it_says_how_they_come_to_be(path: Path) -> None:
    with pytest.raises(NoAlertsError, match="caretaker run alerts"):
        Desk(path)
    assert not path.parent.exists(), "looking makes nothing"
    path.parent.mkdir()
    path.touch()
    with pytest.raises(NoAlertsError, match="caretaker run alerts"):
        Desk(path)
    with pytest.raises(NoAlertsError):
        Desk(path.parent)


async def test_another_version_is_refused_with_the_mend(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await AlertDatabase.open(path).close()
    with monkeypatch.context() as patched:
        patched.setattr("alerts.database.tables.VERSION", "0090")
        with pytest.raises(DatabaseUnusableError, match=rf"has version {VERSION}, .* needs 0090: start its alert serv"):
            Desk(path)
    with sqlite3.connect(path) as other:
        other.execute("update alembic_version set version_num = '0099'")
    other.close()
    with pytest.raises(DatabaseUnusableError, match="install the newer Caretaker"):
        Desk(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(DatabaseUnusableError, match="move it away"):
        Desk(path)


async def test_a_file_of_somebody_else_is_refused_with_the_mend(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await AlertDatabase.open(path).close()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, who may run the tests, may read everything
    with pytest.raises(DatabaseUnusableError, match="as the user that runs the alerts"):
        Desk(path)


async def test_it_works_without_an_engine(path: Path) -> None:
    engine = AlertDatabase.open(path)
    await engine.commit(judged(alert()))
    await engine.close()
    with Desk(path) as desk:
        action = desk.acknowledge(alert().id, "attendant")
        assert desk.outcome(action) is None
    engine = AlertDatabase.open(path)
    assert [each.act for each in await engine.actions()] == [Act.ACKNOWLEDGE]
    await engine.close()


async def test_it_never_takes_the_engines_place(path: Path) -> None:
    await AlertDatabase.open(path).close()
    with Desk(path) as desk, Desk(path):
        engine = AlertDatabase.open(path)
        await engine.commit(judged(alert()))
        assert desk.alerts() == [alert()]
        await engine.close()


async def test_the_most_severe_stands_first_then_the_newest(database: AlertDatabase, desk: Desk) -> None:
    weak = alert("a", raised_ns=900, severity=Severity.INFORMATION)
    old, new = (alert(device, raised_ns=at, severity=Severity.CRITICAL) for device, at in (("b", 100), ("c", 200)))
    over = resolved(alert("d", raised_ns=50), 60)
    assert desk.alerts() == []
    await database.commit(judged(weak, old, new, over))
    assert desk.alerts() == [new, old, weak]
    assert desk.alerts(limit=1) == [new]
    assert desk.alerts(active=False) == [over]
    assert desk.alerts(active=None) == [new, old, over, weak]


async def test_an_alert_is_found_by_its_id_or_the_only_beginning(database: AlertDatabase, desk: Desk) -> None:
    one, twin, other = (
        replace(alert(device), id=name) for device, name in (("a", "ab12"), ("b", "ab34"), ("c", "ab123"))
    )
    await database.commit(judged(one, twin, other))
    assert desk.alert("ab3") == twin
    assert desk.alert(" AB34 ") == twin
    assert desk.alert("ab12") == one, "a whole id, though another begins so"
    with pytest.raises(UnknownAlertError, match="several alerts begin with 'ab'") as several:
        desk.alert("ab")
    assert {each.id for each in several.value.candidates} == {"ab12", "ab34", "ab123"}
    assert "ab34 (odour on b)" in str(several.value)
    for unknown in ("ff", "", "%", "_b12"):
        with pytest.raises(UnknownAlertError, match=r"there is no alert .*active are ") as none:
            desk.alert(unknown)
        assert len(none.value.candidates) == 3


def test_without_any_alert_there_are_no_candidates(desk: Desk) -> None:
    with pytest.raises(UnknownAlertError, match="no alert is active"):
        desk.alert("ab")


async def test_transitions_of_one_alert_and_of_a_time(database: AlertDatabase, desk: Desk) -> None:
    one, other = alert("nh3-1", raised_ns=100), alert("nh3-2", raised_ns=50)
    kept = await database.commit(
        judged(
            one,
            other,
            transitions=[
                transition(one, at_ns=100),
                transition(other, at_ns=50),
                transition(one, Change.ROSE, at_ns=200),
                transition(other, Change.FELL, at_ns=200),
            ],
        )
    )
    assert desk.transitions(one.id[:6]) == [kept[0], kept[2]]
    with pytest.raises(UnknownAlertError):
        desk.transitions("unknown")
    assert desk.history(since_ns=50, until_ns=201) == [kept[1], kept[0], kept[2], kept[3]]
    assert desk.history(since_ns=51, until_ns=200) == [kept[0]]
    assert desk.history(since_ns=0, until_ns=1_000, device="nh3-2") == [kept[1], kept[3]]
    assert desk.history(since_ns=0, until_ns=1_000, rule="leak") == []
    assert desk.history(since_ns=0, until_ns=1_000, limit=1) == [kept[1]]


async def test_wishes_are_the_engines_to_fulfil(database: AlertDatabase, desk: Desk) -> None:
    one = alert()
    works = Silence("s1", {"site": "*"}, 1, 2**62, "manager", "works")
    await database.commit(judged(one, silences=[works]))
    start_ns = time.time_ns()
    end_ns = start_ns + HOUR_NS
    ids = [
        desk.acknowledge(one.id[:5], "attendant", "on my way", end_ns),
        desk.acknowledge(one.id, " attendant ", "  "),
        desk.assign(one.id, " manager ", "attendant", "please"),
        desk.comment(one.id, "attendant", "filter\r\nchanged"),
        desk.resolve(one.id, "attendant"),
        desk.silence({"site": "toilet-1"}, start_ns, end_ns, "manager", "works"),
        desk.unsilence("s1", "manager"),
    ]
    wishes = await database.actions()
    assert [each.id for each in wishes] == ids
    assert [(each.act, each.alert, each.by, each.comment) for each in wishes] == [
        (Act.ACKNOWLEDGE, one.id, "attendant", "on my way"),
        (Act.ACKNOWLEDGE, one.id, "attendant", None),
        (Act.ASSIGN, one.id, "attendant", "please"),
        (Act.COMMENT, one.id, "attendant", "filter\nchanged"),
        (Act.RESOLVE, one.id, "attendant", None),
        (Act.SILENCE, None, "manager", "works"),
        (Act.UNSILENCE, "s1", "manager", None),
    ]
    assert [each.until_ns for each in wishes] == [end_ns, None, None, None, None, end_ns, None]
    assert [each.to for each in wishes] == [None, None, "manager", None, None, None, None]
    assert (wishes[5].start_ns, wishes[5].matchers) == (start_ns, {"site": "toilet-1"})
    assert all(start_ns <= each.at_ns <= time.time_ns() for each in wishes)
    assert desk.alerts() == [one], "nothing has changed yet"
    assert desk.outcome(ids[0]) is None
    await database.commit(Judged(done=[(ids[0], None), (ids[3], "it does not latch")]))
    done, refused = desk.outcome(ids[0]), desk.outcome(ids[3])
    assert isinstance(done, Outcome)
    assert isinstance(refused, Outcome)
    assert (done.why_not, refused.why_not) == (None, "it does not latch")
    assert start_ns <= done.done_ns <= time.time_ns()
    with pytest.raises(LookupError, match="no action 99"):
        desk.outcome(99)


async def test_what_people_write_is_bounded(database: AlertDatabase, desk: Desk) -> None:
    one = alert()
    await database.commit(judged(one))
    desk.comment(one.id, "a" * 100, "界" * 2_000)
    now_ns = time.time_ns()

    def silence(**fields: Any) -> int:
        plain = {
            "matchers": {"site": "*"},
            "start_ns": now_ns,
            "end_ns": now_ns + HOUR_NS,
            "author": "manager",
            "reason": "works",
        }
        return desk.silence(**{**plain, **fields})

    silence()
    refused: dict[str, Callable[[], int]] = {
        "comment has 2001 characters, at most 2000": lambda: desk.comment(one.id, "a", "x" * 2_001),
        "comment has 3000 characters": lambda: desk.acknowledge(one.id, "a", "x" * 3_000),
        "comment has 3001 characters": lambda: desk.resolve(one.id, "a", "x" * 3_001),
        "the comment is empty": lambda: desk.comment(one.id, "a", " \n"),
        "the person is empty": lambda: desk.assign(one.id, " ", "a"),
        "the person has 103": lambda: desk.assign(one.id, "a" * 103, "a"),
        "the name is empty": lambda: desk.resolve(one.id, " "),
        "the name has 101 characters, at most 100": lambda: desk.resolve(one.id, "a" * 101),
        "control characters": lambda: desk.comment(one.id, "a", "\x1b[2J"),
        "comment holds control": lambda: desk.comment(one.id, "a", "half a \ud83d"),
        "over already": lambda: desk.acknowledge(one.id, "a", None, now_ns),
        "or never": lambda: desk.acknowledge(one.id, "a", None, 2**63),
        "lasts for ever": lambda: silence(end_ns=2**63),
        "needs a label": lambda: silence(matchers={}),
        "at most 20 labels": lambda: silence(matchers={str(number): "*" for number in range(21)}),
        "the label has 501": lambda: silence(matchers={"site": "x" * 501}),
        "the label is empty": lambda: silence(matchers={"": "x"}),
        "over before it begins": lambda: silence(end_ns=now_ns),
        "is over already": lambda: silence(start_ns=1, end_ns=2),
        "the reason is empty": lambda: silence(reason=""),
        "reason has 2001": lambda: silence(reason="x" * 2_001),
        "the name has 102": lambda: silence(author="a" * 102),
    }
    for why, wish in refused.items():
        with pytest.raises(ValueError, match=why):
            wish()
    assert len(await database.actions()) == 2, "nothing that was refused is there"


async def test_only_a_silence_that_is_not_over_can_be_ended(database: AlertDatabase, desk: Desk) -> None:
    now_ns = time.time_ns()
    over = Silence("aa1", {"site": "*"}, 1, 2, "manager", "works")
    later = replace(over, id="ab1", start_ns=now_ns + HOUR_NS, end_ns=now_ns + 2 * HOUR_NS)
    await database.commit(Judged(silences=[over, later, replace(later, id="ab2")]))
    assert [each.id for each in desk.silences(now_ns)] == ["ab1", "ab2"]
    desk.unsilence("ab2", "manager")
    for unknown, why in (
        ("aa1", "that is not over"),
        ("ab", "several begin so: ab1, ab2"),
        ("", "several"),
        ("x", "list"),
    ):
        with pytest.raises(UnknownSilenceError, match=why):
            desk.unsilence(unknown, "manager")


async def test_what_the_judge_remembers_can_be_looked_at(database: AlertDatabase, desk: Desk) -> None:
    await database.commit(
        Judged(
            devices={"nh3-1": b"d"},
            states={("odour", "nh3-1"): b"s"},
            windows={("odour", "nh3-1"): b"w"},
            areas={("toilet-1", ""): b"a"},
            figures={"clock": 7},
        )
    )
    assert desk.device("nh3-1") == b"d"
    assert desk.state("odour", "nh3-1") == b"s"
    assert desk.window("odour", "nh3-1") == b"w"
    assert desk.area("toilet-1", "") == b"a"
    assert desk.figures() == {"clock": 7}
    assert (desk.device("x"), desk.state("odour", "x"), desk.window("x", "nh3-1"), desk.area("x", "")) == (None,) * 4


async def test_a_database_that_somebody_holds_is_said_and_asked_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = AlertDatabase.open(path)
    await engine.commit(judged(alert()))
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    with Desk(path) as desk:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        with pytest.raises(DatabaseAwayError, match="another program holds the database"):
            desk.resolve(alert().id, "attendant")
        assert len(desk.alerts()) == 1, "looking waits for nobody"
        other.execute("rollback")
        other.close()
        assert desk.resolve(alert().id, "attendant") == 1
    await engine.close()


async def test_who_is_not_told_is_looked_up_in_what_dispatch_remembers(database: AlertDatabase, desk: Desk) -> None:
    one, other = alert("a"), alert("b")
    await database.commit(judged(one, other))
    assert desk.untold(one.id[:6]) == {}
    memory = Memory({})
    memory.ledgers = {
        one.id: Ledger(muted={"manager": Muted.OFF_DUTY, "attendant": Muted.SILENCED}),
        other.id: Ledger(muted={"manager": Muted.SILENCED}),
    }
    memory.held = {"attendant": Held(alerts={one.id: (one, Cause.NEW)}), "technician": Held()}
    await database.plan(Planned(groups={**memory.changes(), "held": b"", "help": b""}))
    assert desk.untold(one.id[:6]) == {"manager": Muted.OFF_DUTY, "attendant": Muted.OVER_CAP}
    assert desk.untold(other.id) == {"manager": Muted.SILENCED}
    with pytest.raises(UnknownAlertError):
        desk.untold("unknown")

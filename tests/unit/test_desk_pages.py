"""The desk's answers by page and by filter, and what is new since a number."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from alerts.alert import Alert, Change, Severity, Transition
from alerts.database.database import AlertDatabase
from alerts.desk import Desk, Mark, mark_of
from tests.unit.test_alert_database import alert, judged, resolved, transition

PAGES_MOST = 50
INFORMATION, WARNING, CRITICAL = Severity


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AlertDatabase]:
    opened = AlertDatabase.open(tmp_path / "alerts.db")
    yield opened
    await opened.close()


@pytest.fixture
async def desk(database: AlertDatabase, tmp_path: Path) -> AsyncIterator[Desk]:
    del database
    with Desk(tmp_path / "alerts.db") as opened:
        yield opened


def paged(desk: Desk, size: int, devices: Sequence[str] | None = None) -> list[Alert]:
    """All of them, a page at a time."""
    found: list[Alert] = []
    after: Mark | None = None
    for _ in range(PAGES_MOST):
        page = desk.alerts(active=None, devices=devices, after=after, limit=size)
        if not page:
            return found
        found += page
        after = mark_of(page[-1])
    raise AssertionError("the pages never end")


async def test_pages_hold_every_alert_once_and_in_order(database: AlertDatabase, desk: Desk) -> None:
    several = [
        alert(f"{severity.word}-{at}-{n}", raised_ns=at, severity=severity)
        for severity in Severity
        for at in (100, 200)
        for n in range(3)
    ]
    several[0] = resolved(several[0], 300)
    await database.commit(judged(*several))
    whole = desk.alerts(active=None)
    assert [(one.severity, one.raised_ns) for one in whole] == sorted(
        ((one.severity, one.raised_ns) for one in several), reverse=True
    )
    for size in (1, 2, 4, 100):
        assert paged(desk, size) == whole
    assert paged(desk, 2, [several[1].device, several[7].device]) == [several[7], several[1]]


async def test_a_page_goes_on_where_the_last_ended_whatever_came_between(database: AlertDatabase, desk: Desk) -> None:
    old, new = alert("old", raised_ns=100), alert("new", raised_ns=300)
    await database.commit(judged(old, new))
    (first,) = desk.alerts(limit=1)
    assert first == new
    await database.commit(judged(alert("newest", raised_ns=400), alert("between", raised_ns=200)))
    assert [one.device for one in desk.alerts(after=mark_of(first))] == ["between", "old"]


async def test_alerts_are_asked_for_by_what_the_database_knows(database: AlertDatabase, desk: Desk) -> None:
    weak = alert("a", severity=INFORMATION)
    odour = alert("b", severity=CRITICAL)
    leak = alert("b", id="77", rule="leak")
    over = resolved(alert("c"), 60)
    await database.commit(judged(weak, odour, leak, over))
    assert desk.alerts(rule="leak") == [leak]
    assert desk.alerts(device="b") == [odour, leak]
    assert desk.alerts(device="b", severity=CRITICAL) == [odour]
    assert desk.alerts(severity=INFORMATION) == [weak]
    assert desk.alerts(devices=["a", "c"]) == [weak]
    assert desk.alerts(devices=["a", "c"], active=None) == [over, weak]
    assert desk.alerts(devices=[]) == []
    assert desk.alerts(devices={"a", *(f'"{n}" or 1=1' for n in range(40_000))}) == [weak], "more than SQL takes"


async def test_alerts_are_looked_up_by_their_whole_ids(database: AlertDatabase, desk: Desk) -> None:
    one, over = alert("a"), resolved(alert("b"), 60)
    await database.commit(judged(one, over, alert("c")))
    assert desk.by_id([one.id, over.id, one.id[:8], "none"]) == {one.id: one, over.id: over}
    assert desk.by_id([]) == {}


async def test_history_comes_in_pages_and_of_some_devices(database: AlertDatabase, desk: Desk) -> None:
    several = [alert(device) for device in ("a", "b", "c")]
    moments = (300, 100, 200, 200, 200, 100)
    changes = [transition(several[n % 3], at_ns=at_ns) for n, at_ns in enumerate(moments)]
    await database.commit(judged(*several, transitions=changes))
    whole = desk.history(since_ns=0, until_ns=1_000)
    assert [(one.at_ns, one.number) for one in whole] == [(100, 2), (100, 6), (200, 3), (200, 4), (200, 5), (300, 1)]
    for size in (1, 2, 5):
        found: list[Transition] = []
        after: tuple[int, int] | None = None
        for _ in whole:
            page = desk.history(since_ns=0, until_ns=1_000, after=after, limit=size)
            found += page
            after = (page[-1].at_ns, page[-1].number) if page else after
        assert found == whole
    assert [one.number for one in desk.history(since_ns=150, until_ns=300, devices=["a", "b"])] == [4, 5]
    assert desk.history(since_ns=0, until_ns=1_000, devices=[]) == []


async def test_news_are_what_was_kept_after_a_number(database: AlertDatabase, desk: Desk) -> None:
    assert (desk.last_number(), desk.news(0)) == (0, [])
    one = alert()
    first = await database.commit(judged(one, transitions=[transition(one, at_ns=900), transition(one, at_ns=100)]))
    assert desk.last_number() == 2
    assert desk.news(0) == list(first)
    assert desk.news(0, limit=1) == [first[0]], "in the order of the numbers, not of the moments"
    seen = desk.last_number()
    assert desk.news(seen) == []
    second = await database.commit(judged(transitions=[transition(one, Change.COMMENTED)]))
    assert desk.news(seen) == list(second)

"""News of alerts: from the real database to the hub, from the present on, and on again after trouble."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from alerts.alert import Change
from alerts.database.database import AlertDatabase
from api import news as news_module
from api.access.caller import Caller, Role, Way
from api.alert_desk import AlertDesk
from api.live import Hub
from api.live.hub import Listener
from api.live.wanted import ALL_KINDS, Wanted
from api.news import News
from telemetry.registry.models import Registry
from tests.builders import device, registry
from tests.unit.test_alert_database import alert, judged, resolved, transition

LIMIT_S = 5.0


class Watched:
    """News of one database, looked for quickly."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.registry: Registry = registry(device("nh3-1"))
        self.desk = AlertDesk(path)
        self.hub = Hub()
        self.news = News(self.desk, self.hub, lambda: self.registry)

    def listener(self, *sites: str) -> Listener:
        who = Caller("wall screen", Role.OPERATOR, frozenset(sites) or None, Way.KEY, "127.0.0.1", "k1")
        return self.hub.join(who, Wanted(ALL_KINDS, who.sites, None, None, None, None), None)

    def heard(self, by: Listener) -> int:
        self.hub.flush()
        return self.hub.more(by, 1 << 20).count(b"event: alert\n")

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not holds():  # noqa: ASYNC110 - it is a figure
                await asyncio.sleep(0.002)


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(news_module, "LOOK_EVERY_S", 0.005)
    one = Watched(tmp_path / "alerts.db")
    yield one
    await one.desk.close()


@pytest.fixture
async def engine(watched: Watched) -> AsyncIterator[AlertDatabase]:
    opened = AlertDatabase.open(watched.path)
    yield opened
    await opened.close()


async def raised(engine: AlertDatabase, name: str = "nh3-1", at_ns: int = 1_000) -> None:
    one = alert(name, at_ns)
    await engine.commit(judged(one, transitions=[transition(one, at_ns=at_ns)]))


async def test_it_begins_at_the_present_and_passes_on_what_is_new_once(watched: Watched, engine: AlertDatabase) -> None:
    await raised(engine)
    listener = watched.listener("toilet-1")
    assert not await watched.news.look()
    await engine.commit(
        judged(
            resolved(alert(), 2_000),
            transitions=[transition(alert(), Change.COMMENTED), transition(alert(), Change.RESOLVED, 2_000)],
        )
    )
    for _ in range(2):
        assert not await watched.news.look()
    assert watched.heard(listener) == 2
    assert watched.news.changes == 2


async def test_much_news_comes_in_parts(
    watched: Watched, engine: AlertDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news_module, "MOST", 2)
    await watched.news.look()
    listener = watched.listener()
    for number in range(3):
        await raised(engine, f"gone-{number}")
    assert await watched.news.look()
    assert not await watched.news.look()
    assert watched.heard(listener) == 3


async def test_of_a_device_that_was_just_taken_out_the_site_is_still_known(
    watched: Watched, engine: AlertDatabase
) -> None:
    await watched.news.look()
    its_site, others, all_sites = watched.listener("toilet-1"), watched.listener("office-1"), watched.listener()
    watched.registry = registry(device("other-1"))
    await raised(engine)
    await raised(engine, "never-known")
    await watched.news.look()
    assert [watched.heard(one) for one in (its_site, others, all_sites)] == [1, 0, 2]


async def test_without_a_database_it_goes_on_looking_and_says_why(watched: Watched) -> None:
    running = asyncio.ensure_future(watched.news.run())
    await watched.until(lambda: watched.news.trouble is not None)
    assert "alerts can't be asked" in (watched.news.trouble or "")
    engine = AlertDatabase.open(watched.path)
    await watched.until(lambda: watched.news.trouble is None)
    await raised(engine)
    await watched.until(lambda: watched.news.changes == 1)
    running.cancel()
    await engine.close()


async def test_what_came_while_it_could_not_be_asked_is_passed_on_and_another_database_is_noticed(
    watched: Watched, engine: AlertDatabase, tmp_path: Path
) -> None:
    await watched.news.look()
    await raised(engine)
    watched.news.trouble = "away"
    await watched.news.look()
    assert watched.news.changes == 1, "what came meanwhile"

    other = Watched(tmp_path / "other.db")
    fresh = AlertDatabase.open(other.path)
    watched.news.trouble, watched.news._alerts = "away", other.desk
    await watched.news.look()
    watched.news.trouble = None
    await raised(fresh, "nh3-2")
    await watched.news.look()
    assert watched.news.changes == 2
    await fresh.close()
    await other.desk.close()

"""What rules watch, and what one of them thinks of a device: from the database that a judge has left."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alerts.desk import Imbalance, NoData, Rules, State
from alerts.desk.thoughts import Thought, Why
from alerts.rules.rule import Selector
from alerts.rules.select import selected
from api.access.caller import Caller, Role, Way
from api.alert_desk import AlertDesk
from api.board.pages.rules import PHASES, THOUGHTS, WHYS
from api.now import Now
from api.problem import AwayError, ForbiddenError, NotFoundError
from api.queries.watching import explain, watched_by, watching
from telemetry.registry.models import Registry
from tests.alerting import level, rule
from tests.builders import area, device, registry, site
from tests.integration.test_link_page import Engine

ANYBODY = Caller("manager", Role.OPERATOR, None, Way.KEY, "127.0.0.1")
ODOUR = rule()
QUIET = rule(NoData(3.0, None), level(None, None), id="silent")
SITES = [site(areas=[area()]), site("toilet-2")]
DEVICES = [
    device(area="male"),
    device("nh3-2", labels={"floor": "2"}),
    device("nh3-3", "toilet-2"),
    device("door-1", kind="door", metrics=("occupied",), interval_s=None),
]


def known() -> Registry:
    return registry(*DEVICES, sites=SITES)


@pytest.mark.parametrize(
    "one",
    [
        ODOUR,
        QUIET,
        rule(where=Selector(sites=("toilet-2",))),
        rule(where=Selector(devices=("nh3-*",))),
        rule(where=Selector(area_types=("male",))),
        rule(where=Selector(labels={"floor": "2"})),
        rule(Imbalance(("current_l1_a", "current_l2_a"))),
    ],
)
def test_it_finds_the_devices_that_the_judge_watches(one: Any) -> None:
    here, only = known(), Rules((one,))
    assert [*watched_by(here, only)[one.id]] == [*selected(only, here)]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    opened = Engine(tmp_path / "alerts.db", known(), ODOUR, QUIET)
    yield opened
    await opened.database.close()


@pytest.fixture
async def sources(tmp_path: Path, engine: Engine) -> AsyncIterator[Any]:
    del engine
    desk = AlertDesk(tmp_path / "alerts.db")
    yield SimpleNamespace(registry=known(), rules=Rules((ODOUR, QUIET)), alerts=desk, now=Now())
    await desk.close()


async def test_devices_and_alerts_are_counted_at_the_sites_of_the_caller(engine: Engine, sources: Any) -> None:
    await engine.read("nh3-1", nh3_ppm=5.0)
    await engine.read("nh3-3", nh3_ppm=5.0)
    found = await watching(sources, ANYBODY)
    assert (found["odour"].devices, found["odour"].active) == (("nh3-1", "nh3-2", "nh3-3"), 2)
    assert found["odour"].worst == "warning"
    own = await watching(sources, Caller("attendant", Role.VIEWER, frozenset({"toilet-2"}), Way.KEY, ""))
    assert (own["odour"].devices, own["odour"].active) == (("nh3-3",), 1)
    assert (found["silent"].active, found["silent"].worst) == (0, None)


async def test_a_rule_says_what_it_thinks(engine: Engine, sources: Any) -> None:
    never = await explain(sources, ANYBODY, "odour", "nh3-2")
    assert (never.thought, never.why) == (Thought.UNKNOWN, Why.NEVER_HEARD)
    await engine.read("nh3-1", nh3_ppm=5.0)
    raised = await explain(sources, ANYBODY, "odour", "nh3-1")
    assert (raised.thought, raised.value, [one.phase for one in raised.levels]) == (Thought.RAISED, 5.0, ["active"])
    assert raised.alert == next(iter(engine.judge.standing.active))
    silent = await explain(sources, ANYBODY, "silent", "nh3-1")
    assert silent.thought is Thought.QUIET
    assert silent.silent_at is not None
    assert silent.clock is not None
    assert silent.silent_at > silent.clock


async def test_what_is_not_for_the_caller_is_not_explained(engine: Engine, sources: Any) -> None:
    del engine
    elsewhere = Caller("attendant", Role.OPERATOR, frozenset({"toilet-1"}), Way.KEY, "")
    for caller, rule_id, device_id in (
        (ANYBODY, "nothing", "nh3-1"),
        (ANYBODY, "odour", "nothing"),
        (ANYBODY, "odour", "door-1"),
        (elsewhere, "odour", "nh3-3"),
    ):
        with pytest.raises(NotFoundError):
            await explain(sources, caller, rule_id, device_id)
    link = Caller("attendant", Role.OPERATOR, None, Way.LINK, "")
    sources.rules = Rules((rule(State("occupied", 1.0), level(None, None), id="welfare"),))
    for caller in (link, Caller("guest", Role.VIEWER, None, Way.KEY, "")):
        with pytest.raises(ForbiddenError):
            await explain(sources, caller, "welfare", "door-1")


async def test_without_alert_database_rules_are_still_listed(tmp_path: Path) -> None:
    away: Any = SimpleNamespace(
        registry=known(), rules=Rules((ODOUR,)), alerts=AlertDesk(tmp_path / "none.db"), now=Now()
    )
    found = await watching(away, ANYBODY)
    assert (len(found["odour"].devices), found["odour"].active) == (3, 0)
    with pytest.raises(AwayError):
        await explain(away, ANYBODY, "odour", "nh3-1")
    await away.alerts.close()


def test_every_thought_and_reason_has_its_words() -> None:
    assert set(THOUGHTS) == set(Thought)
    assert set(WHYS) == set(Why)
    assert set(PHASES) == {"idle", "pending", "active", "clearing"}

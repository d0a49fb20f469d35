"""What rules think of a device, from what the engine has left in its database."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from alerts.database.database import AlertDatabase
from alerts.desk import Desk, Explanation, Remembered, Stored, explained
from alerts.desk.thoughts import Thought, Why
from alerts.judge.judged import Judged
from alerts.rules.rule import NoData, Pause, Rule, Rules, Selector
from tests.alerting import T0, Played, S, level, reading, rule
from tests.builders import device, registry

GATEWAY = device("gw", kind="gateway", metrics=("online",))
SENSOR = device(area="male", parent="gw")
PANEL = device("panel", kind="toilet_button", area="male", interval_s=None, metrics=("cleaned",))
CITY = registry(GATEWAY, SENSOR, PANEL)
ODOUR = rule(None, level(3, 2, 60), pause=Pause("cleaned", 120 * S))
SILENT = rule(NoData(None, None), level(None, None), id="silent")
STRICT = rule(None, level(1, 0), id="strict", where=Selector(devices=("nh3-1",)))
RULES = (ODOUR, SILENT, STRICT)


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


async def keep(database: AlertDatabase, played: Played) -> None:
    kept = played.kept
    windows = {key: data for key, data in kept.windows.items() if data is not None}
    await database.commit(Judged(devices=dict(kept.devices), states=dict(kept.states), windows=dict(windows)))
    await database.commit(Judged(areas=dict(kept.areas), figures=kept.figures))


def by_rule(found: Sequence[Explanation]) -> dict[str, Explanation]:
    return {one.rule.id: one for one in found}


async def test_each_rule_that_selects_the_device_says_what_it_thinks(database: AlertDatabase, desk: Desk) -> None:
    played = Played(CITY, *RULES)
    played.run(20, [reading(0, "gw", online=1), reading(10, nh3_ppm=4)])
    await keep(database, played)
    found = by_rule(explained(desk, CITY, Rules(RULES), "nh3-1", {}))
    assert list(found) == ["odour", "silent", "strict"]
    assert found["odour"].thought is Thought.PENDING
    assert found["odour"].levels[0].due_ns == T0 + 70 * S
    assert found["strict"].thought is Thought.RAISED
    assert found["strict"].now is not None
    assert found["strict"].now.shown == 4.0
    assert found["strict"].alert == played.transitions[0].alert
    assert found["silent"].silent_ns is not None, "it will be silent then"
    assert by_rule(explained(desk, CITY, Rules(RULES), "gw", {})).keys() == {"silent"}


async def test_what_puts_a_rule_to_rest_in_its_area_is_known(database: AlertDatabase, desk: Desk) -> None:
    played = Played(CITY, *RULES)
    played.run(20, [reading(5, "panel", 1, cleaned=1), reading(10, nh3_ppm=4)])
    await keep(database, played)
    reason = by_rule(explained(desk, CITY, Rules(RULES), "nh3-1", {}))["odour"].reason
    assert reason is not None
    assert (reason.why, reason.until_ns) == (Why.PAUSED, T0 + 125 * S)


async def test_a_gateway_that_is_away_explains_a_silence(database: AlertDatabase, desk: Desk) -> None:
    played = Played(CITY, *RULES, gap_s=1_000)
    played.run(5, [reading(0, "gw", online=1), reading(0, nh3_ppm=0)])
    played.run(200, from_s=10, step_s=10)
    await keep(database, played)
    reason = by_rule(explained(desk, CITY, Rules(RULES), "nh3-1", {}))["silent"].reason
    assert reason is not None
    assert reason.why is Why.GATEWAY_AWAY


async def test_what_was_found_quiet_is_shown_from_the_store(database: AlertDatabase, desk: Desk) -> None:
    played = Played(CITY, *RULES)
    played.run(20, [reading(10, nh3_ppm=0)])
    await keep(database, played)
    remembered = Remembered(desk, CITY, Rules(RULES), "nh3-1")
    assert remembered.clock_ns == T0 + 20 * S
    assert [rule_ for rule_ in remembered.rules if remembered.forgot(rule_)] == ["odour", "strict"]
    found = by_rule(remembered.explained({"nh3_ppm": Stored(T0 + 10 * S, 0.5)}))["strict"]
    assert found.stored
    assert found.now is not None
    assert found.now.shown == 0.5


@pytest.mark.parametrize("rules", [(), RULES])
async def test_where_nothing_is_known_nothing_is_thought(desk: Desk, rules: tuple[Rule, ...]) -> None:
    found = explained(desk, CITY, Rules(rules), "nh3-1", {})
    assert [one.rule for one in found] == list(rules)
    assert {one.reason.why for one in found if one.reason} <= {Why.NEVER_HEARD}
    assert Remembered(desk, CITY, Rules(rules), "nh3-1").clock_ns == 0
    with pytest.raises(KeyError):
        explained(desk, CITY, Rules(rules), "nowhere", {})


async def test_what_another_version_wrote_counts_as_nothing(database: AlertDatabase, desk: Desk) -> None:
    broken = b"\xc1"
    await database.commit(
        Judged(
            devices={"nh3-1": broken, "gw": broken},
            states={("odour", "nh3-1"): broken},
            areas={(SENSOR.site, "male"): broken},
        )
    )
    found = by_rule(explained(desk, CITY, Rules(RULES), "nh3-1", {}))
    assert {one.thought for one in found.values()} == {Thought.UNKNOWN}

"""What people do over the API: written down first, done once, and only where they and those they name may."""

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from alerts.alert import Silence
from alerts.database.database import AlertDatabase
from alerts.desk import Desk
from api.access import database as access_database
from api.access.access import Access
from api.access.caller import Role
from api.problem import AwayError, ForbiddenError, NotFoundError, UnprocessableError
from api.queries import alerts, events, silences
from api.queries.alerts import AlertFilter
from api.queries.events import Event, What
from api.queries.paging import Page
from api.queries.silences import NewSilence
from api.settings import ApiSettings
from api.sources import Sources
from telemetry.reading import NS_PER_S
from tests.alerting import T0
from tests.unit.test_alert_database import alert, judged
from tests.unit.test_api_queries import Place, caller

ODOUR = "a" * 16
POWER = "b" * 16
EARLIER = "2026-11-22T08:00:55Z"
FAR_NS = 2**62
"""In the year 2116."""


class Publisher:
    """Takes what would go to the broker."""

    outstanding = 0

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.away = False

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.away:
            raise TimeoutError
        self.published.append((topic, payload))

    @property
    def numbers(self) -> list[int]:
        return [json.loads(payload)["seq"] for _, payload in self.published]


class House:
    """Sources with a real audit log; the alert service does not run, so what is asked of it stays to be seen."""

    def __init__(self, folder: Path) -> None:
        place = Place(folder)
        self.access = Access(ApiSettings(), folder)
        self.audit_file = folder / "api" / "access.db"
        self.publisher = Publisher()
        broker: Any = self.publisher
        self.sources: Sources = replace(place.sources, publisher=broker, audit=self.access.audit)
        self.database = AlertDatabase.open(place.database)

    async def done(self) -> int:
        """How many things were done."""
        return len(self.publisher.published) + len(await self.database.actions())

    async def end(self) -> None:
        for close in (self.sources.alerts.close, self.access.close, self.database.close):
            await close()


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(alerts, "WAIT_S", 0.0)
    monkeypatch.setattr(access_database, "BUSY_LIMIT_MS", 1)
    made = House(tmp_path)
    silence = Silence("5be0cd19", {"site": "pier"}, T0, FAR_NS, "operator", "A test.")
    some = [alert("nh3-1", T0, id=ODOUR), alert("meter-1", T0, id=POWER)]
    await made.database.commit(judged(*some, silences=[silence]))
    yield made
    await made.end()


def feedback(**fields: Any) -> Event:
    body = {"site": "pier", "area": "male", "what": What.FEEDBACK, "value": 4.0, "time": EARLIER}
    return Event.model_validate(body | fields)


Deed = Callable[[Sources], Coroutine[Any, Any, object]]
HUSH = NewSilence.model_validate({"matchers": {"site": "pier"}, "end": "2126-01-01T00:00:00Z", "reason": "A test."})
DEEDS: dict[str, Deed] = {
    "event.recorded": lambda of: events.record(of, caller(), feedback()),
    "alert.acknowledged": lambda of: alerts.acknowledge(of, caller(), ODOUR),
    "alert.commented": lambda of: alerts.comment(of, caller(), ODOUR, "said once"),
    "silence.made": lambda of: silences.make(of, caller(), HUSH),
    "silence.ended": lambda of: silences.end(of, caller(), "5be0cd19"),
}


@pytest.mark.parametrize("what", DEEDS)
async def test_what_the_audit_log_does_not_take_is_not_done(house: House, what: str) -> None:
    other = sqlite3.connect(house.audit_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AwayError, match="keys can't be read or written"):
        await DEEDS[what](house.sources)
    other.close()
    assert await house.done() == 0
    await DEEDS[what](house.sources)
    assert await house.done() == 1
    assert [one.what for one in await house.access.audit.page(None, 10)] == [what]


async def test_the_same_once_more_with_its_time_is_the_same_reading(house: House) -> None:
    for event in (feedback(), feedback(), feedback(time="2026-11-22T16:00:55+08:00")):
        await events.record(house.sources, caller(), event)
    assert len(set(house.publisher.published)) == 1, "as if the broker had sent it again"
    for event in (feedback(value=5), feedback(note="in person")):
        await events.record(house.sources, caller(), event)
    await events.record(house.sources, changed(caller(), name="somebody else"), feedback())
    assert len(set(house.publisher.numbers)) == 4, "what else was said of that moment is kept apart"


@pytest.mark.parametrize(("time", "says"), [(EARLIER, "send it again"), (None, "look before you send it again")])
async def test_what_may_be_on_its_way_says_what_to_do(house: House, time: str | None, says: str) -> None:
    house.publisher.away = True
    with pytest.raises(AwayError, match=says):
        await events.record(house.sources, caller(), feedback(time=time))


async def test_what_the_broker_has_no_room_for_is_not_written_down(house: House) -> None:
    house.publisher.outstanding = events.OUTSTANDING_MOST
    with pytest.raises(AwayError, match="takes nothing just now"):
        await events.record(house.sources, caller(), feedback())
    assert await house.access.audit.page(None, 10) == []


@pytest.mark.parametrize(("alert_id", "person"), [(POWER, "manager"), (ODOUR, "attendant")])
async def test_an_alert_is_given_to_who_is_told_of_its_site(house: House, alert_id: str, person: str) -> None:
    assert (await alerts.assign(house.sources, caller(), alert_id, person)).waiting


async def test_nobody_is_given_an_alert_whose_link_would_not_open(house: House) -> None:
    with pytest.raises(UnprocessableError, match="attendant is not told of site garden"):
        await alerts.assign(house.sources, caller(), POWER, "attendant")
    assert await house.done() == 0
    with pytest.raises(NotFoundError):
        await alerts.assign(house.sources, caller(Role.OPERATOR, "pier"), POWER, "attendant")
    with pytest.raises(ForbiddenError):
        await alerts.assign(house.sources, caller(Role.VIEWER), POWER, "nobody")


@pytest.mark.parametrize(
    ("matchers", "sites"),
    [
        ({"rule": "odour"}, {"pier", "garden"}),
        ({"site": "gar*"}, {"garden"}),
        ({"device": "meter-1"}, {"garden"}),
        ({"device": "meter-*|x"}, {"garden"}),
        ({"device": "*"}, {"pier", "garden"}),
        ({"device": "meter-1", "site": "pier"}, set()),
        ({"device": "gone-1"}, set()),
        ({"area": "male"}, {"pier"}),
        ({"gateway": "gateway-1"}, set()),
    ],
)
async def test_a_silence_is_seen_where_it_may_hush(house: House, matchers: dict[str, str], sites: set[str]) -> None:
    one = Silence("7a11c3d2", matchers, T0, FAR_NS, "operator", "Mr Chan of the garden rang.")
    await house.database.commit(judged(silences=[one]))

    async def sees(*site: str) -> bool:
        found = await silences.silences(house.sources, caller(Role.OPERATOR, *site))
        return "7a11c3d2" in {silence.id for silence in found}

    assert await sees()
    assert {site for site in ("pier", "garden") if await sees(site)} == sites
    for site in {"pier", "garden"} - sites:
        with pytest.raises(NotFoundError):
            await silences.end(house.sources, caller(Role.OPERATOR, site), "7a11c3d2")


async def test_who_has_it_is_looked_for_in_large_steps_and_not_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "LOOK_ROWS", 4)
    monkeypatch.setattr(alerts, "LOOKS_MOST", 2)
    many = [alert(f"nh3-{number}", T0 - number * NS_PER_S, acknowledged_by="nobody") for number in range(2, 20)]
    await house.database.commit(judged(*many, alert("nh3-20", T0 - 20 * NS_PER_S, acknowledged_by="manager")))
    asked = count_questions(house, monkeypatch)
    found: list[str] = []
    cursor: str | None = None
    for looks in (2, 2, 2):
        page = await alerts.alerts(house.sources, caller(), AlertFilter(who="manager"), Page(limit=1, cursor=cursor))
        found += [one.device for one in page.items]
        cursor = page.next
        assert asked.pop(Desk.alerts) == looks
    assert (found, cursor) == (["nh3-20"], None)


def count_questions(house: House, monkeypatch: pytest.MonkeyPatch) -> Counter[object]:
    """What the desk is asked from now on."""
    asked: Counter[object] = Counter()
    ask = house.sources.alerts.ask

    def counting(question: Any, *args: Any, **kwargs: Any) -> Any:
        asked[question] += 1
        return ask(question, *args, **kwargs)

    monkeypatch.setattr(house.sources.alerts, "ask", counting)
    return asked

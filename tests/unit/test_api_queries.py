"""Queries, asked in-process: what each caller is given, and what is known while the alert database is away."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from alerts.alert import Severity, Silence
from alerts.database.database import AlertDatabase
from alerts.rules.rule import Rules, Value
from api.access.caller import Caller, Role, Way
from api.alert_desk import AlertDesk
from api.now import Now
from api.problem import AwayError, ForbiddenError, NotFoundError
from api.queries import alerts, devices, events, people, places, rules, silences
from api.queries.alerts import AlertFilter
from api.queries.answer import LATEST_NS, moment, time_ns_of
from api.queries.devices import DeviceFilter
from api.queries.events import What
from api.queries.paging import BadCursorError, Page, cursor_of, place_of
from api.queries.standing import State
from api.settings import Settings
from api.sources import Sources
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Person, Registry
from tests.alerting import T0, rule
from tests.builders import area, device, registry, site
from tests.unit.test_alert_database import alert, judged

NOW_NS = T0 + 60 * NS_PER_S
CITY = registry(
    device("nh3-1", "pier", area="male"),
    device("door-1", "pier", kind="toilet_door", area="male", metrics=("visitors_now",)),
    device("button-1", "pier", kind="toilet_button", area="male", interval_s=None, metrics=("cleaned", "feedback")),
    device("meter-1", "garden", kind="meter", metrics=("power_kw",), names={"en": "Main Meter"}),
    sites=[site("pier", areas=[area("male")]), site("garden")],
    people=[
        Person("attendant", "Duty attendant", "en", ("https://hook.example.org/canary",), ("pier",)),
        Person("manager", "Manager", "en", (), ()),
    ],
)
RULES = Rules((rule(), rule(Value("visitors_now"), id="crowd", names={"en": "Crowd"})))


@dataclass
class Configured:
    """What stands in files."""

    registry: Registry = CITY
    rules: Rules = RULES


class Place:
    """Sources over real parts; there is no broker and no store."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "alerts" / "alerts.db"
        self.now = Now()
        self.alerts = AlertDesk(self.database)
        unasked = cast("Any", SimpleNamespace())
        self.sources = Sources(
            settings=Settings(),
            configuration=cast("Any", Configured()),
            now=self.now,
            hub=unasked,
            news=unasked,
            store=unasked,
            alerts=self.alerts,
            publisher=unasked,
            audit=unasked,
            session=unasked,
            data=folder,
            clock=lambda: NOW_NS,
        )
        for name, values in {
            "nh3-1": {"nh3_ppm": 6.0},
            "door-1": {"visitors_now": 80.0},
            "meter-1": {"power_kw": 1.0},
        }.items():
            reading = Reading(name, NOW_NS - NS_PER_S, None, dict(values), {})
            self.now.take(reading, CITY.devices[name].site)

    async def raise_some(self) -> None:
        """Odour, a crowd, one of a device that is gone, and a silence for the pier."""
        opened = AlertDatabase.open(self.database)
        some = [
            alert("nh3-1", T0, severity=Severity.CRITICAL, acknowledged_by="attendant"),
            replace(alert("door-1", T0 + 1), rule="crowd", id="c" * 16, value=80.0, threshold=50.0),
            alert("gone-1", T0 + 2),
        ]
        silence = Silence("5be0cd19", {"site": "pier"}, T0, NOW_NS + 1, "operator", "A test.")
        await opened.commit(judged(*some, silences=[silence]))
        await opened.close()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    yield made
    await made.alerts.close()


def caller(role: Role = Role.ADMIN, *sites: str, way: Way = Way.KEY) -> Caller:
    return Caller("somebody", role, frozenset(sites) or None, way, "192.0.2.1")


async def test_without_alerts_places_and_devices_are_shown_and_say_so(place: Place) -> None:
    summaries = await places.sites(place.sources, caller())
    assert [(one.id, one.state, one.alerts_known) for one in summaries] == [
        ("garden", State.FINE, False),
        ("pier", State.FINE, False),
    ]
    assert not (await devices.device(place.sources, caller(), "nh3-1")).alerts_known
    with pytest.raises(AwayError, match="alerts can't be asked"):
        await alerts.alerts(place.sources, caller(), AlertFilter(), Page())


async def test_a_site_is_as_bad_as_what_is_at_it(place: Place) -> None:
    await place.raise_some()
    detail = await places.site(place.sources, caller(), "pier")
    assert (detail.state, detail.alerts.critical, detail.alerts.warning, detail.devices) == (State.CRITICAL, 1, 1, 3)
    assert [(one.id, one.state, one.devices) for one in detail.areas] == [("male", State.CRITICAL, 3)]
    assert detail.spoke == moment(NOW_NS - NS_PER_S)


async def test_devices_are_narrowed_and_come_in_pages(place: Place) -> None:
    await place.raise_some()

    async def ids(limit: int = 100, cursor: str | None = None, **wanted: Any) -> list[str]:
        page = await devices.devices(place.sources, caller(), DeviceFilter(**wanted), Page(limit=limit, cursor=cursor))
        return [one.id for one in page.items] + ([] if page.next is None else await ids(limit, page.next, **wanted))

    assert await ids() == await ids(limit=1) == ["meter-1", "button-1", "door-1", "nh3-1"]
    assert await ids(site="pier", kind="toilet_door") == ["door-1"]
    assert await ids(state=State.ATTENTION) == ["door-1"]
    assert await ids(metric="power_kw") == await ids(q="MAIN") == ["meter-1"]
    assert await ids(area="male", limit=2) == ["button-1", "door-1", "nh3-1"]


async def test_alerts_of_others_are_not_there_and_of_the_gone_only_for_who_sees_all(place: Place) -> None:
    await place.raise_some()
    everything = await alerts.alerts(place.sources, caller(), AlertFilter(), Page(limit=2))
    assert [one.device for one in everything.items] == ["nh3-1", "gone-1"]
    rest = await alerts.alerts(place.sources, caller(), AlertFilter(), Page(limit=2, cursor=everything.next))
    assert ([one.device for one in rest.items], rest.next) == (["door-1"], None)
    own = await alerts.alerts(place.sources, caller(Role.ADMIN, "pier"), AlertFilter(), Page())
    assert [(one.device, one.silenced) for one in own.items] == [("nh3-1", True), ("door-1", True)]
    assert (await alerts.alerts(place.sources, caller(Role.ADMIN, "garden"), AlertFilter(), Page())).items == ()
    gone = everything.items[1].id
    assert (await alerts.alert(place.sources, caller(), gone)).site is None
    with pytest.raises(NotFoundError):
        await alerts.alert(place.sources, caller(Role.ADMIN, "pier"), gone)


async def test_who_has_it_is_found_by_name_and_by_id_over_pages(place: Place) -> None:
    await place.raise_some()
    for who in ("attendant", "Duty attendant"):
        found = await alerts.alerts(place.sources, caller(), AlertFilter(who=who), Page(limit=1))
        assert ([one.device for one in found.items], found.next) == (["nh3-1"], None)
        assert found.items[0].acknowledged_by == "Duty attendant"


async def test_what_says_where_people_are_needs_an_operator(place: Place) -> None:
    await place.raise_some()
    for role, value in ((Role.VIEWER, None), (Role.OPERATOR, 80.0)):
        crowd = await alerts.alert(place.sources, caller(role), "c" * 16)
        assert (crowd.value, bool(crowd.says), bool(crowd.lines)) == (value, value is not None, value is not None)
        latest = await devices.latest(place.sources, caller(role), site="pier")
        shown = {one.device: [known.value for known in one.latest] for one in latest}
        assert shown["door-1"] == ([] if value is None else [80.0])
        assert shown["nh3-1"] == [6.0]


@pytest.mark.parametrize("way", [Way.LINK, Way.CODE])
async def test_links_and_codes_open_their_own_page_only(place: Place, way: Way) -> None:
    await place.raise_some()
    who = caller(Role.ADMIN, way=way)
    for asked in (
        places.sites(place.sources, who),
        devices.devices(place.sources, who, DeviceFilter(), Page()),
        alerts.alerts(place.sources, who, AlertFilter(), Page()),
        rules.rules(place.sources, who),
        people.people(place.sources, who),
        silences.silences(place.sources, who),
    ):
        with pytest.raises(ForbiddenError):
            await asked


@pytest.mark.parametrize(
    ("who", "whats"),
    [
        (caller(Role.ADMIN), {What.CLEANED, What.FEEDBACK, What.READING}),
        (caller(Role.OPERATOR, "pier"), {What.CLEANED, What.FEEDBACK, What.READING}),
        (caller(Role.VIEWER), set()),
        (caller(Role.VIEWER, "pier", way=Way.CODE), {What.FEEDBACK}),
        (caller(Role.OPERATOR, "pier", way=Way.LINK), set()),
    ],
)
async def test_what_is_offered_is_what_may_be_entered(place: Place, who: Caller, whats: set[What]) -> None:
    offered = await events.offered(place.sources, who, "pier", "male")
    assert set(offered.whats) == whats
    for what in set(What) - whats - {What.ASSISTANCE}:
        body = {"values": {"nh3_ppm": 1.0}} if what is What.READING else {"value": 1.0}
        event = events.Event.model_validate({"site": "pier", "area": "male", "what": what, **body})
        with pytest.raises(ForbiddenError):
            await events.record(place.sources, who, event)


async def test_a_code_is_for_its_own_site(place: Place) -> None:
    event = events.Event(site="pier", area="male", what=What.FEEDBACK, value=3)
    with pytest.raises(NotFoundError):
        await events.record(place.sources, caller(Role.VIEWER, "garden", way=Way.CODE), event)


async def test_people_are_named_without_addresses_and_without_sites_of_others(place: Place) -> None:
    found = await people.people(place.sources, caller(Role.OPERATOR, "garden"))
    assert [(one.id, one.sites) for one in found] == [("manager", ())]
    everybody = await people.people(place.sources, caller(Role.OPERATOR))
    assert [one.id for one in everybody] == ["attendant", "manager"]
    assert "canary" not in str(everybody)


async def test_rules_say_in_words_what_they_ask(place: Place) -> None:
    odour = await rules.rule(place.sources, caller(Role.VIEWER), "odour")
    assert odour.asks["en"] == "Ammonia: warning above 3 ppm"
    assert set(odour.asks) == {"en", "zh-Hant"}
    with pytest.raises(NotFoundError):
        await rules.rule(place.sources, caller(), "nothing")


@pytest.mark.parametrize("values", [(1, 2, "x"), ("", ""), (-(2**63), 0), ("異味",)])
def test_a_cursor_comes_back_as_it_was(values: tuple[int | str, ...]) -> None:
    assert tuple(place_of(cursor_of(*values), *(type(one) for one in values))) == values


@pytest.mark.parametrize(
    "cursor", ["", "x", "!", "W10", cursor_of(1), cursor_of("1", "2"), cursor_of(2**63, 1), "\ud800"]
)
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursorError):
        place_of(cursor, int, int)


def test_moments_are_cut_to_the_millisecond_and_bounded() -> None:
    assert moment(1_999_999).isoformat() == "1970-01-01T00:00:00.001000+00:00"
    assert time_ns_of(moment(T0)) == T0
    assert time_ns_of(moment(0).replace(year=9999)) == LATEST_NS
    assert time_ns_of(moment(0).replace(year=1)) == -LATEST_NS

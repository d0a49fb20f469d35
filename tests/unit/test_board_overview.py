"""The first screen: worst first, what is wrong first, one figure that says most."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from alerts.desk import Alert, Change, Desk, Rules, Severity, Transition
from alerts.desk import Rule as AlertRule
from api.access.caller import Caller, Role, Way
from api.board.pages.overview import EDGES, FIGURES, _inside, _needing, _on_screen
from api.board.words import words_of
from api.now import Now
from api.problem import AwayError
from api.queries import figures
from api.queries.answer import moment
from api.queries.figures import FigureKind, Here, Source
from api.queries.overview import Overview, Overviews, Tile, count_of_alerts, overview
from api.queries.standing import State
from api.queries.trends import POINTS, STEP_NS, Trends, midnight_ns
from telemetry.reading import NS_PER_S, Quality, Reading
from telemetry.registry.models import Device, Outage, Person
from telemetry.stores.store import Page, StoreAwayError, Window
from tests.builders import CATALOGUE, area, device, registry, site
from tests.unit.test_board_toilets import rule

NOW_NS = 1_795_334_400 * NS_PER_S  # 2026-11-22 08:00 UTC, 16:00 in Hong Kong
MINUTE_NS = 60 * NS_PER_S
ADMIN = Caller("admin", Role.ADMIN, None, Way.SESSION, "")
VIEWER = Caller("wall", Role.VIEWER, None, Way.SESSION, "")
ELSEWHERE = Caller("hall", Role.OPERATOR, frozenset({"hall"}), Way.SESSION, "")
ATTENDANT = Person("duty", "Duty attendant", "en", (), ())


def alert(name: str, device: str, severity: Severity = Severity.WARNING, by: str | None = None) -> Alert:
    return Alert(
        id=name,
        rule="odour",
        device=device,
        severity=severity,
        worst=severity,
        raised_ns=NOW_NS - 12 * MINUTE_NS,
        changed_ns=NOW_NS,
        resolved_ns=None,
        value=5.0,
        threshold=3.0,
        reading_ns=None,
        suspect=False,
        acknowledged_by=by,
        acknowledged_ns=None,
        acknowledged_until_ns=None,
        comment=None,
        ending=None,
    )


class Ground:
    """Three sites; a store and an alert database that answer as they are told, or not at all."""

    def __init__(self, *active: Alert, away: bool = False, rules: Sequence[AlertRule] = ()) -> None:
        self.registry = registry(
            device("odour-1", "pier", area="male", metrics=("nh3_ppm",)),
            device("wc-1", "pier", area="male", metrics=("occupied",)),
            device("wc-2", "pier", area="male", metrics=("occupied",)),
            device("meter-1", "hall", metrics=("power_kw", "energy_import_kwh"), labels={"supply": "main"}),
            device("meter-2", "hall", metrics=("power_kw", "energy_import_kwh"), labels={"supply": "sub"}),
            device("air-1", "roof", metrics=("pm2_5_ugm3", "no2_ugm3")),
            sites=[site("pier", kind="toilet", areas=[area("male")]), site("hall", kind="building"), site("roof")],
            people=[ATTENDANT],
        )
        self.now = Now()
        self.rules = Rules(tuple(rules))
        self.store = self
        self.alerts = self
        self.news = self
        self.changes = 0
        self.clock = lambda: NOW_NS
        self.active = active
        self.away = away
        self.asked = 0
        self.first_kwh = 0.25
        for one in self.registry.devices.values():
            self.said(one, **dict.fromkeys(one.metrics, 1.0))

    def said(self, device: Device, **values: float) -> None:
        self.now.take(Reading(device.id, NOW_NS - NS_PER_S, None, values, {}), device.site)

    async def ask(self, question: object, *_: object, **__: object) -> object:
        if self.away:
            raise AwayError("the alert database is away")
        if question is Desk.alerts:
            return self.active
        if question is Desk.last_number:
            return 2
        assert question is Desk.news
        plain = Transition("a", "odour", "odour-1", Change.RAISED, Severity.WARNING, NOW_NS - 60 * MINUTE_NS, NOW_NS)
        return [plain, replace(plain, change=Change.RESOLVED, at_ns=NOW_NS)]

    async def windows(self, _device: str, metric: str, start_ns: int, end_ns: int, step_ns: int) -> Sequence[Window]:
        self.asked += 1
        if self.away:
            raise StoreAwayError("away")
        if metric == "energy_import_kwh":
            return [Window(start_ns, 1, 0, self.first_kwh, first=self.first_kwh, total=self.first_kwh)]
        assert (end_ns - start_ns, step_ns) == (POINTS * STEP_NS, STEP_NS)
        return [Window(start_ns + 3 * STEP_NS, 2, 0, 3.0, first=1.0, total=4.0)]

    async def columns(self, *_: object) -> AsyncIterator[Page]:
        yield Page(b"[1000, 2000, 3000, 4000]", b"[900.0, 901.0, 0.5, 2.0]", 4)

    def trends(self) -> Trends:
        sources: Any = self
        return Trends(sources)

    async def seen(self, caller: Caller = ADMIN) -> Overview:
        sources: Any = self
        return await overview(sources, caller, self.trends())


def here(ground: Ground, caller: Caller = ADMIN) -> Here:
    return Here(ground.now, CATALOGUE, NOW_NS, caller)


async def test_all_is_fine_says_when_it_was_not_and_who_watches() -> None:
    seen = await Ground(rules=[rule("odour", "cleaning")]).seen()
    assert {tile.state for tile in seen.tiles} == {State.FINE}
    assert not any(tile.needs_someone for tile in seen.tiles)
    assert seen.last_alert == moment(NOW_NS - 60 * MINUTE_NS), "the raise, not what ended it"
    assert (seen.rules, seen.active, seen.alerts_known) == (1, 0, True)


async def test_the_worst_site_comes_first_and_what_somebody_has_needs_nobody() -> None:
    ground = Ground(alert("a1", "meter-1", Severity.CRITICAL, by="duty"), alert("a2", "odour-1"))
    seen = await ground.seen()
    assert [(tile.id, tile.state, tile.needs_someone) for tile in seen.tiles] == [
        ("pier", State.ATTENTION, True),
        ("hall", State.CRITICAL, False),
        ("roof", State.FINE, False),
    ]
    assert [reason.has_it for tile in seen.tiles for reason in tile.reasons] == [None, "Duty attendant"]
    assert seen.active == 2


async def test_for_information_nobody_has_to_come() -> None:
    seen = await Ground(alert("a1", "odour-1", Severity.INFORMATION)).seen()
    assert not any(tile.needs_someone for tile in seen.tiles)


async def test_the_sentence_names_what_is_wrong_and_where() -> None:
    seen = await Ground(alert("a1", "odour-1"), rules=[rule("odour", "cleaning")]).seen()
    needing = [tile for tile in seen.tiles if tile.needs_someone]
    assert _needing(words_of("en"), needing) == "1 site needs someone: odour at pier"
    assert _needing(words_of("en"), needing * 5) == (
        "5 sites need someone: odour at pier, odour at pier, odour at pier, 2 more"
    )


@pytest.mark.parametrize(
    ("name", "inside"), [("Odour", "odour"), ("PM2.5 high", "PM2.5 high"), ("", ""), ("異味", "異味"), ("X", "x")]
)
def test_a_name_within_a_sentence(name: str, inside: str) -> None:
    assert _inside(words_of("en"), name) == inside


async def test_each_kind_has_its_figure() -> None:
    seen = await Ground().seen()
    found = {tile.id: {one.kind: (one.value, one.out_of, one.unit) for one in tile.figures} for tile in seen.tiles}
    assert found == {
        "pier": {FigureKind.CUBICLES_FREE: (0, 2, "1"), FigureKind.ODOUR: (1.0, None, "[ppm]")},
        "hall": {FigureKind.POWER_NOW: (1.0, None, "kW"), FigureKind.ENERGY_TODAY: (0.75, None, "kW.h")},
        "roof": {FigureKind.WORST_POLLUTANT: (1.0, None, "ug/m3")},
    }
    lines = {tile.id: tile.trend for tile in seen.tiles}
    assert [lines["pier"][3], lines["pier"][4]] == [2.0, None], "the mean of its window, and a gap"


async def test_a_register_that_began_anew_today_goes_on_counting() -> None:
    ground = Ground()
    ground.first_kwh = 900.0
    seen = await ground.seen()
    (today,) = [one for tile in seen.tiles for one in tile.figures if one.kind is FigureKind.ENERGY_TODAY]
    assert today.value == 3.0, "1 before it began anew, 2 after"


async def test_a_viewer_sees_no_figure_that_says_where_people_are() -> None:
    seen = await Ground().seen(VIEWER)
    (cubicles,) = [one for tile in seen.tiles for one in tile.figures if one.kind is FigureKind.CUBICLES_FREE]
    assert (cubicles.value, cubicles.out_of, cubicles.needs_operator) == (None, None, True)


async def test_everybody_sees_their_own_sites_only() -> None:
    ground = Ground(alert("a1", "odour-1"), alert("a2", "meter-1"))
    sources: Any = ground
    assert [tile.id for tile in (await ground.seen(ELSEWHERE)).tiles] == ["hall"]
    assert await count_of_alerts(sources, ELSEWHERE) == 1
    assert await count_of_alerts(sources, ADMIN) == 2


async def test_what_is_away_is_missing_and_nothing_else() -> None:
    ground = Ground(away=True)
    sources: Any = ground
    seen = await ground.seen()
    assert not seen.alerts_known
    assert seen.last_alert is None
    assert {tile.trend for tile in seen.tiles} == {()}
    figures_of = {one.kind: one.value for tile in seen.tiles for one in tile.figures}
    assert figures_of[FigureKind.POWER_NOW] == 1.0
    assert figures_of[FigureKind.ENERGY_TODAY] is None
    assert await count_of_alerts(sources, ADMIN) is None


async def test_the_store_is_asked_once_for_all_who_look() -> None:
    ground = Ground()
    sources: Any = ground
    overviews = Overviews(sources)
    seen = [await overviews.of(ADMIN) for _ in range(5)]
    assert ground.asked == 4, "a line for each site, and one register at midnight"
    assert all(one is seen[0] for one in seen)


async def test_those_who_may_see_less_get_their_own() -> None:
    ground = Ground()
    sources: Any = ground
    overviews = Overviews(sources)
    found = [await overviews.of(caller) for caller in (ADMIN, VIEWER, ELSEWHERE)]
    assert [len(one.tiles) for one in found] == [3, 3, 1]
    hidden = [[figure.needs_operator for tile in one.tiles for figure in tile.figures] for one in found]
    assert [any(one) for one in hidden] == [False, True, False]


async def test_a_change_of_an_alert_is_seen_at_once() -> None:
    ground = Ground()
    sources: Any = ground
    overviews = Overviews(sources)
    assert (await overviews.of(ADMIN)).active == 0
    ground.active = (alert("a1", "odour-1"),)
    ground.changes += 1
    assert (await overviews.of(ADMIN)).active == 1


def test_a_cubicle_that_is_silent_is_not_said_to_be_free() -> None:
    ground = Ground()
    silent = device("wc-3", "pier", metrics=("occupied",))
    free, out = (device(f"wc-{n}", "pier", metrics=("occupied",)) for n in (4, 5))
    ground.now.take(Reading("wc-3", NOW_NS - 60 * MINUTE_NS, None, {"occupied": 0.0}, {}), "pier")
    for one in (free, out):
        ground.said(one, occupied=0.0)
    out = replace(out, out_of_service=(Outage(0, None, "repair"),))
    found = figures.cubicles([silent, free, out], here(ground))
    assert (found.value, found.out_of) == (1, 2)


def test_the_worst_pollutant_is_the_one_nearest_to_its_guideline() -> None:
    ground = Ground()
    one = ground.registry.devices["air-1"]
    ground.said(one, pm2_5_ugm3=12.0, no2_ugm3=18.0)
    found, source = figures.pollutant([one], here(ground))
    assert (found.value, source) == (12.0, Source("air-1", "pm2_5_ugm3")), "12 of 15 is more than 18 of 25"
    assert found.names["en"] == "PM2.5"


def test_power_is_not_known_while_a_main_meter_is_not() -> None:
    ground = Ground()
    meters = [device(f"m-{n}", "hall", metrics=("power_kw",), labels={"supply": "main"}) for n in (1, 2)]
    ground.said(meters[0], power_kw=5.0)
    assert figures.power(meters, here(ground))[0].value is None
    ground.now.take(Reading("m-2", NOW_NS, None, {"power_kw": 2.0}, {"power_kw": Quality.SUSPECT}), "hall")
    found, _ = figures.power(meters, here(ground))
    assert (found.value, found.suspect) == (7.0, True)


@pytest.mark.parametrize(
    ("counted", "today"), [([1.5, 2.5], 4.0), ([1.5, None], None), ([], None), ([1.5, -2.0], None)]
)
def test_energy_today(counted: list[float | None], today: float | None) -> None:
    assert figures.energy(counted).value == today


def test_devices_heard() -> None:
    found = figures.heard([State.FINE, State.UNKNOWN, State.OUT_OF_SERVICE, State.CRITICAL])
    assert (found.value, found.out_of) == (2, 3)


def test_today_begins_at_midnight_of_the_site() -> None:
    zone = site().timezone
    assert midnight_ns(NOW_NS, zone) == NOW_NS - 16 * 60 * MINUTE_NS


def tile(name: str, *, needs: bool) -> Tile:
    plain: dict[str, Any] = {
        "id": name,
        "kind": "toilet",
        "names": {"en": name},
        "state": State.FINE,
        "reasons": (),
        "alerts": {"critical": 0, "warning": 0, "information": 0},
        "silent": 0,
        "devices": 1,
        "needs_someone": needs,
        "figures": (),
        "trend": (),
        "archive": False,
    }
    return Tile.model_validate(plain)


class Screen:
    """A visit by a wall, or by a person."""

    def __init__(self, *, wall: bool) -> None:
        self.wall = wall


def test_a_wall_turns_through_the_sites_that_need_someone() -> None:
    fine, needing = [tile(f"f{n}", needs=False) for n in range(3)], [tile(f"n{n}", needs=True) for n in range(7)]
    wall: Any = Screen(wall=True)
    person: Any = Screen(wall=False)
    shown = [[one.id for one in _on_screen(wall, [*needing, *fine], turn)] for turn in range(3)]
    assert shown == [["n0", "n1", "n2", "n3", "n4", "n5"], ["n6"], ["n0", "n1", "n2", "n3", "n4", "n5"]]
    assert [one.id for one in _on_screen(wall, fine, 5)] == ["f0", "f1", "f2"]
    assert len(_on_screen(person, [*needing, *fine], 1)) == 10


def test_every_kind_of_figure_has_its_title_and_every_state_its_edge() -> None:
    assert set(FIGURES) == set(FigureKind)
    assert set(EDGES) == set(State)

"""The live view with made-up moments."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from textual.pilot import Pilot

from alerts.alert import Severity
from caretaker.audit import Sent, Verdict
from caretaker.screen.app import LiveView
from caretaker.screen.view import Account, AlertLine, Alerts, Rates, SiteLine, State, Step, Value, View

RAISED = Step("raised", "14:02:59")
TO_BE_TOLD, TOLD = Step("delivered"), Step("delivered", "14:03:00", "to Duty attendant")
TAKEN = Step("acknowledged", "14:03:05", "by simulated attendant")
OPEN, DONE = Step("resolved"), Step("resolved", "14:03:09")


def an_alert(name: str, what: str, site: str, severity: Severity, *course: Step) -> AlertLine:
    return AlertLine(name, severity, what, site, "Men's odour", "Ammonia: 6.1 ppm, above 5 ppm", "13 s", course=course)


MOMENT = View(
    clock="14:03:12",
    account=Account(
        received=12_345,
        written=12_300,
        quarantined=40,
        ignored=3,
        journal=2,
        rejects={"not_json": 31, "impossible_value": 9},
    ),
    ingestor="running",
    published=12_360,
    acknowledged=12_345,
    verdict=Verdict(stored=12_290, on_the_way=15),
    rates=Rates((4.0, 8.0, 6.0), (4.0, 8.0, 5.0), (4.0, 7.0, 5.0)),
    sites=(
        SiteLine(
            "Temple Street", "toilet", State.CRITICAL, (Value("NH₃", "0.81", "ppm"),), "4 s", "Water on the floor"
        ),
        SiteLine(
            "Harbour Building", "building", State.LATE, (Value("power", "82.11", "kW"),), "31 s", "3 of 14 devices"
        ),
        SiteLine(
            "Causeway Bay", "air", State.FINE, (Value("PM2.5", "23.0", "µg/m³"), Value("NO₂", "61", "µg/m³")), "9 s"
        ),
    ),
    alerts=Alerts(
        service="running",
        active=9,
        lines=(
            an_alert("a1", "Water on the floor", "Temple Street", Severity.CRITICAL, RAISED, TOLD, TAKEN, OPEN),
            *(an_alert(f"b{n}", "Odour", f"Place {n}", Severity.WARNING, RAISED, TO_BE_TOLD) for n in range(4)),
        ),
        resolved=(an_alert("c1", "Help called", "Mong Kok", Severity.CRITICAL, RAISED, TOLD, TAKEN, DONE),),
        delivered=1_234,
        outbox=2,
        dead=3,
    ),
    stories=("14:03:02 ingestor was killed (kill -9); back after 0.9 s; nothing missing",),
    fill=(0.5, "filling in the last 14 days: 50%"),
    address="mqtt://127.0.0.1:1883",
)


class Pressed:
    def __init__(self) -> None:
        self.keys: list[str] = []

    def kill_ingestor(self) -> None:
        self.keys.append("kill")

    def take_store_away(self) -> None:
        self.keys.append("store")

    def play_incident(self) -> None:
        self.keys.append("incident")

    def acknowledge(self) -> None:
        self.keys.append("acknowledge")

    def open_board(self) -> None:
        self.keys.append("board")


async def only(view: View) -> AsyncIterator[View]:
    yield view
    await asyncio.Event().wait()


async def shown(pilot: Pilot[None]) -> str:
    for _ in range(100):
        await pilot.pause()
        if pilot.app.query_one("#title") and isinstance(pilot.app, LiveView) and pilot.app.view.clock:
            break
    await pilot.pause()
    lines = ("".join(segment.text for segment in strip) for strip in pilot.app.screen._compositor.render_strips())
    return "\n".join(lines)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (200, 60)])
async def test_the_account_and_the_proof_are_on_the_screen_at_any_size(size: tuple[int, int]) -> None:
    app = LiveView(only(MOMENT), Pressed(), "Hong Kong")
    async with app.run_test(size=size) as pilot:
        text = await shown(pilot)
    for word in ("received", "written", "quarantined", "ignored", "journal", "published 12,360", "missing: 0"):
        assert word in text
    assert "Temple Street" in text
    assert text.rindex("Temple Street") < text.index("Harbour Building") < text.index("Causeway Bay")
    assert "not json 31" in text or "31  not json" in text
    assert "kill ingestor" in text
    assert all(len(line) == size[0] for line in text.splitlines())


async def test_the_view_follows_the_terminals_size() -> None:
    app = LiveView(only(MOMENT), Pressed(), "Hong Kong")
    async with app.run_test(size=(120, 40)) as pilot:
        assert "12,345 =" not in await shown(pilot)  # tall figures
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "12,345 =" in await shown(pilot)


async def test_a_missing_reading_is_said() -> None:
    lost = Verdict(stored=5, missing=2, example=Sent(1, "d", 1, None, 1))
    app = LiveView(only(View(clock="1", account=Account(), verdict=lost)), Pressed(), "here")
    async with app.run_test(size=(80, 24)) as pilot:
        assert "missing: 2" in await shown(pilot)


async def test_an_account_that_does_not_hold_is_said() -> None:
    app = LiveView(only(View(clock="1", account=Account(balanced=False))), Pressed(), "here")
    async with app.run_test(size=(120, 24)) as pilot:
        assert "the account does not hold" in await shown(pilot)


async def test_the_keys_reach_the_controls() -> None:
    pressed = Pressed()
    app = LiveView(only(MOMENT), pressed, "here")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("k", "s", "i", "a", "b")
        await pilot.pause()
        assert pressed.keys == ["kill", "store", "incident", "acknowledge", "board"]
        await pilot.press("q")
    assert app.return_code == 0


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (60, 15)])
async def test_a_terminal_that_is_too_small_shows_less_and_does_not_fail(size: tuple[int, int]) -> None:
    app = LiveView(only(MOMENT), Pressed(), "Hong Kong")
    async with app.run_test(size=size) as pilot:
        assert "kill ingestor" in await shown(pilot)


@pytest.mark.parametrize("size", [(80, 24), (100, 32), (112, 40), (200, 60)])
async def test_the_worst_alert_and_the_figures_are_on_the_screen_at_any_size(size: tuple[int, int]) -> None:
    app = LiveView(only(MOMENT), Pressed(), "Hong Kong")
    async with app.run_test(size=size) as pilot:
        text = await shown(pilot)
    line = next(line for line in text.splitlines() if "critical" in line and "Water on the floor" in line)
    assert "Temple Street" in line
    assert " 13 s" in line
    assert "alerts: 9" in text
    assert "1,234" in text
    assert "2 in the outbox" in text
    assert "3 dead letters" in text
    assert "✓ " in text, "the last that is over"


async def test_a_large_screen_tells_each_alerts_course_with_who_is_simulated() -> None:
    app = LiveView(only(MOMENT), Pressed(), "Hong Kong")
    async with app.run_test(size=(112, 44)) as pilot:
        text = await shown(pilot)
    assert (
        "raised 14:02:59 → delivered 14:03:00 → acknowledged 14:03:05 by simulated attendant → resolved 14:03:09"
        in text
    )
    assert "raised 14:02:59 → delivered 14:03:00 → acknowledged 14:03:05 by simulated attendant → resolved " in text


async def test_on_a_small_screen_each_alert_has_its_last_station() -> None:
    app = LiveView(only(MOMENT), Pressed(), "Hong Kong")
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shown(pilot)
    assert [line.split()[-3] for line in text.splitlines() if "▲" in line or "✓" in line] == [
        "acknowledged",
        "resolved",
    ]


async def test_an_alert_service_that_is_away_is_said() -> None:
    app = LiveView(only(View(clock="1", alerts=Alerts(service="away"))), Pressed(), "here")
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shown(pilot)
    assert "alerts: 0" in text
    assert "service away" in text

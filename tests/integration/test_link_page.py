"""The page behind a link in a message, with a real alert database, a real judge, and the guard before it."""

import asyncio
import html
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import FastAPI

from alerts.alert import Alert, Change
from alerts.database.database import AlertDatabase
from alerts.desk import Happening, Side, links_of
from alerts.judge.judge import Judge
from alerts.rules.rule import Rules
from api.access.access import Access
from api.alert_desk import AlertDesk
from api.dashboards import Dashboards, Panels
from api.guard import guarded
from api.plain.link_page import NOTES, SHUT, Note
from api.queries import alerts as alert_queries
from api.queries.link import Shut
from api.routes import link
from api.settings import ApiSettings
from api.sources import Sources
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Person
from tests.alerting import level, rule
from tests.builders import area, device, registry, site

HOUR_NS = 3_600 * NS_PER_S
ATTENDANT = Person("attendant", "Duty attendant", "en", (), ("toilet-1",))
FOREMAN = Person("foreman", "Duty foreman", "zh-HK", (), ())
ORIGIN = "http://127.0.0.1:8088"
HOSTILE = '</textarea><script>alert("x")</script>'
ODOUR = rule(names={"en": "Odour <b>", "zh-Hant": "異味"}, advice={"en": "Mop.", "zh-Hant": "請清潔。"})
HELP = rule(
    Happening("help_call", 1.0, 1.0), level(None, None), id="help", names={"en": "Help"}, side=Side.ABOVE, flapping=None
)


class Engine:
    """The part of the alert service that judges and fulfils, without a broker."""

    def __init__(self, path: Path, found: Any, *rules: Any) -> None:
        self.database = AlertDatabase.open(path)
        self.judge = Judge(found, Rules(rules))
        self.awake = True

    async def read(self, device_id: str, **values: float) -> None:
        now_ns = time.time_ns()
        self.judge.tick(now_ns)
        self.judge.read(Reading(device_id, now_ns // 10**6 * 10**6, None, values, {}), now_ns)
        await self.database.commit(self.judge.take())

    async def run(self) -> None:
        while True:
            if self.awake:
                self.judge.tick(time.time_ns())
                for action in await self.database.actions():
                    self.judge.act(action)
                await self.database.commit(self.judge.take())
            await asyncio.sleep(0.01)


class Door:
    """The service as a phone reaches it."""

    def __init__(self, sources: Sources, access: Access, engine: Engine, data: Path) -> None:
        app = FastAPI()
        app.state.sources = sources
        app.include_router(link.router)
        transport = httpx2.ASGITransport(app=guarded(app, ApiSettings(), access), client=("198.51.100.7", 4711))
        self.client = httpx2.AsyncClient(transport=transport, base_url=ORIGIN)
        self.app, self.access, self.engine = app, access, engine
        self._links = links_of(data, ORIGIN, 1)

    def link(self, alert: str, person: str = "attendant", *, ago_ns: int = 0) -> str:
        split = urlsplit(self._links.make(alert, person, time.time_ns() - ago_ns))
        return f"{split.path}?{split.query}"

    async def alert(self, device_id: str = "nh3-1", **values: float) -> Alert:
        """A new one."""
        await self.engine.read(device_id, **(values or {"nh3_ppm": 5.0}))
        return next(one for one in self.engine.judge.standing.active.values() if one.device == device_id)

    async def press(self, address: str, deed: str, comment: str = "", **headers: str) -> httpx2.Response:
        said = {"origin": ORIGIN} | headers
        return await self.client.post(address, data={"deed": deed, "comment": comment}, headers=said)

    async def changes(self, alert: Alert) -> list[tuple[Change, str | None, str | None]]:
        """What people did to it."""
        found = await cast("Sources", self.app.state.sources).alerts.ask(lambda desk: desk.transitions(alert.id))
        return [(one.change, one.by, one.comment) for one in found if one.by is not None]


class _Configuration:
    """As it would be loaded from files."""

    def __init__(self) -> None:
        places = (site(areas=[area()]), site("toilet-2"))
        devices = (
            device(area="male"),
            device("nh3-2", "toilet-2"),
            device("help-1", kind="help", metrics=("help_call",), interval_s=None),
        )
        self.registry = registry(*devices, sites=places, people=[ATTENDANT, FOREMAN])
        self.rules = Rules((ODOUR, HELP))


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    path = tmp_path / "alerts" / "alerts.db"
    configuration = _Configuration()
    engine = Engine(path, configuration.registry, ODOUR, HELP)
    access, desk = Access(ApiSettings(), tmp_path), AlertDesk(path)
    none: Any = None
    known: Any = configuration
    sources = Sources(none, known, none, none, none, none, desk, none, access.audit, none, tmp_path)
    running = asyncio.create_task(engine.run(), name="engine")
    found = Door(sources, access, engine, tmp_path)
    yield found
    await found.client.aclose()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for close in (desk.close, access.close, engine.database.close):
        await close()


async def test_a_link_shows_what_is_wrong_and_changes_nothing(door: Door) -> None:
    alert = await door.alert()
    address = door.link(alert.id)
    for _ in range(3):
        page = await door.client.get(address)
        assert page.status_code == 200
    for said in ("Odour &lt;b&gt;", "Warning", "5 ppm, above 3 ppm", "male, toilet-1", "Nobody yet", "Mop."):
        assert said in page.text
    assert "<script" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin", "no-referrer would hide the origin of our own form"
    assert (await door.client.head(address)).status_code == 200
    assert await door.changes(alert) == []
    assert await door.access.audit.page(None, 10) == []


async def test_a_link_leads_to_the_panel_in_the_persons_language_where_there_is_a_grafana(door: Door) -> None:
    alert = await door.alert()
    assert "grafana" not in (await door.client.get(door.link(alert.id))).text.lower()
    panels = Panels(lambda metric, _, language: (f"{metric}-{language}", 4), lambda kind, _: kind, lambda _: "devices")
    known = Dashboards("https://grafana.example.org", ("en", "zh-Hant"), panels)
    door.app.state.sources = replace(cast("Sources", door.app.state.sources), dashboards=known)
    for person, uid, text in (
        ("attendant", "nh3_ppm-en", "Open in Grafana"),
        ("foreman", "nh3_ppm-zh-Hant", "在 Grafana 開啟"),
    ):
        page = (await door.client.get(door.link(alert.id, person))).text
        start = (alert.raised_ns - HOUR_NS) // 10**6
        asked = f"viewPanel=4&var-site=toilet-1&var-device=nh3-1&from={start}&to=now"
        address = html.escape(f"https://grafana.example.org/d/{uid}?{asked}")
        assert f'<a class="away" href="{address}" target="_blank" rel="noopener noreferrer">{text}</a>' in page


async def test_on_my_way_acknowledges_as_the_links_person(door: Door) -> None:
    alert = await door.alert()
    address = door.link(alert.id)
    pressed = await door.press(address, "on_my_way")
    assert pressed.status_code == 303
    page = await door.client.get(address.partition("?")[0] + pressed.headers["location"])
    assert "Recorded: you are on your way." in page.text
    assert "By Duty attendant" in page.text
    assert 'value="on_my_way"' not in page.text, "said already"
    assert await door.changes(alert) == [(Change.ACKNOWLEDGED, "attendant", None)]
    entries = await door.access.audit.page(None, 10)
    assert [(one.who, one.way, one.address, one.target) for one in entries] == [
        ("attendant", "link", "198.51.100.7", f"alert {alert.id}")
    ]


async def test_a_double_tap_is_one_press(door: Door) -> None:
    alert = await door.alert()
    address = door.link(alert.id)
    both = await asyncio.gather(*(door.press(address, "done", "mopped") for _ in range(2)))
    again = await door.press(address, "done", "mopped")
    assert [one.status_code for one in (*both, again)] == [303, 303, 303]
    assert await door.changes(alert) == [(Change.COMMENTED, "attendant", "Done: mopped")]
    await door.press(address, "comment", "and the floor is dry")
    assert len(await door.changes(alert)) == 2, "something else is no second tap"


async def test_who_lost_it_takes_it_again_and_still_once(door: Door) -> None:
    alert = await door.alert()
    mine, theirs = door.link(alert.id), door.link(alert.id, "foreman")
    for address in (mine, theirs, theirs, mine, mine):
        assert (await door.press(address, "on_my_way")).status_code == 303
    assert [by for _, by, _ in await door.changes(alert)] == ["attendant", "foreman", "attendant"]
    assert "By Duty attendant" in (await door.client.get(mine)).text
    await door.press(theirs, "on_my_way")
    both = await asyncio.gather(*(door.press(mine, "on_my_way") for _ in range(2)))
    assert [one.status_code for one in both] == [303, 303]
    assert [by for _, by, _ in await door.changes(alert)][3:] == ["foreman", "attendant"], "a double tap is one press"


async def test_done_ends_what_latches(door: Door) -> None:
    alert = await door.alert("help-1", help_call=1.0)
    address = door.link(alert.id)
    assert "Done ends the alert." in (await door.client.get(address)).text
    assert (await door.press(address, "done")).status_code == 303
    assert (await door.press(address, "done")).status_code == 303, "a second tap after it has ended"
    assert await door.changes(alert) == [(Change.RESOLVED, "attendant", "Done")]
    page = await door.client.get(address)
    assert "Recorded: it is done." in page.text
    assert "<form" not in page.text, "nothing is left to be said"


async def test_done_is_noted_on_what_ends_by_itself(door: Door) -> None:
    alert = await door.alert()
    address = door.link(alert.id, "foreman")
    assert (await door.press(address, "done")).status_code == 303
    assert await door.changes(alert) == [(Change.COMMENTED, "foreman", "已完成")]
    assert (await door.engine.database.remember()).alerts[0].active


async def test_the_page_speaks_the_persons_language(door: Door) -> None:
    alert = await door.alert()
    page = (await door.client.get(door.link(alert.id, "foreman"), headers={"accept-language": "en"})).text
    assert '<html lang="zh-Hant">' in page
    for said in ("異味", "正在前往", "請清潔。", "警告"):
        assert said in page


async def test_what_people_write_is_text(door: Door) -> None:
    alert = await door.alert()
    address = door.link(alert.id)
    assert (await door.press(address, "comment", HOSTILE)).status_code == 303
    page = await door.client.get(address)
    assert HOSTILE not in page.text
    assert html.escape(HOSTILE).replace("&quot;", "&#34;") in page.text


@pytest.mark.parametrize("why", [one for one in Shut if one is not Shut.AWAY])
async def test_a_link_that_opens_nothing_says_why_and_what_to_do(door: Door, why: Shut) -> None:
    alert = await door.alert()
    good = door.link(alert.id)
    other = await door.alert("nh3-2", nh3_ppm=5.0)
    addresses = {
        Shut.MALFORMED: good.rpartition("&signature=")[0].replace("expires=", "expires=x"),
        Shut.FORGED: good.replace("attendant", "foreman"),
        Shut.EXPIRED: door.link(alert.id, ago_ns=2 * HOUR_NS),
        Shut.NO_PERSON: door.link(other.id),
        Shut.NO_ALERT: door.link("0123456789abcdef"),
    }
    page = await door.client.get(addresses[why])
    assert page.status_code == link.STATUSES[why]
    title, text = SHUT[why]
    assert html.escape(title).replace("&#x27;", "&#39;") in page.text
    assert html.escape(text).replace("&#x27;", "&#39;") in page.text
    pressed = await door.press(addresses[why], "on_my_way")
    assert pressed.status_code == link.STATUSES[why]
    assert await door.changes(alert) == await door.changes(other) == []


async def test_somebody_who_was_taken_out_may_do_nothing(door: Door) -> None:
    alert = await door.alert()
    assert (await door.client.get(door.link(alert.id, "nobody"))).status_code == 403


async def test_while_the_alerts_are_away_it_says_try_again(door: Door, tmp_path: Path) -> None:
    key = tmp_path / "alerts" / "link.key"
    address = door.link("0123456789abcdef")
    key.write_text("broken")
    page = await door.client.get(address, headers={"accept-language": "zh-HK,en;q=0.5"})
    assert page.status_code == link.STATUSES[Shut.AWAY]
    assert page.headers["retry-after"]
    assert '<html lang="zh-Hant">' in page.text


def test_every_reason_has_its_words_and_its_status() -> None:
    assert set(SHUT) == set(link.STATUSES) == set(Shut)
    assert set(NOTES) == set(Note)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null"},
        {"origin": "https://elsewhere.example.org"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
    ],
)
async def test_other_pages_forms_do_nothing(door: Door, headers: dict[str, str]) -> None:
    alert = await door.alert()
    page = await door.press(door.link(alert.id), "on_my_way", **headers)
    assert page.status_code == 403
    assert await door.changes(alert) == []


@pytest.mark.parametrize(
    ("deed", "comment", "status", "note"),
    [
        ("comment", "  ", 422, Note.COMMENT_MISSING),
        ("comment", "x" * 1_001, 422, Note.COMMENT_UNFIT),
        ("comment", "\x1b[2J", 422, Note.COMMENT_UNFIT),
        ("resolve", "", 403, Note.NOT_POSSIBLE),
    ],
)
async def test_what_cannot_be_entered_is_said(door: Door, deed: str, comment: str, status: int, note: Note) -> None:
    alert = await door.alert()
    page = await door.press(door.link(alert.id), deed, comment)
    assert page.status_code == status
    assert NOTES[note] in page.text
    assert await door.changes(alert) == []


async def test_what_is_resolved_already_stays_so(door: Door) -> None:
    alert = await door.alert()
    address = door.link(alert.id)
    await door.engine.read("nh3-1", nh3_ppm=0.0)
    page = await door.press(address, "on_my_way")
    assert page.status_code == 409
    assert NOTES[Note.RESOLVED_ALREADY] in page.text
    assert "<form" not in page.text


async def test_without_the_alert_service_a_press_is_kept(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_queries, "WAIT_S", 0.1)
    alert = await door.alert()
    door.engine.awake = False
    address = door.link(alert.id)
    for _ in range(2):
        page = await door.press(address, "on_my_way")
        assert page.status_code == 202
        assert NOTES[Note.WAITING] in page.text
    assert len(await door.engine.database.actions()) == 1, "a second tap while it waits, too"
    door.engine.awake = True
    async with asyncio.timeout(5):
        while not await door.changes(alert):  # noqa: ASYNC110 - the database sets no event of ours
            await asyncio.sleep(0.02)


async def test_a_body_without_end_is_not_read(door: Door) -> None:
    alert = await door.alert()
    page = await door.press(door.link(alert.id), "comment", "x" * 40_000)
    assert page.status_code == 403
    assert await door.changes(alert) == []


def test_it_is_not_in_the_document() -> None:
    app = FastAPI()
    app.include_router(link.router)
    assert app.openapi()["paths"] == {}

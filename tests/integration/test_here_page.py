"""The page behind a printed code, with the guard before it: who may say what there, each thing once."""

import html
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from api.access import keyring
from api.access.access import Access
from api.access.caller import Caller, Role, Way
from api.access.keys import Draft
from api.guard import guarded
from api.now import Now
from api.plain.here_page import NOTES, SCORES, SHUT, Note
from api.queries import here as queries
from api.queries.here import Shut
from api.routes import here
from api.settings import ApiSettings, Settings
from api.sources import Sources
from telemetry.reading import NS_PER_S, Reading
from tests.builders import area, device, registry, site

ORIGIN = "http://127.0.0.1:8088"
ROOT = Caller("root", Role.ADMIN, None, Way.COMMAND, "")
PANEL = ("cleaned", "feedback", "assistance")
EVERYBODY = ["assistance", "feedback"]
STAFF = ["assistance", "cleaned", "feedback", "reading"]
VISITOR_ADDRESS = "198.51.100.7"


class Publisher:
    """Takes what would go to the broker."""

    outstanding = 0

    def __init__(self) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.away = False

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.away:
            raise TimeoutError
        self.published.append((topic, json.loads(payload)))


class House:
    """The service as a phone reaches it."""

    def __init__(self, sources: Sources, access: Access, publisher: Publisher) -> None:
        app = FastAPI()
        app.state.sources, app.state.access = sources, access
        app.include_router(here.router)
        transport = httpx2.ASGITransport(app=guarded(app, ApiSettings(), access), client=(VISITOR_ADDRESS, 4711))
        self.client = httpx2.AsyncClient(transport=transport, base_url=ORIGIN)
        self.app, self.sources, self.access, self.publisher = app, sources, access, publisher

    def address(self, area_id: str = "male", site_id: str = "toilet-1") -> str:
        return f"/here/{site_id}/{area_id}?signature={self.access.codes.make(site_id, area_id)}"

    async def open(self, address: str, **headers: str) -> httpx2.Response:
        return await self.client.get(address, headers=headers)

    async def press(self, address: str, form: Mapping[str, str], **headers: str) -> httpx2.Response:
        return await self.client.post(address, data=dict(form), headers={"origin": ORIGIN} | headers)

    async def sign_in(self, role: Role, *sites: str) -> None:
        draft = Draft("night shift", role, frozenset(sites) if sites else None)
        _, key = await keyring.make_key(self.access, ROOT, draft, time.time_ns())
        self.client.cookies.set("caretaker", await self.access.sign_in(key, VISITOR_ADDRESS))

    @property
    def published(self) -> list[dict[str, Any]]:
        """Values, and by whom."""
        return [one["values"] | {"by": one["by"]} for _, one in self.publisher.published]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    found = registry(
        device("panel-1", area="male", metrics=PANEL, interval_s=None),
        device("panel-2", area="male", metrics=PANEL, interval_s=None),
        device("water-1", area="male", metrics=("water_m3", "water_flow_lpm")),
        device("door-1", area="male", metrics=("people_in",)),
        device("water-2", area="plant", metrics=("water_m3",)),
        device("nh3-1", area="roof"),
        device("panel-9", "toilet-2", area="male", metrics=PANEL, interval_s=None),
        sites=(
            site(areas=[area(), area("plant", "floor"), area("roof", "roof")], names={"en": "Pier <b>"}),
            site("toilet-2", areas=[area()]),
        ),
    )
    now, publisher = Now(), Publisher()
    now.take(Reading("water-1", time.time_ns() - 180 * NS_PER_S, None, {"water_m3": 1234.5}, {}), "toilet-1")
    none: Any = None
    known: Any = SimpleNamespace(registry=found)
    broker: Any = publisher
    access = Access(ApiSettings(), tmp_path)
    sources = Sources(Settings(), known, now, none, none, none, none, broker, access.audit, none, tmp_path)
    one = House(sources, access, publisher)
    yield one
    await one.client.aclose()
    await access.close()


def forms(page: str) -> list[dict[str, str]]:
    """What each form of a page sends, as far as it is hidden."""
    return [
        {html.unescape(name): html.unescape(value) for name, value in HIDDEN.findall(form)}
        for form in re.findall(r"<form.*?</form>", page, re.DOTALL)
    ]


HIDDEN = re.compile(r'type="hidden" name="([^"]*)" value="([^"]*)"')


def offered(page: str) -> list[str]:
    return sorted({form["what"] for form in forms(page)})


def form_of(page: str, what: str) -> dict[str, str]:
    return next(form for form in forms(page) if form["what"] == what)


@pytest.mark.parametrize("score", SCORES)
async def test_a_face_is_recorded_and_said(house: House, score: int) -> None:
    page = await house.open(house.address())
    done = await house.press(house.address(), form_of(page.text, "feedback") | {"value": str(score)})
    assert done.status_code == 303
    assert house.published == [{"feedback": score, "by": "visitor"}]
    assert house.publisher.published[0][0] == "caretaker/v1/toilet-1/panel-1/readings", "one panel stands for all"
    thanks = await house.open(str(httpx2.URL(house.address()).join(done.headers["location"])))
    assert "Thank you" in thanks.text
    assert f": {SCORES[score]}</p>" in thanks.text
    assert "<form" not in thanks.text


async def test_a_second_tap_records_nothing_more_and_another_face_does(house: House) -> None:
    form = form_of((await house.open(house.address())).text, "feedback")
    first = await house.press(house.address(), form | {"value": "4"})
    second = await house.press(house.address(), form | {"value": "4"})
    assert first.headers["location"] == second.headers["location"]
    await house.press(house.address(), form | {"value": "2"})
    again = form_of((await house.open(house.address())).text, "feedback")
    await house.press(house.address(), again | {"value": "2"})
    assert [one["feedback"] for one in house.published] == [4, 2, 2]


async def test_help_is_called_only_when_it_was_confirmed(house: House) -> None:
    form = form_of((await house.open(house.address())).text, "assistance")
    asked = await house.press(house.address(), form)
    assert asked.status_code == 200
    assert "Do you need help?" in asked.text
    assert house.published == []
    done = await house.press(house.address(), form_of(asked.text, "assistance"))
    assert done.status_code == 303
    assert house.published == [{"assistance": 1, "by": "visitor"}]
    thanks = await house.open(str(httpx2.URL(house.address()).join(done.headers["location"])))
    assert "emergency services" in thanks.text


async def test_only_what_devices_there_take_is_offered(house: House) -> None:
    await house.sign_in(Role.OPERATOR)
    assert offered((await house.open(house.address())).text) == STAFF
    assert offered((await house.open(house.address("plant"))).text) == ["reading"]
    nothing = await house.open(house.address("roof"))
    assert "Nothing can be entered here." in nothing.text
    assert offered(nothing.text) == []
    page = (await house.open(house.address())).text
    assert "people_in" not in page, "a counter of people is no meter"
    refused = await house.press(house.address("roof"), {"once": "x", "what": "feedback", "value": "5"})
    assert refused.status_code == 409
    assert NOTES[Note.NOT_POSSIBLE] in refused.text


async def test_without_a_signature_only_an_operator_of_the_site_gets_in(house: House) -> None:
    bare = "/here/toilet-1/male"
    assert (await house.open(bare)).status_code == 404
    await house.sign_in(Role.VIEWER)
    assert (await house.open(bare)).status_code == 404
    assert offered((await house.open(house.address())).text) == EVERYBODY, "a viewer is a visitor there"
    await house.sign_in(Role.OPERATOR, "toilet-2")
    assert (await house.open(bare)).status_code == 404
    assert offered((await house.open(house.address())).text) == EVERYBODY
    await house.sign_in(Role.OPERATOR, "toilet-1")
    assert offered((await house.open(bare)).text) == STAFF


@pytest.mark.parametrize("what", ["cleaned", "reading"])
async def test_a_visitor_cannot_say_what_is_for_staff(house: House, what: str) -> None:
    form = {"once": "x", "what": what, "value": "2000", "device": "water-1", "metric": "water_m3", "sure": "yes"}
    refused = await house.press(house.address(), form)
    assert refused.status_code == 403
    assert house.published == []


async def test_cleaned_is_entered_under_the_operators_name(house: House) -> None:
    await house.sign_in(Role.OPERATOR)
    form = form_of((await house.open(house.address())).text, "cleaned")
    assert (await house.press(house.address(), form)).status_code == 303
    assert house.published == [{"cleaned": 1, "by": "night shift"}]


async def test_a_meter_is_read_and_a_lower_value_is_asked_about(house: House) -> None:
    await house.sign_in(Role.OPERATOR)
    page = (await house.open(house.address())).text
    assert "Last value: 1,234.500 m³, 3 min ago" in page
    form = form_of(page, "reading")
    asked = await house.press(house.address(), form | {"value": "1034.5"})
    assert "1,034.500 m³" in asked.text
    assert "1,234.500 m³" in asked.text
    assert house.published == []
    again = form_of(asked.text, "reading")
    assert again["value"] == "1034.5"
    assert (await house.press(house.address(), again)).status_code == 303
    done = await house.press(house.address(), form | {"value": "1234.6"})
    assert [one["water_m3"] for one in house.published] == [1034.5, 1234.6]
    thanks = await house.open(str(httpx2.URL(house.address()).join(done.headers["location"])))
    assert "water-1 · Water used 1,234.600 m³" in thanks.text


@pytest.mark.parametrize(
    ("form", "status", "note"),
    [
        ({"what": "reading", "value": "12,5"}, 422, Note.NO_NUMBER),
        ({"what": "reading", "value": "nan"}, 422, Note.NO_NUMBER),
        ({"what": "reading"}, 422, Note.NO_NUMBER),
        ({"what": "reading", "value": "1e30"}, 422, Note.UNLIKELY),
        ({"what": "reading", "value": "2000", "device": "water-2"}, 404, Note.NOT_POSSIBLE),
        ({"what": "feedback", "value": "6"}, 422, Note.UNLIKELY),
        ({"what": "sung", "value": "1"}, 400, Note.NOT_POSSIBLE),
        ({"what": "cleaned", "once": "x" * 40}, 400, Note.NOT_POSSIBLE),
        ({"what": "cleaned", "comment": "x" * 5_000}, 400, Note.NOT_POSSIBLE),
    ],
)
async def test_what_cannot_be_entered_is_said(house: House, form: dict[str, str], status: int, note: Note) -> None:
    await house.sign_in(Role.OPERATOR)
    base = {"once": "x", "device": "water-1", "metric": "water_m3"}
    page = await house.press(house.address(), base | form)
    assert page.status_code == status
    assert NOTES[note] in page.text
    assert house.published == []


async def test_while_the_broker_is_away_it_says_try_again_and_again_is_taken(house: House) -> None:
    form = form_of((await house.open(house.address())).text, "feedback") | {"value": "5"}
    house.publisher.away = True
    page = await house.press(house.address(), form)
    assert page.status_code == 503
    assert NOTES[Note.AWAY] in page.text
    house.publisher.away = False
    assert (await house.press(house.address(), form)).status_code == 303
    assert len(house.published) == 1


@pytest.mark.parametrize("why", Shut)
async def test_a_code_that_opens_nothing_says_why(house: House, why: Shut) -> None:
    address = {
        Shut.INCOMPLETE: "/here/toilet-1/male",
        Shut.FORGED: house.address().replace("/male", "/plant"),
        Shut.GONE: house.address("female"),
    }[why]
    title, text = SHUT[why]
    for page in (
        await house.open(address),
        await house.press(address, {"once": "x", "what": "feedback", "value": "1"}),
    ):
        assert page.status_code == here.STATUSES[why]
        assert html.escape(title) in page.text
        assert html.escape(text) in page.text
    assert house.published == []


def test_every_reason_has_its_words_and_its_status() -> None:
    assert set(SHUT) == set(here.STATUSES) == set(Shut)
    assert set(NOTES) == set(Note)


@pytest.mark.parametrize(
    "headers", [{"origin": "null"}, {"origin": "https://elsewhere.example.org"}, {"sec-fetch-site": "cross-site"}]
)
async def test_other_pages_forms_do_nothing(house: House, headers: dict[str, str]) -> None:
    page = await house.press(house.address(), {"once": "x", "what": "feedback", "value": "1"}, **headers)
    assert page.status_code == 403
    assert house.published == []


async def test_the_language_is_the_visitors_and_can_be_switched(house: House) -> None:
    page = await house.open(house.address(), **{"accept-language": "zh-HK,en;q=0.5"})
    assert '<html lang="zh-Hant">' in page.text
    assert "我需要協助" in page.text
    switch = html.unescape(re.findall(r'<a href="([^"]*)" lang="en">', page.text)[0])
    switched = await house.open(f"/here/toilet-1/male{switch}", **{"accept-language": "zh-HK"})
    assert "I need help" in switched.text
    assert "set-cookie" not in switched.headers


async def test_names_are_text(house: House) -> None:
    page = await house.open(house.address())
    assert "Pier &lt;b&gt;" in page.text
    assert "<b>" not in page.text


async def test_nothing_is_kept_of_visitors(house: House) -> None:
    form = form_of((await house.open(house.address())).text, "feedback") | {"value": "3"}
    await house.press(house.address(), form, **{"user-agent": "phone of somebody"})
    entries = await house.access.audit.page(None, 10)
    assert [(one.who, one.address) for one in entries] == [("visitor", "")]
    assert VISITOR_ADDRESS not in str(entries)


async def test_what_was_said_elsewhere_is_not_shown_here(house: House) -> None:
    form = form_of((await house.open(house.address())).text, "feedback") | {"value": "3"}
    said = (await house.press(house.address(), form)).headers["location"].rpartition("said=")[2]
    other = f"{house.address('male', 'toilet-2')}&said={said}"
    assert "Thank you" not in (await house.open(other)).text


async def test_what_is_remembered_has_an_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "ENTRIES_MOST", 3)
    for number in range(6):
        await house.press(house.address(), {"once": str(number), "what": "feedback", "value": "3"})
    assert len(house.app.state.entries._kept) == 3
    await house.press(house.address(), {"once": "5", "what": "feedback", "value": "3"})
    assert len(house.published) == 6


def test_it_is_not_in_the_document() -> None:
    app = FastAPI()
    app.include_router(here.router)
    assert app.openapi()["paths"] == {}

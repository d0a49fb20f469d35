"""The pages about alerts as they are drawn: who sees which buttons, and that what strangers wrote is only ever text."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from msgspec.structs import replace as changed
from nicegui import Client, ui

from alerts.desk import Change
from api.access.caller import Caller, Role, Way
from api.board.parts import Field
from api.queries import alerts, quarantine, silences
from api.queries.alerts import AlertPage
from api.queries.quarantine import Quarantined, QuarantinePage
from api.queries.silences import NewSilence, SilenceFacts
from telemetry.message import Reason
from tests.unit.board_ground import ADMIN, MARKUP, Site, elements, opened, texts
from tests.unit.test_board_alerts import NOON, detail, step

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIEWER = Caller("guest", Role.VIEWER, None, Way.SESSION, "")
OPERATOR = Caller("attendant", Role.OPERATOR, None, Way.SESSION, "")
ACTS = {"Acknowledge", "Give it to somebody", "Silence", "Comment"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Site]:
    async with opened(lambda _: 0) as found:
        yield found


@pytest.fixture
def board(running: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """With one alert, one silence and one refused message, in all of whose texts there is markup."""
    running.door.caller = ADMIN
    one = detail(
        id="ab12",
        rule_names={"en": f"Odour {MARKUP}"},
        device_names={"en": MARKUP},
        site="pier",
        says={"en": f"Ammonia {MARKUP}"},
        comment=MARKUP,
        latches=False,
        silenced=False,
        suspect=False,
        metric=None,
        why=MARKUP,
        steps=(step_of(MARKUP),),
    )
    over = Quarantined(
        id=7,
        received=NOON,
        topic=f"caretaker/v1/{MARKUP}",
        payload=MARKUP + "x" * 3_000,
        retained=False,
        reason=Reason.NOT_JSON,
        readings=1,
        detail=MARKUP,
    )
    hush = SilenceFacts(
        id="s1",
        matchers={"site": MARKUP},
        start=NOON,
        end=datetime(2026, 11, 23, tzinfo=UTC),
        author=MARKUP,
        reason=MARKUP,
    )

    async def all_alerts(*_: object) -> AlertPage:
        return AlertPage.model_construct(items=(one,), next=None)

    async def one_alert(*_: object) -> object:
        return one

    async def refused(*_: object) -> QuarantinePage:
        return QuarantinePage(counts={Reason.NOT_JSON: 1}, items=(over,), next=None)

    async def hushed(*_: object) -> tuple[SilenceFacts, ...]:
        return (hush,)

    monkeypatch.setattr(alerts, "alerts", all_alerts)
    monkeypatch.setattr(alerts, "alert", one_alert)
    monkeypatch.setattr(quarantine, "quarantine", refused)
    monkeypatch.setattr(silences, "silences", hushed)
    return running


def step_of(comment: str) -> object:
    return step(Change.COMMENTED, by=MARKUP, comment=comment)


PAGES = ("/alerts", "/alerts/ab12", "/silences", "/quarantine", "/quarantine?reason=not_json")


@pytest.mark.parametrize("path", PAGES)
async def test_what_strangers_wrote_is_text(board: Site, path: str) -> None:
    answer = await board.get(path)
    assert answer.status_code == 200
    assert any(MARKUP in text for text in texts(answer)), "it is shown"
    assert MARKUP not in answer.text, "and never as it was written"
    for one in elements(answer).values():
        props = one.get("props", {})
        assert not {"innerHTML", "innerHTML.prop", "v-html", "srcdoc"} & props.keys()
        assert not any(str(value).lower().startswith("javascript:") for value in props.values())
        assert one["tag"] not in {"script", "img", "iframe", "html"}


async def test_who_only_looks_has_no_buttons(board: Site) -> None:
    for path in ("/alerts", "/alerts/ab12"):
        board.door.caller = OPERATOR
        may = set(texts(await board.get(path)))
        board.door.caller = VIEWER
        looks = _buttons(await board.get(path))
        assert may >= ACTS
        assert not looks & ACTS


async def test_a_silence_is_seen_in_the_inbox_at_once(board: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[NewSilence] = []

    async def make(_: object, __: object, wanted: NewSilence) -> SilenceFacts:
        made.append(wanted)
        return SilenceFacts(**wanted.model_dump() | {"id": "s2", "start": NOON, "author": "shift leader"})

    async def all_alerts(*_: object) -> AlertPage:
        return AlertPage.model_construct(items=(detail(says={}, silenced=bool(made)),), next=None)

    monkeypatch.setattr(silences, "make", make)
    monkeypatch.setattr(alerts, "alerts", all_alerts)
    page = Inbox(await board.get("/alerts"))
    assert "Silenced" not in page.row
    page.send("Silence", "click")
    await until(lambda: bool(page.fields("Reason")))
    page.fields("Reason")[0].value = "Drill"
    page.send("Silence", "submit")
    await until(lambda: "Silenced" in page.row)
    assert [(set(one.matchers), one.reason) for one in made] == [({"rule", "device", "site"}, "Drill")], (
        "with its site: or else who has some is refused"
    )


class Inbox:
    """An open page, as the server has it; a test presses its buttons."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._client = next(one for one in Client.instances.values() if one.id in answer.text)

    @property
    def row(self) -> set[str | None]:
        """What the alert's row says."""
        return {child._text for one in self._of("alert-row") for child in one.descendants()}

    def fields(self, title: str) -> list[Field]:
        """Of forms."""
        named = [one for one in self._of("field") if title in {child._text for child in one.descendants()}]
        return [child for one in named for child in one.descendants() if isinstance(child, Field)]

    def send(self, text: str, event: str) -> None:
        """What a browser sends about the element with this text, or the form in which it is."""
        told = [
            (one.id, heard.id)
            for one in self._client.elements.values()
            for heard in one._event_listeners.values()
            if heard.type == event and text in {child._text for child in one.descendants(include_self=True)}
        ]
        for element, listener in told:
            self._client.handle_event({"id": element, "listener_id": listener, "args": []})

    def _of(self, name: str) -> list[ui.element]:
        return [one for one in self._client.elements.values() if name in one.classes]


async def until(condition: Callable[[], bool]) -> None:
    """Much sooner than what is looked at without a reason is drawn again."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the page sets no event of ours
            await asyncio.sleep(0.01)


async def test_only_admins_replay(board: Site) -> None:
    board.door.caller = OPERATOR
    assert not {"Replay it", "Replay all of this reason"} & set(texts(await board.get("/quarantine?reason=not_json")))
    board.door.caller = ADMIN
    assert set(texts(await board.get("/quarantine?reason=not_json"))) >= {"Replay it", "Replay all of this reason"}


async def test_what_is_refused_to_who_has_some_sites_is_not_offered(board: Site) -> None:
    board.door.caller = changed(ADMIN, sites=frozenset({"elsewhere"}))
    found = set(texts(await board.get("/quarantine?reason=not_json")))
    assert "Replay it" in found
    assert "Replay all of this reason" not in found
    for sites in ({"elsewhere"}, {"pier"}):
        board.door.caller = changed(ADMIN, sites=frozenset(sites))
        (site,) = Inbox(await board.get("/silences")).fields("Site")
        assert {option.props["value"] for option in site.descendants()} == sites & {"pier"}


async def test_a_long_message_is_cut_until_it_is_asked_for(board: Site) -> None:
    shown = next(text for text in texts(await board.get("/quarantine")) if text.startswith(MARKUP + "x"))
    assert len(shown) == 2_000
    assert "Show all of it" in texts(await board.get("/quarantine"))


async def test_while_the_alerts_are_away_the_page_says_so(running: Site) -> None:
    running.door.caller = ADMIN
    answer = await running.get("/alerts")
    assert any("the alert database is away" in text for text in texts(answer))


@pytest.mark.parametrize("query", ["?show=nothing", "?severity=x", "?site=elsewhere", "?who=me&show=resolved"])
async def test_a_filter_that_nobody_offers_does_not_narrow(board: Site, query: str) -> None:
    answer = await board.get(f"/alerts{query}")
    assert answer.status_code == 200
    assert f"Odour {MARKUP}" in texts(answer)


def _buttons(answer: Any) -> set[str]:
    """Those that are not in a dialog that is closed: a heading there has the name of its button."""
    return {one["text"] for one in elements(answer).values() if one["tag"] == "button" and one.get("text")}

"""What is around every page: who may see it, calm words where something fails, what an action says."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import Request
from nicegui import Client, ui
from nicegui.page import page as nicegui_page

from alerts.desk import Severity
from api.access.caller import Caller, Role, Way
from api.board import parts
from api.board.frame import Board, Visit
from api.board.refusal import TOLD, refusal
from api.board.words import words_of
from api.problem import (
    AwayError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
    UnprocessableError,
)
from api.queries import overview
from api.queries.paging import CURSOR_CHARS
from api.queries.standing import State
from tests.unit.board_ground import ADMIN, MARKUP, Door, Ground, Site, elements, opened, texts

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_PAGES = ("/look/none", "/docs/x", "/a/x/y", "/robots.txt", "/_nicegui/0.0.1/static/none", "/_nicegui/none")
"""Not the board's: most of them are for everybody."""


def _pages(board: Board) -> int:
    @board.page("/breaks", "Overview")
    async def breaks(visit: Visit) -> None:
        raise ZeroDivisionError(visit.words.language)

    @board.page("/refuses/{what}", "Overview")
    async def refuses(visit: Visit, what: str, times: int = 1) -> None:
        raise ForbiddenError(f"{what} is not for {visit.words.language} {times}")

    return 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Site]:
    async with opened(_pages) as found:
        yield found


@pytest.fixture
def board(running: Site) -> Site:
    running.door.caller = ADMIN
    running.ground.defects.clear()
    return running


async def test_a_page_has_its_title_its_language_and_one_main(board: Site) -> None:
    answer = await board.get("/", **{"accept-language": "zh-HK,zh;q=0.9"})
    assert answer.status_code == 200
    assert "<title>總覽 · Caretaker</title>" in answer.text
    assert 'data-lang="zh-Hant"' in answer.text
    drawn = elements(answer)
    assert [one["tag"] for one in drawn.values()].count("main") == 1
    assert not any(one["tag"].startswith("q-") for one in drawn.values()), "nothing of Quasar's shines through"
    first_link = next(one for one in drawn.values() if one["tag"] == "a")
    assert (first_link["text"], first_link["props"]["href"]) == ("跳至主要內容", "#main")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", "/"),
        ("/alerts", "/alerts"),
        ("/alerts/ab12", "/alerts"),
        ("/silences", "/alerts"),
        ("/rules", "/alerts"),
        ("/rules/odour", "/alerts"),
        ("/devices/nh3-1", "/devices"),
        ("/sites/pier", None),
    ],
)
async def test_the_head_says_where_one_is(board: Site, path: str, place: str | None) -> None:
    drawn = elements(await board.get(path)).values()
    places = [one["props"] for one in drawn if "place" in one.get("class", ())]
    marked = [one["href"] for one in places if "aria-current" in one]
    assert marked == ([] if place is None else [place])


async def test_nothing_is_loaded_from_elsewhere(board: Site) -> None:
    answer = await board.get("/")
    linked = re.findall(r"""(?:src|href)=["']([^"']+)|url\(["']?([^"')]+)|from "([^"]+)""", answer.text)
    addresses = [one for found in linked for one in found if one]
    assert addresses
    assert not [one for one in addresses if one.startswith(("http:", "https:", "//"))]


@pytest.mark.parametrize("name", ["look.css", "frame.js", "icon.svg"])
async def test_what_pages_load_is_there_for_everybody(board: Site, name: str) -> None:
    board.door.caller = None
    answer = await board.get(f"/look/{name}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert "://" not in answer.text.replace("http://www.w3.org/2000/svg", "")


async def test_the_cookie_says_the_language(board: Site) -> None:
    answer = await board.get("/", cookie="caretaker-language=zh-Hant", **{"accept-language": "en"})
    assert 'data-lang="zh-Hant"' in answer.text


async def test_markup_in_a_name_is_text(board: Site) -> None:
    for path in ("/", "/sites/pier"):
        answer = await board.get(path)
        assert MARKUP in texts(answer)
        assert "<img src=x" not in answer.text


async def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(board: Site) -> None:
    board.door.caller = None
    answer = await board.get("/sites/pier?wall=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fsites%2Fpier%3Fwall%3D1"


@pytest.mark.parametrize(
    ("path", "caller", "status"),
    [
        *((path, None, 303) for path in ("/", "/sites/pier", "/nowhere")),
        *((path, who, status) for path in NO_PAGES for who, status in ((None, 303), (ADMIN, 404))),
    ],
)
async def test_for_whom_there_is_no_page_none_is_made(
    board: Site, path: str, caller: Caller | None, status: int
) -> None:
    board.door.caller = caller
    known = {*Client.instances}
    assert (await board.get(path)).status_code == status
    assert {*Client.instances} == known


async def test_the_number_of_alerts_is_asked_for_again_until_it_is_known(
    board: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {*Client.instances}
    await board.get("/nowhere")  # the alerts are away
    (client,) = (one for name, one in Client.instances.items() if name not in known)
    (look,) = (one.callback for one in client.elements.values() if isinstance(one, ui.timer))
    assert look is not None
    (shown,) = (one for one in client.elements.values() if isinstance(one, parts.Tag) and "count" in one.classes)
    asked = 0

    async def count(*_: object) -> int:
        nonlocal asked
        asked += 1
        return 3

    monkeypatch.setattr(overview, "count_of_alerts", count)
    for _ in range(2):
        await look()
    assert (shown._text, asked) == ("3", 1)


async def test_a_site_of_others_is_not_found(board: Site) -> None:
    board.door.caller = Caller("hall", Role.ADMIN, frozenset({"hall"}), Way.SESSION, "")
    answer = await board.get("/sites/pier")
    assert answer.status_code == 404
    assert MARKUP not in texts(answer)


async def test_what_is_not_there_is_told_calmly(board: Site) -> None:
    answer = await board.get("/nowhere/at-all")
    assert answer.status_code == 404
    assert "There is no page /nowhere/at-all." in texts(answer)


async def test_what_is_refused_is_told_with_its_reason(board: Site) -> None:
    answer = await board.get("/refuses/cleaning?times=3")
    assert answer.status_code == 403
    assert {TOLD[403], "cleaning is not for en 3"} <= {*texts(answer)}


@pytest.mark.parametrize(
    ("path", "status", "found"),
    [
        ("/codes", 403, "this needs the role operator"),
        ("/quarantine", 403, "this needs the role operator"),
        ("/devices/nope", 404, "there is no device nope"),
        ("/devices/nh3-1/nope", 404, "there is no metric nope"),
        ("/devices/nh3-1/nh3_ppm?span=9y", 422, "the range 9y is none of"),
    ],
)
async def test_a_refusal_is_in_the_language_of_its_reader(board: Site, path: str, status: int, found: str) -> None:
    board.door.caller = Caller("wall", Role.VIEWER, None, Way.SESSION, "")
    answer = await board.get(path, **{"accept-language": "zh-HK"})
    assert answer.status_code == status
    assert words_of("zh-Hant")(TOLD[status]) in texts(answer)
    shown = [one for one in elements(answer).values() if str(one.get("text")).startswith(found)]
    assert [one["props"]["lang"] for one in shown] == ["en"], "what was found is for who mends it"
    assert not board.ground.defects


@pytest.mark.parametrize("path", ["/devices", "/quarantine"])
async def test_a_cursor_that_is_none_is_refused(board: Site, path: str) -> None:
    answer = await board.get(f"{path}?cursor={'a' * (CURSOR_CHARS + 1)}")
    assert answer.status_code == 400
    assert TOLD[400] in texts(answer)


async def test_every_refusal_has_its_words(board: Site) -> None:
    assert board.door.caller is ADMIN
    with Client(nicegui_page("")):
        for kind in (BadRequestError, ForbiddenError, NotFoundError, ConflictError, UnprocessableError, AwayError):
            drawn = refusal(kind("found"), words_of("en"))
            assert (drawn._text, [one._text for one in drawn]) == (TOLD[kind.status], ["found"])


async def test_a_page_that_fails_is_calm_and_shows_nothing_of_why(board: Site) -> None:
    answer = await board.get("/breaks")
    assert answer.status_code == 500
    assert "This page did not work" in texts(answer)
    assert "ZeroDivisionError" not in answer.text
    assert "Traceback" not in answer.text
    assert board.ground.defects == {"page": 1}


async def test_a_wall_has_no_controls(board: Site) -> None:
    drawn = elements(await board.get("/?wall=1")).values()
    assert "walled" in next(iter(drawn))["class"]
    assert not [one for one in drawn if one["tag"] in {"button", "select", "nav"}]
    assert [one for one in elements(await board.get("/")).values() if one["tag"] == "nav"]


def _visit(access: Door, said: list[tuple[str, str]]) -> Visit:
    client = Client(nicegui_page(""))
    door: Any = access
    sources: Any = Ground()
    request = Request({"type": "http", "path": "/", "query_string": b"", "headers": []})
    visit = Visit(sources, door, request, ADMIN, words_of("en"), client)
    with client:
        region = parts.tag("p", "")
    region.say = lambda text: said.append((" ".join(region.classes), text))  # type: ignore[method-assign]
    visit.hears_with(region)
    return visit


async def _raises(error: Exception) -> None:
    raise error


async def _does() -> None:
    return None


async def test_an_action_says_what_came_of_it(board: Site) -> None:
    assert board.door.caller is ADMIN
    said: list[tuple[str, str]] = []
    visit = _visit(Door(), said)
    assert await visit.act(_does(), done="Done.")
    assert not await visit.act(_raises(AwayError("the broker is away")))
    assert not await visit.act(_raises(ZeroDivisionError("secret")))
    assert said[0] == ("said", "Done.")
    assert said[1] == ("said trouble", f"{TOLD[503]} (the broker is away)")
    assert said[2] == ("said trouble", "That did not work, and it was not your fault. Please try again.")
    assert visit.sources.defects == {"action": 1}, "what somebody is refused is no defect"


async def test_whoever_is_signed_out_meanwhile_may_do_nothing(board: Site) -> None:
    assert board.door.caller is ADMIN
    door = Door()
    said: list[tuple[str, str]] = []
    visit = _visit(door, said)
    assert (await visit.caller()).name == ADMIN.name
    door.caller = None
    with pytest.raises(UnauthorizedError):
        await visit.caller()
    assert not await visit.act(visit.caller())
    opened = [message for _, kind, message in visit.client.outbox.messages if kind == "open"]
    assert opened == [{"path": "/sign-in?next=%2F", "new_tab": False}]


async def test_every_state_and_severity_has_shape_and_word(board: Site) -> None:
    assert board.door.caller is ADMIN
    for words in (words_of("en"), words_of("zh-Hant")):
        with Client(nicegui_page("")):
            seen = {which: [one._text for one in parts.state(which, words)] for which in (*State, *Severity)}
        assert all(len(drawn) == 2 and drawn[1] for drawn in seen.values())
        assert len({drawn[1] for which, drawn in seen.items() if isinstance(which, State)}) == len(State)

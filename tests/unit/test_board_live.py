"""Parts of a page that are drawn again: when there is a reason, and never otherwise."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import Request
from nicegui import Client
from nicegui.page import page as nicegui_page

from api.board import parts
from api.board.refusal import TOLD
from api.board.visit import AGES_EVERY_S, FAILED, READINGS_EVERY_S, Live, Visit
from api.board.words import words_of
from api.problem import AwayError
from telemetry.reading import NS_PER_S, Reading
from tests.unit.board_ground import ADMIN, Door, Ground, Site, opened

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("running")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Site]:
    async with opened(lambda _: 0) as found:
        yield found


class Clock(Ground):
    """A clock that is moved by hand."""

    now_ns = 1_795_334_400 * NS_PER_S

    def clock(self) -> int:
        return self.now_ns

    def says(self, site: str = "pier") -> None:
        self.now_ns += int(READINGS_EVERY_S * NS_PER_S)
        self.now.take(Reading("nh3-1", self.now_ns, None, {"nh3_ppm": 1.0}, {}), site)


class Part:
    """One live part, and how often it was drawn."""

    def __init__(self) -> None:
        self.ground, self.door = Clock(), Door()
        self.drawn = 0
        self.trouble: Exception | None = None

    async def build(self) -> None:
        if self.trouble is not None:
            raise self.trouble
        await self.visit.caller()
        self.drawn += 1
        parts.tag("p", f"drawn {self.drawn}")

    async def open(self, **wanted: Any) -> Live:
        sources: Any = self.ground
        access: Any = self.door
        request = Request({"type": "http", "path": "/", "query_string": b"", "headers": []})
        self.client = Client(nicegui_page(""))
        self.visit = Visit(sources, access, request, ADMIN, words_of("en"), self.client)
        with self.client:
            return await self.visit.live(self.build, **wanted)

    def texts(self) -> list[str | None]:
        return [one._text for one in self.client.elements.values() if isinstance(one, parts.Tag) and one.tag == "p"]


async def test_it_is_there_at_once_and_drawn_again_when_something_came() -> None:
    part = Part()
    live = await part.open()
    assert part.texts() == ["drawn 1"]
    await live.look()
    assert part.drawn == 1, "nothing has come"
    part.ground.says()
    await live.look()
    assert part.texts() == ["drawn 2"]


async def test_readings_that_come_all_the_time_are_not_drawn_all_the_time() -> None:
    part = Part()
    live = await part.open()
    part.ground.says()
    await live.look()
    part.ground.says()
    part.ground.now_ns -= NS_PER_S
    await live.look()
    assert part.drawn == 2
    part.ground.now_ns += NS_PER_S
    await live.look()
    assert part.drawn == 3


async def test_only_its_sites_matter() -> None:
    part = Part()
    live = await part.open(sites=["hall"])
    part.ground.says("pier")
    await live.look()
    assert part.drawn == 1
    part.ground.says("hall")
    await live.look()
    assert part.drawn == 2


async def test_news_of_alerts_matter_where_they_are_shown() -> None:
    with_alerts, without = Part(), Part()
    lives = [await with_alerts.open(), await without.open(alerts=False)]
    for part, live in zip((with_alerts, without), lives, strict=True):
        part.ground.changes += 1
        await live.look()
    assert (with_alerts.drawn, without.drawn) == (2, 1)


async def test_ages_grow_without_news() -> None:
    part = Part()
    live = await part.open()
    part.ground.now_ns += int(AGES_EVERY_S * NS_PER_S)
    await live.look()
    assert part.drawn == 2


async def test_trouble_is_told_in_its_place_and_passes() -> None:
    part = Part()
    live = await part.open()
    part.trouble = AwayError("the alert database is away")
    await live.draw()
    assert part.texts() == [TOLD[503]]
    assert part.client.status_code == 200, "the page is there, and a part of it waits"
    assert not part.ground.defects
    part.trouble = None
    await live.draw()
    assert part.texts() == ["drawn 2"]


async def test_a_defect_is_counted_told_in_its_place_and_leaves_nothing_behind() -> None:
    part = Part()
    live = await part.open()
    await live.draw()
    known = len(part.client.elements)
    part.trouble = ZeroDivisionError("secret")
    for _ in range(3):
        part.ground.says()
        await live.look()
        assert part.texts() == [FAILED]
        assert len(part.client.elements) == known
    assert part.ground.defects == {"page": 3}
    part.trouble = None
    part.ground.says()
    await live.look()
    assert part.texts() == ["drawn 3"]


async def test_whoever_is_signed_out_is_shown_nothing_more() -> None:
    part = Part()
    live = await part.open()
    known = {*part.client.elements}
    part.door.caller = None
    await live.draw()
    assert part.drawn == 1
    assert {*part.client.elements} == known
    assert [kind for _, kind, _ in part.client.outbox.messages] == ["open"]


async def test_redrawing_leaves_nothing_behind() -> None:
    part = Part()
    live = await part.open()
    before = len(part.client.elements)
    for _ in range(20):
        await live.draw()
    assert len(part.client.elements) == before

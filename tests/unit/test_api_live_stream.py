"""One listener's connection, as the web server sees it: what is sent, in which order, and when it ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from alerts.desk import Rules, Value
from api.access.caller import Caller, Role, Way
from api.live import hub as hub_module
from api.live import past as past_module
from api.live import stream as stream_module
from api.live.event import EventKind
from api.live.hub import Dropped, Hub, Listener
from api.live.listen import listen
from api.live.past import Past
from api.live.wanted import Asked
from api.problem import AwayError, ForbiddenError
from api.sources import Sources
from telemetry.reading import Reading
from tests.alerting import rule
from tests.builders import device, metric, registry

NOW_NS = 1_795_334_400_000_000_000
WHO = Caller("wall screen", Role.OPERATOR, None, Way.KEY, "127.0.0.1", "k1")
LIMIT_S = 5.0


class Browser:
    """Takes what a stream sends; stands still when told to."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.goes = asyncio.Event()
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}
        self.closed = False
        self._body = b""
        self._more = asyncio.Event()

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self._body += message["body"]
            self.closed = not message["more_body"]
        self._more.set()

    async def receive(self) -> Any:
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not holds():
                self._more.clear()
                await self._more.wait()

    async def event(self, name: str) -> Any:
        """The data of the first event of that name that comes."""
        start = f"event: {name}\ndata: ".encode()
        await self.until(lambda: start in self._body)
        return json.loads(self._body.split(start, 1)[1].split(b"\n", 1)[0])

    @property
    def names(self) -> list[str]:
        return [line[7:].decode() for line in self._body.splitlines() if line.startswith(b"event: ")]

    @property
    def last_id(self) -> str:
        return [line[4:].decode() for line in self._body.splitlines() if line.startswith(b"id: ")][-1]

    @property
    def comments(self) -> int:
        return self._body.count(b"\n:\n")


class Place:
    """A hub that ticks quickly, the registry and the rights as the test has them."""

    def __init__(self) -> None:
        self.hub = Hub(clock=lambda: NOW_NS)
        self.registry = registry(device())
        self.rules = Rules((rule(Value("nh3_ppm")),))
        self.now: Caller | None = WHO
        self.away = False

    @property
    def sources(self) -> Sources:
        return cast("Sources", self)

    def clock(self) -> int:
        return NOW_NS

    async def still(self, _: Caller) -> Caller | None:
        if self.away:
            raise AwayError("the file is locked")
        return self.now

    def say(self, site: str = "toilet-1") -> None:
        self.hub.reading(Reading("nh3-1", NOW_NS, None, {"nh3_ppm": 0.4}, {}), site)

    @asynccontextmanager
    async def listening(
        self, last_id: str | None = None, for_s: int | None = None, who: Caller = WHO, asked: Asked | None = None
    ) -> AsyncIterator[Browser]:
        browser = Browser()
        stream = listen(self.sources, who, asked or Asked(), last_id, for_s, self.still)
        task = asyncio.ensure_future(stream({"type": "http"}, browser.receive, browser.send))
        try:
            yield browser
            browser.reads.set()
            browser.goes.set()
            await asyncio.wait_for(task, LIMIT_S)
            assert self.hub.listeners == 0
        finally:
            task.cancel()


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(hub_module, "TICK_S", 0.002)
    monkeypatch.setattr(hub_module, "LOOK_EVERY_S", 0.0)
    one = Place()
    running = asyncio.ensure_future(one.hub.run())
    yield one
    running.cancel()


async def test_it_says_hello_and_then_what_comes(place: Place) -> None:
    async with place.listening() as browser:
        hello = await browser.event("hello")
        assert hello == {"id": f"{place.hub.run_id}-0", "resumed": False}
        assert browser.status == 200
        assert browser.headers[b"content-type"] == b"text/event-stream; charset=utf-8"
        assert browser.headers[b"cache-control"] == b"no-store"
        assert b"content-length" not in browser.headers
        place.say()
        assert (await browser.event("reading"))["values"] == {"nh3_ppm": 0.4}
        assert browser.last_id == f"{place.hub.run_id}-1"


async def test_who_comes_back_is_given_the_rest(place: Place) -> None:
    async with place.listening() as browser:
        last_id = (await browser.event("hello"))["id"]
    for _ in range(3):
        place.say()
    async with place.listening(last_id) as browser:
        assert (await browser.event("hello"))["resumed"] is True
        await browser.until(lambda: browser.names == ["hello", "reading", "reading", "reading"])


async def test_looking_for_the_rest_holds_nobody_up_and_leaves_nothing_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_module, "LOOKED_AT_MOST", 10)
    place.registry = registry(device(), device("nh3-2", "office-1"))
    for number in range(1, 101):
        place.say("toilet-1" if number == 100 else "office-1")
        place.hub.flush()
    turns, at = 0, list[int]()
    more = place.hub.more

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def looking(listener: Listener, most_bytes: int) -> bytes:
        at.append(turns)
        return more(listener, most_bytes)

    monkeypatch.setattr(place.hub, "more", looking)
    task = asyncio.ensure_future(others())
    asked = Asked(sites=frozenset({"toilet-1"}))
    async with place.listening(f"{place.hub.run_id}-0", asked=asked) as browser:
        await browser.event("reading")
        assert browser.last_id == f"{place.hub.run_id}-100"
    task.cancel()
    assert len(at) >= 10
    assert at[:10] == sorted({*at[:10]}), "others have their turn between two looks"


async def test_after_a_restart_it_is_told_what_is_missed_and_given_all_there_is(place: Place) -> None:
    place.say()
    async with place.listening("0123abcd-17") as browser:
        missed = await browser.event("missed")
        assert missed == {"why": "other_run", "at_most": None, "until": NOW_NS // 1_000_000}
        await browser.until(lambda: browser.names == ["hello", "missed", "reading"])
    assert place.hub.missed == 1


async def test_it_ends_by_itself_when_its_time_is_over(place: Place) -> None:
    async with place.listening(for_s=1) as browser:
        await browser.until(lambda: browser.closed)
        assert browser.names == ["hello"]


async def test_where_nothing_comes_a_comment_keeps_the_line_open_and_moves_the_id(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (hub_module, stream_module):
        monkeypatch.setattr(module, "KEEP_ALIVE_S", 0.02)
    async with place.listening(asked=Asked(kinds=frozenset({EventKind.ALERT}))) as browser:
        place.say()
        await browser.until(lambda: browser.comments >= 2 and browser.last_id.endswith("-1"))
        assert browser.names == ["hello"]


async def test_who_does_not_read_is_dropped_and_told_so_when_it_reads_again(place: Place) -> None:
    place.hub.past = Past(most_bytes=2_000)
    async with place.listening() as slow, place.listening() as quick:
        await slow.event("hello")
        slow.reads.clear()
        for number in range(1, 41):
            place.say()
            await quick.until(lambda: quick.last_id.endswith(f"-{number}"))  # noqa: B023 - within this turn
        slow.reads.set()
        assert (await slow.event("dropped"))["reason"] == "too_slow"
        await slow.until(lambda: slow.closed)
        assert not quick.closed
        assert quick.names.count("reading") == 40
        assert slow.last_id == f"{place.hub.run_id}-1", "from here it can come back"


async def test_who_does_not_read_at_all_is_let_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "STUCK_S", 0.02)
    monkeypatch.setattr(hub_module, "LINGER_S", 0.02)
    async with place.listening() as slow, place.listening() as quick:
        await slow.event("hello")
        slow.reads.clear()
        place.say()
        async with asyncio.timeout(LIMIT_S):
            while place.hub.listeners == 2:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.005)
        assert place.hub.dropped == {Dropped.TOO_SLOW: 1}
        assert not quick.closed


async def drop_too_slow(place: Place) -> None:
    place.hub.drop(next(iter(place.hub._all())), Dropped.TOO_SLOW)


async def revoke(place: Place) -> None:
    place.now = None


async def take_sites(place: Place) -> None:
    place.now = Caller("wall screen", Role.OPERATOR, frozenset({"office-1"}), Way.KEY, "127.0.0.1", "k1")


async def stop(place: Place) -> None:
    place.hub.close()


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (drop_too_slow, Dropped.TOO_SLOW),
        (revoke, Dropped.ACCESS_ENDED),
        (take_sites, Dropped.CHANGED),
        (stop, Dropped.STOPPING),
    ],
)
async def test_each_reason_ends_the_stream_and_is_told_and_counted(
    place: Place, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Place], Any], why: Dropped
) -> None:
    monkeypatch.setattr(stream_module, "CHECK_EVERY_S", 0.01)
    monkeypatch.setattr(hub_module, "KEEP_ALIVE_S", 0.01)
    async with place.listening() as browser:
        await browser.event("hello")
        await happens(place)
        told = await browser.event("dropped")
        assert told == {"reason": why, "detail": stream_module.DETAIL[why]}
        await browser.until(lambda: browser.closed)
    assert place.hub.dropped == {why: 1}


def test_every_reason_is_in_the_table() -> None:
    assert set(stream_module.DETAIL) == set(Dropped)


async def test_what_is_new_to_see_ends_the_stream_and_what_is_not_does_not(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "CHECK_EVERY_S", 0.0)
    monkeypatch.setattr(hub_module, "KEEP_ALIVE_S", 0.005)
    viewer = Caller("lobby", Role.VIEWER, None, Way.KEY, "127.0.0.1", "k2")
    place.now = viewer
    async with place.listening(who=viewer) as browser:
        await browser.event("hello")
        place.registry, place.away = registry(device(), device("nh3-2")), True
        place.say()
        await browser.event("reading")
        place.away = False
        place.say()
        await browser.until(lambda: browser.names.count("reading") == 2)
        assert not browser.closed
        place.registry = registry(device(), metrics=(metric("smell"),))
        assert (await browser.event("dropped"))["reason"] == "changed"


@pytest.mark.parametrize("way", [Way.LINK, Way.CODE])
def test_a_link_or_a_code_is_for_its_own_page_only(place: Place, way: Way) -> None:
    with pytest.raises(ForbiddenError):
        listen(place.sources, Caller("x", Role.OPERATOR, None, way, "127.0.0.1"), Asked(), None, None, place.still)
    assert place.hub.listeners == 0

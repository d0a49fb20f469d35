"""One open page of one person: who it is, in which language, what is drawn again when something changes."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote
from zoneinfo import ZoneInfo

import structlog
from fastapi import Request
from nicegui import Client, ui

from api.access.access import Access
from api.access.caller import Caller
from api.board import parts
from api.board.redraw import aside, take_over
from api.board.refusal import refusal, spoken
from api.board.words import Words
from api.problem import ApiError, AwayError, UnauthorizedError
from api.sources import Sources
from telemetry.reading import NS_PER_S
from telemetry.wording import later

log = structlog.get_logger(__name__)

AGES_EVERY_S = 10.0
"""Drawn again without any news: what is shown has grown older."""
READINGS_EVERY_S = 2.0
"""Readings come all the time: drawing them costs more than taking them in. News of alerts wait for nothing."""
SIGN_IN = "/sign-in"
FAILED = later("This part did not work. The reason is in the log of the service; it is tried again by itself.")

Build = Callable[[], Awaitable[None]]


class Visit:
    """What pages are drawn with."""

    def __init__(
        self, sources: Sources, access: Access, request: Request, caller: Caller, words: Words, client: Client
    ) -> None:
        """`caller` is whoever the guard found behind the request."""
        self.sources = sources
        self.words = words
        self.wall = request.query_params.get("wall") == "1"
        """A screen on a wall: no controls, everything twice as large."""
        self.request = request
        self.client = client
        self._access = access
        self._caller = caller
        self._said: parts.Tag | None = None

    async def caller(self) -> Caller:
        """Whose page it is, checked anew. Raises `UnauthorizedError` where that is over."""
        caller = await self._access.still(self._caller)
        if caller is None:
            raise UnauthorizedError("you are signed out")
        self._caller = caller
        return caller

    def now_ns(self) -> int:
        """Wall clock, ns UTC."""
        return self.sources.clock()

    def zone(self, site: str) -> ZoneInfo:
        """Of a site; UTC for one that is gone."""
        place = self.sources.registry.sites.get(site)
        return place.timezone if place is not None else ZoneInfo("UTC")

    def title(self, text: str) -> None:
        """Of the browser's tab."""
        ui.page_title(f"{text} · Caretaker")

    def go(self, path: str) -> None:
        """Open another page."""
        self.client.open(path)

    def hears_with(self, region: parts.Tag) -> None:
        """Where `say` says it (drawn by the frame)."""
        self._said = region

    def say(self, text: str, *, trouble: bool = False) -> None:
        """Show it for a while, and have it read out."""
        if self._said is not None:
            self._said.classes(replace="said trouble" if trouble else "said")
            self._said.say(text)

    async def act(self, work: Awaitable[object], done: str = "") -> bool:
        """Do it, and say what came of it; whether it was done."""
        try:
            await work
        except UnauthorizedError:
            self.sign_in()
        except ApiError as error:
            self.say(spoken(error, self.words), trouble=True)
        except Exception:  # counted; the person is told in words, whoever runs this is told in the log
            self.sources.defects["action"] += 1
            log.exception("an action of the board failed", path=self.request.url.path)
            self.say(self.words("That did not work, and it was not your fault. Please try again."), trouble=True)
        else:
            if done:
                self.say(done)
            return True
        return False

    async def redraw(self, container: parts.Tag, build: Build, held: Callable[[], bool] = lambda: False) -> None:
        """Draw what is in `container` anew; where that fails, a calm word stands there until it works again.

        `held`: whether the things of lists stay in their order, asked when all is drawn.
        """
        with aside(container) as fresh:
            try:
                with fresh:
                    await build()
            except UnauthorizedError:
                self.sign_in()
                return
            except ApiError as error:
                if not isinstance(error, AwayError):  # that passes, and the rest of the page is as it should be
                    self.client.status_code = error.status
                fresh.clear()
                with fresh:
                    refusal(error, self.words)
            except Exception:  # counted; the rest of the page goes on, the log has the reason
                self.sources.defects["page"] += 1
                log.exception("a part of a page of the board failed", path=self.request.url.path)
                self.client.status_code = 500
                fresh.clear()
                with fresh:
                    parts.message(self.words(FAILED), trouble=True)
            take_over(container, fresh, hold_order=held())

    def sign_in(self) -> None:
        """Go and sign in, and come back."""
        self.go(sign_in_and_back(self.request))

    async def live(
        self, build: Build, sites: Sequence[str] | None = None, *, alerts: bool = True, every_s: float = 1.0
    ) -> "Live":
        """Draw it here, and again when something has changed, without a jump.

        Looked at every `every_s`, and for readings drawn every two seconds at most. `sites`: whose readings matter
        (None: all), `alerts`: whether alerts do. Lists whose items have the attribute data-key keep their order while
        somebody points at them. `build` should ask first and draw then, without waiting in between.
        """
        with parts.tag("div", classes="live") as container:
            section = Live(self, build, container, sites, alerts=alerts)
            await section.draw()
        ui.timer(every_s, section.look, immediate=False)  # beside it: what is inside is exchanged
        return section


class Live:
    """A part of a page that is drawn again."""

    def __init__(
        self, visit: Visit, build: Build, container: parts.Tag, sites: Sequence[str] | None, *, alerts: bool
    ) -> None:
        self._visit = visit
        self._build = build
        self._container = container
        self._sites = sites
        self._alerts = alerts
        self._seen = (-1, -1)
        self._drawn_ns = 0
        self._pointed = False
        container.on("mouseenter", lambda: self._point(pointed=True), args=[])
        container.on("mouseleave", lambda: self._point(pointed=False), args=[])

    def _point(self, *, pointed: bool) -> None:
        self._pointed = pointed

    def _readings(self) -> int:
        sources = self._visit.sources
        sites = sources.registry.sites if self._sites is None else self._sites
        return sum(sources.now.changes(site) for site in sites)

    def _news(self) -> int:
        return self._visit.sources.news.changes if self._alerts else 0

    async def look(self) -> None:
        """Draw again if there is a reason."""
        age_s = (self._visit.now_ns() - self._drawn_ns) / NS_PER_S
        came = age_s >= READINGS_EVERY_S and self._readings() != self._seen[0]
        if came or self._news() != self._seen[1] or age_s >= AGES_EVERY_S:
            await self.draw()

    async def draw(self) -> None:
        """Anew, whatever has changed."""
        self._seen, self._drawn_ns = (self._readings(), self._news()), self._visit.now_ns()
        await self._visit.redraw(self._container, self._build, lambda: self._pointed)


def sign_in_and_back(request: Request) -> str:
    """The address of the sign-in page that leads back here."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{SIGN_IN}?next={quote(here, safe='')}"

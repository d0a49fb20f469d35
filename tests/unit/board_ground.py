"""The board in this process, as a browser asks for it: one site whose name is markup, nothing behind it."""

import html
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from fastapi import FastAPI
from nicegui import Client, background_tasks, core
from starlette.types import Receive, Scope, Send

from alerts.desk import Rules
from api.access.caller import Caller, Role, Way
from api.board.board import mount
from api.board.frame import Board
from api.dashboards import Dashboards
from api.now import Now
from api.problem import AwayError
from tests.builders import area, device, registry, site

MARKUP = "<img src=x onerror=alert(1)>`${1}"
ADMIN = Caller("shift leader", Role.ADMIN, None, Way.SESSION, "")


class Ground:
    """One site whose name is markup, and no alerts."""

    def __init__(self, dashboards: Dashboards | None = None) -> None:
        places = [site("pier", kind="other", names={"en": MARKUP}, areas=[area("male")])]
        self.registry = registry(device("nh3-1", "pier", area="male", names={"en": MARKUP}), sites=places)
        self.now = Now()
        self.rules = Rules(())
        self.news = self
        self.changes = 0
        self.alerts = self
        self.store = self
        self.dashboards = dashboards
        self.defects: Counter[str] = Counter()

    def clock(self) -> int:
        return 1_795_334_400_000_000_000

    async def ask(self, *_: object, **__: object) -> object:
        raise AwayError("the alert database is away")

    async def windows(self, *_: object) -> list[object]:
        return []


class Door:
    """Access that knows one caller, until it is told otherwise."""

    def __init__(self) -> None:
        self.caller: Caller | None = ADMIN

    async def still(self, _: Caller) -> Caller | None:
        return self.caller


class Site:
    """The board, as a browser asks for it."""

    def __init__(self, app: FastAPI, door: Door, ground: Ground) -> None:
        self.door = door
        self.ground = ground

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": {"caller": door.caller}}, receive, send)

        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(guarded), base_url="http://127.0.0.1")

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, headers=headers)


class _NoFile:
    href = "/look/none"


@asynccontextmanager
async def opened(add: Callable[[Board], int], dashboards: Dashboards | None = None) -> AsyncIterator[Site]:
    """With pages beside the shipped ones: `add` registers them, and says how many they are."""
    # NiceGUI has one application for the whole process, which may have been started by another test.
    core.app.middleware_stack = None
    core.app.user_middleware.clear()
    app, door = FastAPI(), Door()
    ground = Ground(dashboards)
    sources: Any = ground
    access: Any = door
    mount(app, sources, access)
    files: Any = {"look.css": _NoFile, "frame.js": _NoFile}
    routes = core.app.router.routes
    for _ in range(add(Board(sources, access, files))):
        routes.insert(0, routes.pop())  # before the page that takes whatever no other does
    async with app.router.lifespan_context(app):
        yield Site(app, door, ground)
    for client in [*Client.instances.values()]:
        client.delete()
    for task in [*background_tasks.running_tasks]:
        task.cancel()


def elements(answer: httpx2.Response) -> dict[str, Any]:
    """What the browser is told to draw, by id."""
    found = re.search(r"parseElements\(String\.raw`(.*?)`\)", answer.text, re.DOTALL)
    assert found is not None
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told


def texts(answer: httpx2.Response) -> list[str]:
    return [one["text"] for one in elements(answer).values() if one.get("text")]

"""What is around every page: who may see it, header and navigation, and a calm word where something fails."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import Any, Concatenate, ParamSpec

import structlog
from fastapi import Depends, HTTPException, Request
from nicegui import Client, ui

from api.access.access import Access
from api.access.caller import Caller
from api.access.places import Place, place_of
from api.board import parts
from api.board.assets import Asset
from api.board.masthead import masthead
from api.board.refusal import refusal
from api.board.visit import Visit, sign_in_and_back
from api.board.words import COOKIE, Words, language_of, words_of
from api.problem import ApiError
from api.sources import Sources

__all__ = ["Board", "Visit"]

log = structlog.get_logger(__name__)

RESPONSE_TIMEOUT_S = 20.0
RECONNECT_TIMEOUT_S = 60.0
"""A browser that comes back within this time goes on where it was; after it, the page is loaded again."""

P = ParamSpec("P")
Build = Callable[Concatenate[Visit, P], Awaitable[None]]


class Board:
    """All pages are registered here. One for the process: NiceGUI has one application."""

    def __init__(self, sources: Sources, access: Access, assets: Mapping[str, Asset]) -> None:
        self.sources = sources
        self.access = access
        self._assets = assets

    def page(self, path: str, title: str) -> Callable[[Build[P]], Build[P]]:
        """Register `async def build(visit, <path and query parameters>)`; it draws what is inside of the frame.

        `title` is a text for the catalogue of words; a page about one thing says its own with `visit.title`.
        """

        def register(build: Build[P]) -> Build[P]:
            async def answer(request: Request, **fields: Any) -> None:
                await self._answer(request, title, build, fields)

            own = [*inspect.signature(build, eval_str=True).parameters.values()][1:]
            request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
            named = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
            answer.__signature__ = inspect.Signature([request, *named])  # type: ignore[attr-defined]  # how it is set
            ui.page(
                path,
                response_timeout=RESPONSE_TIMEOUT_S,
                reconnect_timeout=RECONNECT_TIMEOUT_S,
                dependencies=[Depends(_may_be_drawn)],
            )(answer)
            return build

        return register

    async def _answer(
        self, request: Request, title: str, build: Callable[..., Awaitable[None]], fields: Mapping[str, Any]
    ) -> None:
        caller: Caller = request.state.caller
        words = words_of(language_of(request.cookies.get(COOKIE), request.headers.get("accept-language", "")))
        client = ui.context.client
        visit = Visit(self.sources, self.access, request, caller, words, client)
        _plain(client)
        client.layout.classes("walled" if visit.wall else "")
        _head(client, words, self._assets)
        visit.title(words(title))
        await masthead(visit)
        with parts.tag("main", id="main", tabindex="-1") as main:
            pass
        visit.hears_with(parts.tag("p", "", "said", role="status", aria_live="polite"))
        try:
            with main:
                await build(visit, **fields)
        except ApiError as error:
            client.status_code = error.status
            _refused(main, words, error)
        except Exception:  # counted; the person gets a calm page, the log the reason
            self.sources.defects["page"] += 1
            log.exception("a page of the board failed", path=request.url.path)
            client.status_code = 500
            _failed(main, words)


async def _may_be_drawn(request: Request) -> None:
    """Asked before NiceGUI makes a page, which stays in memory for a minute even if nobody looks at it.

    Raises `HTTPException`: to the sign-in for a stranger, 404 for what the guard takes for no page of the board.
    """
    if request.state.caller is None:
        raise HTTPException(303, headers={"Location": sign_in_and_back(request)})
    if place_of(request.scope["path"]) is not Place.PAGE:
        raise HTTPException(404, "no such address")


def _refused(main: parts.Tag, words: Words, error: ApiError) -> None:
    main.clear()
    with main:
        parts.heading(words("This can't be shown"))
        refusal(error, words)
        parts.link(words("To the overview"), "/", "button")


def _failed(main: parts.Tag, words: Words) -> None:
    main.clear()
    with main:
        parts.heading(words("This page did not work"))
        parts.message(words("The reason is in the log of the service. Nothing was lost; load the page again."))
        parts.link(words("To the overview"), "/", "button")


def _plain(client: Client) -> None:
    """NiceGUI wraps a page into Quasar's layout, with a second `<main>` in it: we have one of our own."""
    for element in (client.layout, *client.layout.descendants()):
        element.props.pop("view", None)
        element.tag = "div"


def _head(client: Client, words: Words, assets: Mapping[str, Asset]) -> None:
    """Before anything is painted: language, theme, look."""
    lost = escape(words("Not connected: what you see is from {time}. Trying again …"), quote=True)
    with client:
        ui.add_head_html(
            f'<link rel="stylesheet" href="{assets["look.css"].href}">'
            f'<script src="{assets["frame.js"].href}" data-lang="{words.language}"></script>'
        )
        ui.add_body_html(f'<p id="lost" role="alert" data-text="{lost}" hidden></p>')

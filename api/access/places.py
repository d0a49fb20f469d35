"""What sort of address a request goes to, and so who may come near it. What is not named here needs somebody."""

import re
from enum import StrEnum, auto


class Place(StrEnum):
    """Sorts of addresses."""

    HEALTH = auto()
    """Whether the service works: for whoever supervises it, asked often, without a caller."""
    PUBLIC = auto()
    """For everybody: the document of the API (no data is in it), links and codes, which carry their own proof."""
    FORM = auto()
    """Signing in and out: for everybody, sent by our own pages only."""
    API = auto()
    """For programs: refused in a way that they understand."""
    SOCKET = auto()
    """What a page of the board keeps open, or fetches besides."""
    PAGE = auto()
    """The board: whoever is not signed in is asked to."""


_PUBLIC = frozenset({"/openapi.json", "/api/v1/openapi.json", "/docs", "/favicon.ico", "/robots.txt", "/enter"})
_PUBLIC_BELOW = ("/a/", "/here/", "/docs/", "/look/")
_FORMS = frozenset({"/sign-in", "/sign-out"})
# NiceGUI's own files. What it makes for one client (uploads, media, dynamic resources) is not among them.
_STATIC = re.compile(r"/_nicegui/[0-9][^/]*/(static|libraries|components|resources|esm)/.+")


def place_of(path: str) -> Place:
    """The sort of a path, percent escapes undone."""
    if path == "/api/v1/health" or path.startswith("/api/v1/health/"):
        return Place.HEALTH
    if path in _PUBLIC or path.startswith(_PUBLIC_BELOW) or is_static(path):
        return Place.PUBLIC
    if path in _FORMS:
        return Place.FORM
    if path in {"/api", "/metrics"} or path.startswith("/api/"):
        return Place.API
    return Place.SOCKET if path.startswith("/_nicegui") else Place.PAGE


def is_static(path: str) -> bool:
    """Whether it is a file of the board that is the same for everybody: a page loads dozens."""
    return _STATIC.fullmatch(path) is not None

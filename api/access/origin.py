"""Whether a browser sent something because a page of ours asked for it, or one of somebody else (CSRF). Pure."""

from enum import StrEnum
from urllib.parse import urlsplit

from starlette.datastructures import Headers

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing."""


class Doubt(StrEnum):
    """Why it may not have been a page of ours."""

    ORIGIN = "it was not sent by a page of this server: neither `Sec-Fetch-Site` nor `Origin` says so"
    FORM = "with the cookie of a browser only application/json is taken: other pages can send forms"


def doubt(method: str, headers: Headers, origin: str, *, api: bool) -> Doubt | None:
    """Why a request with a browser's cookie is refused; None: it is not.

    `origin` is ours, as in `https://caretaker.example.org`. For the API, what has a body must be JSON besides: should
    one check have a hole, a form of another page still gets nowhere.
    """
    if method in SAFE:
        return None
    if not same_origin(headers, origin):
        return Doubt.ORIGIN
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if api and kind != "application/json" and (kind or method != "DELETE"):
        return Doubt.FORM
    return None


def same_origin(headers: Headers, origin: str) -> bool:
    """Whether the browser says that a page of ours asked. Pages can't set either header."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin") == origin


def local_path(text: str) -> str:
    """Where to go after signing in: a path of ours, else `/`. Never another server, whatever a link says."""
    if not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path in {"/sign-in", "/sign-out", "/enter"}:
        return "/"
    return text

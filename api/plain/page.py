"""Plain pages: HTML without a script, so that they are there at once on any phone. One look, one policy, no cache."""

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.board.words import COOKIE, LANGUAGES, Words, language_of, words_of

_STYLE = resources.files("api.plain").joinpath("plain.css").read_text("utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    # This style and no other, and nothing that runs.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    # Nobody else is told an address with a signature in it. Not `no-referrer`: browsers then hide the origin of our
    # own forms, too.
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
_TEMPLATES = Environment(
    loader=PackageLoader("api.plain"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.globals["style"] = Markup(_STYLE)  # noqa: S704 - a file of ours


def render(template: str, words: Words, **values: object) -> str:
    """A file of `templates/`, in the language of `words`; every value is shown as text."""
    return _TEMPLATES.get_template(template).render(words=words, **values)


def answer(html: str, words: Words, status: int = 200, more: Mapping[str, str] | None = None) -> Response:
    """The page, with `more` headers."""
    return HTMLResponse(html, status, {**HEADERS, "Content-Language": words.language, **(more or {})})


def onward(address: str, more: Mapping[str, str] | None = None) -> Response:
    """To another page, after a form: loading that one again sends nothing again."""
    return RedirectResponse(address, 303, {**HEADERS, **(more or {})})


def words_for(request: Request, chosen: str | None = None) -> Words:
    """In the language `chosen` here, else the one chosen on the board, else the browser's."""
    if chosen not in LANGUAGES:
        chosen = request.cookies.get(COOKIE)
    return words_of(language_of(chosen, request.headers.get("accept-language", "")))

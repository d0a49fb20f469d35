"""`/sign-in`, `/sign-out`, `/enter`: for browsers. Plain HTML, so that it is there at once, wherever somebody is.

Not a part of the API's document: it is for people; programs send a key. That a form was sent by a page of ours the
guard has seen to.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from fastapi import APIRouter
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.access.access import KEY_TEXT_MOST
from api.access.caller import Caller, Way
from api.access.origin import local_path
from api.board.words import COOKIE, Words, language_of, later, words_of
from api.problem import ApiError, AwayError, TooManyError, UnauthorizedError
from api.routes.depends import access_of

router = APIRouter()

_WRONG_KEY = later("This key is not known, or no longer good. Look whether all of it was copied.")
_WRONG_TOKEN = later("This link is no longer good: each start of Caretaker makes a new one. Take the newest.")
_TOO_MANY = later("Too many attempts from here. Try again in a minute.")
_AWAY = later("The keys can't be read just now. Try again in a minute.")

_FIELDS_MOST = 8

_STYLE = """
:root{color-scheme:light dark;--page:#fff;--text:#1b2126;--quiet:#59636e;--line:#848d97;--act:#0b57a4;--on-act:#fff;
--wrong:#B3261E}
@media (prefers-color-scheme:dark){:root{--page:#14181c;--text:#e6e9ec;--quiet:#a0a8b0;--line:#6b747d;--act:#8ab8f0;
--on-act:#0b1a2b;--wrong:#ff9d94}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:16px;background:var(--page);color:var(--text);
font:14px/1.5 system-ui,sans-serif}
main{width:100%;max-width:400px}
h1{font-size:28px;line-height:1.25;margin:0 0 8px}
p{margin:0 0 16px;color:var(--quiet)}
label{display:block;font-size:18px;margin-bottom:8px}
input,button{width:100%;min-height:44px;font:inherit;font-size:18px;border-radius:4px;padding:8px 12px}
input{border:1px solid var(--line);background:transparent;color:inherit}
button{margin-top:16px;border:0;background:var(--act);color:var(--on-act);cursor:pointer}
:focus-visible{outline:3px solid var(--act);outline-offset:2px}
#wrong{color:var(--wrong);margin:8px 0 0}
#hint{font-size:14px;margin:8px 0 0}
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex",
}
_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""<!doctype html>
<html lang="{{ words.language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ words("Sign in") }} · Caretaker</title>
<style>{{ style | safe }}</style>
</head>
<body>
<main>
<h1>{{ words("Sign in") }}</h1>
<p>{{ words("Caretaker shows what is wrong now, and who has it.") }}</p>
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="{{ next }}">
<label for="key">{{ words("Key") }}</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus spellcheck="false"
 autocapitalize="none" maxlength="{{ most }}" aria-describedby="{{ 'wrong ' if wrong }}hint"
{% if wrong %} aria-invalid="true"{% endif %}>
{% if wrong %}
<p id="wrong" role="alert">{{ wrong }}</p>
{% endif %}
<p id="hint">{{ words("It begins with ck_. Whoever runs Caretaker makes one for you.") }}</p>
<button>{{ words("Sign in") }}</button>
</form>
</main>
</body>
</html>
""")


async def show(request: Request) -> Response:
    """The form; for whoever has signed in already, where they wanted to go."""
    there = local_path(request.query_params.get("next", "/"))
    if _session(request) is not None:
        return RedirectResponse(there, 303)
    return _page(request, there)


async def sign_in(request: Request) -> Response:
    """Take the key of the form, and go where they wanted to."""
    form = await _form(request)
    there = local_path(form.get("next", ["/"])[0])
    access = access_of(request)
    try:
        cookie = await access.sign_in(form.get("key", [""])[0], _address(request))
    except ApiError as error:
        return _refused(request, there, error, _WRONG_KEY)
    return RedirectResponse(there, 303, {"Set-Cookie": access.cookie.given(cookie), "Cache-Control": "no-store"})


async def sign_out(request: Request) -> Response:
    """End the browser's session, whether it was good or not."""
    access = access_of(request)
    caller = _session(request)
    if caller is not None:
        await access.sign_out(caller)
    return RedirectResponse("/sign-in", 303, {"Set-Cookie": access.cookie.taken(), "Cache-Control": "no-store"})


async def enter(request: Request) -> Response:
    """Sign in by the address that `caretaker up` prints; the redirect takes the token out of the address bar."""
    access = access_of(request)
    try:
        cookie = await access.enter(request.query_params.get("token", ""), _address(request))
    except ApiError as error:
        return _refused(request, "/", error, _WRONG_TOKEN)
    return RedirectResponse("/", 303, {"Set-Cookie": access.cookie.given(cookie), "Cache-Control": "no-store"})


router.add_route("/sign-in", show, methods=["GET"], include_in_schema=False)
router.add_route("/sign-in", sign_in, methods=["POST"], include_in_schema=False)
router.add_route("/sign-out", sign_out, methods=["POST"], include_in_schema=False)
router.add_route("/enter", enter, methods=["GET"], include_in_schema=False)


def _refused(request: Request, there: str, error: ApiError, wrong: str) -> Response:
    texts = {UnauthorizedError: wrong, TooManyError: _TOO_MANY, AwayError: _AWAY}
    response = _page(request, there, texts[type(error)], error.status)
    response.headers.update(error.headers)
    return response


def _page(request: Request, there: str, wrong: str = "", status: int = 200) -> Response:
    words = _words(request)
    content = _PAGE.render(words=words, next=there, wrong=wrong and words(wrong), most=KEY_TEXT_MOST, style=_STYLE)
    return HTMLResponse(content, status, {**_HEADERS, "Content-Language": words.language})


async def _form(request: Request) -> Mapping[str, Sequence[str]]:
    try:
        return parse_qs(
            (await request.body()).decode("ascii", "replace"), errors="replace", max_num_fields=_FIELDS_MOST
        )
    except ValueError:  # more fields than any form of ours has
        return {}


def _words(request: Request) -> Words:
    return words_of(language_of(request.cookies.get(COOKIE), request.headers.get("accept-language", "")))


def _session(request: Request) -> Caller | None:
    caller: Caller | None = request.state.caller
    return caller if caller is not None and caller.way is Way.SESSION else None


def _address(request: Request) -> str:
    return request.client.host if request.client else ""

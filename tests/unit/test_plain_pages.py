"""What all plain pages have in common: their headers, their language, their forms."""

import base64
import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from jinja2 import UndefinedError
from starlette.requests import Request
from starlette.responses import Response

from api.board.words import words_of
from api.plain.form import FIELDS_MOST, form_of
from api.plain.page import answer, onward, render, words_for
from api.plain.sign_in_page import WRONG, Wrong, sign_in_page

ENGLISH = words_of("en")
BYTES_MOST = 200


def asked(body: bytes, headers: Mapping[str, str]) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw}
    return Request(scope, receive)


def test_the_policy_allows_the_style_of_the_page_and_no_other() -> None:
    page = sign_in_page(ENGLISH, "/")
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in styles]
    policy = answer(page, ENGLISH).headers["content-security-policy"]
    assert re.findall(r"style-src ([^;]+);", policy) == [f"'sha256-{one}'" for one in digests]
    assert policy.startswith("default-src 'none';"), "no script of anybody"
    assert "style=" not in page


@pytest.mark.parametrize("sent", [answer("", ENGLISH, 403, {"Retry-After": "30"}), onward("/a", {"Retry-After": "30"})])
def test_nothing_is_kept_listed_or_told_to_others(sent: Response) -> None:
    headers = sent.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin", "no-referrer would hide the origin of our own form"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["retry-after"] == "30"


def test_a_value_that_is_missing_is_a_defect_and_no_gap() -> None:
    with pytest.raises(UndefinedError):
        render("link/shut.html", ENGLISH, title="")


@pytest.mark.parametrize("wrong", list(Wrong))
def test_why_somebody_is_not_signed_in_has_its_words(wrong: Wrong) -> None:
    text = WRONG[wrong]
    assert text.replace("'", "&#39;") in sign_in_page(ENGLISH, "/", wrong)
    assert words_of("zh-Hant")(text) != text


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"a=1&b=2&a=3", {"a": "1", "b": "2"}),
        (b"a=&b=+", {"b": " "}),
        (quote("b=清潔", safe="=").encode(), {"b": "清潔"}),
        (b"a=%ff", {"a": "\N{REPLACEMENT CHARACTER}"}),
        (b"", {}),
        (b"a=" + b"x" * (BYTES_MOST - 2), {"a": "x" * (BYTES_MOST - 2)}),
        (b"a=" + b"x" * (BYTES_MOST - 1), None),
        (b"&".join(b"a=1" for _ in range(FIELDS_MOST + 1)), None),
        ("a=清潔".encode(), None),
    ],
)
async def test_a_form_is_read_as_far_as_it_can_be_ours(body: bytes, form: dict[str, str] | None) -> None:
    assert await form_of(asked(body, {}), BYTES_MOST) == form


@pytest.mark.parametrize(
    ("chosen", "cookie", "accept", "language"),
    [
        ("en", "zh-Hant", "zh-HK", "en"),
        ("<b>", "zh-Hant", "en", "zh-Hant"),
        (None, "en", "zh-HK", "en"),
        (None, None, "zh-HK", "zh-Hant"),
        (None, None, None, "en"),
    ],
)
def test_the_language_is_the_nearest_choice(
    chosen: str | None, cookie: str | None, accept: str | None, language: str
) -> None:
    headers = {"cookie": cookie and f"caretaker-language={cookie}", "accept-language": accept}
    request = asked(b"", {name: value for name, value in headers.items() if value})
    assert words_for(request, chosen).language == language

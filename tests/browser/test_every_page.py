"""Every page, in both languages: for everybody (axe-core), by itself (nothing from elsewhere), in one language."""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has no types
from playwright.sync_api import Browser, BrowserContext, Page, Request

from api.board.words import LANGUAGES, texts_of
from tests.browser.city import City
from tests.browser.conftest import DESKTOP, LIMIT_MS, PHONE
from tests.browser.steps import ask, help_called

PIER, PIER_BUTTON = "tsim-sha-tsui-pier", "tst-button-male"
PAGES = {
    "overview": "/",
    "wall": "/?wall=1",
    "alerts": "/alerts",
    "resolved": "/alerts?show=all",
    "alert": "/alerts/{alert}",
    "silences": "/silences",
    "rules": "/rules",
    "rule": "/rules/odour",
    "toilet": f"/sites/{PIER}",
    "building": "/sites/wan-chai-offices",
    "air": "/sites/air-central",
    "devices": "/devices",
    "device": "/devices/tst-odour-male",
    "metric": "/devices/wc-power-main/power_kw",
    "quarantine": "/quarantine",
    "connect": f"/connect?site={PIER}",
    "connecting": "/connect?device=my-first-device",
    "codes": "/codes",
    "here": f"/here/{PIER}/male",
    "nowhere": "/nowhere",
    "refused": "/devices/not-there",
}
LOOKS = {"en": ((DESKTOP, False), (PHONE, True)), "zh-Hant": ((DESKTOP, True), (PHONE, False))}
"""Each size with each theme, each page in both sizes, both themes and both languages."""
GRAVE = {"serious", "critical"}
NOT_FOUND = "status of 404"
"""What a browser says of the page itself where it is nowhere."""
_TEXTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const of = walker.currentNode.parentElement;
    if (!of.closest("script, style, noscript, [lang=en], #lost")) found.push(walker.currentNode.textContent.trim());
  }
  for (const one of document.querySelectorAll("[aria-label], [title], [alt], [placeholder]"))
    for (const name of ["aria-label", "title", "alt", "placeholder"])
      if (one.getAttribute(name)) found.push(one.getAttribute(name).trim());
  return [...new Set([document.title.split(" · ")[0], ...found])].filter(Boolean);
}"""
_WATCH = """
  window.violations = [];
  addEventListener("securitypolicyviolation", (e) => violations.push(`${e.violatedDirective}: ${e.blockedURI}`), true);
"""


@dataclass
class Seen:
    """What a page did while it was looked at."""

    findings: list[str] = field(default_factory=list)
    """Of axe-core."""
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    """Of the browser: console, exceptions, the content security policy."""
    texts: list[str] = field(default_factory=list)
    language: str | None = None
    wide: list[str] = field(default_factory=list)
    """Sizes at which it is wider than the screen."""


class Tour:
    """Looks at each page once a language."""

    def __init__(self, city: City, browser: Browser) -> None:
        self._city, self._browser = city, browser
        self._open: dict[str, tuple[BrowserContext, Page]] = {}
        self._seen: dict[tuple[str, str], Seen] = {}
        self._now = Seen()
        self._alert = ""

    def see(self, name: str, language: str) -> Seen:
        if (name, language) not in self._seen:
            self._seen[name, language] = self._look(name, language)
        return self._seen[name, language]

    def close(self) -> None:
        for context, _ in self._open.values():
            context.close()

    def _page(self, language: str) -> Page:
        if language not in self._open:
            context = self._browser.new_context(locale={"en": "en-GB", "zh-Hant": "zh-HK"}[language])
            context.set_default_timeout(LIMIT_MS)
            context.add_init_script(_WATCH)
            context.request.get(self._city.entrance, max_redirects=0)
            page = context.new_page()
            page.on("request", self._requested)
            page.on("websocket", lambda socket: self._now.hosts.add(urlsplit(socket.url).netloc))
            page.on("pageerror", lambda error: self._now.complaints.append(str(error)))
            page.on("console", lambda said: self._complain(said.type, said.text))
            self._open[language] = context, page
        return self._open[language][1]

    def _requested(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"}:
            self._now.hosts.add(parts.netloc)

    def _complain(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and NOT_FOUND not in text:
            self._now.complaints.append(text)

    def _look(self, name: str, language: str) -> Seen:
        page = self._page(language)
        self._now = seen = Seen()
        path = PAGES[name]
        if "{alert}" in path:
            path = path.format(alert=self._some_alert(page))
        for place, (size, dark) in enumerate(LOOKS[language]):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.emulate_media(color_scheme="dark" if dark else "light")
            if not place:
                page.goto(f"{self._city.url}{path}")
                page.locator("main h1").first.wait_for(state="attached")
            seen.findings += [f"{size[0]} px, {'dark' if dark else 'light'}: {one}" for one in _findings(page)]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                seen.wide.append(f"{size[0]} px")
        seen.language = page.locator("html").get_attribute("lang")
        seen.texts = page.evaluate(_TEXTS)
        seen.complaints += page.evaluate("window.violations")
        return seen

    def _some_alert(self, page: Page) -> str:
        if not self._alert:
            page.goto(f"{self._city.url}/sign-in")
            with help_called(self._city, page, PIER, PIER_BUTTON) as alert:
                self._alert = alert
            ask(page, f"/alerts/{self._alert}")
        return self._alert


def _findings(page: Page) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {' '.join(str(node['target']) for node in one['nodes'][:3])}"
        for one in found
        if one["impact"] in GRAVE
    ]


@pytest.fixture(scope="module")
def tour(city: City, browser: Browser) -> Iterator[Tour]:
    made = Tour(city, browser)
    yield made
    made.close()


IN_CHINESE_EVERY_DAY = {"overview", "alert", "toilet", "air", "here"}
"""A page is built alike in both languages; the rest of the other one is for `make faults`."""


def _looked_at(name: str, language: str) -> Any:
    is_for_later = language != "en" and name not in IN_CHINESE_EVERY_DAY
    return pytest.param(name, language, id=f"{language}-{name}", marks=[pytest.mark.long] if is_for_later else [])


on_each_page = pytest.mark.parametrize(
    ("name", "language"), [_looked_at(name, language) for language in LANGUAGES for name in PAGES]
)


@on_each_page
def test_nobody_is_kept_out(tour: Tour, name: str, language: str) -> None:
    assert tour.see(name, language).findings == []


@on_each_page
def test_nothing_comes_from_elsewhere_and_the_browser_has_no_complaint(
    tour: Tour, city: City, name: str, language: str
) -> None:
    seen = tour.see(name, language)
    assert seen.hosts == {urlsplit(city.url).netloc}
    assert seen.complaints == []


@on_each_page
def test_nothing_is_wider_than_the_screen(tour: Tour, name: str, language: str) -> None:
    assert tour.see(name, language).wide == []


@on_each_page
def test_a_page_says_in_which_language_it_is(tour: Tour, name: str, language: str) -> None:
    assert tour.see(name, language).language == language


@pytest.mark.parametrize(("name", "language"), [_looked_at(name, "zh-Hant") for name in PAGES])
def test_a_chinese_page_has_no_english_of_ours(tour: Tour, name: str, language: str) -> None:
    said = tour.see(name, language).texts
    assert [one for one in said if _english(one)] == []


def _english(text: str) -> bool:
    return bool(re.search("[a-z]{3}", text)) and any(one.fullmatch(text) for one in _patterns())


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """The English texts that have a translation, their fields open; those of one short word say too little."""
    return tuple(
        re.compile(
            "".join(re.escape(said) + ("" if name is None else ".{1,40}") for said, name, _, _ in parts), re.DOTALL
        )
        for text, forms in texts_of("zh-Hant").items()
        if forms[0] != text
        and (parts := list(string.Formatter().parse(text)))
        and re.search("[A-Za-z]{3}", "".join(said for said, _, _, _ in parts))
    )

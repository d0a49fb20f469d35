"""One city for all tests in the browser, one browser for each module, one page for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.city import City
from tests.components import require_program

PHONE, DESKTOP = (390, 844), (1440, 900)
LIMIT_MS = 30_000
"""Long, for machines that have much else to do; what has to be quick says so itself."""

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The whole system; every test leaves no alert behind that another could meet."""
    require_program("chromium")
    found = City(tmp_path_factory.mktemp("city"))
    try:
        found.ready()
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")  # an open Playwright has an event loop, in which other modules' async tests can't run
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    program: Path = require_program("chromium")
    with sync_playwright() as playwright:
        # Root, as which containers run tests, has no user namespaces to make a sandbox of.
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(city: City, browser: Browser) -> Iterator[Open]:
    """Opens pages of the board as whoever started it, with `size`, `dark` and `language` as asked."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_(path: str, size: tuple[int, int] = DESKTOP, *, dark: bool = False, language: str = "en") -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale="zh-HK" if language == "zh-Hant" else "en-GB",
            timezone_id="Asia/Hong_Kong",
        )
        contexts.append(context)
        context.set_default_timeout(LIMIT_MS)
        opened = context.new_page()
        opened.on("pageerror", lambda error: errors.append(str(error)))
        context.request.get(city.entrance, max_redirects=0)  # signed in, without a look at the page it leads to
        opened.goto(f"{city.url}{path}")
        return opened

    yield open_
    for context in contexts:
        context.close()
    assert errors == []

"""What devices and strangers send is text on the board, never markup; what was refused can be replayed."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.city import City
from tests.browser.conftest import Open
from tests.browser.steps import ask
from tests.components import wait_until

PIER = "tsim-sha-tsui-pier"
IMAGE = '<img src=x onerror="window.hurt=1">'
SCRIPT = "<script>window.hurt=1</script>"
TURNED = "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe"
PAYLOAD = f"{IMAGE}{SCRIPT}{TURNED}{{{{ 7*7 }}}}"
DEVICE = "<img src=x onerror=window.hurt=1>"

Watched = Callable[[str], Page]


@pytest.fixture
def watched(page: Open) -> Watched:
    """Opens a page; fails at once where one asks something of the person."""

    def open_(path: str) -> Page:
        opened = page("/")
        opened.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
        opened.goto(opened.url.rstrip("/") + path)
        return opened

    return open_


def unhurt(page: Page) -> None:
    """Nothing that was sent has become an element, and nothing of it ran."""
    assert page.locator('main img[src="x"], main script, main [onerror]').count() == 0
    assert page.evaluate("window.hurt") is None


def refused(page: Page, part: str) -> dict[str, Any] | None:
    """The message in the quarantine whose payload or topic has this part."""
    items = ask(page, "/quarantine")["items"]
    return next((one for one in items if part in one["payload"] or part in one["topic"]), None)


def test_a_hostile_payload_is_text_and_replay_says_what_came_of_it(city: City, watched: Watched) -> None:
    city.publish(PIER, "tst-odour-male", PAYLOAD)
    opened = watched("/")
    wait_until(lambda: refused(opened, "window.hurt=1") is not None, "it was refused")
    opened.goto(f"{city.url}/quarantine")
    letter = opened.locator(".letter", has_text="tst-odour-male").first
    expect(letter).to_contain_text("Not JSON")
    letter.locator("summary").click()
    raw = letter.locator("pre")
    expect(raw).to_contain_text(IMAGE)
    expect(raw).to_contain_text(SCRIPT)
    expect(raw).to_contain_text("{{ 7*7 }}")
    expect(raw).to_contain_text("\\u202egpj.exe")
    unhurt(opened)
    letter.get_by_role("button", name="Replay it").click()
    expect(opened.get_by_role("status").filter(has_text="Still refused: 1").first).to_be_visible()
    unhurt(opened)


def test_a_hostile_topic_and_metric_are_text(city: City, watched: Watched) -> None:
    city.publish(PIER, DEVICE, json.dumps({"values": {SCRIPT: 1}}))
    city.publish(PIER, "tst-odour-female", json.dumps({"values": {IMAGE: 1}}))
    opened = watched("/")
    wait_until(lambda: refused(opened, DEVICE) is not None, "the topic was refused")
    wait_until(lambda: refused(opened, "tst-odour-female") is not None, "the metric was refused")
    opened.goto(f"{city.url}/quarantine")
    expect(opened.locator(".letter-topic", has_text=DEVICE)).to_be_visible()
    expect(opened.locator(".letter", has_text="tst-odour-female").first).to_contain_text("Unknown metric")
    unhurt(opened)


@pytest.mark.parametrize("path", [f"/{quote(IMAGE)}", f"/devices/{quote(DEVICE)}", f"/devices?q={quote(IMAGE)}"])
def test_an_address_made_up_by_a_stranger_is_text(watched: Watched, path: str) -> None:
    opened = watched(path)
    expect(opened.locator("main")).to_be_visible()
    unhurt(opened)

"""What several tests in the browser do: ask the API as the page's person, have somebody call for help, and end it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser.city import City
from tests.browser.conftest import LIMIT_MS
from tests.components import wait_until

HELP = "Help called"
"""What the rule is called that a press of the button for help sets off."""

expect.set_options(timeout=LIMIT_MS)


def origin(page: Page) -> str:
    """Where the page is from."""
    parts = urlsplit(page.url)
    return f"{parts.scheme}://{parts.netloc}"


def ask(page: Page, path: str) -> Any:
    """What the API answers to whoever is signed in."""
    answer = page.request.get(f"{origin(page)}/api/v1{path}")
    assert answer.ok, answer.text()
    return answer.json()


def latest(page: Page, device: str) -> dict[str, Any]:
    """The last value of each metric of a device."""
    return {one["metric"]: one for one in ask(page, f"/devices/{device}/latest")["latest"]}


def active(page: Page, device: str) -> str | None:
    """The id of the alert that somebody needs help there; None: there is none."""
    items = ask(page, f"/alerts?device={device}&rule=assistance")["items"]
    return items[0]["id"] if items else None


def end(page: Page, alert: str) -> None:
    """By hand, past the board."""
    where = f"{origin(page)}/api/v1/alerts/{alert}/resolve"
    answer = page.request.post(where, data={"comment": "A test has ended."}, headers={"Origin": origin(page)})
    assert answer.ok, answer.text()


def press_for_help(city: City, site: str, device: str) -> None:
    """As the panel on the wall does it."""
    city.publish(site, device, json.dumps({"values": {"assistance": 1}}))


@contextmanager
def help_called(city: City, page: Page, site: str, device: str) -> Iterator[str]:
    """Somebody needs help meanwhile: the id of the alert. Whatever a test does to it, none is left behind."""
    if (before := active(page, device)) is not None:  # of a simulated visitor
        end(page, before)
        wait_until(lambda: active(page, device) is None, "the alert of before has ended")
    press_for_help(city, site, device)
    wait_until(lambda: active(page, device) is not None, "an alert was raised")
    alert = active(page, device)
    assert alert is not None
    try:
        yield alert
    finally:
        if active(page, device) is not None:
            end(page, alert)

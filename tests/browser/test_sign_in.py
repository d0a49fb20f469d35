"""Signing in with a key: what a viewer sees, and does not; and what happens when the key is taken away."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.city import REPOSITORY, City
from tests.browser.conftest import DESKTOP, LIMIT_MS, Open
from tests.browser.steps import HELP, ask, help_called

MARKET, MARKET_BUTTON = "mong-kok-market", "mk-button-female"
ENDS_WITHIN_MS = 60_000


def caretaker(city: City, *words: str) -> str:
    """What the command prints."""
    command = [
        sys.executable,
        "-m",
        "caretaker",
        "keys",
        *words,
        "--config",
        str(city.config),
        "--data",
        str(city.data),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=REPOSITORY)
    return done.stdout


@pytest.fixture
def viewer(city: City, browser: Browser) -> Iterator[tuple[Page, str]]:
    """Somebody who may look, signed in with a key; and the key."""
    made = json.loads(caretaker(city, "create", "--name", "wall screen", "--role", "viewer", "--format", "json"))
    key = re.findall(r"ck_[\w-]{40,}", json.dumps(made))[0]
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, locale="en-GB")
    context.set_default_timeout(LIMIT_MS)
    page = context.new_page()
    page.goto(f"{city.url}/alerts")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{city.url}/alerts")
    yield page, key
    context.close()


def test_a_viewer_sees_what_is_wrong_and_has_no_buttons_for_it(
    city: City, page: Open, viewer: tuple[Page, str]
) -> None:
    looking, _ = viewer
    with help_called(city, page("/"), MARKET, MARKET_BUTTON) as alert:
        row = looking.locator(f'.alert-row:has(a[href="/alerts/{alert}"])')
        expect(row).to_contain_text(HELP)
        expect(looking.get_by_role("button", name="Acknowledge")).to_have_count(0)
        looking.goto(f"{city.url}/alerts/{alert}")
        expect(looking.get_by_role("heading", name=HELP)).to_be_visible()
        for button in ("Acknowledge", "End the alert", "Silence", "Comment"):
            expect(looking.get_by_role("button", name=button)).to_have_count(0)
        looking.goto(f"{city.url}/codes")
        expect(looking.locator(".code")).to_have_count(0)


def test_a_viewer_is_not_told_where_people_are(city: City, viewer: tuple[Page, str]) -> None:
    looking, _ = viewer
    looking.goto(f"{city.url}/sites/{MARKET}")
    area = looking.get_by_role("article", name="Men's", exact=True)
    expect(area).to_contain_text("shown to operators")
    expect(looking.get_by_role("list", name="Cubicles")).to_have_count(0)
    expect(looking.get_by_role("button", name=re.compile("Cleaned"))).to_have_count(0)
    told = {one["metric"] for one in ask(looking, "/devices/mk-cubicle-male-1/latest")["latest"]}
    assert "occupied" not in told
    assert "battery_pct" in told


def test_a_revoked_key_ends_the_open_page(city: City, viewer: tuple[Page, str]) -> None:
    looking, key = viewer
    looking.goto(f"{city.url}/")
    expect(looking.locator("li.tile").first).to_be_visible()
    caretaker(city, "revoke", key.split("_")[1])
    expect(looking).to_have_url(re.compile("/sign-in"), timeout=ENDS_WITHIN_MS)
    looking.goto(f"{city.url}/alerts")
    expect(looking).to_have_url(re.compile("/sign-in"))

"""Alerts on the board, in a real browser: seen at once, taken, given away, silenced, talked about, ended."""

import re
from datetime import datetime

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.city import City
from tests.browser.conftest import Open
from tests.browser.steps import HELP, active, ask, end, help_called, press_for_help
from tests.components import wait_until

SEEN_WITHIN_S = 2.0
"""On a machine that has nothing else to do."""
SEEN_WHILE_BUSY_S = 8.0
"""Beside other tests; sooner than what is drawn again without a reason."""
NAME = "Tsim Sha Tsui Pier"
PIER, PIER_BUTTON = "tsim-sha-tsui-pier", "tst-button-male"
PARK, PARK_BUTTON = "victoria-park-north", "vp-button-male"
MARKET, MARKET_BUTTON = "mong-kok-market", "mk-button-male"
HARBOUR, HARBOUR_LEAK = "tai-o-waterfront", "to-leak-male"
_WATCH = """([where, ...texts]) => {
  const look = () => {
    const found = [...document.querySelectorAll(where)].map((one) => one.textContent);
    if (found.some((said) => texts.every((text) => said.includes(text)))) window.seenMs ??= Date.now();
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
"""The first is where, the rest is what has to be read there."""


def test_an_alert_is_seen_at_once_without_a_reload_and_taken_with_one_click(city: City, page: Open) -> None:
    overview, inbox = _watching(page)
    tile = overview.locator("li.tile", has=overview.locator(f'a[href="/sites/{PIER}"]'))
    row = inbox.locator(".alert-row", has_text=NAME).filter(has_text=HELP)
    expect(tile).to_be_visible()
    expect(inbox.get_by_text("j and k")).to_be_visible()
    for opened in (overview, inbox):
        opened.evaluate("window.loadedOnce = true")
    press_for_help(city, PIER, PIER_BUTTON)
    try:
        row.wait_for()
        expect(tile).to_contain_text(HELP)
        assert _seen_after_s(overview, inbox) < SEEN_WHILE_BUSY_S
        expect(tile).to_contain_text("Critical")
        row.get_by_role("button", name="Acknowledge").click()
        expect(row.locator(".alert-who")).to_contain_text("admin")
        expect(row.get_by_role("button", name="Acknowledge")).to_have_count(0)
        expect(tile).to_contain_text("admin has it")
        assert all(opened.evaluate("window.loadedOnce") for opened in (overview, inbox))
        row.get_by_role("link", name=HELP).click()
        expect(inbox.locator(".alert-facts")).to_contain_text("admin")
        inbox.get_by_role("button", name="End the alert").click()
        inbox.get_by_role("button", name="It is over: end it").click()
        expect(inbox.locator(".alert-badges")).to_contain_text("Resolved")
        expect(tile).not_to_contain_text(HELP)
    finally:
        alert = active(inbox, PIER_BUTTON)
        if alert is not None:
            end(inbox, alert)
    assert active(inbox, PIER_BUTTON) is None


@pytest.mark.long
def test_an_alert_is_seen_within_two_seconds(city: City, page: Open) -> None:
    overview, inbox = _watching(page)
    with help_called(city, inbox, PIER, PIER_BUTTON):
        assert _seen_after_s(overview, inbox) < SEEN_WITHIN_S


def test_an_alert_is_given_to_somebody(city: City, page: Open) -> None:
    inbox = page("/alerts")
    with help_called(city, inbox, PARK, PARK_BUTTON) as alert:
        row = _more(inbox, alert, "Give it to somebody")
        dialog = inbox.get_by_role("dialog")
        dialog.get_by_label("Person").select_option("duty-attendant")
        dialog.get_by_role("button", name="Give it to them").click()
        expect(dialog).to_be_hidden()
        expect(row.locator(".alert-who")).to_contain_text("Duty attendant")
        assert [one["to"] for one in ask(inbox, f"/alerts/{alert}")["steps"]][-1] == "Duty attendant"


def test_a_comment_is_shown_to_everybody(city: City, page: Open) -> None:
    inbox, other = page("/alerts"), page("/alerts")
    text = "Taxi stand <b>side</b>, 有人受傷"
    with help_called(city, inbox, PARK, PARK_BUTTON) as alert:
        _more(inbox, alert, "Comment")
        dialog = inbox.get_by_role("dialog")
        dialog.get_by_label("Comment").fill(text)
        dialog.get_by_role("button", name="Send").click()
        expect(dialog).to_be_hidden()
        expect(other.locator(f'.alert-row:has(a[href="/alerts/{alert}"]) .alert-comment')).to_have_text(f"“{text}”")
        other.goto(f"{city.url}/alerts/{alert}")
        expect(other.locator(".step-comment")).to_have_text(text)


def test_a_silence_is_made_for_a_reason_and_listed(city: City, page: Open) -> None:
    inbox = page("/alerts")
    with help_called(city, inbox, MARKET, MARKET_BUTTON) as alert:
        row = _more(inbox, alert, "Silence")
        dialog = inbox.get_by_role("dialog")
        dialog.get_by_role("button", name="Silence").click()
        expect(dialog).to_be_visible()  # a reason is needed
        dialog.get_by_label("Reason").fill("Drill until noon")
        dialog.get_by_label("How long").select_option("4")
        dialog.get_by_role("button", name="Silence").click()
        expect(dialog).to_be_hidden()
        expect(row.locator(".alert-state")).to_contain_text("Silenced")
        made = next(one for one in ask(inbox, "/silences") if one["reason"] == "Drill until noon")
        inbox.goto(f"{city.url}/silences")
        expect(inbox.locator("main")).to_contain_text("Drill until noon")
        gone = inbox.request.delete(f"{city.url}/api/v1/silences/{made['id']}", headers={"Origin": city.url})
        assert gone.ok


def test_the_page_of_an_alert_says_what_happened_and_who_was_told(city: City, page: Open) -> None:
    opened = page("/alerts")
    with help_called(city, opened, MARKET, MARKET_BUTTON) as alert:
        wait_until(lambda: bool(ask(opened, f"/alerts/{alert}")["deliveries"]), "somebody was told")
        opened.goto(f"{city.url}/alerts/{alert}")
        expect(opened.locator(".step").first).to_contain_text("Raised")
        told = ask(opened, f"/alerts/{alert}")["deliveries"]
        expect(opened.locator(".telling")).to_have_count(len(told))
        opened.get_by_role("link", name="Everything about the rule").click()
        expect(opened.get_by_role("heading", name=HELP)).to_be_visible()


def test_the_page_of_an_alert_shows_what_the_rule_saw(city: City, page: Open) -> None:
    # It ends by itself five minutes after the floor is dry: no other test looks at this site.
    city.publish(HARBOUR, HARBOUR_LEAK, '{"values": {"leak": true}}')
    opened = page("/")
    where = f"/alerts?device={HARBOUR_LEAK}"
    wait_until(lambda: bool(ask(opened, where)["items"]), "an alert was raised")
    alert = ask(opened, where)["items"][0]["id"]
    opened.goto(f"{city.url}/alerts/{alert}")
    seen = opened.get_by_role("region", name="What the rule saw")
    expect(seen.get_by_role("img")).to_have_accessible_name(re.compile("Water leak"))
    expect(seen.locator("svg path").first).to_be_attached()
    expect(seen.get_by_role("link", name="CSV")).to_be_visible()


def _watching(page: Open) -> tuple[Page, Page]:
    """Overview and inbox: each notes by its own clock when it shows that somebody needs help."""
    opened = page("/"), page("/alerts")
    assert active(opened[0], PIER_BUTTON) is None, "nobody needs help yet"
    for one, where in zip(opened, ("li.tile", ".alert-row"), strict=True):
        one.locator(f"main {where}, main .empty").first.wait_for()
        one.evaluate(_WATCH, [where, NAME, HELP])
    return opened


def _seen_after_s(*opened: Page) -> float:
    """From the reading until the last of them showed it. Pages and services are on one machine, with one clock."""
    alert = active(opened[0], PIER_BUTTON)
    assert alert is not None
    raised = datetime.fromisoformat(ask(opened[0], f"/alerts/{alert}")["raised"])
    seen_ms = [float(one.wait_for_function("window.seenMs").json_value()) for one in opened]
    return max(seen_ms) / 1000 - raised.timestamp()


def _more(inbox: Page, alert: str, button: str) -> Locator:
    """Open the dialog behind a button of the alert's menu; its row."""
    row = inbox.locator(f'.alert-row:has(a[href="/alerts/{alert}"])')
    row.locator("summary").click()
    row.get_by_role("button", name=button).click()
    expect(inbox.get_by_role("dialog")).to_be_visible()
    return row

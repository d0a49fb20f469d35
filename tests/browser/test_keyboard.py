"""Without a mouse: from the overview to an alert that is taken, the focus always to be seen."""

import re

from playwright.sync_api import Page, expect

from tests.browser.city import City
from tests.browser.conftest import Open
from tests.browser.steps import HELP, ask, help_called

PIER, PIER_BUTTON = "tsim-sha-tsui-pier", "tst-button-female"
TABS_MOST = 60
_FOCUSED = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect(), look = getComputedStyle(one);
  const ring = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2;
  const seen = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0;
  return {text: (one.ariaLabel || one.innerText || one.tagName).trim(), body: one === document.body, ring, seen};
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of this name has the focus; each stop on the way can be seen."""
    stops = []
    for _ in range(TABS_MOST):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        stops.append(focused["text"])
        assert not focused["body"], f"the focus got lost after {stops}"
        assert focused["ring"], f"no ring around {stops[-1]}"
        assert focused["seen"], f"{stops[-1]} has the focus and can't be seen"
        if re.match(name, stops[-1]):
            return
    raise AssertionError(f"{name} is not among {stops}")


def test_from_the_overview_to_an_alert_that_is_taken(city: City, page: Open) -> None:
    opened = page("/")
    with help_called(city, opened, PIER, PIER_BUTTON) as alert:
        expect(opened.locator("li.tile", has_text=HELP)).to_be_visible()
        tab_to(opened, "Skip to the content")
        tab_to(opened, "Alerts")
        opened.keyboard.press("Enter")
        expect(opened).to_have_url(re.compile("/alerts$"))
        own = opened.locator(f'a[href="/alerts/{alert}"]')
        expect(own).to_be_visible()
        expect(opened.get_by_text("j and k")).to_be_visible()
        for _ in range(opened.locator(".alert-row").count()):
            opened.keyboard.press("j")
            if opened.evaluate("document.activeElement.getAttribute('href')") == f"/alerts/{alert}":
                break
        expect(own).to_be_focused()
        focused = opened.evaluate(_FOCUSED)
        assert focused["ring"]
        assert focused["seen"]
        opened.keyboard.press("Enter")
        expect(opened.get_by_role("heading", name=HELP)).to_be_visible()
        tab_to(opened, "Acknowledge")
        opened.keyboard.press("Enter")
        expect(opened.locator(".alert-facts")).to_contain_text("admin")
        assert ask(opened, f"/alerts/{alert}")["acknowledged_by"] == "admin"


def test_the_link_to_the_content_leads_there(page: Open) -> None:
    opened = page("/alerts")
    tab_to(opened, "Skip to the content")
    opened.keyboard.press("Enter")
    expect(opened.locator("main")).to_be_focused()


def test_a_key_takes_the_alert_that_has_the_focus(city: City, page: Open) -> None:
    opened = page("/alerts")
    with help_called(city, opened, PIER, PIER_BUTTON) as alert:
        own = opened.locator(f'a[href="/alerts/{alert}"]')
        own.focus()
        opened.keyboard.press("a")
        row = opened.locator(f'.alert-row:has(a[href="/alerts/{alert}"])')
        expect(row.locator(".alert-who")).to_contain_text("admin")

"""Toilets in a real browser: cubicles as they are, what was done written down; and the printed codes of areas."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect  # noqa: A004 - its own

from tests.browser.city import City
from tests.browser.conftest import PHONE, Open
from tests.browser.steps import latest
from tests.components import wait_until

MARKET, CUBICLE = "mong-kok-market", "mk-cubicle-male-1"
SOON_MS = 2_000


def test_cleaned_is_written_down_as_entered_by_hand(page: Open) -> None:
    opened = page(f"/sites/{MARKET}", PHONE)
    area = opened.get_by_role("article", name="Men's", exact=True)
    before = latest(opened, "mk-button-male").get("cleaned", {}).get("time")
    area.get_by_role("button", name="Cleaned: Men's").click()
    expect(opened.get_by_role("status").filter(has_text="Cleaned at")).to_be_visible()
    wait_until(lambda: latest(opened, "mk-button-male")["cleaned"]["time"] != before, "it came back as a reading")
    cleaned = latest(opened, "mk-button-male")["cleaned"]
    assert cleaned["quality"] == ["manual"]
    assert cleaned["value"] == 1
    expect(area.locator(".fact", has_text="Last cleaned")).to_contain_text("ago")


def test_a_cubicle_is_shown_as_it_is(city: City, page: Open) -> None:
    opened = page(f"/sites/{MARKET}", PHONE)
    cubicles = opened.get_by_role("article", name="Men's", exact=True).get_by_role("list", name="Cubicles")
    expect(cubicles.get_by_role("listitem")).to_have_count(3)
    first = cubicles.get_by_role("listitem").first
    free = "free" in (first.text_content() or "")
    other = first.filter(has_text="occupied" if free else "free")

    def shown() -> bool:
        # Again and again: the simulated device has its own view, and says it meanwhile.
        city.publish(MARKET, CUBICLE, json.dumps({"values": {"occupied": free}}))
        try:
            other.wait_for(timeout=SOON_MS)
        except TimeoutError:
            return False
        return True

    wait_until(shown, "the cubicle is shown as its device says")


def test_a_sheet_has_a_code_for_each_area_and_says_that_phones_cannot_follow_it_here(page: Open) -> None:
    opened = page(f"/sites/{MARKET}")
    opened.locator("main").get_by_role("link", name="Codes to print").click()
    expect(opened.locator(".code")).to_have_count(2)
    expect(opened.get_by_role("alert").filter(has_text="Do not print these yet")).to_be_visible()
    for code in opened.locator(".code").all():
        expect(code.locator("h2")).to_have_count(2)
        assert code.locator("img").evaluate("async (one) => { await one.decode(); return one.naturalWidth }") > 0
    opened.emulate_media(media="print")
    expect(opened.get_by_role("button", name="Print")).to_be_hidden()
    expect(opened.locator(".code").first).to_be_visible()


@pytest.mark.parametrize(("layout", "sheets"), [("1", 2), ("4", 1)])
def test_what_is_printed_is_the_codes_and_nothing_else(page: Open, layout: str, sheets: int) -> None:
    opened = page(f"/codes?site={MARKET}&layout={layout}", dark=True)
    expect(opened.locator(".code img").last).to_be_visible()
    printed = opened.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == sheets


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    """Somebody with a phone: never seen, and without JavaScript."""
    context = browser.new_context(
        viewport={"width": PHONE[0], "height": PHONE[1]}, locale="zh-HK", java_script_enabled=False
    )
    yield context.new_page()
    context.close()


def test_whoever_scans_a_code_says_how_it_was(page: Open, stranger: Page) -> None:
    opened = page(f"/codes?site={MARKET}")
    address = opened.locator(".code-address").nth(1).text_content() or ""
    before = latest(opened, "mk-button-female").get("feedback", {}).get("time")
    stranger.goto(address)
    expect(stranger.get_by_role("heading", name="女廁")).to_be_visible()
    expect(stranger.get_by_role("button", name="已清潔")).to_have_count(0)
    stranger.get_by_role("button", name="很好", exact=True).click()
    expect(stranger.get_by_role("heading", name="多謝")).to_be_visible()
    wait_until(lambda: latest(opened, "mk-button-female").get("feedback", {}).get("time") != before, "it is a reading")
    feedback = latest(opened, "mk-button-female")["feedback"]
    assert (feedback["value"], feedback["quality"]) == (5, ["manual"])
    assert stranger.context.cookies() == []

"""Devices in a real browser: one is connected while somebody watches; any metric over any range."""

import csv
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.city import City
from tests.browser.conftest import Open

PIER, FIRST = "tsim-sha-tsui-pier", "my-first-device"
EXPLORED = "/devices/tst-odour-male/nh3_ppm"


def test_the_page_turns_green_with_the_first_reading(city: City, page: Open) -> None:
    opened = page(f"/connect?device={FIRST}")
    heard = opened.locator(".heard")
    expect(heard).to_contain_text("Waiting for the first reading")
    opened.evaluate("window.loadedOnce = true")
    city.publish(PIER, FIRST, '{"values": {"nh3_ppm": 0.4, "temperature_c": 27.5}}')
    expect(heard).to_contain_text("It is connected.")
    expect(opened.get_by_role("table", name="What came")).to_contain_text("0.4")
    assert opened.evaluate("window.loadedOnce")


def test_a_range_is_in_the_address_and_can_be_gone_back_from(page: Open) -> None:
    opened = page(EXPLORED)
    plot = opened.locator("main").get_by_role("img").first
    expect(plot).to_be_visible()
    expect(opened.get_by_role("link", name="24 hours")).to_have_attribute("aria-current", "true")
    expect(plot.locator("path").first).to_be_attached()
    opened.get_by_role("link", name="7 days").click()
    expect(opened).to_have_url(re.compile(r"[?&]span=7d"))
    expect(opened.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    opened.go_back()
    expect(opened.get_by_role("link", name="24 hours")).to_have_attribute("aria-current", "true")


def test_what_is_plotted_can_be_had_as_a_file(page: Open, tmp_path: Path) -> None:
    opened = page(EXPLORED)
    with opened.expect_download() as begun:
        opened.get_by_role("link", name="Download CSV").click()
    path = tmp_path / "plotted.csv"
    begun.value.save_as(path)
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert len(rows) > 100
    assert {one["metric"] for one in rows} == {"nh3_ppm"}
    assert all(float(one["value"]) >= 0 for one in rows)

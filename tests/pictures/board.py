"""Pictures of the board, by Debian's Chromium."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, async_playwright

from tests.components import require_program

DESKTOP, PHONE = (1280, 800), (390, 844)
STILL_MS = 1_500
"""Until plots are drawn to their end."""


@dataclass(frozen=True)
class Picture:
    """One page, as somebody sees it."""

    name: str
    path: str
    """`{alert}` stands for the newest active alert."""
    size: tuple[int, int] = DESKTOP
    scheme: Literal["light", "dark"] = "light"
    locale: str = "en-GB"


PICTURES: Sequence[Picture] = (
    Picture("board-overview", "/"),
    Picture("board-alert", "/alerts/{alert}", scheme="dark"),
    Picture("board-building", "/sites/wan-chai-offices"),
    Picture("board-toilet", "/sites/tsim-sha-tsui-pier", PHONE),
    Picture("board-toilet-zh", "/sites/tsim-sha-tsui-pier", PHONE, locale="zh-HK"),
)


async def take(entrance: str, folder: Path) -> Sequence[Path]:
    """Enter the board by its printed address and take all pictures; gives the files."""
    program = require_program("chromium")
    async with async_playwright() as playwright:
        # Root, as which containers run, has no user namespaces to make a sandbox of.
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            return [await _take(browser, picture, entrance, folder) for picture in PICTURES]
        finally:
            await browser.close()


async def _take(browser: Browser, picture: Picture, entrance: str, folder: Path) -> Path:
    width, height = picture.size
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=picture.scheme,
        locale=picture.locale,
        timezone_id="Asia/Hong_Kong",
    )
    page = await context.new_page()
    await page.goto(entrance)
    base = entrance.split("/enter", 1)[0]
    found = await (await context.request.get(f"{base}/api/v1/alerts")).json()
    alert = found["items"][0]["id"] if found["items"] else ""
    await page.goto(base + picture.path.format(alert=alert))
    await page.wait_for_timeout(STILL_MS)
    file = folder / f"{picture.name}.png"
    await page.screenshot(path=file)
    await context.close()
    return file

"""Pictures of every dashboard, in a real Grafana, where one is at an address in the environment.

The readings are nine weeks of the example city until now, with two incidents, in an InfluxDB of their own; the figures
of the platform are those of the city that runs for the other pictures.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs
from playwright.async_api import Browser, async_playwright

from alerts.rules.load import load_rules
from caretaker.output import note
from caretaker.system import ALERTS_PORT, API_PORT, HTTP_PORT
from grafana.client import GrafanaClient
from grafana.install import install
from grafana.links import AIR, ALERTS, BUILDINGS, CITY, DEVICES, PLATFORM, TOILETS
from grafana.page import Dashboard
from grafana.settings import GrafanaSettings, Settings
from grafana.sources import spoken
from grafana.wanted import Wanted, wanted
from telemetry.stores.settings import InfluxSettings
from tests.components import Influxd, Prometheus, require_program
from tests.integration.grafana_city import EXAMPLE, REGISTRY, fill
from tests.integration.grafana_ground import TOKEN, URL

WEEKS = 9
STEP_S = 900
LIVE_S = 1_200
WIDTH_PX, GRID_PX, HEAD_PX = 1440, 38, 130
"""Of the window; of a line of Grafana's grid; of what stands above the panels."""
FIRST_LOOK_PX = 1_200
IN_THE_DOCUMENTATION = frozenset(
    {*(f"caretaker-{name}" for name in (CITY, TOILETS, BUILDINGS, AIR, ALERTS, DEVICES, PLATFORM)), "caretaker-city-zh"}
)
STILL_MS = 2_000
"""Until the plots are drawn to their end, after the last answer."""
LIMIT_MS = 60_000

SCRAPE = """
global: {scrape_interval: 2s}
scrape_configs:
  - {job_name: ingestor, static_configs: [{targets: ["127.0.0.1:INGESTOR"]}]}
  - {job_name: alerts, static_configs: [{targets: ["127.0.0.1:ALERTS"]}]}
  - job_name: api
    authorization: {credentials_file: api.key}
    static_configs: [{targets: ["127.0.0.1:API"]}]
"""


class Grafana(NamedTuple):
    """Where it is, and who may install."""

    url: str
    token: str


def at_hand() -> Grafana | None:
    """The Grafana of the environment; None, and said so: there is none."""
    if os.environ.get(URL) and os.environ.get(TOKEN):
        return Grafana(os.environ[URL].rstrip("/"), os.environ[TOKEN])
    note(f"left out: the dashboards, for there is no Grafana: its address and token belong into {URL} and {TOKEN}")
    return None


@asynccontextmanager
async def watched(data: Path, folder: Path) -> AsyncIterator[Prometheus]:
    """A Prometheus that asks the running city for its figures, until the end of the block."""
    made = await asyncio.to_thread(_key, data)
    prometheus = Prometheus(folder / "prometheus", "")
    (prometheus.folder / "api.key").write_text(made)
    text = SCRAPE
    for name, port in (("INGESTOR", HTTP_PORT), ("ALERTS", ALERTS_PORT), ("API", API_PORT)):
        text = text.replace(name, str(port))
    (prometheus.folder / "prometheus.yaml").write_text(text)
    await asyncio.to_thread(prometheus.start)
    try:
        yield prometheus
    finally:
        prometheus.stop()


async def take(grafana: Grafana, prometheus: Prometheus, folder: Path, heads: Path, whole_ones: Path) -> Sequence[Path]:
    """Fill a store, install the dashboards, and take a picture of each whole; gives the files.

    Those of the documentation are also taken as they are seen at first, into `heads`.
    """
    influxd = Influxd(folder / "influxdb")
    await asyncio.to_thread(influxd.start)
    try:
        store = InfluxSettings(kind="influxdb", url=influxd.url, bucket="caretaker/autogen", timeout_s=60)
        # Beyond now, so that nobody is silent while the pictures are taken.
        await fill(store, datetime.now(UTC) + timedelta(seconds=LIVE_S / 2), 7 * WEEKS, STEP_S, LIVE_S)
        settings = Settings(
            store=store, grafana=GrafanaSettings.model_validate({"prometheus": {"url": prometheus.url}})
        )
        want = _by_get(wanted(settings, REGISTRY, load_rules(EXAMPLE, REGISTRY), spoken))
        await asyncio.to_thread(install, GrafanaClient(grafana.url, grafana.token), want)
        shown = [one for ones in want.dashboards.values() for one in ones]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=require_program("chromium"), args=["--no-sandbox"]
            )
            try:
                return [await _take(browser, grafana, one, heads, whole_ones) for one in shown]
            finally:
                await browser.close()
    finally:
        influxd.stop()


async def _take(browser: Browser, grafana: Grafana, dashboard: Dashboard, heads: Path, whole_ones: Path) -> Path:
    context = await browser.new_context(
        viewport={"width": WIDTH_PX, "height": _height_px(dashboard.document)},
        extra_http_headers={"Authorization": f"Bearer {grafana.token}"},
        locale="en-GB",
        timezone_id="Asia/Hong_Kong",
    )
    page = await context.new_page()
    since = "&from=now-5m&to=now" if dashboard.uid.startswith(f"caretaker-{PLATFORM}") else ""
    await page.goto(f"{grafana.url}/d/{dashboard.uid}?kiosk=tv&refresh=1h{since}", timeout=LIMIT_MS)
    await page.wait_for_load_state("networkidle", timeout=LIMIT_MS)
    await page.wait_for_timeout(STILL_MS)
    name = f"{dashboard.uid.replace('caretaker', 'dashboard')}.png"
    whole, head = whole_ones / name, heads / name
    await page.screenshot(path=whole)
    if dashboard.uid in IN_THE_DOCUMENTATION:
        await page.screenshot(path=head, clip={"x": 0, "y": 0, "width": WIDTH_PX, "height": FIRST_LOOK_PX})
    await context.close()
    return head if dashboard.uid in IN_THE_DOCUMENTATION else whole


def _by_get(want: Wanted) -> Wanted:
    """With data sources that are asked by GET.

    A Grafana 9.3 that was built with Go 1.26 loses one answer in some hundred to a POST (`use of closed network
    connection`), which would be a hole in a picture.
    """
    sources = []
    for source in want.sources:
        told = {**source.document["jsonData"], "httpMode": "GET"}
        sources.append(structs.replace(source, document={**source.document, "jsonData": told}))
    return structs.replace(want, sources=sources)


def _height_px(document: Mapping[str, Any]) -> int:
    """So that the whole dashboard is in the window: Grafana draws only what is seen."""
    places = [panel["gridPos"] for panel in document["panels"]]
    return HEAD_PX + GRID_PX * max(int(place["y"]) + int(place["h"]) for place in places)


def _key(data: Path) -> str:
    """A viewer's key for the running API."""
    command = [sys.executable, "-m", "caretaker", "keys", "create", "--name", "prometheus", "--role", "viewer"]
    given = subprocess.run(
        [*command, "--config", str(EXAMPLE), "--data", str(data)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return next(word for word in given.stdout.split() if word.startswith("ck_"))

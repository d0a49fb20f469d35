"""The live view of a real run."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from textual.pilot import Pilot

from caretaker.alert_place import database, rules_by_id
from caretaker.alert_words import AlertWords
from caretaker.alerts_seen import AlertsSeen
from caretaker.broker import PORT_3, BrokerPlan
from caretaker.deployment import Deployment
from caretaker.live import views
from caretaker.output import note
from caretaker.screen.app import LiveView
from caretaker.screen.observe import Observer, Places
from caretaker.screen.view import View
from caretaker.system import ALERTS_PORT, API_PORT, HTTP_PORT, System, SystemPlan

REPOSITORY = Path(__file__).parents[2]
SIZE = (120, 43)
LIMIT_S = 180.0


class Run(NamedTuple):
    """A city that runs."""

    system: System
    observer: Observer
    entrance: str
    """The board's address, as it is printed."""


async def until(pilot: Pilot[None], true: Callable[[View], bool]) -> None:
    """Wait for something to be seen."""
    limit = time.monotonic() + LIMIT_S
    while not (isinstance(pilot.app, LiveView) and true(pilot.app.view)):
        if time.monotonic() > limit:
            raise TimeoutError("the picture's moment did not come: see the logs")
        await pilot.pause(0.2)


def self_contained(svg: str) -> str:
    """The picture without the fonts that it would fetch: each reader's own is as good, and nobody is told who reads."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "ui-monospace")


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[Run]:
    """The example city on the usual ports, until the end of the block."""
    config = REPOSITORY / "examples" / "hong-kong"
    deployment = Deployment(config, data)
    store = data / "store.db"
    plan = SystemPlan(config, data, store, BrokerPlan(), sign_in="made-at-each-start")
    address = f"mqtt://127.0.0.1:{PORT_3}"
    words = AlertWords(deployment.registry, rules_by_id(config, deployment.registry))
    places = Places(
        HTTP_PORT,
        None,
        ALERTS_PORT,
        None,
        API_PORT,
        data / "ledger.db",
        store,
        data / "audit.json",
        address,
        plan.board,
    )
    observer = Observer(deployment.registry, places, AlertsSeen(database(config, data), words))
    system = System(plan, observer, note)
    try:
        await system.start()
        watching = asyncio.create_task(system.observe())
        yield Run(system, observer, plan.board)
        watching.cancel()
    finally:
        await system.stop()
        await observer.close()


async def take(run: Run, file: Path) -> None:
    """After a call for help was dealt with, a leak began and a kill healed."""
    app = LiveView(views(run.observer), run.system, "hong-kong")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda view: view.fill is None and bool(view.alerts.resolved))
        await pilot.press("i")
        await until(pilot, lambda view: any(line.reached.word == "delivered" for line in view.alerts.lines))
        await pilot.press("k")
        await until(pilot, lambda view: view.stories[0].endswith("nothing missing"))
        await pilot.pause()
        file.write_text(self_contained(app.export_screenshot(title="caretaker up")), encoding="utf-8")

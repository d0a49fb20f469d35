"""`make pictures`: the live view of a real run, after a call for help was dealt with, a leak began and a kill healed.

It runs the example city on the usual ports for about two minutes, in a data directory of its own.
"""

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from caretaker import claim
from caretaker.alert_place import database, rules_by_id
from caretaker.alert_words import AlertWords
from caretaker.alerts_seen import AlertsSeen
from caretaker.broker import PORT_3, PORT_5, BrokerPlan
from caretaker.deployment import Deployment
from caretaker.live import views
from caretaker.output import note
from caretaker.screen.app import LiveView
from caretaker.screen.observe import Observer, Places
from caretaker.screen.view import View
from caretaker.system import ALERTS_PORT, API_PORT, HTTP_PORT, System, SystemPlan

REPOSITORY = Path(__file__).parents[1]
PICTURE = REPOSITORY / "docs" / "pictures" / "up.svg"
SIZE = (120, 43)
PORTS = (PORT_3, PORT_5, HTTP_PORT, ALERTS_PORT, API_PORT)
LIMIT_S = 180.0


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


async def take(data: Path) -> None:
    """Run, play, take the picture, stop."""
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
        app = LiveView(views(observer), system, deployment.config.name)
        async with app.run_test(size=SIZE) as pilot:
            await until(pilot, lambda view: view.fill is None and bool(view.alerts.resolved))
            await pilot.press("i")
            await until(pilot, lambda view: any(line.reached.word == "delivered" for line in view.alerts.lines))
            await pilot.press("k")
            await until(pilot, lambda view: view.stories[0].endswith("nothing missing"))
            await pilot.pause()
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            PICTURE.write_text(self_contained(app.export_screenshot(title="caretaker up")), encoding="utf-8")
        watching.cancel()
    finally:
        await system.stop()
        await observer.close()


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            claim.ports(
                "127.0.0.1",
                [claim.Port(port, str(port), "the picture") for port in PORTS],
            )
        except claim.ClaimedError as error:
            sys.exit(f"error: {error}; the picture shows the usual ports, so they have to be free")
        asyncio.run(take(Path(folder)))
    note(f"written: {PICTURE.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()

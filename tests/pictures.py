"""`make pictures`: the live view of a real run, taken after the ingestor was killed and a leak began.

It runs the example city on the usual ports for about a minute, in a data directory of its own.
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
from caretaker.broker import PORT_3, PORT_5, BrokerPlan
from caretaker.deployment import Deployment
from caretaker.live import views
from caretaker.output import note
from caretaker.screen.app import LiveView
from caretaker.screen.observe import Observer, Places
from caretaker.screen.view import State, View
from caretaker.system import HTTP_PORT, System, SystemPlan

REPOSITORY = Path(__file__).parents[1]
PICTURE = REPOSITORY / "docs" / "pictures" / "up.svg"
SIZE = (112, 36)
LIMIT_S = 120.0
CURVES_S = 30
"""So that the curves are full."""


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
    deployment = Deployment(REPOSITORY / "examples" / "hong-kong", data)
    store = data / "store.db"
    plan = SystemPlan(deployment.config, data, store, BrokerPlan())
    address = f"mqtt://127.0.0.1:{PORT_3}"
    observer = Observer(
        deployment.registry, Places(HTTP_PORT, None, data / "ledger.db", store, data / "audit.json", address)
    )
    system = System(plan, observer, note)
    try:
        await system.start()
        watching = asyncio.create_task(system.observe())
        app = LiveView(views(observer), system, deployment.config.name)
        async with app.run_test(size=SIZE) as pilot:
            await until(pilot, lambda view: view.fill is None and len(view.rates.received) >= CURVES_S)
            await pilot.press("i")
            await until(pilot, lambda view: any(line.state is State.LEAK for line in view.sites))
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
                "127.0.0.1", [claim.Port(port, str(port), "the picture") for port in (PORT_3, PORT_5, HTTP_PORT)]
            )
        except claim.ClaimedError as error:
            sys.exit(f"error: {error}; the picture shows the usual ports, so they have to be free")
        asyncio.run(take(Path(folder)))
    note(f"written: {PICTURE.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()

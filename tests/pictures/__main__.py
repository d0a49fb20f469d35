"""`make pictures`: a real run of the example city, seen in the terminal, on the board, and in Grafana if there is one.

It runs on the usual ports for about two minutes, in a data directory of its own.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from caretaker import claim
from caretaker.broker import PORT_3, PORT_5
from caretaker.output import note
from caretaker.system import ALERTS_PORT, API_PORT, HTTP_PORT
from tests.pictures import board, dashboards, terminal

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "docs" / "pictures"
WHOLE = REPOSITORY / "build" / "pictures"
"""Dashboards in full length: to look at, not to keep."""
PORTS = (PORT_3, PORT_5, HTTP_PORT, ALERTS_PORT, API_PORT)


async def take(data: Path, around: Path) -> None:
    """All pictures, of one run. `around` is for what runs beside it."""
    grafana = dashboards.at_hand()
    async with terminal.running(data) as run, AsyncExitStack() as beside:
        prometheus = None if grafana is None else await beside.enter_async_context(dashboards.watched(data, around))
        await terminal.take(run, FOLDER / "up.svg")
        written(FOLDER / "up.svg", *await board.take(run.entrance, FOLDER))
        if grafana is not None and prometheus is not None:
            WHOLE.mkdir(parents=True, exist_ok=True)
            written(*await dashboards.take(grafana, prometheus, around, FOLDER, WHOLE))


def written(*files: Path) -> None:
    """Say so."""
    for file in files:
        note(f"written: {file.relative_to(REPOSITORY)}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Take all pictures."""
    argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__).parse_args(arguments)
    try:
        claim.ports("127.0.0.1", [claim.Port(port, str(port), "the picture") for port in PORTS])
    except claim.ClaimedError as error:
        sys.exit(f"error: {error}; the picture shows the usual ports, so they have to be free")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as around:
        asyncio.run(take(Path(data), Path(around)))


if __name__ == "__main__":
    main()

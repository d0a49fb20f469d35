"""`make pictures`: one real run of the example city, seen in the terminal and in the browser.

It runs on the usual ports for about two minutes, in a data directory of its own.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from caretaker import claim
from caretaker.broker import PORT_3, PORT_5
from caretaker.output import note
from caretaker.system import ALERTS_PORT, API_PORT, HTTP_PORT
from tests.pictures import board, terminal

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "docs" / "pictures"
PORTS = (PORT_3, PORT_5, HTTP_PORT, ALERTS_PORT, API_PORT)


async def take(data: Path) -> None:
    """All pictures, of one run."""
    async with terminal.running(data) as run:
        await terminal.take(run, FOLDER / "up.svg")
        for file in (FOLDER / "up.svg", *await board.take(run.entrance, FOLDER)):
            note(f"written: {file.relative_to(REPOSITORY)}")


def main() -> None:
    """Take all pictures."""
    try:
        claim.ports("127.0.0.1", [claim.Port(port, str(port), "the picture") for port in PORTS])
    except claim.ClaimedError as error:
        sys.exit(f"error: {error}; the picture shows the usual ports, so they have to be free")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(take(Path(folder)))


if __name__ == "__main__":
    main()

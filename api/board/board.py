"""The board on the application of the API: to be mounted last, for it answers whatever no route did."""

from fastapi import FastAPI
from nicegui import ui

from api.access.access import Access
from api.board import assets, quick
from api.board.frame import Board, Visit
from api.board.pages import pages
from api.board.refusal import NowhereError
from api.sources import Sources
from telemetry.wording import later


def mount(app: FastAPI, sources: Sources, access: Access) -> None:
    """Add all pages at `/`. Once a process: NiceGUI keeps its pages in one place."""
    quick.install()
    files = assets.load()
    assets.serve(app, files)
    board = Board(sources, access, files)
    for page in pages():
        page.add(board)
    board.page("/{path:path}", later("Not found"))(nothing)
    ui.run_with(
        app,
        mount_path="/",
        title="Caretaker",
        favicon=files["icon.svg"].content.decode(),
        dark=None,
        tailwind=False,
        reconnect_timeout=5.0,
        show_welcome_message=False,
    )


async def nothing(visit: Visit, path: str) -> None:
    """Whatever no page is."""
    raise NowhereError(visit.words("There is no page /{path}.", path=path))

"""The pages of the board. A module in here with `add(board)` is one; the others draw parts of pages."""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol

from api.board.frame import Board


class PageModule(Protocol):
    """What such a module has."""

    def add(self, board: Board) -> None:
        """Register its pages."""


def pages() -> Sequence[PageModule]:
    """All of them, by name."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return [module for module in modules if hasattr(module, "add")]

"""The alert desk from asyncio: one thread, opened when it is first asked, and again after trouble."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from alerts.desk import DatabaseAwayError, DatabaseUnusableError, Desk, NoAlertsError
from api.problem import AwayError

P = ParamSpec("P")
T = TypeVar("T")


class AlertDesk:
    """Asks the alert database. Neither it nor the alert service has to be there: then the answer is `AwayError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alert-desk")
        self._desk: Desk | None = None  # touched by the thread only

    async def ask(self, question: Callable[Concatenate[Desk, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As in `await alerts.ask(Desk.alert, "3f2a")`. Raises `AwayError`, and what the question raises."""

        def answer() -> T:
            if self._desk is None:
                self._desk = Desk(self._path)
            return question(self._desk, *args, **kwargs)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, answer)
        except (DatabaseAwayError, DatabaseUnusableError, NoAlertsError) as error:
            raise AwayError(f"alerts can't be asked: {error}") from error

    async def close(self) -> None:
        """Let go of the file."""

        def close() -> None:
            if self._desk is not None:
                self._desk.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown()

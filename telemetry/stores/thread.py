"""A thread that does a store's blocking work, one call after the other."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

CLOSE_LIMIT_S = 2.0
"""How long `close` waits for the call that is running."""

_Result = TypeVar("_Result")
_Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class StoreThread:
    """Runs calls in order, off the event loop.

    A daemon, unlike an executor's threads: a store that does not answer must not hold up the end of the process. What
    is left behind then is safe: the journal still has the readings, and a transaction that was not committed did not
    happen.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it is to end: a long call looks at it between its steps."""
        return self._closed

    async def run(self, call: Callable[..., _Result], *arguments: Any) -> _Result:
        """The result of a call; what it raises is raised here."""
        if self._closed:
            raise RuntimeError("the store is closed")
        return await self._submit(call, *arguments)

    async def close(self, last: Callable[[], None]) -> None:
        """Do `last` after all else, and end. Waits no longer than `CLOSE_LIMIT_S`; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._submit(last), CLOSE_LIMIT_S)
        self._jobs.put(None)

    def _submit(self, call: Callable[..., _Result], *arguments: Any) -> asyncio.Future[_Result]:
        future: Future[_Result] = Future()
        self._jobs.put((future, call, arguments))
        return asyncio.wrap_future(future)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, call, arguments = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call(*arguments))
            except BaseException as error:  # noqa: BLE001  # raised again where it is awaited
                future.set_exception(error)
            del job, future, call, arguments  # a waiting thread must not keep the last batch alive

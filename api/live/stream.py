"""One listener's connection: Server-Sent Events, as the HTML standard has them, straight to ASGI."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.live.event import block
from api.live.hub import KEEP_ALIVE_S, Dropped, Hub, Listener
from api.live.resume import Start

MEDIA_TYPE = "text/event-stream"
CATCH_UP_BYTES = 64 * 1024
"""Given at a time to who has fallen behind or comes back."""
CHECK_EVERY_S = 15.0
"""Whether it may still listen, and to the same."""
RETRY_MS = 2_000
"""What a browser is told to wait before it comes back."""
DETAIL = {
    Dropped.TOO_SLOW: "what was sent was not read in time: come back with the last id, and read faster or ask for less",
    Dropped.ACCESS_ENDED: "the key was revoked, or the sign-in is over",
    Dropped.CHANGED: "what there is to see has changed: come back with the last id",
    Dropped.STOPPING: "the service stops: come back with the last id",
}


class Stream(Response):
    """Ends when the client goes, `for_s` is over, or the hub drops the listener."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        hub: Hub,
        listener: Listener,
        start: Start,
        check: Callable[[], Awaitable[Dropped | None]],
        for_s: int | None,
    ) -> None:
        """`listener` has joined and leaves here. `check` says whether it has to end, and why."""
        self._hub, self._listener, self._start, self._check, self._for_s = hub, listener, start, check, for_s
        self._left = False
        self.status_code = 200
        self.background = None
        # No body here, so no length. Nginx holds answers back until a buffer is full, unless it is told.
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until it ends."""
        del scope
        try:
            async with asyncio.TaskGroup() as tasks:
                leaving = tasks.create_task(self._until_gone(receive), name="live-leaving")
                with suppress(TimeoutError):
                    async with asyncio.timeout(None) as self._listener.limit:
                        await self._run(send)
                leaving.cancel()
        finally:
            self._hub.leave(self._listener)

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._listener.wake()

    async def _run(self, send: Send) -> None:
        listener, loop = self._listener, asyncio.get_running_loop()
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._write(send, self._beginning())
        check_at = loop.time() + CHECK_EVERY_S
        ends_at = math.inf if self._for_s is None else loop.time() + self._for_s
        alarm = None if self._for_s is None else loop.call_at(ends_at, listener.wake)
        try:
            while not self._left and loop.time() < ends_at:
                if loop.time() >= check_at:
                    check_at = loop.time() + CHECK_EVERY_S
                    await self._look()
                chunk = await self._next()
                if chunk:
                    await self._write(send, chunk)
                if listener.dropped is not None:
                    await self._write(send, self._farewell(listener.dropped))
                    break
        finally:
            if alarm is not None:
                alarm.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _look(self) -> None:
        why = await self._check()
        if why is not None:
            self._hub.drop(self._listener, why)

    async def _next(self) -> bytes:
        """What is to be sent; empty: something else has happened, or will be found out."""
        listener = self._listener
        chunk = b"" if listener.dropped is not None else self._hub.more(listener, CATCH_UP_BYTES)
        if chunk or listener.dropped is not None or self._left:
            return chunk
        if self._hub.behind(listener):
            await asyncio.sleep(0)  # others have their turn
            return b""
        began = time.monotonic()
        chunk = await listener.wait()
        if chunk or time.monotonic() - began < KEEP_ALIVE_S:
            return chunk
        # The id moves a browser's last one on, without an event: coming back then it is told of nothing missed.
        return f":\nid: {self._id()}\n\n".encode()

    async def _write(self, send: Send, chunk: bytes) -> None:
        self._listener.since = time.monotonic()
        self._hub.bytes += len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})

    def _id(self) -> str:
        return f"{self._hub.run_id}-{self._listener.number}"

    def _beginning(self) -> bytes:
        start = self._start
        hello = msgspec.json.encode({"id": self._id(), "resumed": start.resumed})
        first = f"retry: {RETRY_MS}\n".encode() + block(self._id(), "hello", hello)
        return first if start.missed is None else first + block(self._id(), "missed", msgspec.json.encode(start.missed))

    def _farewell(self, why: Dropped) -> bytes:
        return block(self._id(), "dropped", msgspec.json.encode({"reason": why, "detail": DETAIL[why]}))

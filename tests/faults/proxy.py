"""A TCP proxy on the loopback that can be slow, refuse, go silent and cut, in a thread of its own."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar

CHUNK_BYTES = 64 * 1024
_ANSWER_LIMIT_S = 10.0
_LINGER_NOT = struct.pack("ii", 1, 0)

T = TypeVar("T")


class Tap(Protocol):
    """Looks at what passes; may not change it."""

    def from_server(self, data: bytes) -> None: ...
    def from_client(self, data: bytes) -> None: ...
    def closed(self) -> None: ...


class _Blind:
    def from_server(self, data: bytes) -> None: ...
    def from_client(self, data: bytes) -> None: ...
    def closed(self) -> None: ...


class Proxy:
    """Forwards to one port. `delay_s` may be changed at any time: how long each piece the server says is held back."""

    def __init__(self, target_port: int, tap: Callable[[], Tap] = _Blind) -> None:
        self._target_port = target_port
        self._tap = tap
        self._refusing = False
        self._silent = False
        self._alive: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.delay_s = 0.0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._ask(self._listen())

    def refuse(self) -> None:
        """Cut what there is and every new connection, until `heal`."""
        self._refusing = True
        self.cut()

    def go_silent(self) -> None:
        """Forward nothing, close nothing, until `heal`. Connections of this time stay dead even then."""
        self._silent = True
        self._loop.call_soon_threadsafe(self._deaden)

    def heal(self) -> None:
        """Let new connections through."""
        self._refusing = self._silent = False

    def cut(self) -> None:
        """Reset every connection."""
        self._ask(self._cut())

    def close(self) -> None:
        """Stop listening, cut everything, end the thread. A second call does nothing."""
        if self._loop.is_closed():
            return
        self._ask(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER_LIMIT_S)
        self._loop.close()

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_LIMIT_S)

    # On the proxy's loop

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._link(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        if self._refusing:
            link.reset()
            return
        if self._silent:
            link.flowing.clear()
        try:
            server_reader, link.to_server = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            link.reset()
            return
        tap = self._tap()
        self._alive.add(link)
        pumps = [
            asyncio.create_task(self._pump(reader, link, link.to_server, tap.from_client, slow=False)),
            asyncio.create_task(self._pump(server_reader, link, writer, tap.from_server, slow=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._alive.discard(link)
            tap.closed()
            for side in (writer, link.to_server):
                side.close()
                with suppress(OSError):
                    await _within(side.wait_closed())

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        link: "_Link",
        writer: asyncio.StreamWriter,
        look: Callable[[bytes], None],
        *,
        slow: bool,
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if slow and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await link.flowing.wait()
                if link.over:
                    return
                look(data)
                writer.write(data)
                await writer.drain()

    def _deaden(self) -> None:
        for link in self._alive:
            link.flowing.clear()

    async def _cut(self) -> None:
        for link in tuple(self._alive):
            link.reset()

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        if self._tasks:  # not cancelled: StreamReaderProtocol would report each as an error
            await asyncio.wait(self._tasks, timeout=_ANSWER_LIMIT_S / 2)


class _Link:
    """One connection on both its sides."""

    def __init__(self, to_client: asyncio.StreamWriter) -> None:
        self.to_client = to_client
        self.to_server: asyncio.StreamWriter | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.over = False

    def reset(self) -> None:
        self.over = True
        self.flowing.set()
        for side in (self.to_client, self.to_server):
            if side is not None:
                raw = side.get_extra_info("socket")
                with suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
                side.transport.abort()


async def _within(work: Awaitable[None]) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(work, 1.0)

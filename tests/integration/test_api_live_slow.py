"""A listener that does not read, over a real connection: it is dropped, told so, and nobody else notices."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from api.access.caller import Caller, Role, Way
from api.live import hub as hub_module
from api.live.hub import Dropped, Hub
from api.live.past import Past
from api.live.resume import Start
from api.live.stream import Stream
from api.live.wanted import ALL_KINDS, Wanted
from telemetry.reading import Reading
from telemetry.service.probe import serve_site

LIMIT_S = 30.0
WHO = Caller("wall screen", Role.OPERATOR, None, Way.KEY, "127.0.0.1", "k1")
EVERYTHING = Wanted(ALL_KINDS, None, None, None, None, None)
MOST_EVENTS = 200_000
"""Some 200 MB: what the system's buffers hold is full long before."""


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    for name, value in (("TICK_S", 0.01), ("LOOK_EVERY_S", 0.1), ("STUCK_S", 1.0)):
        monkeypatch.setattr(hub_module, name, value)
    one = Hub(Past(most_bytes=1 << 20))
    running = asyncio.ensure_future(one.run())
    yield one
    running.cancel()


@pytest.fixture
async def port(hub: Hub) -> AsyncIterator[int]:
    async def allowed() -> Dropped | None:
        return None

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        listener = hub.join(WHO, EVERYTHING, None)
        stream = Stream(hub, listener, Start(listener.number, resumed=False, missed=None), allowed, None)
        await stream(scope, receive, send)

    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(serve_site(app, "127.0.0.1", 0, None, started.set_result))
    yield await started
    serving.cancel()
    await asyncio.wait([serving])


async def connected(port: int, receive_bytes: int | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    one = socket.socket()
    if receive_bytes is not None:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    one.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=one, limit=1 << 16)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"event: hello\n"), LIMIT_S)
    return reader, writer


async def test_it_is_dropped_and_nobody_else_notices(hub: Hub, port: int) -> None:
    slow, slow_writer = await connected(port, receive_bytes=1 << 16)
    quick, quick_writer = await connected(port)
    sent = heard = 0
    text = "x" * 1_000
    async with asyncio.timeout(LIMIT_S):
        while not hub.dropped[Dropped.TOO_SLOW]:
            assert sent < MOST_EVENTS, "it was never dropped"
            for _ in range(100):
                hub.reading(Reading("nh3-1", 0, None, {"text": text}, {}), "toilet-1")
            sent += 100
            while heard < sent:
                heard += (await quick.readuntil(b"\n\n")).count(b"event: reading")
        rest = await slow.read(-1)
    assert hub.dropped == {Dropped.TOO_SLOW: 1}
    assert b'event: dropped\ndata: {"reason":"too_slow"' in rest
    assert rest.endswith(b"\r\n0\r\n\r\n"), "ended in order"
    assert heard == sent
    assert hub.past.bytes <= 1 << 20
    for writer in (slow_writer, quick_writer):
        writer.close()
        await writer.wait_closed()

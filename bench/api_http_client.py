"""A client that asks one address over some connections that stay open: `python -m bench.api_http_client`.

Its own HTTP, as little as it takes, so that it measures the server: requests one after the other on each connection.
Reads the key from its standard input, prints what it found as JSON.
"""

import argparse
import asyncio
import json
import time
from dataclasses import asdict, dataclass

GOOD = "HTTP/1.1 200"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Asked:
    """What came of it."""

    requests: int
    seconds: float
    delays_ms: list[float]
    bytes: int
    """Of the last answer's body."""


class _Connection:
    def __init__(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._request, self._reader, self._writer = request, reader, writer

    async def ask(self) -> int:
        """Bytes of the answer's body. Raises `RuntimeError` for what is no success."""
        self._writer.write(self._request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        if not head.startswith(GOOD):
            raise RuntimeError(head.split("\r\n", 1)[0] + (await self._reader.read(1_000)).decode())
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if "content-length" in fields:
            return await self._skip(int(fields["content-length"]))
        total = 0
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            total += await self._skip(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return total

    async def _skip(self, size: int) -> int:
        left = size
        while left:
            left -= len(await self._reader.read(min(left, CHUNK)))
        return size


async def _asked(host: str, port: int, request: bytes, connections: int, seconds: float) -> Asked:
    opened = [_Connection(request, *await asyncio.open_connection(host, port, limit=CHUNK)) for _ in range(connections)]
    size = await opened[0].ask()  # the first one is for caches
    delays: list[float] = []
    began = time.perf_counter()

    async def one(connection: _Connection) -> None:
        while (start := time.perf_counter()) < began + seconds:
            await connection.ask()
            delays.append(1_000 * (time.perf_counter() - start))

    await asyncio.gather(*map(one, opened))
    return Asked(len(delays), time.perf_counter() - began, delays, size)


def main() -> None:
    """Ask, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    head = [f"GET {given.path} HTTP/1.1", f"Host: 127.0.0.1:{given.port}", f"Authorization: Bearer {input()}"]
    request = "\r\n".join([*head, "", ""]).encode()
    print(json.dumps(asdict(asyncio.run(_asked("127.0.0.1", given.port, request, given.connections, given.seconds)))))


if __name__ == "__main__":
    main()

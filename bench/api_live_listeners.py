"""`python -m bench.api_live_listeners`: many listeners of the live stream in one process, each a plain socket.

What a listener does is little, so that many fit: it counts events, and one of nineteen reads the time in each of them.
Each line on standard input is answered by one: how many readings were heard so far. Where it ends, so do the listeners,
and write what they have heard as JSON: see `Heard`.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import cast

import uvloop

SAMPLED_OF = 19
"""A prime: the sampled ones are of all sites."""
FIRST_LEFT_OUT_MS = 1_000
READING, EVENT = b"\nevent: reading\n", b"\nevent: "
_TIME = re.compile(rb'"time":(\d{13})')
_ID = re.compile(rb"\nid: [0-9a-f]{8}-(\d+)\nevent: reading\n")


@dataclass(frozen=True)
class Heard:
    """What the listeners of one process have heard."""

    counts: list[int]
    """Readings, by listener."""
    told: list[int]
    """Listeners that were told that something is missing: by an event `missed` or `dropped`."""
    disorder: int
    """Readings whose number was not higher than the one before; of those listeners that are sampled."""
    delays_ms: list[float]
    """From the reading's event time to its arrival, of those that are sampled; without the first second."""
    worst_ms: float
    """The same of the oldest reading in each part that any listener was given."""


@dataclass
class Beginning:
    """Of the load, as this process hears it."""

    first_ms: int | None = None
    """Event time of the first reading."""

    def counts(self, at_ms: int) -> bool:
        """Whether a reading of this time is after the first second."""
        if self.first_ms is None:
            self.first_ms = at_ms
        return at_ms >= self.first_ms + FIRST_LEFT_OUT_MS


class Listener(asyncio.Protocol):
    """One of them."""

    def __init__(self, request: bytes, beginning: Beginning, *, sampled: bool) -> None:
        self._request = request
        self._sampled = sampled
        self._beginning = beginning
        self._rest = b""
        self._last = 0
        self.hello = asyncio.get_running_loop().create_future()
        self.count = 0
        self.told = False
        self.disorder = 0
        self.delays_ms: list[float] = []
        self.worst_ms = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count whole events."""
        now_ms = time.time() * 1_000
        data = self._rest + data
        end = data.rfind(b"\n\n") + 1
        self._rest = data[end:]
        if not end:
            return
        if not self.hello.done():
            self._greeted(data[:end])
        found = data.count(READING, 0, end)
        if found != data.count(EVENT, 0, end):
            self.told |= b"\nevent: missed\n" in data or b"\nevent: dropped\n" in data
        if found:
            self.count += found
            self._time(data, end, now_ms)

    def _greeted(self, whole: bytes) -> None:
        if b" 200 " not in whole[:20]:
            self.hello.set_exception(RuntimeError(whole.decode(errors="replace")[:500]))
        elif b"\nevent: hello\n" in whole:
            self.hello.set_result(None)

    def _time(self, data: bytes, end: int, now_ms: float) -> None:
        first = _TIME.search(data)
        assert first is not None
        oldest_ms = int(first[1])
        if self._beginning.counts(oldest_ms):
            self.worst_ms = max(self.worst_ms, now_ms - oldest_ms)
        if not self._sampled:
            return
        times_ms = map(int, _TIME.findall(data, 0, end))
        self.delays_ms += [now_ms - at_ms for at_ms in times_ms if self._beginning.counts(at_ms)]
        for number in map(int, _ID.findall(data, 0, end)):
            self.disorder += number <= self._last
            self._last = number


async def listen(port: int, keys: list[str], sites: list[str], count: int) -> Heard:
    """Listen until told to end. `sites`: each listener one of them in turn; none: everything."""
    loop = asyncio.get_running_loop()
    listeners: list[Listener] = []
    beginning = Beginning()
    turn, key = cycle(sites or [""]), cycle(keys)
    for number in range(count):
        site = next(turn)
        query = f"?site={site}" if site else ""
        request = (
            f"GET /api/v1/live{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {next(key)}\r\n\r\n"
        ).encode()
        one = Listener(request, beginning, sampled=number % SAMPLED_OF == 0)
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)  # type: ignore[misc]
        await one.hello
        listeners.append(one)
    print("ready", flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(sum(one.count for one in listeners), flush=True)
    return Heard(
        counts=[one.count for one in listeners],
        told=[number for number, one in enumerate(listeners) if one.told],
        disorder=sum(one.disorder for one in listeners),
        delays_ms=[delay for one in listeners for delay in one.delays_ms],
        worst_ms=max(one.worst_ms for one in listeners),
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    for name in ("port", "count"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--site", action="append", default=[])
    given = parser.parse_args()
    keys = sys.stdin.readline().split()  # not as arguments: everybody on the machine could read them
    heard = uvloop.run(listen(given.port, keys, given.site, given.count))
    print(json.dumps(asdict(heard)), flush=True)


if __name__ == "__main__":
    main()

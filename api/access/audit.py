"""The audit log: who changed what, when, from where. Written before the change is answered; never a secret in it."""

import re
import sqlite3
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from api.access import browsers
from api.access.caller import Caller, Way
from api.access.database import AccessDatabase
from telemetry.reading import NS_PER_S
from telemetry.service.log import redact

KEEP_DAYS = 400
"""A year, and time to look at it."""
DAY_NS = 86_400 * NS_PER_S
TEXT_MOST = 1_000
"""Characters of a target or a detail; the rest is cut off."""
_KEY_TEXT = re.compile(r"(ck_[a-z2-7]{8}_)[A-Za-z0-9_-]+")
_COLUMNS = "id, time_ns, who, way, key, address, what, target, detail"


class Entry(Struct, frozen=True):
    """One line of the log."""

    id: int
    """Grows with time."""
    time_ns: int
    """Wall clock, ns UTC."""
    who: str
    """Empty: nobody we know."""
    way: Way | None
    key: str
    """Id of the key behind it; empty: none."""
    address: str
    what: str
    """As in `alert.acknowledged`."""
    target: str
    """What it was done to, as in `alert 3f2a`."""
    detail: str


def write(connection: sqlite3.Connection, caller: Caller, what: str, target: str, detail: str, now_ns: int) -> None:
    """A line about what a caller did, in the transaction that does it."""
    _insert(connection, now_ns, caller.name, caller.way, caller.key, caller.address, what, target, detail)


def write_stranger(connection: sqlite3.Connection, address: str, what: str, now_ns: int) -> None:
    """A line about somebody we don't know."""
    _insert(connection, now_ns, "", None, "", address, what, "", "")


def page(connection: sqlite3.Connection, before: int | None, limit: int) -> Sequence[Entry]:
    """The newest entries with a number below `before`, newest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",  # noqa: S608 - our own columns
        (before, limit),
    )
    return [Entry(id_, at_ns, who, way and Way(way), *rest) for id_, at_ns, who, way, *rest in found]


def expire(connection: sqlite3.Connection, now_ns: int) -> None:
    """Forget entries older than `KEEP_DAYS`."""
    connection.execute("DELETE FROM audit WHERE time_ns < ?", (now_ns - KEEP_DAYS * DAY_NS,))


class Audit:
    """The log, for who changes something."""

    def __init__(self, database: AccessDatabase, signed_in_days: int, clock: Callable[[], int] = time.time_ns) -> None:
        """`clock` is wall clock, ns UTC. Browsers unused for `signed_in_days` are forgotten along the way."""
        self._database = database
        self._signed_in_ns = signed_in_days * DAY_NS
        self._clock = clock
        self._tidied_ns = 0

    async def record(self, caller: Caller, what: str, target: str, detail: str = "") -> None:
        """Write a line, durably: after it the change may be answered. Raises `AwayError`.

        `what` is as in `alert.acknowledged`, `target` as in `alert 3f2a`.
        """
        now_ns = self._clock()
        await self._database.change(write, caller, what, target, detail, now_ns)
        await self._tidy(now_ns)

    async def record_stranger(self, address: str, what: str) -> None:
        """Write a line about somebody we don't know. Raises `AwayError`."""
        now_ns = self._clock()
        await self._database.change(write_stranger, address, what, now_ns)
        await self._tidy(now_ns)

    async def page(self, before: int | None, limit: int) -> Sequence[Entry]:
        """The newest entries with a number below `before`; None: the newest of all. Raises `AwayError`."""
        return await self._database.look(page, before, limit)

    async def _tidy(self, now_ns: int) -> None:
        """Once a day; the file grows only by what is written here."""
        if now_ns - self._tidied_ns < DAY_NS:
            return
        self._tidied_ns = now_ns
        await self._database.change(expire, now_ns)
        await self._database.change(browsers.delete_unused, now_ns - self._signed_in_ns)


def _insert(connection: sqlite3.Connection, now_ns: int, who: str, way: Way | None, key: str, *texts: str) -> None:
    connection.execute(
        "INSERT INTO audit (time_ns, who, way, key, address, what, target, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (now_ns, who, way, key, *(_clean(text) for text in texts)),
    )


def _clean(text: str) -> str:
    """Without what looks like a secret, cut to `TEXT_MOST`, and without what no file can hold (lone surrogates)."""
    # In this order: what is cut in half may no longer look like a secret.
    text = _KEY_TEXT.sub(r"\1…", redact(text))
    return text[:TEXT_MOST].encode("utf-8", "replace").decode()

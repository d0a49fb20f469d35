"""Signed-in browsers: each has a cookie of 256 random bits, of which only the SHA-256 is kept.

A browser stands on the key it signed in with and ends with it, or on the token that `caretaker up` made at its start.
"""

import hashlib
import hmac
import secrets
import sqlite3
from typing import Any

from msgspec import Struct

from api.access import keys
from api.access.keys import USE_NOTED_NS, Key

COOKIE_BYTES = 32
_COLUMNS = (
    "browsers.id, browsers.token, browsers.used_ns, keys.id, keys.name, keys.role, keys.sites, "
    "keys.created_ns, keys.expires_ns, keys.revoked_ns, keys.used_ns"
)
_FROM = "FROM browsers LEFT JOIN keys ON keys.id = browsers.key"


class Browser(Struct, frozen=True):
    """A browser that has signed in and not out."""

    id: int
    used_ns: int
    """Wall clock, ns UTC, to about a minute."""
    key: Key | None
    """It signed in with. None: it entered with a token."""
    token: bytes | None
    """See `bind`."""

    def use_is_news(self, now_ns: int) -> bool:
        """Whether it is time to note again that it is used."""
        return now_ns - self.used_ns >= USE_NOTED_NS


def insert(connection: sqlite3.Connection, key: str | None, token: str | None, now_ns: int) -> tuple[int, str]:
    """A browser that has just proved the one or the other: its number, and its cookie: the only time it is known."""
    cookie = secrets.token_urlsafe(COOKIE_BYTES)
    bound = None if token is None else bind(cookie, token)
    cursor = connection.execute(
        "INSERT INTO browsers (hash, key, token, used_ns) VALUES (?, ?, ?, ?)", (_hash(cookie), key, bound, now_ns)
    )
    assert cursor.lastrowid is not None, "a row was inserted"
    return cursor.lastrowid, cookie


def prove(connection: sqlite3.Connection, cookie: str) -> Browser | None:
    """The browser with this cookie, whether it is still good or not."""
    # Looking a SHA-256 up in an index tells nothing, by its time, of what was hashed.
    statement = f"SELECT {_COLUMNS} {_FROM} WHERE browsers.hash = ?"
    return _of_row(connection.execute(statement, (_hash(cookie),)).fetchone())


def find(connection: sqlite3.Connection, id_: int) -> Browser | None:
    """A browser by its number."""
    statement = f"SELECT {_COLUMNS} {_FROM} WHERE browsers.id = ?"
    return _of_row(connection.execute(statement, (id_,)).fetchone())


def delete(connection: sqlite3.Connection, id_: int) -> None:
    """It signed out."""
    connection.execute("DELETE FROM browsers WHERE id = ?", (id_,))


def delete_unused(connection: sqlite3.Connection, since_ns: int) -> None:
    """Forget those that were last used before a moment."""
    connection.execute("DELETE FROM browsers WHERE used_ns < ?", (since_ns,))


def note_use(connection: sqlite3.Connection, id_: int, now_ns: int) -> None:
    """That it was used; called about once a minute."""
    connection.execute("UPDATE browsers SET used_ns = ? WHERE id = ?", (now_ns, id_))


def bind(cookie: str, token: str) -> bytes:
    """What is kept of a token: enough to see that it is still the same, and nothing to guess it from."""
    return hmac.digest(cookie.encode(), token.encode(), "sha256")


def _of_row(row: tuple[Any, ...] | None) -> Browser | None:
    if row is None:
        return None
    id_, token, used_ns, *key = row
    return Browser(id_, used_ns, None if key[0] is None else keys.of_row(key), token)


def _hash(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()

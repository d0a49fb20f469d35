"""Keys: `ck_`, eight characters that name the key, `_`, and 43 that prove it.

The secret is 256 random bits. Only its SHA-256 is kept: a slow hash protects what people think up, and nobody guesses
256 bits, so here it would only make each request slow.
"""

import hashlib
import re
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from enum import StrEnum
from hmac import compare_digest
from typing import Any

import msgspec
from msgspec import Struct

from api.access.caller import Role
from telemetry.reading import NS_PER_S

ID_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 8
SECRET_BYTES = 32
NAME_MOST = 64
"""Characters of a key's name."""
USE_NOTED_NS = 60 * NS_PER_S
"""How exactly it is known when a key was last used."""
_KEY = re.compile(rf"ck_([a-z2-7]{{{ID_LENGTH}}})_([A-Za-z0-9_-]{{43}})", re.ASCII)
_NO_HASH = bytes(32)
_COLUMNS = "id, name, role, sites, created_ns, expires_ns, revoked_ns, used_ns"


class KeyState(StrEnum):
    """Whether a key opens anything."""

    GOOD = "good"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Key(Struct, frozen=True):
    """A key, without its secret. Times are wall clock, ns UTC."""

    id: str
    name: str
    role: Role
    sites: frozenset[str] | None
    """None: all."""
    created_ns: int
    expires_ns: int | None = None
    revoked_ns: int | None = None
    used_ns: int | None = None
    """To about a minute."""

    def state(self, now_ns: int) -> KeyState:
        """As of a moment. What was revoked stays so, whether it would have ended or not."""
        if self.revoked_ns is not None:
            return KeyState.REVOKED
        if self.expires_ns is not None and self.expires_ns <= now_ns:
            return KeyState.EXPIRED
        return KeyState.GOOD

    def use_is_news(self, now_ns: int) -> bool:
        """Whether it is time to note again that it is used."""
        return self.used_ns is None or now_ns - self.used_ns >= USE_NOTED_NS


class Draft(Struct, frozen=True):
    """A key as somebody wishes for it."""

    name: str
    role: Role
    sites: frozenset[str] | None = None
    """None: all."""
    expires_ns: int | None = None


def insert(connection: sqlite3.Connection, draft: Draft, now_ns: int) -> tuple[Key, str]:
    """A new key, and its text: the only time that it is known."""
    id_ = "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    key = Key(id_, draft.name, draft.role, draft.sites, now_ns, draft.expires_ns)
    connection.execute(
        "INSERT INTO keys (id, name, role, sites, hash, created_ns, expires_ns) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (id_, key.name, key.role, _sites_text(key.sites), _hash(secret), now_ns, key.expires_ns),
    )
    return key, f"ck_{id_}_{secret}"


def prove(connection: sqlite3.Connection, text: str) -> Key | None:
    """The key whose text this is, in whatever state; None: none of ours.

    A text with an id that is known costs what one costs whose id is not, and where two secrets differ can't be timed.
    """
    match = _KEY.fullmatch(text)
    id_, secret = match.groups() if match else ("", "")
    row = connection.execute(f"SELECT {_COLUMNS}, hash FROM keys WHERE id = ?", (id_,)).fetchone()  # noqa: S608 - our own columns
    same = compare_digest(_hash(secret), row[-1] if row else _NO_HASH)
    return of_row(row[:-1]) if row and same else None


def find(connection: sqlite3.Connection, id_: str) -> Key | None:
    """A key by its id."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM keys WHERE id = ?", (id_,)).fetchone()  # noqa: S608 - our own columns
    return None if row is None else of_row(row)


def listed(connection: sqlite3.Connection) -> Sequence[Key]:
    """All that were ever made, newest first."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM keys ORDER BY created_ns DESC, id")  # noqa: S608 - our own columns
    return [of_row(row) for row in found]


def any_good(connection: sqlite3.Connection, now_ns: int) -> bool:
    """Whether there is a key that opens anything."""
    return any(key.state(now_ns) is KeyState.GOOD for key in listed(connection))


def revoke(connection: sqlite3.Connection, id_: str, now_ns: int) -> None:
    """From now on it opens nothing, nor do the browsers that signed in with it."""
    connection.execute("UPDATE keys SET revoked_ns = ? WHERE id = ? AND revoked_ns IS NULL", (now_ns, id_))
    connection.execute("DELETE FROM browsers WHERE key = ?", (id_,))


def note_use(connection: sqlite3.Connection, id_: str, now_ns: int) -> None:
    """That it was used; called about once a minute."""
    connection.execute("UPDATE keys SET used_ns = ? WHERE id = ?", (now_ns, id_))


def of_row(row: Sequence[Any]) -> Key:
    """From the columns id, name, role, sites, created, expires, revoked, used."""
    id_, name, role, sites, *times = row
    return Key(id_, name, Role(role), None if sites is None else frozenset(msgspec.json.decode(sites)), *times)


def _sites_text(sites: Iterable[str] | None) -> str | None:
    return None if sites is None else msgspec.json.encode(sorted(sites)).decode()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

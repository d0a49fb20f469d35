"""Making, listing and revoking keys, and reading the audit log: who may, and what of it is written down."""

import sqlite3
from collections.abc import Sequence

from api.access import audit, keys
from api.access.access import Access
from api.access.audit import Entry
from api.access.caller import Caller, Role, require
from api.access.keys import Draft, Key, KeyState
from api.problem import ConflictError, ForbiddenError, NotFoundError

KEYS_MOST = 1_000
"""Keys that open something; those that were revoked or have ended stay in the list and don't count."""
LIFE_MOST_S = 3_650 * 86_400
"""For longer than ten years nobody means."""


def make(connection: sqlite3.Connection, caller: Caller, draft: Draft, now_ns: int) -> tuple[Key, str]:
    """A key and its text, and a line in the audit log. Raises `ConflictError` where there are too many."""
    if sum(key.state(now_ns) is KeyState.GOOD for key in keys.listed(connection)) >= KEYS_MOST:
        raise ConflictError(f"there are {KEYS_MOST} keys already: revoke some that nobody uses")
    key, text = keys.insert(connection, draft, now_ns)
    sites = "all sites" if key.sites is None else f"sites {', '.join(sorted(key.sites))}"
    detail = f"{key.name}: {key.role.word}, {sites}"
    audit.write(connection, caller, "key.created", f"key {key.id}", detail, now_ns)
    return key, text


def revoke(connection: sqlite3.Connection, caller: Caller, id_: str, now_ns: int) -> Key:
    """The key as it was, from now on without effect, and a line in the audit log.

    Of a key that was revoked before nothing changes. Raises `NotFoundError`.
    """
    key = keys.find(connection, id_)
    if key is None or not _governs(caller, key.sites):
        raise NotFoundError(f"there is no key {id_}")
    if key.revoked_ns is None:
        keys.revoke(connection, id_, now_ns)
        audit.write(connection, caller, "key.revoked", f"key {id_}", key.name, now_ns)
    return key


async def make_key(access: Access, caller: Caller, draft: Draft, now_ns: int) -> tuple[Key, str]:
    """As `make`, for an admin, who can give away no more than it has. Raises `ForbiddenError`, `AwayError`."""
    require(caller, Role.ADMIN)
    if not _governs(caller, draft.sites):
        raise ForbiddenError("a key can be made for your own sites only: name them")
    return await access.database.change(make, caller, draft, now_ns)


async def list_keys(access: Access, caller: Caller) -> Sequence[Key]:
    """All keys for the caller's sites, newest first. Raises `ForbiddenError`, `AwayError`."""
    require(caller, Role.ADMIN)
    return [key for key in await access.database.look(keys.listed) if _governs(caller, key.sites)]


async def revoke_key(access: Access, caller: Caller, id_: str, now_ns: int) -> None:
    """As `revoke`, for an admin. Raises `ForbiddenError`, `NotFoundError`, `AwayError`."""
    require(caller, Role.ADMIN)
    await access.database.change(revoke, caller, id_, now_ns)
    access.forget()


async def read_audit(access: Access, caller: Caller, before: int | None, limit: int) -> Sequence[Entry]:
    """The newest entries with a number below `before`. Raises `ForbiddenError`, `AwayError`."""
    require(caller, Role.ADMIN)
    if caller.sites is not None:
        raise ForbiddenError("the audit log speaks of all sites; your key is for some")
    return await access.audit.page(before, limit)


def _governs(caller: Caller, sites: frozenset[str] | None) -> bool:
    """Whether a key for these sites is the caller's to give and to take."""
    return caller.sites is None or (sites is not None and sites <= caller.sites)

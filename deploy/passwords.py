"""Mosquitto's file of passwords: who is known to the broker, and what each one's password hashes to.

A line is `user:$7$ROUNDS$SALT$HASH`: PBKDF2 with SHA-512, 64 bytes, salt and hash in Base64, after mosquitto_passwd.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from deploy.private import write_private

ROUNDS = 101
"""As mosquitto_passwd has it. The broker hashes on its only thread at each connection, and guessing 144 random bits
takes no shorter with more rounds: passwords here are made, never chosen."""
SALT_BYTES = 12
HASH_BYTES = 64
PASSWORD_BYTES = 18
_KIND = "7"


class PasswordFileError(Exception):
    """The file is not one of Mosquitto's, or a name can't stand in it."""


def new_password() -> str:
    """One that nobody guesses: 24 letters, digits, - and _."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def hashed(password: str, salt: bytes | None = None) -> str:
    """What stands behind the user's name; `salt`: 12 bytes, None for random ones."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    digest = _digest(password, salt, ROUNDS)
    return f"${_KIND}${ROUNDS}${_text(salt)}${_text(digest)}"


def matches(entry: str, password: str) -> bool:
    """Whether `password` hashes to `entry`. Raises `PasswordFileError` on an entry of another kind."""
    try:
        empty, kind, rounds, salt, digest = entry.split("$")
        known = base64.b64decode(digest, validate=True)
        given = _digest(password, base64.b64decode(salt, validate=True), int(rounds))
    except ValueError as error:
        raise PasswordFileError("an entry that is no PBKDF2-SHA512 hash of Mosquitto's") from error
    if empty or kind != _KIND:
        raise PasswordFileError("an entry that is no PBKDF2-SHA512 hash of Mosquitto's")
    return hmac.compare_digest(known, given)


def read_entries(file: Path) -> dict[str, str]:
    """User to entry; nothing where there is no file. Raises `PasswordFileError`."""
    found: dict[str, str] = {}
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    for number, line in enumerate(text.splitlines(), 1):
        user, colon, entry = line.partition(":")
        if not line.strip() or line.startswith("#"):
            continue
        if not colon or not entry.startswith("$"):
            raise PasswordFileError(f"{file}:{number}: found no `user:$7$…`, as mosquitto_passwd writes it")
        found[user] = entry
    return found


def write_entries(file: Path, entries: Mapping[str, str]) -> None:
    """Replace the file, in the order of the users."""
    for user in entries:
        if not user or ":" in user or not user.isprintable():
            raise PasswordFileError(f"{user!r} can't be a user: its name is empty or holds a colon or a line end")
    write_private(file, "".join(f"{user}:{entries[user]}\n" for user in sorted(entries)))


def _digest(password: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, HASH_BYTES)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")

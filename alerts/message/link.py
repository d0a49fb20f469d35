"""Links in messages: they open one alert for one person, for a while, without a password.

A link holds what it permits and an HMAC-SHA256 over it. Whoever has the link may do what it permits, as with any link
in a message: so it ends, and it names the person as whom it acts. Keys are made at the first start and kept in files
that only their owner can read.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, urlencode

from msgspec import Struct

from telemetry.reading import NS_PER_S

KEY_BYTES = 32
KEY_LEAST, KEY_MOST = 24, 64
"""Bytes of a key, as Standard Webhooks has it."""
WEBHOOK_PREFIX = "whsec_"
_OWNER_ONLY = 0o600
_HOUR_S = 3600
_PURPOSE = "caretaker alert link 1"
"""Signed with the rest: a signature made for something else opens nothing here."""


class Claim(Struct, frozen=True):
    """What a good link permits: to see and to acknowledge this alert as this person."""

    alert: str
    person: str
    expires_s: int
    """Unix time."""


class LinkProblem(StrEnum):
    """Why a link opens nothing. The member is the counter's label and the word in the log."""

    MALFORMED = "malformed"
    """A part is missing, or is nothing that we ever write."""
    FORGED = "forged"
    """The signature is not ours, or something was changed."""
    EXPIRED = "expired"


class KeyUnusableError(Exception):
    """A key file can't be read or doesn't hold a key. The message never shows what it holds."""


class Links:
    """Makes and checks links."""

    def __init__(self, base_url: str, key: bytes, hours: int) -> None:
        """`base_url` is where the API is reached from outside; links work for `hours`."""
        self._base = base_url.rstrip("/")
        self._key = key
        self._lifetime_s = hours * _HOUR_S

    def make(self, alert: str, person: str, now_ns: int) -> str:
        """A link to an alert for a person, made at `now_ns` (wall clock, ns UTC)."""
        expires_s = now_ns // NS_PER_S + self._lifetime_s
        query = urlencode({"person": person, "expires": expires_s, "signature": self._sign(alert, person, expires_s)})
        return f"{self._base}/a/{quote(alert, safe='')}?{query}"

    def check(self, alert: str, person: str, expires: str, signature: str, now_ns: int) -> Claim | LinkProblem:
        """What a link permits at `now_ns`, from its parts as they came (percent escapes undone)."""
        if not (alert and person and signature.isascii() and expires.isascii() and expires.isdecimal()):
            return LinkProblem.MALFORMED
        expires_s = int(expires[:20])
        if str(expires_s) != expires:
            return LinkProblem.MALFORMED
        # The signature first: whether a forged link would have expired is nobody's business.
        if not hmac.compare_digest(self._sign(alert, person, expires_s), signature):
            return LinkProblem.FORGED
        if expires_s * NS_PER_S <= now_ns:
            return LinkProblem.EXPIRED
        return Claim(alert, person, expires_s)

    def _sign(self, alert: str, person: str, expires_s: int) -> str:
        # Ids hold no line break, and the number of lines is fixed: no two claims give the same text.
        claim = "\n".join((_PURPOSE, quote(alert), quote(person), str(expires_s)))
        digest = hmac.new(self._key, claim.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def links_of(data: Path, base_url: str | None, hours: int) -> Links:
    """The links of a deployment, signed with the key in its data folder, which is made where there is none.

    Without `base_url` they begin with `/`: enough to check one, and for a page that the API serves itself.
    Raises `KeyUnusableError`.
    """
    return Links(base_url or "", load_or_make_key(data / "alerts" / "link.key"), hours)


def key_of(text: str) -> bytes:
    """The key that `text` holds in Base64, with or without `whsec_` before it.

    Raises:
        ValueError: it holds none of 24 to 64 bytes. The message doesn't show it.
    """
    try:
        key = base64.b64decode(text.strip().removeprefix(WEBHOOK_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not KEY_LEAST <= len(key) <= KEY_MOST:
        raise ValueError(f"a key is {WEBHOOK_PREFIX} and Base64 of {KEY_LEAST} to {KEY_MOST} bytes")
    return key


def load_or_make_key(path: Path, prefix: str = "") -> bytes:
    """The key in a file; where there is none a new one is made, readable by its owner only.

    `prefix` stands before the Base64 in a new file: `whsec_` for what is handed to receivers of webhooks. Of two
    processes that start at once, one makes the key and both use it.

    Raises:
        KeyUnusableError: the file can't be read or written, or holds no key.
    """
    try:
        if not path.exists():
            _make(path, prefix)
        return key_of(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:  # of decoding too
        why = (
            error.strerror if isinstance(error, OSError) else f"no key in it; delete it and a new one is made ({error})"
        )
        raise KeyUnusableError(f"{path}: {why}") from None


def _make(path: Path, prefix: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(file, "w", encoding="ascii") as target:
            target.write(f"{prefix}{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n")
            target.flush()
            os.fsync(target.fileno())
        with suppress(FileExistsError):  # another process was first: its key holds
            path.hardlink_to(part)
    finally:
        part.unlink()

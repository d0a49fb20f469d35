"""Those who come without a key: by the printed code of an area, or by a link from a message."""

import base64
import hmac
from pathlib import Path
from urllib.parse import quote

from api.access.caller import Caller, Role, Way
from api.access.key_file import load_or_make_key

VISITOR = "visitor"
SIGNATURE_BYTES = 16
"""128 bits: nobody guesses them, and the printed code stays coarse enough for a cheap phone."""
_PURPOSE = "caretaker area code 1"
"""Signed with the rest: a signature made for something else opens nothing here."""


class Codes:
    """Makes and checks the signatures in printed codes. They never expire: paper can't be renewed by itself."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, path: Path) -> "Codes":
        """With the key in a file, made where there is none. Raises `AccessUnusableError`."""
        return cls(load_or_make_key(path))

    def make(self, site: str, area: str) -> str:
        """The signature for an area: 26 characters, a to z and 2 to 7."""
        # Quoted, no part holds a line break, and their number is fixed: no two areas give the same text.
        signed = "\n".join((_PURPOSE, quote(site, safe=""), quote(area, safe="")))
        digest = hmac.digest(self._key, signed.encode(), "sha256")[:SIGNATURE_BYTES]
        return base64.b32encode(digest).decode().rstrip("=").lower()

    def check(self, site: str, area: str, signature: str, address: str = "") -> Caller | None:
        """Whoever stands there, if the signature is ours; capital letters are as good. `address`: from where."""
        if not hmac.compare_digest(self.make(site, area).encode(), signature.lower().encode("utf-8", "replace")):
            return None
        return Caller(VISITOR, Role.VIEWER, frozenset({site}), Way.CODE, address)

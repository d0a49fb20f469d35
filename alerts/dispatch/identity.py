"""Ids of messages. The same for the same message however often it is worked out, so that a receiver sees it once."""

from base64 import b32encode
from hashlib import blake2b

_BYTES = 17
_CHARACTERS = 26


def message_id(*parts: str) -> str:
    """`msg_` and 26 characters of a-z and 2-7, made from `parts` and nothing else."""
    digest = blake2b("\0".join(parts).encode(), digest_size=_BYTES).digest()
    return "msg_" + b32encode(digest).decode().lower()[:_CHARACTERS]

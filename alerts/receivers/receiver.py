"""A receiver: takes one message to one address, once. What is tried again and when is `alerts/deliver.py`'s."""

import re
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import unquote

from alerts.notice import Attempt, Delivery, Verdict
from telemetry.service.log import REMOVED, redact

DETAIL_MOST = 2048
"""Characters of an attempt's detail."""
_SHORTEST_SECRET = 4
_SIGNATURE = re.compile(r"(?<=signature=)[\w-]+")
"""Of a link to an alert, in a message that a receiver sends back to us."""


class Receiver(Protocol):
    """One channel."""

    async def send(self, delivery: Delivery, address: str) -> Attempt:
        """Try once, within a bounded time, and say what became of it. What can go wrong outside is no exception.

        A cancelled attempt is unknown: it is made again with the same `delivery.id`.
        """


def later(detail: str, address: str, retry_after_s: float | None = None) -> Attempt:
    """Not now. The detail is cut, and cleared of the address."""
    return Attempt(Verdict.LATER, cleared(detail, address), retry_after_s)


def refused(detail: str, address: str) -> Attempt:
    """Never. The detail is cut, and cleared of the address."""
    return Attempt(Verdict.REFUSED, cleared(detail, address))


def cleared(text: str, address: str) -> str:
    """A text from outside as an operator may see it: one line, without the address or any part that may be a secret."""
    for part in sorted(set(_parts(address)), key=len, reverse=True):
        text = text.replace(part, REMOVED)
    text = _SIGNATURE.sub(REMOVED, redact(text))
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:DETAIL_MOST]


def _parts(address: str) -> Iterator[str]:
    """The address, what follows its scheme, and the pieces of that; as written and with escapes undone."""
    rest = address.partition(":")[2]
    for piece in (address, rest, rest.lstrip("/"), *re.split(r"[/&=?#:@,;]", rest)):
        for form in (piece, unquote(piece)):
            if len(form) >= _SHORTEST_SECRET:
                yield form

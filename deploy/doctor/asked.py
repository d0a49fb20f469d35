"""One HTTP request, as it was answered: nothing is followed, tried again or taken from the environment."""

import json
import os
import re
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx2
from msgspec import Struct

from telemetry.service.log import redact

LIMIT_S = 5.0
SHOWN = 200
"""Characters of an answer that are repeated to a person."""


class AwayError(Exception):
    """Nobody answers; the message says why."""


class UntrustedError(AwayError):
    """Its certificate is not trusted; what of it is wrong, the check `certificates` says."""


class Answer(Struct, frozen=True):
    """What came."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    text: str
    took_s: float

    def document(self) -> Any:
        """The JSON in it; None where there is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def field(self, name: str) -> Any:
        """A field of the JSON object in it; None where there is none."""
        document = self.document()
        return document.get(name) if isinstance(document, dict) else None

    def short(self) -> str:
        """The beginning, in one line."""
        return " ".join(self.text.split())[:SHOWN]


async def ask(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    ca: Path | None = None,
    limit_s: float = LIMIT_S,
) -> Answer:
    """GET, or with a `body` POST of it as JSON. `ca`: an authority that is trusted besides the system's.

    Raises `AwayError`, `UntrustedError` among them.
    """
    began_s = time.monotonic()
    try:
        async with httpx2.AsyncClient(verify=trust(ca), timeout=limit_s, trust_env=False) as client:
            method, given = ("GET", None) if body is None else ("POST", dict(body))
            params = dict(query) if query else None
            answer = await client.request(method, url, headers=dict(headers or {}), params=params, json=given)
    except httpx2.TimeoutException:
        raise AwayError(f"no answer within {limit_s:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise _of(error) from None
    took_s = time.monotonic() - began_s
    return Answer(
        answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text, took_s
    )


def is_sendable(secret: str) -> bool:
    """Whether it can stand in a header. What can't is repeated by the client in its error."""
    return bool(re.fullmatch(r"[!-~]+", secret))


@lru_cache
def trust(ca: Path | None) -> ssl.SSLContext:
    """The system's authorities, and our own. Read once: that takes longer than most of the requests.

    Raises `OSError` for a file that holds none.
    """
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(ca)
    return context


def why_not(error: OSError) -> str:
    """In the system's words: asyncio has words of its own for a connection that is refused."""
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return error.strerror or ""


def _of(error: BaseException) -> AwayError:
    """By the cause behind what the client wraps it in."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return UntrustedError(f"its certificate is not trusted: {seen.verify_message}")
        if isinstance(seen, OSError) and (why := why_not(seen)):
            return AwayError(why)
        seen = seen.__cause__ or seen.__context__
    return AwayError(redact(str(error)) or type(error).__name__)

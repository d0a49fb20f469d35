"""Pages: a cursor names the last item that was given out, so that what comes or goes meanwhile shifts nothing."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from api.problem import ApiError

ITEMS = 100
ITEMS_MOST = 1_000
CURSOR_CHARS = 512


class BadCursorError(ApiError):
    """A cursor that no page of this question gave."""

    status, title = 400, "Not understood"


class Page(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(frozen=True)

    limit: int = Field(default=ITEMS, ge=1, le=ITEMS_MOST)
    cursor: str | None = Field(default=None, max_length=CURSOR_CHARS)
    """`next` of the page before; None: the first page."""


def cursor_of(*place: int | str) -> str:
    """Where an item stands in its list, as one opaque word."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str, *kinds: type[int] | type[str]) -> Sequence[int | str]:
    """What `cursor_of` was given. Raises `BadCursorError` for anything else."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = msgspec.json.decode(urlsafe_b64decode(padded.encode("ascii")), type=list[int | str])
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise _bad() from error
    if len(place) != len(kinds) or any(type(one) is not kind for one, kind in zip(place, kinds, strict=True)):
        raise _bad()
    if any(isinstance(one, int) and not -(2**63) <= one < 2**63 for one in place):
        raise _bad()
    return place


def _bad() -> BadCursorError:
    return BadCursorError("`cursor` is no cursor of this list: take `next` of the page before, or begin without one")

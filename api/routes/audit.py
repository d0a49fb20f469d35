"""The audit log over HTTP: for admins."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.access import keyring
from api.access.audit import Entry
from api.access.caller import Way
from api.problem import ForbiddenError
from api.queries.answer import Answer, moment
from api.queries.paging import Page, cursor_of, place_of
from api.routes.depends import AccessOf, CallerOf, refused

router = APIRouter(prefix="/audit", tags=["keys"])


class AuditEntry(Answer):
    """One change, or one attempt to sign in."""

    time: datetime
    who: str
    """The name of the key or the person; empty: nobody we know."""
    way: Way | None
    """How they proved who they are; null: they did not."""
    key: str
    """The id of the key behind it; empty: none."""
    address: str
    """From where; empty: from this machine itself."""
    what: str
    """As in `key.created`."""
    target: str
    """What it was done to."""
    detail: str


class AuditPage(Answer):
    """A part of the log."""

    items: list[AuditEntry]
    """Newest first."""
    next: str | None
    """`cursor` of the next page; null: there are no older entries."""


@router.get("", responses=refused(ForbiddenError))
async def read_audit(access: AccessOf, caller: CallerOf, page: Annotated[Page, Query()]) -> AuditPage:
    """Who changed what, when, and from where: the last 400 days. Needs the role admin, and all sites."""
    before = None
    if page.cursor is not None:
        (place,) = place_of(page.cursor, int)
        before = int(place)
    found = await keyring.read_audit(access, caller, before, page.limit + 1)
    items = found[: page.limit]
    following = cursor_of(items[-1].id) if len(found) > page.limit else None
    return AuditPage(items=[_answer(entry) for entry in items], next=following)


def _answer(entry: Entry) -> AuditEntry:
    return AuditEntry(
        time=moment(entry.time_ns),
        who=entry.who,
        way=entry.way,
        key=entry.key,
        address=entry.address,
        what=entry.what,
        target=entry.target,
        detail=entry.detail,
    )

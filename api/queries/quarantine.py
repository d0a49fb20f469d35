"""The quarantine: what was refused, and why. The ingestor has it; it is asked over its own port."""

import ssl
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any

import httpx2
from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from api.access.caller import Caller, Role
from api.problem import AwayError, ForbiddenError, NotFoundError
from api.queries.answer import Answer, moment
from api.queries.paging import Page, cursor_of, place_of
from api.queries.readers import require_reader
from api.sources import Sources
from telemetry.message import Reason
from telemetry.topics import parse

TIMEOUT_S = 10.0
REPLAY_TIMEOUT_S = 300.0
IDS_MOST = 1_000
ID_MOST = 2**53
LOOK_ROWS = 1_000
LOOKS_MOST = 10
"""For callers with few sites: so many thousand rows are looked through for one page."""

MessageId = Annotated[int, Strict(), Field(ge=1, le=ID_MOST)]


class Quarantined(Answer):
    """One message, or those of its values, that were refused for one reason."""

    id: int
    received: datetime
    """First arrival."""
    topic: str
    payload: str
    """As it came; what is not UTF-8 stands as `\\xNN`."""
    retained: bool
    reason: Reason
    readings: int
    """Whole readings that it cost; 0: single values."""
    detail: str


class QuarantinePage(Answer):
    """Part of the quarantine, newest first."""

    counts: dict[Reason, int] | None
    """Messages by reason; null: not for callers that have only some sites."""
    items: tuple[Quarantined, ...]
    next: str | None
    """The next page's `cursor`; null: there is none."""


class Replay(BaseModel):
    """What is to be admitted again: these, or all of a reason, or all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: tuple[MessageId, ...] | None = Field(default=None, min_length=1, max_length=IDS_MOST)
    reason: Reason | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Replay":
        if self.ids is not None and self.reason is not None:
            raise ValueError("name `ids` or a `reason`, not both")
        return self


class Replayed(Answer):
    """What came of it, in messages."""

    replayed: int
    """Admitted now."""
    still_refused: dict[str, int]
    """By what came of them."""


async def quarantine(sources: Sources, caller: Caller, reason: Reason | None, page: Page) -> QuarantinePage:
    """Newest first, for operators: messages of their sites; of unknown sites only for who sees all.

    Raises `BadCursorError`, `AwayError`.
    """
    require_reader(caller, Role.OPERATOR)
    before = None if page.cursor is None else place_of(page.cursor, int)[0]
    found: list[Quarantined] = []
    counts: Mapping[str, int] = {}
    last: int | None = None
    for _ in range(LOOKS_MOST):
        rows = page.limit + 1 if caller.sites is None else LOOK_ROWS
        wanted = {"reason": reason, "before": before, "limit": min(rows, LOOK_ROWS)}
        body = await _get(sources, "/quarantine", {name: str(one) for name, one in wanted.items() if one is not None})
        counts, messages = body["counts"], body["messages"]
        found += [_quarantined(one) for one in messages if _sees(caller, one["topic"])]
        last = messages[-1]["id"] if len(messages) == min(rows, LOOK_ROWS) else None
        before = last
        if last is None or len(found) > page.limit:
            break
    items = found[: page.limit]
    following = items[-1].id if len(found) > page.limit else last
    return QuarantinePage(
        counts={Reason(name): count for name, count in counts.items()} if caller.sites is None else None,
        items=items,
        next=None if following is None else cursor_of(following),
    )


async def one(sources: Sources, caller: Caller, message_id: int) -> Quarantined:
    """One message, whole. Raises `NotFoundError`, `AwayError`."""
    require_reader(caller, Role.OPERATOR)
    if not 0 < message_id <= ID_MOST:
        raise _none(message_id)
    found = await _get(sources, f"/quarantine/{message_id}", {})
    if not _sees(caller, found["topic"]):
        raise _none(message_id)
    return _quarantined(found)


async def replay(sources: Sources, caller: Caller, wanted: Replay) -> Replayed:
    """Admit messages again, as at their first arrival; what is still refused stays. For admins.

    Raises `ForbiddenError`, `NotFoundError`, `AwayError`.
    """
    require_reader(caller, Role.ADMIN)
    if caller.sites is not None:
        if wanted.ids is None:
            raise ForbiddenError("name the messages as `ids`: the rest is of sites of others, too")
        for message_id in wanted.ids:
            await one(sources, caller, message_id)
    said = "all" if wanted.reason is None else f"reason {wanted.reason}"
    target = f"quarantine {said}" if wanted.ids is None else f"quarantine {', '.join(map(str, wanted.ids))}"
    body: dict[str, object] = {} if wanted.reason is None else {"reason": wanted.reason}
    if wanted.ids is not None:
        body = {"ids": wanted.ids}
    await sources.audit.record(caller, "quarantine.replayed", target)
    results = await _ask(sources, "POST", "/quarantine/replay", REPLAY_TIMEOUT_S, json=body)
    return Replayed(
        replayed=results.get("replayed", 0),
        still_refused={word: count for word, count in results.items() if word != "replayed" and count},
    )


async def replay_one(sources: Sources, caller: Caller, message_id: int) -> Replayed:
    """The same of one message. Raises `NotFoundError`, `AwayError`."""
    require_reader(caller, Role.ADMIN)
    await one(sources, caller, message_id)
    return await replay(sources, caller, Replay(ids=(message_id,)))


def _sees(caller: Caller, topic: str) -> bool:
    """Whose message it is goes by its topic; where that names no site, it is nobody's but who sees all."""
    address = parse(topic)
    return caller.sites is None or (address is not None and caller.sees(address.site))


def _quarantined(row: Mapping[str, Any]) -> Quarantined:
    return Quarantined(
        id=row["id"],
        received=moment(row["received_ns"]),
        topic=row["topic"],
        payload=row["payload"],
        retained=row["retained"],
        reason=row["reason"],
        readings=row["readings"],
        detail=row["detail"],
    )


def _none(message_id: int) -> NotFoundError:
    return NotFoundError(f"{message_id} is not in quarantine: it was replayed, or made room")


async def _get(sources: Sources, path: str, params: Mapping[str, str]) -> dict[str, Any]:
    return await _ask(sources, "GET", path, TIMEOUT_S, params=params)


async def _ask(
    sources: Sources,
    method: str,
    path: str,
    timeout_s: float,
    *,
    params: Mapping[str, str] | None = None,
    json: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the ingestor answers. Raises `NotFoundError`, `AwayError` with its reason."""
    port = sources.settings.api.ingestor
    token = port.secret()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    base = str(port.url).rstrip("/")
    try:
        async with httpx2.AsyncClient(timeout=timeout_s, trust_env=False, verify=_trust()) as client:
            answer = await client.request(method, base + path, headers=headers, params=params, json=json)
        body: dict[str, Any] = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise AwayError("the quarantine can't be asked: the ingestor does not answer") from error
    if answer.status_code == httpx2.codes.NOT_FOUND:
        raise NotFoundError("there is no such message in quarantine: it was replayed, or made room")
    if answer.is_error:
        detail = body.get("detail", answer.reason_phrase) if isinstance(body, dict) else answer.reason_phrase
        raise AwayError(f"the ingestor says {answer.status_code}: {detail}")
    return body


@cache
def _trust() -> ssl.SSLContext:
    """Made once: reading the authorities takes as long as a whole question."""
    return ssl.create_default_context()

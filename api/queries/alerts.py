"""Alerts: which there are, what one of them went through, and what people do about it.

What people do is put to the alert service as a wish; it alone changes alerts. It answers within a beat or two.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Concatenate, NamedTuple, ParamSpec

from pydantic import BaseModel, ConfigDict, Field

from alerts.desk import Alert, Delivered, Desk, Mark, Muted, UnknownAlertError, mark_of, watched
from api.access.caller import Caller, Role, Way, require
from api.problem import ConflictError, ForbiddenError, NotFoundError, UnprocessableError
from api.queries.alert_values import AlertBrief, Book, Line, SeverityWord, Step, Told, Untold, book_of
from api.queries.answer import Answer, Names, time_ns_of
from api.queries.paging import Page, cursor_of, place_of
from api.queries.people import shares_sites
from api.queries.readers import device_of, require_reader, site_of
from api.sources import Sources

P = ParamSpec("P")

WAIT_S = 3.0
"""For the alert service to do what was asked; it looks once a second."""
LOOK_EVERY_S = 0.05
DELIVERIES_MOST = 200
LOOK_ROWS = 1_000
LOOKS_MOST = 10
"""For `who`, of which the database knows nothing: so many thousand alerts are looked through for one page."""


class AlertFilter(BaseModel):
    """Which alerts; what is not given does not narrow."""

    model_config = ConfigDict(frozen=True)

    active: bool | None = True
    """False: only resolved ones; None: both."""
    severity: SeverityWord | None = None
    site: str | None = None
    area: str | None = None
    device: str | None = None
    rule: str | None = None
    who: str | None = Field(default=None, max_length=100)
    """Those that this person, by name or id, has acknowledged or was given."""


class AlertPage(Answer):
    """Part of the list of alerts."""

    items: tuple[AlertBrief, ...]
    next: str | None
    """The next page's `cursor`; null: there is none. With `who` a page may be short and still have one."""


class AlertDetail(AlertBrief):
    """One alert, whole."""

    steps: tuple[Step, ...]
    """What it went through, in order."""
    deliveries: tuple[Told, ...]
    """Who was told, newest first; for operators."""
    untold: tuple[Untold, ...]
    """Who is not told at the moment, and why; for operators."""
    lines: tuple[Line, ...]
    """The thresholds, as the rule is now."""
    asks: Names
    """What the rule asks, in words, by language; empty: it is gone."""
    why: str
    """Why the thresholds are what they are; empty: the rule is gone, or does not say."""
    advice: Names
    """What to do, by language."""
    watched: tuple[str, ...]
    """The metrics at which the rule looks; empty: whether the device speaks at all."""
    waiting: bool = False
    """What was asked for is kept and will be done, but the alert service has not got to it yet."""


class StepFilter(BaseModel):
    """Which changes; `since` is included, `until` is not."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime
    rule: str | None = None
    site: str | None = None
    device: str | None = None


class StepPage(Answer):
    """Part of the history of alerts, oldest first."""

    items: tuple[Step, ...]
    next: str | None
    """The next page's `cursor`; null: there is none."""


class Entry(NamedTuple):
    """What stands in the audit log."""

    what: str
    detail: str


async def alerts(sources: Sources, caller: Caller, wanted: AlertFilter, page: Page) -> AlertPage:
    """Most severe first, then newest; with `who` a page may be short of its limit and still not be the last.

    Raises `BadCursorError`, `NotFoundError`, `AwayError`.
    """
    require_reader(caller)
    devices = _devices(sources, caller, wanted.site, wanted.area, wanted.device)
    after = None if page.cursor is None else Mark(*place_of(page.cursor, int, int, str))  # type: ignore[arg-type]
    book = await book_of(sources, caller)
    rows = page.limit + 1 if wanted.who is None else max(page.limit + 1, LOOK_ROWS)
    found: list[Alert] = []
    for _ in range(LOOKS_MOST):
        more = await sources.alerts.ask(
            Desk.alerts,
            active=wanted.active,
            rule=wanted.rule,
            devices=devices,
            severity=None if wanted.severity is None else wanted.severity.severity,
            after=after,
            limit=rows,
        )
        found += [one for one in more if wanted.who is None or book.has(one, wanted.who)]
        after = mark_of(more[-1]) if len(more) == rows else None
        if after is None or len(found) > page.limit:
            break
    items = found[: page.limit]
    last = mark_of(items[-1]) if len(found) > page.limit else after
    following = None if last is None else cursor_of(*last)
    return AlertPage(items=[book.brief(one) for one in items], next=following)


async def alert(sources: Sources, caller: Caller, alert_id: str) -> AlertDetail:
    """One of them. Raises `NotFoundError`, `AwayError`."""
    if caller.way is Way.CODE:
        raise ForbiddenError("a printed code opens its own page only: sign in")
    require(caller, Role.VIEWER)
    book = await book_of(sources, caller)
    found = await _visible(sources, book, alert_id)
    steps = await sources.alerts.ask(Desk.transitions, alert_id)
    told: Sequence[Delivered] = ()
    untold: Mapping[str, Muted] = {}
    if caller.role >= Role.OPERATOR:
        untold = await sources.alerts.ask(Desk.untold, alert_id)
        told = await sources.alerts.ask(Desk.deliveries, alert=alert_id, limit=DELIVERIES_MOST)
    rule = book.rule(found.rule)
    return AlertDetail(
        **dict(book.brief(found)),
        steps=[book.step(one) for one in steps],
        deliveries=[book.told(one) for one in told],
        untold=[book.untold(person, why) for person, why in untold.items()],
        lines=() if rule is None else book.lines(rule),
        asks={} if rule is None else book.asks(rule),
        why="" if rule is None else rule.why,
        advice={} if rule is None else rule.advice,
        watched=() if rule is None else watched(rule),
    )


async def history(sources: Sources, caller: Caller, wanted: StepFilter, page: Page) -> StepPage:
    """What alerts went through, oldest first. Raises `BadCursorError`, `NotFoundError`, `AwayError`."""
    require_reader(caller)
    devices = _devices(sources, caller, wanted.site, None, wanted.device)
    after = None if page.cursor is None else tuple(place_of(page.cursor, int, int))
    book = await book_of(sources, caller)
    found = await sources.alerts.ask(
        Desk.history,
        since_ns=time_ns_of(wanted.since),
        until_ns=time_ns_of(wanted.until),
        rule=wanted.rule,
        devices=devices,
        after=after,  # type: ignore[arg-type]
        limit=page.limit + 1,
    )
    items = found[: page.limit]
    more = len(found) > page.limit
    following = cursor_of(items[-1].at_ns, items[-1].number) if more else None
    return StepPage(items=[book.step(one) for one in items], next=following)


async def acknowledge(
    sources: Sources, caller: Caller, alert_id: str, *, comment: str | None = None, until: datetime | None = None
) -> AlertDetail:
    """The caller takes care of it (until `until`): nobody is reminded any more. Raises as `_act` says."""
    until_ns = None if until is None else time_ns_of(until)
    said = "; ".join(part for part in ("" if until is None else f"until {until.isoformat()}", comment) if part)
    entry = Entry("alert.acknowledged", said)
    return await _act(
        sources, caller, alert_id, entry, Desk.acknowledge, caller.name, comment=comment, until_ns=until_ns
    )


async def assign(
    sources: Sources, caller: Caller, alert_id: str, person: str, *, comment: str | None = None
) -> AlertDetail:
    """Give it to somebody who is told of its site, by id: acknowledged in their name, and they are told at once.

    Raises as `_act` says, `UnprocessableError` for a person that the caller does not know, or who is not told of the
    alert's site: their link would not open.
    """
    found = await _theirs(sources, caller, alert_id)
    known = sources.registry.people.get(person)
    if known is None or not shares_sites(caller, known):
        raise UnprocessableError(f"there is no person {person}: `/people` lists them")
    device = sources.registry.devices.get(found.device)
    if device is not None and known.sites and device.site not in known.sites:
        raise UnprocessableError(f"{person} is not told of site {device.site}: `/people` lists who is")
    entry = Entry("alert.assigned", "; ".join(part for part in (f"to {person}", comment) if part))
    return await _act(sources, caller, alert_id, entry, Desk.assign, person, caller.name, comment=comment)


async def comment(sources: Sources, caller: Caller, alert_id: str, text: str) -> AlertDetail:
    """Write something to it. Raises as `_act` says."""
    return await _act(sources, caller, alert_id, Entry("alert.commented", text), Desk.comment, caller.name, text)


async def resolve(sources: Sources, caller: Caller, alert_id: str, *, comment: str | None = None) -> AlertDetail:
    """End an alert that latches. Raises as `_act` says."""
    entry = Entry("alert.resolved", comment or "")
    return await _act(sources, caller, alert_id, entry, Desk.resolve, caller.name, comment=comment)


async def _act(
    sources: Sources,
    caller: Caller,
    alert_id: str,
    entry: Entry,
    wish: Callable[Concatenate[Desk, str, P], int],
    *args: P.args,
    **kwargs: P.kwargs,
) -> AlertDetail:
    """Put a wish, and wait for what becomes of it.

    Raises `NotFoundError`, `UnprocessableError` for a text that is none, `ConflictError` with the alert service's
    reason, `AwayError`. Where the alert service does not answer in time, the wish stands and `waiting` says so. The
    audit log is written first: nothing is done of which it says nothing.
    """
    await _theirs(sources, caller, alert_id)
    await sources.audit.record(caller, entry.what, f"alert {alert_id}", entry.detail)
    try:
        action = await sources.alerts.ask(wish, alert_id, *args, **kwargs)
    except ValueError as error:
        raise UnprocessableError(str(error)) from error
    done = await fulfilled(sources, action)
    after = await alert(sources, caller, alert_id)
    return after if done else after.model_copy(update={"waiting": True})


async def fulfilled(sources: Sources, action: int) -> bool:
    """Whether the alert service did what was asked; False: not yet. Raises `ConflictError` where it can't be done."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while (outcome := await sources.alerts.ask(Desk.outcome, action)) is None:
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    if outcome.why_not is not None:
        raise ConflictError(outcome.why_not)
    return True


async def _theirs(sources: Sources, caller: Caller, alert_id: str) -> Alert:
    """An alert on which the caller may act. Raises `ForbiddenError`, `NotFoundError`, `AwayError`."""
    if caller.way is Way.CODE:
        raise ForbiddenError("a printed code opens its own page only: sign in")
    require(caller, Role.OPERATOR)
    return await _visible(sources, await book_of(sources, caller), alert_id)


async def _visible(sources: Sources, book: Book, alert_id: str) -> Alert:
    try:
        found = await sources.alerts.ask(Desk.alert, alert_id)
    except UnknownAlertError:
        found = None  # its text names alerts of others
    if found is None or found.id != alert_id or not book.sees(found.device):
        raise NotFoundError(f"there is no alert {alert_id}")
    return found


def _devices(
    sources: Sources, caller: Caller, site: str | None, area: str | None, device: str | None
) -> Collection[str] | None:
    """Whose alerts are looked for; None: everybody's, also of devices that are gone."""
    if site is not None:
        site_of(sources, caller, site)
    if device is not None:
        device_of(sources, caller, device)
    if site is area is device is None and caller.sites is None:
        return None
    return [
        one.id
        for one in sources.registry.devices.values()
        if caller.sees(one.site) and site in {None, one.site} and area in {None, one.area} and device in {None, one.id}
    ]

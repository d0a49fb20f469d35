"""Silences: nobody is told of alerts with these labels for a while."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from alerts.desk import LABELS, Desk, Silence, UnknownSilenceError, match
from api.access.caller import Caller, Role
from api.problem import ForbiddenError, NotFoundError, UnprocessableError
from api.queries.alerts import fulfilled
from api.queries.answer import Answer, Moment, moment, time_ns_of
from api.queries.readers import devices_at, require_reader
from api.sources import Sources
from telemetry.registry.models import Registry

MATCHERS_MOST = 20
TEXT_MOST = 2_000
WILD = frozenset("*?[")


class SilenceFacts(Answer):
    """A silence that is not over."""

    id: str
    """Empty: the alert service has not got to it yet; it will."""
    matchers: dict[str, str]
    """Label to what it has to be; `*` stands for anything, `a|b` for either."""
    start: datetime
    end: datetime
    author: str
    reason: str


class NewSilence(BaseModel):
    """A silence that is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    matchers: dict[str, str] = Field(min_length=1, max_length=MATCHERS_MOST)
    """Label to what it has to be, as in {"rule": "odour", "site": "mong-kok-market"}."""
    end: Moment
    start: Moment | None = None
    """Null: now."""
    reason: str = Field(min_length=1, max_length=TEXT_MOST)


async def silences(sources: Sources, caller: Caller) -> tuple[SilenceFacts, ...]:
    """Those that are not over and may hush an alert of the caller's sites, begun or not. Raises `AwayError`."""
    require_reader(caller)
    found = await sources.alerts.ask(Desk.silences, sources.clock())
    return tuple(_facts(one) for one in found if _touches(sources.registry, caller, one.matchers))


async def make(sources: Sources, caller: Caller, wanted: NewSilence) -> SilenceFacts:
    """For operators; who has only some sites names them in the label `site`.

    Raises `ForbiddenError`, `UnprocessableError`, `AwayError`. Where the alert service does not answer in time, the
    silence is kept and has no id yet.
    """
    require_reader(caller, Role.OPERATOR)
    if not _own(caller, wanted.matchers):
        raise ForbiddenError("name your sites, as in site=a|b: a silence without them would hush others' alerts")
    _refuse_unknown_labels(sources, wanted.matchers)
    start_ns = sources.clock() if wanted.start is None else time_ns_of(wanted.start)
    end_ns = time_ns_of(wanted.end)
    before = {one.id for one in await sources.alerts.ask(Desk.silences, sources.clock())}
    said = " ".join(f"{name}={pattern}" for name, pattern in wanted.matchers.items())
    await sources.audit.record(caller, "silence.made", f"silence {said}", wanted.reason)
    try:
        action = await sources.alerts.ask(
            Desk.silence, wanted.matchers, start_ns, end_ns, author=caller.name, reason=wanted.reason
        )
    except ValueError as error:
        raise UnprocessableError(str(error)) from error
    asked = Silence("", wanted.matchers, start_ns, end_ns, caller.name, wanted.reason)
    if not await fulfilled(sources, action):
        return _facts(asked)
    made = [one for one in await sources.alerts.ask(Desk.silences, sources.clock()) if one.id not in before]
    return _facts(next((one for one in made if _same(one, asked)), asked))


async def end(sources: Sources, caller: Caller, silence_id: str) -> bool:
    """End it now; False: the alert service has not got to it yet, but will. For operators.

    Raises `NotFoundError`, `ForbiddenError`, `ConflictError`, `AwayError`.
    """
    require_reader(caller, Role.OPERATOR)
    found = [one for one in await sources.alerts.ask(Desk.silences, sources.clock()) if one.id == silence_id]
    if not found or not _touches(sources.registry, caller, found[0].matchers):
        raise NotFoundError(f"there is no silence {silence_id} that is not over")
    if not _own(caller, found[0].matchers):
        raise ForbiddenError("this silence is for sites of others, too")
    await sources.audit.record(caller, "silence.ended", f"silence {silence_id}")
    try:
        action = await sources.alerts.ask(Desk.unsilence, silence_id, caller.name)
    except UnknownSilenceError as error:
        raise NotFoundError(f"there is no silence {silence_id} that is not over") from error
    return await fulfilled(sources, action)


def _facts(silence: Silence) -> SilenceFacts:
    return SilenceFacts(
        id=silence.id,
        matchers=dict(silence.matchers),
        start=moment(silence.start_ns),
        end=moment(silence.end_ns),
        author=silence.author,
        reason=silence.reason,
    )


def _touches(registry: Registry, caller: Caller, matchers: Mapping[str, str]) -> bool:
    """Whether an alert of the caller's sites may have these labels; others name what is at sites of others."""
    if caller.sites is None:
        return True
    sites = [site for site in caller.sites if match({"site": matchers.get("site", "*")}, {"site": site})]
    asked = {name: matchers[name] for name in ("device", "area", "gateway") if name in matchers}
    if not asked:
        return bool(sites)
    return any(
        match(asked, {"device": one.id, "area": one.area or "", "gateway": one.parent or ""})
        for site in sites
        for one in devices_at(registry, site)
    )


def _own(caller: Caller, matchers: Mapping[str, str]) -> bool:
    """Whether only alerts of the caller's sites have these labels."""
    if caller.sites is None:
        return True
    named = matchers.get("site", "*").split("|")
    return all(not WILD.intersection(site) and caller.sees(site) for site in named)


def _refuse_unknown_labels(sources: Sources, matchers: Mapping[str, str]) -> None:
    """A label that no alert has hushes nobody, and misleads."""
    known = {*LABELS}
    known.update(*(device.labels for device in sources.registry.devices.values()))
    known.update(*(rule.labels for rule in sources.rules.rules))
    unknown = sorted(matchers.keys() - known)
    if unknown:
        raise UnprocessableError(f"no alert has the label {unknown[0]!r}; there are {', '.join(sorted(known))}")


def _same(one: Silence, asked: Silence) -> bool:
    return (one.matchers, one.end_ns, one.author) == (asked.matchers, asked.end_ns, asked.author)

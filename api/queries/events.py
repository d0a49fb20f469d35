"""What people enter by hand: cleaned, feedback, a call for assistance, a meter that was read.

It is published as a reading of the device that measures it there, with its author, and takes the one way in: the
ingestor stores it, rules judge it. What admission would refuse is refused here, by admission itself.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.access.caller import Caller, Role, Way, require, require_site
from api.problem import AwayError, ConflictError, ForbiddenError, NotFoundError, UnprocessableError
from api.queries.answer import Answer, Moment, Names, moment, time_ns_of
from api.queries.readers import devices_at, site_of
from api.sources import Sources
from telemetry.admission.admit import admit
from telemetry.admission.limits import Limits
from telemetry.message import Message
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.registry.models import Area, Device
from telemetry.topics import topic

PUBLISH_S = 5.0
"""For the broker to acknowledge."""
SEND_AGAIN = "send it again, with the same `time` it is recorded once"
LOOK_FIRST = "it may be recorded, look before you send it again"
"""After a time without an acknowledgement: with a time of its own, and without."""
OUTSTANDING_MOST = 200
"""Entries that wait for the broker; beyond it nothing more is taken."""
VALUES_MOST = 50
NOTE_MOST = 500
DAY_S = 86_400


class What(StrEnum):
    """What is entered."""

    CLEANED = "cleaned"
    FEEDBACK = "feedback"
    """A score, 1 (poor) to 5 (good)."""
    ASSISTANCE = "assistance"
    READING = "reading"
    """Values of a meter, or of anything else that is read by eye."""


OF_A_CODE = frozenset({What.FEEDBACK, What.ASSISTANCE})
"""What whoever stands before a printed code may say."""


class Event(BaseModel):
    """What happened, or what was read, and where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str
    area: str | None = None
    """Null: anywhere at the site."""
    device: str | None = None
    """Needed only where several measure it."""
    what: What
    value: float | None = None
    """Of `feedback`: its score. Of `cleaned` and `assistance`: nothing, or 1."""
    values: dict[str, float | bool | str] = Field(default={}, max_length=VALUES_MOST)
    """Of `reading`: metric to value, in the catalogue's unit."""
    time: Moment | None = None
    """Null: now."""
    note: str | None = Field(default=None, max_length=NOTE_MOST)
    """Kept in the audit log."""

    @model_validator(mode="after")
    def _of_one_piece(self) -> "Event":
        if (self.what is What.READING) != bool(self.values):
            raise ValueError("`values` belong to `reading`, and it needs some")
        if self.what is What.READING and self.value is not None:
            raise ValueError("a `reading` has `values`, not `value`")
        if self.what is What.FEEDBACK and self.value is None:
            raise ValueError("`feedback` needs its score as `value`, 1 to 5")
        return self


class Recorded(Answer):
    """What was published."""

    site: str
    device: str
    time: datetime
    values: dict[str, float | bool | str]
    by: str


class Offered(Answer):
    """What can be entered at a place."""

    site_names: Names
    area_names: Names
    """Empty: the whole site was asked for."""
    whats: tuple[What, ...]


async def record(sources: Sources, caller: Caller, event: Event) -> Recorded:
    """Publish it as a reading by the caller, quality `manual`; the same again with the same `time` takes its place.

    Raises `ForbiddenError`, `NotFoundError`, `ConflictError` where not exactly one device measures it there,
    `UnprocessableError` for what admission would refuse, `AwayError` while the broker does not take it, or the audit
    log, which is written first: nothing is done of which it says nothing.
    """
    _authorise(caller, event.site, event.what)
    values = _values(event)
    device = _device(sources, caller, event, sorted(values))
    now_ns = sources.clock()
    time_ns = now_ns // NS_PER_MS * NS_PER_MS if event.time is None else time_ns_of(event.time)
    where = topic(device.site, device.id)
    seq = _number(caller.name, device.id, now_ns if event.time is None else time_ns, values, event.note)
    payload = msgspec.json.encode({"time": time_ns // NS_PER_MS, "seq": seq, "values": values, "by": caller.name})
    _refuse_inadmissible(sources, Message(where, payload, False, now_ns))
    if sources.publisher.outstanding >= OUTSTANDING_MOST:
        raise AwayError("the broker takes nothing just now: try again later")
    noted = "; ".join([*(f"{name}={value}" for name, value in values.items()), *([event.note] if event.note else [])])
    await sources.audit.record(caller, "event.recorded", f"device {device.id}", noted)
    await _publish(sources, where, payload, LOOK_FIRST if event.time is None else SEND_AGAIN)
    return Recorded(site=device.site, device=device.id, time=moment(time_ns), values=values, by=caller.name)


async def offered(sources: Sources, caller: Caller, site_id: str, area_id: str | None) -> Offered:
    """What this caller can enter there; also for printed codes. Raises `NotFoundError`."""
    place = site_of(sources, caller, site_id)
    area = None if area_id is None else _area(sources, site_id, area_id)
    found: list[What] = []
    for what in What:
        event_values = [] if what is What.READING else [what.value]
        if _may(caller, what) and _measuring(sources, site_id, area_id, event_values):
            found.append(what)
    return Offered(site_names=place.names, area_names={} if area is None else area.names, whats=found)


def _may(caller: Caller, what: What) -> bool:
    if caller.way is Way.CODE:
        return what in OF_A_CODE
    return caller.way is not Way.LINK and caller.role >= Role.OPERATOR


def _authorise(caller: Caller, site: str, what: What) -> None:
    if not _may(caller, what):
        if caller.way is Way.CODE:
            raise ForbiddenError(f"a printed code is for {' and '.join(sorted(OF_A_CODE))}; for {what} sign in")
        if caller.way is Way.LINK:
            raise ForbiddenError("a link from a message is for its alert only: sign in")
        require(caller, Role.OPERATOR)
    require_site(caller, site, f"site {site}")


def _values(event: Event) -> dict[str, float | bool | str]:
    if event.what is What.READING:
        return dict(event.values)
    return {event.what.value: 1.0 if event.value is None else event.value}


def _area(sources: Sources, site: str, area: str) -> Area:
    found = sources.registry.sites[site].areas.get(area)
    if found is None:
        raise NotFoundError(f"there is no area {area} at site {site}")
    return found


def _device(sources: Sources, caller: Caller, event: Event, metrics: Sequence[str]) -> Device:
    """The one that measures all of it there."""
    site_of(sources, caller, event.site)
    if event.area is not None:
        _area(sources, event.site, event.area)
    if event.device is not None:
        named = sources.registry.devices.get(event.device)
        if named is None or named.site != event.site or event.area not in {None, named.area}:
            raise NotFoundError(f"there is no device {event.device} there")
        if missing := [one for one in metrics if one not in named.metrics]:
            raise ConflictError(f"{event.device} does not measure {', '.join(missing)}")
        return named
    found = _measuring(sources, event.site, event.area, metrics)
    what, where = ", ".join(metrics), event.site if event.area is None else f"{event.area} at {event.site}"
    if not found:
        raise ConflictError(f"no device of {where} measures {what}: add one to the registry with these metrics")
    if len(found) > 1:
        raise ConflictError(f"several devices of {where} measure {what}: name one as `device`: {', '.join(found)}")
    return sources.registry.devices[found[0]]


def _measuring(sources: Sources, site: str, area: str | None, metrics: Sequence[str]) -> Sequence[str]:
    return sorted(
        one.id
        for one in devices_at(sources.registry, site)
        if area in {None, one.area} and set(metrics) <= set(one.metrics)
    )


def _refuse_inadmissible(sources: Sources, message: Message) -> None:
    settings = sources.settings
    limits = Limits(int(settings.max_age_days * DAY_S) * NS_PER_S, int(settings.max_future_s * NS_PER_S))
    rejections = admit(message, sources.registry, limits).rejections
    if rejections:
        raise UnprocessableError("; ".join(one.detail for one in rejections))


def _number(*said: object) -> int:
    """What keeps it apart from others of its millisecond, and is the same when it is sent again."""
    return int.from_bytes(hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()) % NS_PER_MS


async def _publish(sources: Sources, where: str, payload: bytes, again: str) -> None:
    """`again`: what to do where it is not known whether it was taken. Raises `AwayError`."""
    try:
        async with asyncio.timeout(PUBLISH_S):
            await sources.publisher.publish(where, payload)
    except TimeoutError as error:
        raise AwayError(f"the broker has not acknowledged it: {again}") from error

"""What the printed code of an area opens: what can be said there, by whom, each thing once.

Whoever stands there may say how it was, and call for help; whoever is signed in as operator may besides enter that it
was cleaned, and what a meter shows. Nothing is kept of visitors, not even from where they came.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from enum import StrEnum, auto

from msgspec import Struct

from api.access.caller import Caller, Role, Way
from api.access.visitors import Codes
from api.now import Value
from api.problem import NotFoundError
from api.queries import events
from api.queries.answer import time_ns_of
from api.queries.events import OF_A_CODE, Event, What
from api.queries.readers import devices_at, require_reader, site_of
from api.sources import Sources
from telemetry.catalogue.metric import Kind, Metric, Source
from telemetry.registry.models import Area, Device, Site

METERS = "meter"
"""The measurement whose counters are the registers of meters."""
ENTRIES_MOST = 1_000
_IN_ORDER = (What.FEEDBACK, What.ASSISTANCE, What.CLEANED)
_WAYS = frozenset({Way.KEY, Way.SESSION})


class Shut(StrEnum):
    """Why a code opens nothing. The member is the word in the log."""

    INCOMPLETE = auto()
    """No signature, and nobody who is signed in."""
    FORGED = auto()
    GONE = auto()
    """It was good, but the site or the area is no longer configured."""


class ShutError(Exception):
    """The code opens nothing."""

    def __init__(self, why: Shut) -> None:
        super().__init__(why.value)
        self.why = why


class Ask(StrEnum):
    """Why an entry is to be confirmed."""

    HELP = auto()
    """Somebody will come running."""
    LOWER = auto()
    """A meter does not count down; unless it was exchanged, a digit is wrong."""


class AskError(Exception):
    """Nothing was entered yet: the same again with `sure`."""

    def __init__(self, why: Ask, meter: "Meter | None" = None) -> None:
        super().__init__(why.value)
        self.why = why
        self.meter = meter


class Meter(Struct, frozen=True):
    """One register of a meter in the area."""

    device: Device
    metric: Metric
    last: Value | None
    """None: it was never read."""


class Here(Struct, frozen=True):
    """An area, for whoever stands there."""

    site: Site
    area: Area
    guest: Caller
    """As whom it is said how it was, and that help is needed."""
    operator: Caller | None
    """Whoever is signed in and may enter what was done."""
    whats: Sequence[What]
    """What devices of the area take."""
    meters: Sequence[Meter]
    """For the operator."""


class Entry(Struct, frozen=True):
    """What a form says."""

    once: str
    """The form's own value: what it says twice is said once."""
    what: What
    value: float = 1.0
    """Of `FEEDBACK` the score; of `READING` in the unit of the catalogue."""
    device: str = ""
    metric: str = ""
    """Both of `READING` only."""
    sure: bool = False
    """It was asked, and confirmed."""


class Said(Struct, frozen=True):
    """What was recorded."""

    id: str
    """In the address of the page that says so."""
    entry: Entry
    time_ns: int


class Entries:
    """What was entered lately: a second tap enters nothing more. One for the process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, Entry], _Kept] = OrderedDict()

    def of(self, here: Here, entry: Entry) -> "_Kept":
        """The oldest make room."""
        key = (here.site.id, here.area.id, entry)
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        if len(self._kept) > ENTRIES_MOST:
            self._kept.popitem(last=False)
        return kept

    def said(self, here: Here, said: str) -> Said | None:
        """What was recorded there under this id, while it is remembered."""
        place = (here.site.id, here.area.id)
        found = (kept.said for key, kept in self._kept.items() if key[:2] == place and kept.said is not None)
        return next((one for one in found if one.id == said), None)


class _Kept:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.said: Said | None = None


async def opened(sources: Sources, codes: Codes, place: tuple[str, str], signature: str, caller: Caller | None) -> Here:
    """The area behind a code; `place` is site and area, `caller` whoever is signed in. Raises `ShutError`."""
    site_id, area_id = place
    # Without an address: from where a visitor came is nobody's business, and would stand in the audit log.
    visitor = codes.check(site_id, area_id, signature)
    operator = caller if caller is not None and _enters(caller, site_id) else None
    guest = visitor or operator
    if guest is None:
        raise ShutError(Shut.FORGED if signature else Shut.INCOMPLETE)
    try:
        site = site_of(sources, guest, site_id)
        taken = (await events.offered(sources, operator or guest, site_id, area_id)).whats
    except NotFoundError as error:
        raise ShutError(Shut.GONE) from error
    return Here(
        site=site,
        area=site.areas[area_id],
        guest=guest,
        operator=operator,
        whats=[one for one in _IN_ORDER if one in taken],
        meters=() if operator is None else _meters(sources, site_id, area_id),
    )


async def enter(sources: Sources, entries: Entries, here: Here, entry: Entry) -> Said:
    """Record it; a second time it is what was recorded the first time.

    Raises `AskError` where it is to be confirmed, `ForbiddenError`, `ConflictError` where no device there takes it,
    `UnprocessableError` for a value that can't be, `AwayError` while the broker does not take it.
    """
    caller = here.guest if here.operator is None or entry.what in OF_A_CODE else here.operator
    kept = entries.of(here, entry)
    async with kept.lock:
        if kept.said is None:
            _confirmed(here, entry)
            event = _event(sources, here, entry)
            recorded = await events.record(sources, caller, event)
            kept.said = Said(secrets.token_urlsafe(9), entry, time_ns_of(recorded.time))
        return kept.said


class Code(Struct, frozen=True):
    """What is printed for an area."""

    area: Area
    address: str
    """Path and query of its page."""
    whats: Sequence[What]
    """What whoever stands there can say."""
    meters: bool
    """Whether operators can enter what a meter shows."""


async def codes_of(sources: Sources, caller: Caller, codes: Codes, site_id: str) -> Sequence[Code]:
    """Of the areas of a site in which anything can be entered. Raises `ForbiddenError`, `NotFoundError`."""
    require_reader(caller, Role.OPERATOR)
    site = site_of(sources, caller, site_id)
    found: list[Code] = []
    for area in site.areas.values():
        taken = (await events.offered(sources, caller, site_id, area.id)).whats
        whats, meters = [one for one in _IN_ORDER if one in taken], bool(_meters(sources, site_id, area.id))
        if whats or meters:
            address = f"/here/{site_id}/{area.id}?signature={codes.make(site_id, area.id)}"
            found.append(Code(area, address, whats, meters))
    return found


def _enters(caller: Caller, site: str) -> bool:
    return caller.way in _WAYS and caller.role >= Role.OPERATOR and caller.sees(site)


def _meters(sources: Sources, site: str, area: str) -> Sequence[Meter]:
    metrics, now = sources.registry.metrics, sources.now
    return [
        Meter(device, metric, now.of(device.id).get(name))
        for device in devices_at(sources.registry, site)
        if device.area == area
        for name in device.metrics
        if (metric := metrics[name]).kind is Kind.COUNTER
        and metric.measurement == METERS
        and metric.source is Source.DEVICE
    ]


def _confirmed(here: Here, entry: Entry) -> None:
    """Raises `AskError`."""
    if entry.sure:
        return
    if entry.what is What.ASSISTANCE:
        raise AskError(Ask.HELP)
    if entry.what is What.READING:
        meter = meter_of(here, entry)
        if meter is not None and meter.last is not None and entry.value < float(meter.last.value):
            raise AskError(Ask.LOWER, meter)


def meter_of(here: Here, entry: Entry) -> Meter | None:
    """The one that an entry names."""
    named = (entry.device, entry.metric)
    return next((one for one in here.meters if (one.device.id, one.metric.name) == named), None)


def _event(sources: Sources, here: Here, entry: Entry) -> Event:
    site, area = here.site.id, here.area.id
    if entry.what is What.READING:
        return Event(site=site, area=area, device=entry.device, what=entry.what, values={entry.metric: entry.value})
    # One code is for the whole area: where several panels hang there, the first stands for them.
    panels = (one.id for one in devices_at(sources.registry, site) if one.area == area)
    device = next((one for one in panels if entry.what in sources.registry.devices[one].metrics), None)
    return Event(site=site, area=area, device=device, what=entry.what, value=entry.value)

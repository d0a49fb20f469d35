"""What a link from a message opens: one alert for one person, without a password, and nothing else."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from enum import StrEnum

import structlog
from msgspec import Struct

from alerts.desk import (
    Alert,
    Change,
    Claim,
    Desk,
    KeyUnusableError,
    LinkProblem,
    Rule,
    Transition,
    UnknownAlertError,
    links_of,
)
from api.access.caller import Caller, Role, Way
from api.problem import AwayError, UnprocessableError
from api.queries import alerts
from api.sources import Sources
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Person, Site

log = structlog.get_logger(__name__)

COMMENT_MOST = 1_000
"""Characters."""
PRESSES_MOST = 1_000
SAME_PRESS_NS = 600 * NS_PER_S
"""The same once more within this time is a second tap, or a browser that sends again."""
_TAKES = frozenset({Change.ACKNOWLEDGED, Change.ASSIGNED})
_SAID = _TAKES | {Change.COMMENTED, Change.RESOLVED}


class Deed(StrEnum):
    """What somebody can say with a link."""

    ON_MY_WAY = "on_my_way"
    """Acknowledges."""
    DONE = "done"
    """Ends an alert that latches; of any other it is a comment: those end by themselves."""
    COMMENT = "comment"


class Shut(StrEnum):
    """Why a link opens nothing, or not now. The member is the word in the log."""

    MALFORMED = "malformed"
    FORGED = "forged"
    EXPIRED = "expired"
    NO_PERSON = "no_person"
    """It was good, but the person is no longer configured, or no longer for this site."""
    NO_ALERT = "no_alert"
    """It was good, but the alert is not kept any more."""
    AWAY = "away"
    """The alert database or the key can't be read just now."""


class ShutError(Exception):
    """The link opens nothing."""

    def __init__(self, why: Shut, person: Person | None = None) -> None:
        """`person`: of a link that is ours."""
        super().__init__(why.value)
        self.why = why
        self.person = person


class Address(Struct, frozen=True):
    """A link, as it came."""

    alert: str
    person: str
    expires: str
    signature: str


class Linked(Struct, frozen=True):
    """What a good link shows."""

    alert: Alert
    rule: Rule | None
    """None: it is no longer configured."""
    site: Site | None
    """None: the device is no longer configured."""
    person: Person
    said: Sequence[Transition]
    """What people have said of it, oldest first."""

    @property
    def last_said(self) -> Transition | None:
        """The last thing that this person said."""
        return next((one for one in reversed(self.said) if one.by == self.person.id), None)

    @property
    def theirs(self) -> bool:
        """Whether this person has it."""
        return self.alert.active and self.alert.acknowledged_by == self.person.id


class Presses:
    """What was asked for lately: a second tap asks for the same thing, not for another one. One for the process."""

    def __init__(self) -> None:
        self._presses: OrderedDict[tuple[str, ...], _Press] = OrderedDict()

    def of(self, key: tuple[str, ...]) -> "_Press":
        """The oldest make room."""
        press = self._presses.setdefault(key, _Press())
        self._presses.move_to_end(key)
        if len(self._presses) > PRESSES_MOST:
            self._presses.popitem(last=False)
        return press


class _Press:
    """One deed of one person, said in the same words."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.done_ns = 0
        self.recorded = False
        self.after = 0
        """Number of the last thing that had been said of the alert when it was pressed."""

    def fresh(self, now_ns: int) -> bool:
        return now_ns - self.done_ns < SAME_PRESS_NS


async def opened(sources: Sources, address: Address) -> Linked:
    """The alert behind a link. Looking changes nothing: programs that check mail follow links. Raises `ShutError`."""
    claim = await _claim(sources, address)
    person = sources.registry.people.get(claim.person)
    if person is None:
        raise ShutError(Shut.NO_PERSON)
    try:
        alert = await sources.alerts.ask(Desk.alert, claim.alert)
        transitions = await sources.alerts.ask(Desk.transitions, claim.alert)
    except AwayError as error:
        raise ShutError(Shut.AWAY, person) from error
    except UnknownAlertError as error:
        raise ShutError(Shut.NO_ALERT, person) from error
    device = sources.registry.devices.get(alert.device)
    if device is not None and person.sites and device.site not in person.sites:
        raise ShutError(Shut.NO_PERSON, person)
    return Linked(
        alert=alert,
        rule=next((rule for rule in sources.rules.rules if rule.id == alert.rule), None),
        site=None if device is None else sources.registry.sites.get(device.site),
        person=person,
        said=[one for one in transitions if one.by is not None and one.change in _SAID],
    )


async def press(sources: Sources, presses: Presses, linked: Linked, deed: Deed, comment: str, *, address: str) -> bool:
    """Do it as the link's person, from `address`; a second tap does nothing more, unless what it says is so no more.

    `comment` goes with it; for `DONE` and `COMMENT` it can't be empty. False: it is kept, and the alert service has
    not got to it. Raises `ConflictError` where as things stand it can't be done, `UnprocessableError` for a comment
    that can't be kept, `NotFoundError`, `AwayError`.
    """
    if len(comment) > COMMENT_MOST:
        raise UnprocessableError(f"a comment has at most {COMMENT_MOST} characters")
    pressed = presses.of((linked.alert.id, linked.person.id, deed, comment))
    async with pressed.lock:
        if _stands(linked, deed, comment):
            return True
        if not pressed.fresh(sources.clock()) or (deed is Deed.ON_MY_WAY and _taken_over(linked, pressed.after)):
            detail = await _do(sources, _caller(linked, address), linked, deed, comment)
            pressed.done_ns, pressed.recorded = sources.clock(), not detail.waiting
            pressed.after = linked.said[-1].number if linked.said else 0
        return pressed.recorded


def _stands(linked: Linked, deed: Deed, comment: str) -> bool:
    """Whether just that was said already."""
    last = linked.last_said
    match deed:
        case Deed.ON_MY_WAY:
            return linked.theirs and not comment
        case Deed.DONE:
            return last is not None and last.change is Change.RESOLVED
        case Deed.COMMENT:
            return False


def _taken_over(linked: Linked, after: int) -> bool:
    """Whether this person took it after what had this number, and then somebody else."""
    takers = [one.to or one.by for one in linked.said if one.change in _TAKES and one.number > after]
    return linked.person.id in takers and takers[-1] != linked.person.id


async def _do(sources: Sources, caller: Caller, linked: Linked, deed: Deed, comment: str) -> alerts.AlertDetail:
    alert = linked.alert.id
    match deed:
        case Deed.ON_MY_WAY:
            return await alerts.acknowledge(sources, caller, alert, comment=comment or None)
        case Deed.DONE if linked.rule is not None and linked.rule.latches:
            return await alerts.resolve(sources, caller, alert, comment=comment)
        case _:
            return await alerts.comment(sources, caller, alert, comment)


def _caller(linked: Linked, address: str) -> Caller:
    """As whom the link acts: its person, at the alert's site only."""
    sites = frozenset(() if linked.site is None else (linked.site.id,))
    return Caller(linked.person.id, Role.OPERATOR, sites, Way.LINK, address)


async def _claim(sources: Sources, address: Address) -> Claim:
    try:
        # Read each time: a key that somebody has thrown away opens nothing any more.
        links = await asyncio.to_thread(links_of, sources.data, None, 1)
    except KeyUnusableError as error:
        log.error("links can't be checked", reason=str(error))
        raise ShutError(Shut.AWAY) from error
    found = links.check(address.alert, address.person, address.expires, address.signature, sources.clock())
    if isinstance(found, Claim):
        return found
    log.info("link refused", reason=found.value, alert=address.alert)
    ours = found is LinkProblem.EXPIRED
    raise ShutError(Shut(found.value), sources.registry.people.get(address.person) if ours else None)

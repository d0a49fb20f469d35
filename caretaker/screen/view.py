"""What the live view shows, as one value. The widgets are functions of it and know nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from alerts.alert import Severity
from caretaker.audit import Verdict


@dataclass(frozen=True)
class Account:
    """The ingestor's, in readings, since its data began."""

    received: int = 0
    written: int = 0
    quarantined: int = 0
    ignored: int = 0
    journal: int = 0
    rejects: Mapping[str, int] = field(default_factory=dict)
    balanced: bool = True
    trouble: str | None = None


@dataclass(frozen=True)
class Rates:
    """Readings a second, oldest first, one value a second."""

    published: tuple[float, ...] = ()
    received: tuple[float, ...] = ()
    written: tuple[float, ...] = ()


class State(IntEnum):
    """Of a site; the worst has the lowest number. The name, in small letters, is the word on the screen.

    What is wrong with what is measured is the alerts' to say; what does not arrive at all is seen here too.
    """

    CRITICAL = 0
    SILENT = 1
    GATEWAY_DOWN = 2
    WARNING = 3
    LATE = 4
    SUSPECT = 5
    INFORMATION = 6
    WAITING = 7
    FINE = 8
    REPLAYING = 9

    @property
    def word(self) -> str:
        """For the screen."""
        return self.name.lower().replace("_", " ")

    @property
    def urgent(self) -> bool:
        """Somebody should go there."""
        return self <= State.GATEWAY_DOWN

    @property
    def doubtful(self) -> bool:
        """Worth a look."""
        return State.GATEWAY_DOWN < self < State.WAITING


@dataclass(frozen=True)
class Value:
    """One figure of a site."""

    label: str
    text: str
    unit: str
    suspect: bool = False


@dataclass(frozen=True)
class SiteLine:
    """One site."""

    name: str
    kind: str
    state: State
    values: tuple[Value, ...] = ()
    age: str = ""
    detail: str = ""
    """What the state's word leaves open: which alert, how many devices are late, which gateway is down."""


@dataclass(frozen=True)
class Step:
    """A station in the life of an alert."""

    word: str
    clock: str | None = None
    """When it got there; None: not yet."""
    detail: str = ""
    """To whom, by whom."""


@dataclass(frozen=True)
class AlertLine:
    """One alert."""

    id: str
    severity: Severity
    name: str
    site: str
    device: str
    """Their names."""
    value: str
    age: str
    """Since it was raised; since it was resolved, where it is."""
    raised_ns: int = 0
    metrics: tuple[str, ...] = ()
    """What its rule reads."""
    course: tuple[Step, ...] = ()
    """Raised, delivered, acknowledged, resolved."""

    @property
    def reached(self) -> Step:
        """The last station that it got to."""
        return next((step for step in reversed(self.course) if step.clock is not None), Step("raised"))


@dataclass(frozen=True)
class Alerts:
    """What the alert service has to say."""

    service: str = "starting"
    """Its state in a word or two."""
    active: int = 0
    lines: tuple[AlertLine, ...] = ()
    """Active ones, most severe first, then newest first; not all, where there are many."""
    resolved: tuple[AlertLine, ...] = ()
    """The last ones, newest first."""
    events: tuple[str, ...] = ()
    """What happened lately, oldest first, a sentence each: changes of alerts, and messages that were delivered."""
    delivered: int = 0
    """Messages to people, since its database began."""
    outbox: int = 0
    """Messages that wait to be delivered."""
    dead: int = 0
    """Messages that no receiver takes."""


@dataclass(frozen=True)
class View:
    """One moment of the whole system."""

    clock: str = ""
    account: Account | None = None
    """None: the ingestor does not answer, and never did."""
    ingestor: str = "starting"
    """Its state in a word or two."""
    published: int = 0
    acknowledged: int = 0
    poison: int = 0
    """Of what was acknowledged: messages that must be refused, and so are not looked for in the store."""
    verdict: Verdict = field(default_factory=Verdict)
    rates: Rates = field(default_factory=Rates)
    sites: tuple[SiteLine, ...] = ()
    alerts: Alerts = field(default_factory=Alerts)
    stories: tuple[str, ...] = ()
    """What happened, newest first, a sentence each."""
    fill: tuple[float, str] | None = None
    """The past that is being filled in: share done in 0..1 and what to say; None when it is done."""
    address: str = ""
    """Where a device of one's own connects."""
    board: str = ""
    """Where somebody enters the board."""

    @property
    def well(self) -> bool:
        """Nothing missing, and the account holds."""
        return self.verdict.missing == 0 and (self.account is None or self.account.balanced)

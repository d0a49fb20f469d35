"""What the live view shows, as one value. The widgets are functions of it and know nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

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
    """Of a site; the worst has the lowest number. The name, in small letters, is the word on the screen."""

    LEAK = 0
    SILENT = 1
    GATEWAY_DOWN = 2
    ODOUR_HIGH = 3
    LATE = 4
    SUSPECT = 5
    WAITING = 6
    FINE = 7
    REPLAYING = 8

    @property
    def word(self) -> str:
        """For the screen."""
        return self.name.lower().replace("_", " ")

    @property
    def urgent(self) -> bool:
        """Somebody should go there."""
        return self <= State.ODOUR_HIGH

    @property
    def doubtful(self) -> bool:
        """Worth a look."""
        return State.ODOUR_HIGH < self < State.WAITING


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
    """What the state's word leaves open: how many devices are late, which gateway is down."""


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
    stories: tuple[str, ...] = ()
    """What happened, newest first, a sentence each."""
    fill: tuple[float, str] | None = None
    """The past that is being filled in: share done in 0..1 and what to say; None when it is done."""
    address: str = ""
    """Where a device of one's own connects."""

    @property
    def well(self) -> bool:
        """Nothing missing, and the account holds."""
        return self.verdict.missing == 0 and (self.account is None or self.account.balanced)

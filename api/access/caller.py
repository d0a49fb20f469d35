"""Who asks, and what they may. Pure: a caller is made in `access/`, and asked by `queries/`."""

from enum import IntEnum, StrEnum

from msgspec import Struct

from api.problem import ForbiddenError, NotFoundError
from telemetry.catalogue.metric import Metric, Privacy


class Role(IntEnum):
    """What somebody may; each may what those before it may."""

    VIEWER = 1
    """Look, but at nothing that says where a person is."""
    OPERATOR = 2
    """Look at everything, act on alerts, write down what was done."""
    ADMIN = 3
    """Replay the quarantine, make and revoke keys, read the audit log."""

    @property
    def word(self) -> str:
        """As it is written in commands, answers and the audit log."""
        return self.name.lower()


class Way(StrEnum):
    """How a caller proved who it is."""

    KEY = "key"
    SESSION = "session"
    """A browser that has signed in."""
    LINK = "link"
    """A link from a message: one alert, one person."""
    CODE = "code"
    """The printed code of an area: whoever stands there."""
    COMMAND = "command"
    """Somebody at the machine itself, with the command `caretaker`."""


class Caller(Struct, frozen=True):
    """Somebody whose identity was checked."""

    name: str
    """Stands in the audit log, at acknowledgements and at what is entered by hand."""
    role: Role
    sites: frozenset[str] | None
    """None: all sites."""
    way: Way
    address: str
    """From where, without a port."""
    key: str = ""
    """Id of the key behind it; empty: none."""
    browser: int = 0
    """Number of the signed-in browser; 0: none."""

    def sees(self, site: str) -> bool:
        """Whether the site is one of the caller's."""
        return self.sites is None or site in self.sites

    def reads(self, metric: Metric) -> bool:
        """Whether the caller may see values of it: what says where people are needs an operator."""
        return self.role >= Role.OPERATOR or metric.privacy is not Privacy.PERSONAL


def require(caller: Caller, role: Role) -> None:
    """Raises `ForbiddenError` where the caller's role is less."""
    if caller.role < role:
        raise ForbiddenError(f"this needs the role {role.word}; {caller.name} has {caller.role.word}")


def require_site(caller: Caller, site: str, what: str) -> None:
    """Raises `NotFoundError` for a site of others: for the caller it does not exist. `what` is as in `site x`."""
    if not caller.sees(site):
        raise NotFoundError(f"there is no {what}")

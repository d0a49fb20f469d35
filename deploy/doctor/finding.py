"""What a check says: a verdict, where it looked, what it found, and the mend."""

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    """What is known, gravest first."""

    WRONG = "wrong"
    CANNOT_TELL = "cannot tell"
    """It should have been looked at and could not be: something it needs is away, or it took too long."""
    WARNING = "warning"
    """It works; somebody should know it, or mend it soon."""
    LEFT_OUT = "left out"
    """Nothing of the kind is there to be looked at. Never a sign of health."""
    SOUND = "sound"

    @property
    def gravity(self) -> int:
        """For sorting: the gravest has the smallest."""
        return list(Verdict).index(self)


class Check(StrEnum):
    """All checks, in the order in which they are listed. docs/doctor.md explains each."""

    CONFIGURATION = "configuration"
    CLOCK = "clock"
    DISK = "disk"
    VERSIONS = "versions"
    SERVICES = "services"
    STORE = "store"
    RETENTION = "retention"
    BROKER = "broker"
    QUEUE = "queue"
    PERSISTENCE = "persistence"
    READING = "reading"
    ANONYMOUS = "anonymous"
    PASSWORD = "password"  # noqa: S105 - a check's name
    OTHER_DEVICE = "other-device"
    PLAIN_TEXT = "plain-text"
    KEYS = "keys"
    PORTS = "ports"
    CERTIFICATES = "certificates"
    SECRETS = "secrets"
    GRAFANA = "grafana"
    BACKUP = "backup"


class Remark(Struct, frozen=True):
    """One thing that a check has to say. Never a secret."""

    verdict: Verdict
    where: str
    """The address, the file or the setting that was looked at."""
    found: str
    mend: str = ""
    """What to do, as a command or a setting where there is one. Never empty where something is wrong."""


class Finding(Struct, frozen=True):
    """A remark, and whose it is."""

    check: Check
    remark: Remark


def wrong(where: str, found: str, mend: str) -> Remark:
    """To be mended."""
    return Remark(Verdict.WRONG, where, found, mend)


def cannot_tell(where: str, why: str, mend: str = "") -> Remark:
    """Not known, and why."""
    return Remark(Verdict.CANNOT_TELL, where, why, mend)


def warning(where: str, found: str, mend: str) -> Remark:
    """It works, and yet."""
    return Remark(Verdict.WARNING, where, found, mend)


def left_out(where: str, why: str, mend: str = "") -> Remark:
    """There is nothing to look at, and why; `mend` says how there would be."""
    return Remark(Verdict.LEFT_OUT, where, why, mend)


def sound(where: str, found: str) -> Remark:
    """As it should be."""
    return Remark(Verdict.SOUND, where, found)

"""The account: what came in is what went out plus what is still here."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Account:
    """Readings since the journal file was made; an undecodable message counts as one, a redelivery each time.

    It is kept in the journal's own transactions: what is counted as received is durable, across any kill.
    """

    received: int = 0
    written: int = 0
    quarantined: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict)
    """By `Reason`; and `quarantine_full`, the only loss there is, which is alarmed."""
    journal: int = 0
    """Counted from the rows that are there, not from the other figures."""
    rejects: Mapping[str, int] = field(default_factory=dict)
    """Rejections by `Reason`, those of single values among them: not part of the balance."""

    @property
    def balanced(self) -> bool:
        """Whether every reading that was received is somewhere."""
        return self.received == self.written + self.quarantined + sum(self.ignored.values()) + self.journal


RECEIVED, WRITTEN, QUARANTINED = "received", "written", "quarantined"
IGNORED, REJECTS = "ignored.", "rejects."
QUARANTINE_FULL = "quarantine_full"


def read(rows: Mapping[str, int], journal: int) -> Account:
    """The account from its stored figures."""

    def under(prefix: str) -> dict[str, int]:
        return {name.removeprefix(prefix): count for name, count in rows.items() if name.startswith(prefix)}

    return Account(
        received=rows.get(RECEIVED, 0),
        written=rows.get(WRITTEN, 0),
        quarantined=rows.get(QUARANTINED, 0),
        ignored=under(IGNORED),
        journal=journal,
        rejects=under(REJECTS),
    )

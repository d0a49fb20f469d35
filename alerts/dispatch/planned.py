"""What the dispatcher decides in one go. The database keeps it in one transaction."""

from collections import Counter

from msgspec import Struct, field

from alerts.notice import Cause, Delivery, Muted


class Planned(Struct):
    """The outcome of one look at the news."""

    cursor: int | None = None
    """The number of the last transition that is taken into account; None: there was no news."""
    groups: dict[str, bytes | None] = {}
    """By key: encoded records (of groups and others, see `state.py`) where they changed; None: to be forgotten."""
    deliveries: list[Delivery] = []
    figures: dict[str, int] = {}
    """Others to be remembered, by name, such as when the last digest was sent."""
    notified: Counter[Cause] = field(default_factory=Counter)
    muted: Counter[Muted] = field(default_factory=Counter)
    next_ns: int | None = None
    """Wall clock: when to look again without news; None: only when there are some."""

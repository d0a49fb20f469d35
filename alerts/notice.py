"""What people are told: values between dispatch, message and delivery."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from alerts.alert import Alert, Severity


class Cause(StrEnum):
    """Why somebody is told. The member is the counter's label and the word in the log."""

    NEW = "new"
    MORE = "more"
    """Another alert joined a group that was told already."""
    ROSE = "rose"
    RESOLVED = "resolved"
    REPEAT = "repeat"
    """Still there after the route's `repeat_interval`, and nobody has acknowledged."""
    ESCALATED = "escalated"
    """Nobody has acknowledged in time."""
    ASSIGNED = "assigned"
    """Somebody has given it to this person."""
    FLAPPING = "flapping"
    """It changes so often that further changes are only recorded."""
    SUMMARY = "summary"
    """What a receiver's cap held back."""
    DIGEST = "digest"
    """The day in one message."""


class Muted(StrEnum):
    """Why somebody is not told. The member is the counter's label and the word in the log."""

    SILENCED = "silenced"
    ACKNOWLEDGED = "acknowledged"
    FLAPPING = "flapping"
    QUIET_HOURS = "quiet_hours"
    OUT_OF_SERVICE = "out_of_service"
    GATEWAY_DOWN = "gateway_down"
    OFF_DUTY = "off_duty"
    """Outside the person's own hours, while somebody else is on duty."""
    NOT_THEIR_SITE = "not_their_site"
    OVER_CAP = "over_cap"
    """Comes in the summary."""
    GONE = "gone"
    """Resolved before anybody was told of it."""


class Channel(StrEnum):
    """How a message travels: which receiver takes it."""

    INBOX = "inbox"
    EMAIL = "email"
    WEBHOOK = "webhook"
    APPRISE = "apprise"
    MQTT = "mqtt"


class Notice(Struct, frozen=True):
    """Who is to be told what, before it is put into words."""

    person: str
    """Id."""
    cause: Cause
    """The weightiest of its alerts' causes."""
    alerts: Sequence[tuple[Alert, Cause]]
    """Most severe first; of a summary and a digest too."""
    group: Mapping[str, str]
    """The labels that they share, by the route's `group_by`."""
    at_ns: int
    """Wall clock, ns UTC."""
    silent_devices: Sequence[str] = ()
    """Of a digest."""
    low_batteries: Sequence[tuple[str, float]] = ()
    """Of a digest: device and percent, lowest first."""
    also: int = 0
    """How many more alerts there are than are listed."""
    by: str | None = None
    """Of `ASSIGNED`: who gave them."""


class Message(Struct, frozen=True):
    """In words, in the person's language."""

    title: str
    """One line, no line break."""
    text: str
    """Plain text, lines of any length."""
    severity: Severity | None
    """The highest of its alerts; None for good news and digests."""
    data: bytes
    """The same for programs: JSON, see `docs/receivers.md`. What a webhook sends as its body."""


class Delivery(Struct, frozen=True):
    """One message to one receiver. Kept in the database until it is delivered or can never be."""

    id: str
    """`msg_` and 26 characters; the same on every retry: what the receiver tells duplicates by."""
    person: str
    """Id; empty for MQTT."""
    place: int
    """Which of the person's receivers: 0 the first. Where it has none: the inbox."""
    channel: Channel
    cause: Cause
    created_ns: int
    alerts: tuple[str, ...]
    message: Message
    attempts: int = 0
    due_ns: int = 0
    """Not before, wall clock."""


class Verdict(StrEnum):
    """What became of an attempt."""

    DELIVERED = "delivered"
    LATER = "later"
    """Not now: 429, 5xx, timeout, connection refused or reset."""
    REFUSED = "refused"
    """Never: 4xx, no such mailbox, a forbidden address. To the dead letters, and to the person's next receiver."""


class Attempt(Struct, frozen=True):
    """The outcome of one attempt."""

    verdict: Verdict
    detail: str = ""
    """For an operator. Never holds an address's secret."""
    retry_after_s: float | None = None
    """What the receiver asked for."""

"""What alerts are: values that the stages hand to each other. No behaviour, no clock, no database."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from hashlib import blake2b

from msgspec import Struct

ID_BYTES = 8


class Severity(IntEnum):
    """How bad it is. The number is what `alert_severity` says on MQTT and in the store; 0 there is none."""

    INFORMATION = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """As it is written in rules, labels and answers."""
        return self.name.lower()


class Change(StrEnum):
    """What a transition does. The member is the counter's label and the word in the log."""

    RAISED = "raised"
    ROSE = "rose"
    """To a higher severity."""
    FELL = "fell"
    """To a lower severity."""
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    """Given to a person, who has it from then on: acknowledged in their name."""
    ACKNOWLEDGEMENT_ENDED = "acknowledgement_ended"
    """It had an end, and that is over."""
    COMMENTED = "commented"


class Ending(StrEnum):
    """Why an alert was resolved. Missing data is none of the reasons."""

    CLEARED = "cleared"
    """The condition was seen not to hold, for long enough."""
    OUTSIDE_HOURS = "outside_hours"
    """The rule's active hours are over."""
    BY_HAND = "by_hand"
    """A person resolved an alert that latches."""
    EXPIRED = "expired"
    """An alert that latches, after `expire_after`."""
    RULE_GONE = "rule_gone"
    """The rule was removed, or selects the device no more."""
    DEVICE_GONE = "device_gone"
    """The device was taken out of the registry."""


class Transition(Struct, frozen=True):
    """A change of one alert, at the moment at which it became true."""

    alert: str
    """The alert's id."""
    rule: str
    device: str
    change: Change
    severity: Severity
    """After the change; when resolved: the last one."""
    at_ns: int
    """When it became true: event time, ns UTC, never before that of the alert's transition before."""
    noticed_ns: int
    """The alert clock when it was noticed, ns UTC. Far later than `at_ns` after an outage of ours or a late reading."""
    value: float | None = None
    """What the rule compared, in its metric's unit (per the rule's period for a rate, percent for an imbalance, the
    quotient for a part of the month's peak); None: there was nothing to compare."""
    threshold: float | None = None
    """What it was compared with."""
    reading_ns: int | None = None
    """Event time of the reading that shows it; of a window: of its last reading."""
    suspect: bool = False
    """That reading was outside the metric's plausible range."""
    flapping: bool = False
    """One of many changes within a short time: recorded, not notified. The first of them is notified, and says so."""
    ending: Ending | None = None
    """Of `RESOLVED`."""
    by: str | None = None
    """The person behind an acknowledgement, an assignment, a comment, a resolution by hand."""
    comment: str | None = None
    until_ns: int | None = None
    """Of an acknowledgement that ends by itself."""
    to: str | None = None
    """Of `ASSIGNED`: the id of the person to whom it was given."""
    number: int = 0
    """Given by the database, in the order of commits; 0: not committed yet."""


class Alert(Struct, frozen=True):
    """An alert as it stands. There is at most one that is not resolved for each rule and device."""

    id: str
    rule: str
    device: str
    severity: Severity
    worst: Severity
    raised_ns: int
    """Event time."""
    changed_ns: int
    """Event time of the last raise, rise, fall or resolution."""
    resolved_ns: int | None
    value: float | None
    """At the last raise, rise or fall."""
    threshold: float | None
    reading_ns: int | None
    suspect: bool
    acknowledged_by: str | None
    """Who has it: who said so, or the id of the person to whom it was given."""
    acknowledged_ns: int | None
    acknowledged_until_ns: int | None
    comment: str | None
    """The last one."""
    ending: Ending | None

    @property
    def active(self) -> bool:
        """Whether it is not resolved."""
        return self.resolved_ns is None


class Silence(Struct, frozen=True):
    """Nobody is told of alerts with these labels from `start_ns` until before `end_ns`, ns UTC."""

    id: str
    matchers: Mapping[str, str]
    """Label to value, where `*` stands for anything; all have to match. See `alerts/labels.py` for the labels."""
    start_ns: int
    end_ns: int
    author: str
    reason: str


def alert_id(rule: str, device: str, raised_ns: int) -> str:
    """The same for the same alert, however often it is worked out: 16 characters. Its beginning is enough to type."""
    return blake2b(f"{rule} {device} {raised_ns}".encode(), digest_size=ID_BYTES).hexdigest()


def begun_by(transition: Transition) -> Alert:
    """The alert as a raise makes it; of other transitions: what was measured, as of then."""
    return Alert(
        id=transition.alert,
        rule=transition.rule,
        device=transition.device,
        severity=transition.severity,
        worst=transition.severity,
        raised_ns=transition.at_ns,
        changed_ns=transition.at_ns,
        resolved_ns=None,
        value=transition.value,
        threshold=transition.threshold,
        reading_ns=transition.reading_ns,
        suspect=transition.suspect,
        acknowledged_by=None,
        acknowledged_ns=None,
        acknowledged_until_ns=None,
        comment=None,
        ending=None,
    )

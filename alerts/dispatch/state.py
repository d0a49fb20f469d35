"""What dispatch remembers between two looks: of each alert who was told of it, of each group when it may speak again.

Four sorts of records, told apart by the first word of their key in `Planned.groups`. Each is a byte for the version and
MessagePack behind it. A record of another version can't be read; then what it said is taken to have been told just now
(`Ledger.assumed`): nobody is told twice within the repeat interval, and nobody is forgotten for longer than that.

`gc=False` as in `telemetry/reading.py`: none holds a cycle, and with thousands of alerts the collector would take
longer than the look.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from alerts.alert import Alert
from alerts.notice import Cause, Muted

VERSION = 1

_Record = TypeVar("_Record", bound=Struct)


class Told(Struct, array_like=True, gc=False):
    """What one person was told of one alert."""

    severity: int
    """As it was then."""
    first_ns: int
    """Wall clock, as all times here."""
    last_ns: int
    messages: int = 1
    """How many named this alert."""
    quietly: bool = False
    """Nothing but that its rule and device flap: then its end is no news."""


class Sent(Struct, array_like=True, gc=False):
    """How far an alert came on one route."""

    first_ns: int
    steps: int = 0
    """Of its escalation."""


class Given(Struct, array_like=True, gc=False):
    """To whom an alert was given by hand last."""

    person: str
    number: int
    """Of the transition: part of the message's id."""
    by: str
    """Who gave it."""
    told: bool = False


class Ledger(Struct, gc=False):
    """Of one alert, until all who were told of it know its end."""

    labels: dict[str, str] = {}
    """When device and rule were last configured: its end goes where its beginning went."""
    told: dict[str, Told] = {}
    """By person."""
    sent: dict[str, Sent] = {}
    """By route."""
    escalated: list[str] = []
    """People who are told because nobody had acknowledged."""
    given: Given | None = None
    """None: to nobody, or somebody else has it by now."""
    muted: dict[str, Muted] = {}
    """By person: why there is news that they are not told. Counted when it begins."""
    flapping: bool = False
    ended: Alert | None = None
    """Resolved, and somebody is still to be told."""
    missing_ns: int | None = None
    """Since when the alert is not among those that are looked at: its end is under way, as news to come."""
    assumed: bool = False
    """This record could not be read."""


class Talk(Struct, array_like=True, gc=False):
    """A group's messages to one person."""

    since_ns: int | None = None
    """Since when there is something to say."""
    sent_ns: int | None = None
    """The last message; None: there was none yet."""


class Group(Struct, gc=False):
    """One group."""

    people: dict[str, Talk] = {}


class Series(Struct, gc=False):
    """A rule and a device that flap."""

    alert: Alert
    """The last one."""
    labels: dict[str, str]
    seen_ns: int
    """When it last flapped, wall clock."""
    told: dict[str, int] = {}
    """By person: when they were told that it flaps."""


class Held(Struct, gc=False):
    """What one person's cap held back."""

    summaries: int = 0
    """How many there were: part of the next one's id."""
    alerts: dict[str, tuple[Alert, Cause]] = {}


class Memory:
    """All records, decoded; gives back those that changed."""

    def __init__(self, encoded: Mapping[str, bytes]) -> None:
        self._encoded = encoded
        self.ledgers: dict[str, Ledger] = {}
        """By alert."""
        self.groups: dict[str, Group] = {}
        self.series: dict[tuple[str, str], Series] = {}
        """By rule and device."""
        self.held: dict[str, Held] = {}
        """By person."""
        for key, data in encoded.items():
            sort, _, name = key.partition(" ")
            match sort:
                case "alert":
                    self.ledgers[name] = _read(data, Ledger) or Ledger(assumed=True)
                case "group":
                    self.groups[name] = _read(data, Group) or Group()
                case "series" if series := _read(data, Series):
                    self.series[series.alert.rule, series.alert.device] = series
                case "held":
                    self.held[name] = _read(data, Held) or Held()
                case _:
                    pass

    def changes(self) -> dict[str, bytes | None]:
        """By key: the encoded record where it is new or changed; None where it is gone."""
        now: dict[str, Struct] = {
            **{f"alert {name}": ledger for name, ledger in self.ledgers.items()},
            **{f"group {name}": group for name, group in self.groups.items()},
            **{f"series {rule} {device}": series for (rule, device), series in self.series.items()},
            **{f"held {name}": held for name, held in self.held.items()},
        }
        changed: dict[str, bytes | None] = {key: None for key in self._encoded if key not in now}
        for key, record in now.items():
            data = bytes([VERSION]) + msgspec.msgpack.encode(record)
            if self._encoded.get(key) != data:
                changed[key] = data
        return changed


def untold(encoded: Mapping[str, bytes], alert: str) -> Mapping[str, Muted]:
    """By person: why there is something about an alert that they are not told, as of the last look.

    `encoded` holds at least the alert's record and those of what caps hold back.
    """
    memory = Memory(encoded)
    ledger = memory.ledgers.get(alert)
    held = {person: Muted.OVER_CAP for person, kept in memory.held.items() if alert in kept.alerts}
    return held if ledger is None else {**ledger.muted, **held}


def _read(data: bytes, sort: type[_Record]) -> _Record | None:
    """The record; None where it is of another version or broken."""
    if data[:1] != bytes([VERSION]):
        return None
    try:
        return msgspec.msgpack.decode(data[1:], type=sort)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

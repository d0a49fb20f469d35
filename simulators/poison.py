"""Twelve kinds of messages that must not be admitted. Each says for which reasons a right ingestor refuses it.

None is lost to the account: each counts as one undecodable message or as one reading refused.
"""

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from simulators.encode import moment
from telemetry.topics import PREFIX, topic

DAY_MS = 86_400_000
TOO_OLD_MS = 400 * DAY_MS
IN_FUTURE_MS = 3 * 3_600_000
TOO_LARGE_BYTES = 65_536 + 100
TOO_DEEP_LEVELS = 5_000


class Poison(StrEnum):
    """What is wrong with the message."""

    NOT_UTF8 = "not_utf8"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    NOT_A_READING = "not_a_reading"
    STRANGER = "stranger"
    """From a device that nobody knows, or on a topic that is none."""
    IMPOSTOR = "impostor"
    """The payload names another device than the topic."""
    BAD_METRIC = "bad_metric"
    """A metric that is not in the catalogue, or one that only the platform's own results may use."""
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    """NaN, or 1e999, which becomes infinite."""
    IMPOSSIBLE_VALUE = "impossible_value"
    OFF_TIME = "off_time"
    """Far too old, or hours ahead."""


class Dose(Struct, frozen=True, gc=False):
    """One such message."""

    kind: Poison
    topic: str
    payload: bytes
    reasons: tuple[str, ...]
    """Any of these words of `telemetry.message.Reason` is right."""


class Victim(Struct, frozen=True, gc=False):
    """In whose name the poison is sent."""

    site: str
    device: str
    metric: str
    """A number in the catalogue that this device may say."""
    too_high: float
    """Above what is possible for it."""
    number: int
    """Picks the variant."""
    time_ms: int
    archive: bool = False
    """Nothing is too old for its site."""

    def payload(self, value: str, *, time_ms: int | None = None, more: str = "") -> bytes:
        """Well-formed but for what `value`, JSON or not, says."""
        when = moment(self.time_ms if time_ms is None else time_ms)
        return f'{{"time":"{when}",{more}"values":{{"{self.metric}":{value}}}}}'.encode()


def dose(kind: Poison, victim: Victim) -> Dose:
    """The message, and what to expect of the ingestor."""
    made = _MAKERS[kind](victim)
    return Dose(kind, made.topic or topic(victim.site, victim.device), made.payload, made.reasons)


class _Made(Struct, frozen=True, gc=False):
    payload: bytes
    reasons: tuple[str, ...]
    topic: str | None = None


def _not_utf8(victim: Victim) -> _Made:
    return _Made(victim.payload('"caf\u00e9"').replace("\u00e9".encode(), b"\xe9\xff"), ("not_utf8",))


def _truncated(victim: Victim) -> _Made:
    return _Made(victim.payload("21.5")[:-4], ("not_json",))


def _too_large(victim: Victim) -> _Made:
    return _Made(victim.payload("1", more=f'"note":"{"x" * TOO_LARGE_BYTES}",'), ("too_large",))


def _too_deep(victim: Victim) -> _Made:
    return _Made(victim.payload("[" * TOO_DEEP_LEVELS + "]" * TOO_DEEP_LEVELS), ("too_deep",))


def _not_a_reading(victim: Victim) -> _Made:
    variants = (b"42", b"[1]", b"{}", b"null", b'"on"', b'{"values":7}', b"[]", b"")
    payload = variants[victim.number % len(variants)]
    # Each is one reading that is none: the account counts single items of a list. Nothing at all is no JSON.
    return _Made(payload, ("not_a_reading",) if payload else ("not_json",))


def _stranger(victim: Victim) -> _Made:
    if victim.number % 2:
        return _Made(victim.payload("1"), ("unknown_topic",), f"{PREFIX}/{victim.site}/Not-An-Id!/readings")
    return _Made(victim.payload("1"), ("unknown_device",), topic(victim.site, "nobody-knows-me"))


def _impostor(victim: Victim) -> _Made:
    return _Made(victim.payload("1", more='"device":"somebody-else",'), ("identity_conflict",))


def _bad_metric(victim: Victim) -> _Made:
    if victim.number % 2:
        body = victim.payload("1").replace(victim.metric.encode(), b"severity")
        return _Made(body, ("wrong_source", "unknown_metric"))
    return _Made(victim.payload("1").replace(victim.metric.encode(), b"flux_capacity_gw"), ("unknown_metric",))


def _wrong_type(victim: Victim) -> _Made:
    variants = ('"warm"', "null", "[21.5]", '{"v":21.5}', '"\\ud800"')
    return _Made(victim.payload(variants[victim.number % len(variants)]), ("wrong_type",))


def _not_finite(victim: Victim) -> _Made:
    variants = ("NaN", "1e999", "-Infinity")
    return _Made(victim.payload(variants[victim.number % len(variants)]), ("not_finite",))


def _impossible_value(victim: Victim) -> _Made:
    return _Made(victim.payload(repr(victim.too_high)), ("impossible_value",))


def _off_time(victim: Victim) -> _Made:
    if victim.number % 2 or victim.archive:
        return _Made(victim.payload("1", time_ms=victim.time_ms + IN_FUTURE_MS), ("in_future",))
    return _Made(victim.payload("1", time_ms=victim.time_ms - TOO_OLD_MS), ("too_old",))


_MAKERS: dict[Poison, Callable[[Victim], _Made]] = {
    Poison.NOT_UTF8: _not_utf8,
    Poison.TRUNCATED: _truncated,
    Poison.TOO_LARGE: _too_large,
    Poison.TOO_DEEP: _too_deep,
    Poison.NOT_A_READING: _not_a_reading,
    Poison.STRANGER: _stranger,
    Poison.IMPOSTOR: _impostor,
    Poison.BAD_METRIC: _bad_metric,
    Poison.WRONG_TYPE: _wrong_type,
    Poison.NOT_FINITE: _not_finite,
    Poison.IMPOSSIBLE_VALUE: _impossible_value,
    Poison.OFF_TIME: _off_time,
}

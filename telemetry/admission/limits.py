"""How much of a message is looked at, and how far its time may be off."""

from msgspec import Struct

from telemetry.reading import NS_PER_S

MAX_PAYLOAD_BYTES = 65_536
MAX_DEPTH = 16
"""Levels of JSON. A reading has three, a list of them four."""
MAX_READINGS = 1_000
"""In one message's list."""
MAX_AUTHOR_CHARS = 64
"""In the name of whoever entered a reading by hand."""
_BACKSLASH, _QUOTE = b'\\"'
DAY_NS = 86_400 * NS_PER_S


class Limits(Struct, frozen=True, gc=False):
    """Bounds on event time, relative to arrival."""

    max_age_ns: int = 30 * DAY_NS
    """Older: refused, but for devices of an archive site."""
    max_future_ns: int = 300 * NS_PER_S
    """Further ahead: refused. Clocks of devices drift; five minutes is more than any honest drift."""


def depth(document: bytes) -> int:
    """The deepest nesting of brackets outside strings. Linear, needs no recursion; says nothing about validity."""
    deepest = level = 0
    in_string = escaped = False
    for byte in document:
        if in_string:
            if escaped:
                escaped = False
            elif byte == _BACKSLASH:
                escaped = True
            elif byte == _QUOTE:
                in_string = False
        elif byte == _QUOTE:
            in_string = True
        elif byte in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"]}":
            level -= 1
    return deepest

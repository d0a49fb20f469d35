"""How often: token buckets by name, in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

NAMES_MOST = 10_000
"""Beyond it, whoever was not seen for longest begins anew."""
_HOST_BITS = 64


class Buckets:
    """A bucket for each name: it holds `most` tokens and gets `per_s` a second. For one event loop."""

    def __init__(self, most: float, per_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` is in seconds."""
        self._most = most
        self._per_s = per_s
        self._monotonic = monotonic
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._filled)

    def wait_s(self, name: str) -> float:
        """How long until there is a token; 0: there is one. Takes none."""
        return max(0.0, (1 - self._tokens(name)) / self._per_s)

    def take(self, name: str) -> float:
        """Take a token if there is one; else how long until there is, in seconds."""
        wait_s = self.wait_s(name)
        if not wait_s:
            self._filled[name] = (self._tokens(name) - 1, self._monotonic())
            self._filled.move_to_end(name)
            if len(self._filled) > NAMES_MOST:
                self._filled.popitem(last=False)
        return wait_s

    def give_back(self, name: str) -> None:
        """Undo a `take`: it turned out to be none that counts."""
        self._filled[name] = (min(self._most, self._tokens(name) + 1), self._monotonic())

    def _tokens(self, name: str) -> float:
        tokens, at_s = self._filled.get(name, (self._most, 0.0))
        return min(self._most, tokens + (self._monotonic() - at_s) * self._per_s)


def household(address: str) -> str:
    """The name under which an address is counted: an IPv6 host has 2^64 of them, and they count as one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> _HOST_BITS << _HOST_BITS))
    return address

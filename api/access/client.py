"""Who is at the other end, and under which name we were asked. Pure: from the connection and the headers."""

import re
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from msgspec import Struct
from starlette.datastructures import Headers

Network = IPv4Network | IPv6Network
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT = re.compile(r"(?<=\]):\d+$|^([^:]*):\d+$", re.ASCII)


class Client(Struct, frozen=True):
    """The other end of a request."""

    address: str
    """Without a port. Empty: not known."""
    scheme: str
    """`http` or `https`, as the other end sees it."""


def client_of(peer: str, scheme: str, headers: Headers, proxies: Sequence[Network]) -> Client:
    """The client behind the proxies that are ours; what anybody else writes into `X-Forwarded-…` counts for nothing.

    Each proxy appends the address it was called from: so, from the right, the first that is no proxy of ours.
    """
    address = _address(peer)
    if not _trusted(address, proxies):
        return Client(peer if address is None else str(address), scheme)
    for hop in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
        before = _address(_without_port(hop.strip()))
        if before is None:
            break
        address = before
        if not _trusted(address, proxies):
            break
    said = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
    return Client(str(address), said if said in {"http", "https"} else scheme)


def is_ours(host: str, bound: str, reached: str, names: Collection[str]) -> bool:
    """Whether a `Host` header names us: otherwise a stranger's name may point at this machine (DNS rebinding).

    Ours are this machine's own names, the address it is bound to, the address it was reached at, and `names`. With any
    port: ports are mapped on the way, and no name of others becomes ours by one. A name in `names` that has a port is
    ours with that port only.
    """
    host = host.lower()
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    ours = {name.lower() for name in names} | _LOOPBACK | _literal(bound) | _literal(reached)
    return match[1].removesuffix(".") in ours or host in ours


def _literal(bound: str) -> set[str]:
    """As it stands in a header. Not for `every address`, which nobody asks for."""
    address = _address(bound)
    if address is None:
        return {bound.lower()} if bound else set()
    if address.is_unspecified:
        return set()
    return {f"[{address}]" if isinstance(address, IPv6Address) else str(address)}


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _without_port(hop: str) -> str:
    return _PORT.sub(lambda match: match[1] or "", hop).strip("[]")


def _trusted(address: IPv4Address | IPv6Address | None, proxies: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in proxies)

"""Where a webhook may go: to public addresses, and to what the operator allows. Never by accident to the inside.

The name is resolved once, every address that it leads to is judged, and the connection is made to one of exactly these
addresses: a name server that answers differently a moment later (DNS rebinding) gains nothing. One forbidden address
refuses them all, as a name with a public and a private one is either a mistake or an attempt.

Ranges: IANA's special-purpose registries (RFC 6890 and later) and the metadata addresses of the large clouds.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from msgspec import Struct

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses as text. Raises `OSError` where there is no answer."""


class Forbidden(StrEnum):
    """Why a webhook may not go there. The member is the word in the detail and in the log."""

    MALFORMED = "malformed"
    """No address that we understand."""
    SCHEME = "scheme"
    """Neither http nor https."""
    USERINFO = "userinfo"
    """A name or password before the host: it would end up in logs of others. Signatures are what proves us."""
    UNENCRYPTED = "unencrypted"
    """http, to where the operator has not allowed it."""
    UNSPECIFIED = "unspecified"
    LOOPBACK = "loopback"
    METADATA = "metadata"
    """A cloud's service that hands out the machine's credentials."""
    LINK_LOCAL = "link_local"
    PRIVATE = "private"
    SHARED = "shared"
    """A provider's own network behind its translator (RFC 6598)."""
    MULTICAST = "multicast"
    RESERVED = "reserved"
    """For documentation, tests, tunnels or nothing yet."""


class ForbiddenError(Exception):
    """A webhook may not go there. The message names no host: those may hold tokens."""

    def __init__(self, reason: Forbidden, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Target(Struct, frozen=True):
    """A checked place: connect to one of `addresses`, speak to `host`."""

    scheme: str
    host: str
    """The name as it was written: for the Host header, and for the certificate."""
    port: int
    addresses: tuple[Address, ...]
    """In the order of the resolver; at least one."""


_PORTS = {"http": 80, "https": 443}
_METADATA: frozenset[Address] = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # nearly all
        "169.254.170.2",  # AWS, containers
        "169.254.170.23",
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure, in a public range
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",
        "fd20:ce::254",  # Google
    )
)
_RANGES: tuple[tuple[Network, Forbidden], ...] = tuple(
    (ip_network(text), reason)
    for text, reason in (
        ("0.0.0.0/8", Forbidden.UNSPECIFIED),  # "this network": Linux takes it for itself
        ("127.0.0.0/8", Forbidden.LOOPBACK),
        ("169.254.0.0/16", Forbidden.LINK_LOCAL),
        ("10.0.0.0/8", Forbidden.PRIVATE),
        ("172.16.0.0/12", Forbidden.PRIVATE),
        ("192.168.0.0/16", Forbidden.PRIVATE),
        ("100.64.0.0/10", Forbidden.SHARED),
        ("224.0.0.0/4", Forbidden.MULTICAST),
        ("192.0.0.0/24", Forbidden.RESERVED),
        ("192.0.2.0/24", Forbidden.RESERVED),
        ("192.31.196.0/24", Forbidden.RESERVED),
        ("192.52.193.0/24", Forbidden.RESERVED),
        ("192.88.99.0/24", Forbidden.RESERVED),
        ("192.175.48.0/24", Forbidden.RESERVED),
        ("198.18.0.0/15", Forbidden.RESERVED),
        ("198.51.100.0/24", Forbidden.RESERVED),
        ("203.0.113.0/24", Forbidden.RESERVED),
        ("240.0.0.0/4", Forbidden.RESERVED),
        ("::/128", Forbidden.UNSPECIFIED),
        ("::1/128", Forbidden.LOOPBACK),
        ("fe80::/10", Forbidden.LINK_LOCAL),
        ("fc00::/7", Forbidden.PRIVATE),
        ("fec0::/10", Forbidden.PRIVATE),
        ("ff00::/8", Forbidden.MULTICAST),
        ("2001::/23", Forbidden.RESERVED),  # Teredo and protocols of the IETF
        ("2001:db8::/32", Forbidden.RESERVED),
        ("2620:4f:8000::/48", Forbidden.RESERVED),
        ("3fff::/20", Forbidden.RESERVED),
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
"""All that is given out of IPv6 so far; the rest is reserved."""
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""NAT64 (RFC 6052): an IPv4 address in the last 32 bits. A network without IPv4 reaches all of IPv4 so."""


def reason_against(address: Address, allow: Iterable[Network] = ()) -> Forbidden | None:
    """Why an address is forbidden; None: it is public, or in a network that is allowed.

    An IPv6 address that stands for an IPv4 one (mapped, 6to4, NAT64) is judged as that one.
    """
    meant = _embedded(address) or address
    if any(one.version == network.version and one in network for network in allow for one in (address, meant)):
        return None
    if meant in _METADATA:
        return Forbidden.METADATA
    for network, reason in _RANGES:
        if meant.version == network.version and meant in network:
            return reason
    if isinstance(meant, IPv6Address) and meant not in _GLOBAL_6:
        return Forbidden.RESERVED
    return None


def _embedded(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


async def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host by the machine's resolver, in its order. Raises `OSError`, and `ValueError` for no name.

    In a thread of its own that nobody waits for: a name server that is silent for a minute holds up neither the names
    of others, as it would in asyncio's few threads, nor the stop.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(found: Sequence[str] | Exception) -> None:
        if answer.done():  # cancelled
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        found: Sequence[str] | Exception
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in entries))
        except (OSError, ValueError) as error:
            found = error
        with suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    return await answer


async def checked(url: str, allow: Sequence[Network], resolver: Resolve = resolve) -> Target:
    """The place that a webhook's address leads to, all of it permitted.

    Raises:
        ForbiddenError: it may not go there.
        OSError: the name can't be resolved now.
    """
    scheme, host, port = _parts(url)
    try:
        addresses = tuple(ip_address(text) for text in await resolver(host, port))
    except ValueError:  # such as a label of the name that is empty or too long
        raise ForbiddenError(Forbidden.MALFORMED, "no host name that can be resolved") from None
    if not addresses:
        raise OSError("the name leads to no address")
    for address in addresses:
        reason = reason_against(address, allow)
        if reason is not None:
            raise ForbiddenError(
                reason,
                f"it leads to {address}, which is forbidden ({reason}): a network that webhooks may reach all the "
                "same is named in `alerts.webhook.allow`",
            )
        if scheme == "http" and not any(_within(address, network) for network in allow):
            raise ForbiddenError(
                Forbidden.UNENCRYPTED, "http is for networks in `alerts.webhook.allow` only; use https"
            )
    return Target(scheme, host, port, addresses)


def _within(address: Address, network: Network) -> bool:
    return any(
        one is not None and one.version == network.version and one in network for one in (address, _embedded(address))
    )


def _parts(url: str) -> tuple[str, str, int]:
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
    except ValueError:
        raise ForbiddenError(Forbidden.MALFORMED, "not an address of the form https://host/path") from None
    if split.scheme not in _PORTS:
        raise ForbiddenError(Forbidden.SCHEME, "a webhook's address starts with https://")
    if "@" in split.netloc:
        raise ForbiddenError(Forbidden.USERINFO, "a name or password before the host is not sent: leave it out")
    if not host or port == 0 or "\\" in url or not url.isprintable() or " " in url or not url.isascii():
        raise ForbiddenError(Forbidden.MALFORMED, "not an address of the form https://host/path")
    return split.scheme, host, port or _PORTS[split.scheme]

"""Where webhooks may go: every way into the inside that is known, and that the outside stays open."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from alerts.receivers.guard import Forbidden, ForbiddenError, checked, reason_against, resolve

F = Forbidden


ADDRESSES: list[tuple[str, Forbidden | None]] = [
    ("0.0.0.0", F.UNSPECIFIED),
    ("0.1.2.3", F.UNSPECIFIED),
    ("127.0.0.1", F.LOOPBACK),
    ("127.255.255.254", F.LOOPBACK),
    ("10.0.0.1", F.PRIVATE),
    ("172.16.0.1", F.PRIVATE),
    ("172.31.255.255", F.PRIVATE),
    ("192.168.1.1", F.PRIVATE),
    ("169.254.1.1", F.LINK_LOCAL),
    ("169.254.169.254", F.METADATA),
    ("169.254.170.2", F.METADATA),
    ("100.100.100.200", F.METADATA),
    ("168.63.129.16", F.METADATA),
    ("192.0.0.192", F.METADATA),
    ("100.64.0.1", F.SHARED),
    ("100.127.255.255", F.SHARED),
    ("224.0.0.1", F.MULTICAST),
    ("239.255.255.250", F.MULTICAST),
    ("192.0.0.8", F.RESERVED),
    ("192.0.2.1", F.RESERVED),
    ("192.88.99.1", F.RESERVED),
    ("198.18.0.1", F.RESERVED),
    ("198.51.100.1", F.RESERVED),
    ("203.0.113.1", F.RESERVED),
    ("240.0.0.1", F.RESERVED),
    ("255.255.255.255", F.RESERVED),
    ("::", F.UNSPECIFIED),
    ("::1", F.LOOPBACK),
    ("fe80::1", F.LINK_LOCAL),
    ("fe80::1%eth0", F.LINK_LOCAL),
    ("fc00::1", F.PRIVATE),
    ("fd12:3456::1", F.PRIVATE),
    ("fec0::1", F.PRIVATE),
    ("fd00:ec2::254", F.METADATA),
    ("fd20:ce::254", F.METADATA),
    ("ff02::1", F.MULTICAST),
    ("2001:db8::1", F.RESERVED),
    ("2001::1", F.RESERVED),  # Teredo
    ("3fff::1", F.RESERVED),
    ("4000::1", F.RESERVED),
    ("100::1", F.RESERVED),
    ("64:ff9b:1::a00:1", F.RESERVED),
    # An IPv4 address in an IPv6 one
    ("::ffff:127.0.0.1", F.LOOPBACK),
    ("::ffff:10.0.0.1", F.PRIVATE),
    ("::ffff:169.254.169.254", F.METADATA),
    ("::127.0.0.1", F.RESERVED),
    ("2002:7f00:1::", F.LOOPBACK),
    ("2002:a9fe:a9fe::1", F.METADATA),
    ("64:ff9b::7f00:1", F.LOOPBACK),
    ("64:ff9b::169.254.169.254", F.METADATA),
    ("64:ff9b::192.168.0.1", F.PRIVATE),
    # The outside
    ("1.1.1.1", None),
    ("8.8.8.8", None),
    ("172.15.255.255", None),
    ("172.32.0.1", None),
    ("100.63.255.255", None),
    ("100.128.0.1", None),
    ("223.255.255.255", None),
    ("2606:4700::1111", None),
    ("2a00:1450::1", None),
    ("::ffff:8.8.8.8", None),
    ("64:ff9b::808:808", None),
]


@pytest.mark.parametrize(("address", "reason"), ADDRESSES)
def test_addresses(address: str, reason: Forbidden | None) -> None:
    assert reason_against(ip_address(address)) is reason


PRIVATE = [ip_network("10.1.2.0/24"), ip_network("fd12::/16")]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("fd12::1", None),
        ("10.1.3.1", F.PRIVATE),
        ("127.0.0.1", F.LOOPBACK),
        ("fd13::1", F.PRIVATE),
    ],
)
def test_what_the_operator_allows(address: str, reason: Forbidden | None) -> None:
    assert reason_against(ip_address(address), PRIVATE) is reason


async def leads_to(url: str, *addresses: str, allow: Sequence[str] = ()) -> Forbidden | None:
    """Why an address is refused, the name server's answer being `addresses`."""

    async def answer(_host: str, _port: int) -> Sequence[str]:
        return addresses

    try:
        await checked(url, [ip_network(network) for network in allow], answer)
    except ForbiddenError as error:
        if "hooks." in str(error) or "secret" in str(error):
            pytest.fail("a host may be a secret")
        return error.reason
    return None


WRITTEN: list[tuple[str, Forbidden | None]] = [
    ("https://hooks.example.org/a/b?c=d", None),
    ("https://hooks.example.org:8443/", None),
    ("HTTPS://HOOKS.EXAMPLE.ORG/", None),
    ("http://hooks.example.org/", F.UNENCRYPTED),
    ("ftp://hooks.example.org/", F.SCHEME),
    ("file:///etc/passwd", F.SCHEME),
    ("gopher://hooks.example.org/", F.SCHEME),
    ("hooks.example.org", F.SCHEME),
    ("", F.SCHEME),
    ("https://user:secret@hooks.example.org/", F.USERINFO),
    ("https://hooks.example.org@127.0.0.1/", F.USERINFO),
    ("https://@hooks.example.org/", F.USERINFO),
    ("https:///path", F.MALFORMED),
    ("https://", F.MALFORMED),
    ("https://hooks.example.org:0/", F.MALFORMED),
    ("https://hooks.example.org:99999/", F.MALFORMED),
    ("https://hooks.example.org:port/", F.MALFORMED),
    ("https://[::1/", F.MALFORMED),
    ("https://127.0.0.1\\@hooks.example.org/", F.USERINFO),
    ("https://hooks.example.org\\x/", F.MALFORMED),
    ("https://hooks.example.org/a b", F.MALFORMED),
    ("https://hooks.example.org/\r\nHost: inside", F.MALFORMED),
    ("https://hooks.exämple.org/", F.MALFORMED),
    ("https://hooks。example.org/", F.MALFORMED),
]


@pytest.mark.parametrize(("url", "reason"), WRITTEN)
async def test_how_an_address_is_written(url: str, reason: Forbidden | None) -> None:
    assert await leads_to(url, "8.8.8.8") is reason


async def test_one_forbidden_address_refuses_them_all() -> None:
    url = "https://hooks.example.org/"
    assert await leads_to(url, "8.8.8.8", "1.1.1.1") is None
    assert await leads_to(url, "8.8.8.8", "127.0.0.1") is F.LOOPBACK
    assert await leads_to(url, "10.1.2.3", "8.8.8.8", allow=["10.1.2.0/24"]) is None


async def test_http_is_for_allowed_networks() -> None:
    url = "http://hooks.example.org/"
    assert await leads_to(url, "10.1.2.3", allow=["10.1.2.0/24"]) is None
    assert await leads_to(url, "10.1.2.3", "8.8.8.8", allow=["10.1.2.0/24"]) is F.UNENCRYPTED


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]", "[::ffff:127.0.0.1]", "localhost",
     "[::ffff:7f00:1]", "127.0.0.1."],
)  # fmt: skip
async def test_this_machine_by_any_spelling(host: str) -> None:
    """By the machine's own resolver, which knows spellings that Python does not."""
    try:
        await checked(f"https://{host}/", [])
    except ForbiddenError as error:
        assert error.reason in {F.LOOPBACK, F.UNSPECIFIED}  # noqa: PT017 - or there is no such name
    except OSError:
        pass
    else:
        pytest.fail("it was let through")


async def test_a_name_is_resolved_once() -> None:
    """A name server that changes its mind (DNS rebinding) is asked once: what was checked is what is connected to."""
    answers = [["8.8.8.8"], ["127.0.0.1"]]

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    target = await checked("https://hooks.example.org/", [], rebinding)
    assert [str(address) for address in target.addresses] == ["8.8.8.8"]
    assert len(answers) == 1


async def test_the_target_keeps_the_name_and_the_port() -> None:
    async def answer(_host: str, _port: int) -> Sequence[str]:
        return ["8.8.8.8"]

    target = await checked("https://Hooks.example.org/x", [], answer)
    assert (target.scheme, target.host, target.port) == ("https", "hooks.example.org", 443)


async def test_a_name_without_addresses() -> None:
    async def answer(_host: str, _port: int) -> Sequence[str]:
        return []

    with pytest.raises(OSError, match="no address"):
        await checked("https://hooks.example.org/", [], answer)


async def test_the_machines_resolver() -> None:
    assert set(await resolve("localhost", 443)) <= {"127.0.0.1", "::1"}
    with pytest.raises(ForbiddenError):
        await checked(f"https://{'x' * 70}.example.org/", [])


async def test_silent_name_servers_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than asyncio has threads; a name that can be resolved still is, and nothing waits at the end."""
    silent = threading.Event()
    ask = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, **options: Any) -> Any:
        if host != "127.0.0.1":
            silent.wait(30)
            raise OSError("no answer")
        return ask(host, port, **options)

    monkeypatch.setattr("alerts.receivers.guard.socket.getaddrinfo", getaddrinfo)
    hanging = [asyncio.create_task(resolve(f"host-{number}.example", 443)) for number in range(64)]
    assert await asyncio.wait_for(resolve("127.0.0.1", 443), 10) == ["127.0.0.1"]
    for task in hanging:
        task.cancel()
    silent.set()


def test_every_reason_has_a_case() -> None:
    assert {reason for _, reason in ADDRESSES + WRITTEN} - {None} == set(Forbidden)

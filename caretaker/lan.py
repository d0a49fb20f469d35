"""`caretaker up --lan`: certificates and passwords, made for the purpose and kept for the next start.

Everything secret is readable by its owner alone. The authority's key is thrown away after it has signed: nobody can
sign another broker with it, and a new address of the machine means new files, which every device has to be given.
"""

import csv
import secrets
import socket
from collections.abc import Iterable, Mapping
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

from deploy.authority import ends_soon, new_authority, read_certificate, serves
from deploy.private import write_private

VALID_DAYS = 730
PASSWORD_BYTES = 18
SERVICES = ("_ingestor", "_alerts", "_api", "_simulators")
"""Users of our own. An underscore at the start: no device of a catalogue begins with one by habit."""
NO_TOPIC_RIGHTS = (
    "The embedded broker checks passwords but not topics: a device that is let in could publish under another's name.\n"
    "Where devices are not trusted, use Mosquitto or EMQX with an ACL by user name."
)

Address = IPv4Address | IPv6Address


class Certificates(NamedTuple):
    """PEM files."""

    authority: Path
    """What a device needs to know the broker."""
    certificate: Path
    key: Path


def addresses() -> list[Address]:
    """This machine's addresses, loopback first, as far as its name and its route to the network tell."""
    found: dict[Address, None] = {ip_address("127.0.0.1"): None}
    try:
        answers = socket.getaddrinfo(socket.gethostname(), None, family=socket.AF_INET)
    except OSError:
        answers = []
    for answer in answers:
        found[ip_address(answer[4][0])] = None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: connecting a datagram socket only looks up the route.
            probe.connect(("192.0.2.1", 9))
            found[ip_address(probe.getsockname()[0])] = None
        except OSError:
            pass
    return list(found)


def certificates(directory: Path, now: datetime, hosts: Iterable[Address], name: str) -> Certificates:
    """Those in `directory`, or new ones where there are none, where they run out within 30 days or lack an address."""
    files = Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    # NAME.local: how machines of one network find each other without a name server.
    wanted = (name, f"{name}.local", "localhost", *hosts)
    if all(file.exists() for file in files):
        known = read_certificate(files.certificate)
        if serves(known, wanted) and not ends_soon(known, now):
            return files
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = new_authority("Caretaker local authority", now, VALID_DAYS)
    server = authority.server(name, wanted, now, VALID_DAYS)
    files.authority.write_bytes(authority.pem.certificate)
    files.certificate.write_bytes(server.certificate)
    write_private(files.key, server.key)
    return files


def credentials(file: Path, devices: Iterable[str]) -> Mapping[str, str]:
    """User to password: those in `file`, and new ones for the devices and services that it lacks."""
    known: dict[str, str] = {}
    if file.exists():
        with file.open(encoding="utf-8", newline="") as text:
            known = {row["user"]: row["password"] for row in csv.DictReader(text)}
    lacking = [user for user in (*SERVICES, *devices) if user not in known]
    if lacking:
        known |= {user: secrets.token_urlsafe(PASSWORD_BYTES) for user in lacking}
        lines = ["user,password", *(f"{user},{password}" for user, password in known.items()), ""]
        write_private(file, "\n".join(lines))
    return known

"""`caretaker up --lan`: certificates and passwords, made for the purpose and kept for the next start.

Everything secret is readable by its owner alone. The authority's key is thrown away after it has signed: nobody can
sign another broker with it, and a new address of the machine means new files, which every device has to be given.
"""

import csv
import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

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
    wanted = list(hosts)
    if all(file.exists() for file in files) and _serves(files.certificate, now, wanted, name):
        return files
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, now)
    server = _server(server_key, authority_key, authority, now, wanted, name)
    files.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    files.certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    write_private(
        files.key,
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode("ascii"),
    )
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


def write_private(file: Path, text: str) -> None:
    """Replace `file` by one that its owner alone can read, from the first byte on."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    new.replace(file)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    return (
        _draft(key, _name("Caretaker local authority"), _name("Caretaker local authority"), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey,
    authority_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    now: datetime,
    hosts: Iterable[Address],
    name: str,
) -> x509.Certificate:
    # NAME.local: how machines of one network find each other without a name server.
    words = dict.fromkeys((name, f"{name}.local", "localhost"))
    names = [*(x509.DNSName(word) for word in words), *(x509.IPAddress(host) for host in hosts)]
    return (
        _draft(key, _name(name[:64]), authority.subject, now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _draft(
    key: ec.EllipticCurvePrivateKey, subject: x509.Name, issuer: x509.Name, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A day earlier: devices whose clock is behind.
        .not_valid_before(now.astimezone(UTC) - timedelta(days=1))
        .not_valid_after(now.astimezone(UTC) + timedelta(days=VALID_DAYS))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _serves(certificate: Path, now: datetime, hosts: Iterable[Address], name: str) -> bool:
    known = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        known.not_valid_after_utc > now + timedelta(days=30)
        and set(hosts) <= set(names.get_values_for_type(x509.IPAddress))
        and name in names.get_values_for_type(x509.DNSName)
    )

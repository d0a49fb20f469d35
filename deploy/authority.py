"""A certificate authority of one's own, and what it signs: certificates of servers and of devices.

Elliptic curve keys (P-256), signed with SHA-256. A server's certificate can't be shown by a client and the other way
round: each says what it is for, and both ends check it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3_653
SERVER_DAYS = 825
"""At most: Apple's systems refuse certificates that live longer."""
DEVICE_DAYS = 825
CRL_DAYS = 3_653
"""The list of revoked certificates must not run out before the authority does: Mosquitto then lets nobody in."""
RENEWED_BEFORE_DAYS = 30
NAME_MOST = 64
"""Characters of a common name."""

Host = str | IPv4Address | IPv6Address


class AuthorityError(Exception):
    """Something can't be signed; the message says what to mend."""


class Signed(NamedTuple):
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """A key that signs, and its certificate."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> Signed:
        """Both, as they are kept in files."""
        return Signed(self.certificate.public_bytes(serialization.Encoding.PEM), _private_pem(self.key))

    def server(self, name: str, hosts: Iterable[Host], now: datetime, days: int = SERVER_DAYS) -> Signed:
        """For a service that is reached by `hosts`: names and addresses."""
        names = [_general(host) for host in dict.fromkeys(hosts)]
        return self._sign(name, ExtendedKeyUsageOID.SERVER_AUTH, now, days, names)

    def device(self, device: str, now: datetime, days: int = DEVICE_DAYS) -> Signed:
        """For a client; the broker takes its common name as its user name."""
        return self._sign(device, ExtendedKeyUsageOID.CLIENT_AUTH, now, days, [])

    def revocations(self, revoked: Iterable[tuple[int, datetime]], now: datetime) -> bytes:
        """The list of what is no longer valid, PEM: serial numbers, and since when."""
        built = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(_begin(now))
            .next_update(now.astimezone(UTC) + timedelta(days=CRL_DAYS))
        )
        for serial, since in revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
            built = built.add_revoked_certificate(one)
        return built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _sign(
        self, name: str, purpose: x509.ObjectIdentifier, now: datetime, days: int, names: list[x509.GeneralName]
    ) -> Signed:
        key = ec.generate_private_key(ec.SECP256R1())
        # Whatever it signs ends before it does: a certificate that outlives its authority is not worth its date.
        end = min(_begin(now) + timedelta(days=days), self.certificate.not_valid_after_utc)
        built = (
            _draft(key, _name(name), self.certificate.subject, now, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if names:
            built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = built.sign(self.key, hashes.SHA256())
        return Signed(signed.public_bytes(serialization.Encoding.PEM), _private_pem(key))


def new_authority(name: str, now: datetime, days: int = AUTHORITY_DAYS) -> Authority:
    """One that signs certificates of servers and devices, and no other authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _draft(key, _name(name), _name(name), now, _begin(now) + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def read_authority(certificate: Path, key: Path) -> Authority:
    """From its two files. Raises `AuthorityError` where one is missing, is not what it should be, or they differ."""
    known = read_certificate(certificate)
    try:
        found = serialization.load_pem_private_key(key.read_bytes(), None)
    except FileNotFoundError as error:
        raise AuthorityError(
            f"{key} is not there: nothing can be signed without the authority's key. Bring it back from where it is "
            "kept, and take it away again afterwards"
        ) from error
    except (ValueError, TypeError) as error:
        raise AuthorityError(f"{key} holds no private key without a passphrase, in PEM") from error
    if not isinstance(found, ec.EllipticCurvePrivateKey) or found.public_key() != known.public_key():
        raise AuthorityError(f"{key} is not the key of {certificate}: bring back the one that belongs to it")
    return Authority(known, found)


def read_certificate(file: Path) -> x509.Certificate:
    """From PEM. Raises `AuthorityError` where there is none."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except FileNotFoundError as error:
        raise AuthorityError(f"{file} is not there") from error
    except ValueError as error:
        raise AuthorityError(f"{file} holds no certificate in PEM") from error


def ends_soon(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether it is time for another one."""
    return certificate.not_valid_after_utc <= now + timedelta(days=RENEWED_BEFORE_DAYS)


def serves(certificate: x509.Certificate, hosts: Iterable[Host]) -> bool:
    """Whether it is good for all these names and addresses."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return {_general(host) for host in hosts} <= set(names)


def signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether it is that authority's."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _general(host: Host) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(str(host))


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:NAME_MOST])])


def _begin(now: datetime) -> datetime:
    """A day earlier: devices whose clock is behind."""
    return now.astimezone(UTC) - timedelta(days=1)


def _draft(
    key: ec.EllipticCurvePrivateKey, subject: x509.Name, issuer: x509.Name, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_begin(now))
        .not_valid_after(end)
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

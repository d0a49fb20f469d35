"""The deployment's certificates: made where they are missing, made again before they run out or when a name is new."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.authority import (
    Authority,
    AuthorityError,
    Signed,
    ends_soon,
    new_authority,
    read_authority,
    read_certificate,
    serves,
    signed_by,
)
from deploy.layout import Door, Layout, Secret, Service
from deploy.private import make_private, write_private
from deploy.secrets import needed

AUTHORITY_NAME = "Caretaker authority"
_NO_LIST = (
    "is no list of revoked certificates: bring it back from a backup. Where there is none, remove it and run "
    "`caretaker deploy init`: those that were revoked are good again then"
)
HERE = ("localhost", "127.0.0.1", "::1")
SERVERS = {
    Service.MOSQUITTO: (Secret.MOSQUITTO_CERTIFICATE, Secret.MOSQUITTO_KEY, Door.MQTT_DEVICES),
    Service.INFLUXDB: (Secret.INFLUXDB_CERTIFICATE, Secret.INFLUXDB_KEY, Door.INFLUXDB),
    Service.API: (Secret.API_CERTIFICATE, Secret.API_KEY, Door.API),
    Service.GRAFANA: (Secret.GRAFANA_CERTIFICATE, Secret.GRAFANA_KEY, Door.GRAFANA),
}


def certify(layout: Layout, now: datetime) -> Sequence[Secret]:
    """Make or renew what has to be; the certificates that are new.

    Raises `AuthorityError` where something must be signed and the authority's key is not there, `OSError`.
    """
    new: list[Secret] = []
    certificate, key = layout.kept(Secret.CA), layout.kept(Secret.CA_KEY)
    make_private(certificate.parent)
    if not certificate.exists():
        made = new_authority(AUTHORITY_NAME, now)
        write_private(key, made.pem.key)
        write_private(certificate, made.pem.certificate)
        new.append(Secret.CA)
    authority = read_certificate(certificate)
    for service, (public, private, door) in SERVERS.items():
        hosts = _hosts(layout, service, door)
        if public not in needed(layout) or _is_good(layout.kept(public), layout.kept(private), authority, hosts, now):
            continue
        signed = _authority(layout).server(service, hosts, now)
        write_private(layout.kept(private), signed.key)
        write_private(layout.kept(public), signed.certificate)
        new.append(public)
    if not _is_list_of(layout.staged.revoked, authority):
        # None yet, or of an authority that was replaced: the broker would then let nobody in by certificate.
        make_private(layout.staged.broker)
        write_private(layout.staged.revoked, _authority(layout).revocations([], now))
    return new


def issue(layout: Layout, device: str, now: datetime) -> Signed:
    """A client certificate for a device. What was issued is noted, without the key: to be revoked it must be known.

    Raises `AuthorityError`, `OSError`.
    """
    signed = _authority(layout).device(device, now)
    serial = x509.load_pem_x509_certificate(signed.certificate).serial_number
    folder = _issued(layout)
    make_private(folder)
    write_private(folder / f"{device}.{serial:x}.pem", signed.certificate)
    return signed


def valid(layout: Layout, device: str, now: datetime) -> Sequence[Path]:
    """The notes of a device's certificates that the broker accepts now. Raises `AuthorityError`."""
    revoked, authority = _revoked(layout), read_certificate(layout.kept(Secret.CA))
    return [
        file
        for file in sorted(_issued(layout).glob(f"{device}.*.pem"))
        if (known := read_certificate(file)).not_valid_after_utc > now
        and signed_by(known, authority)
        and revoked.get_revoked_certificate_by_serial_number(known.serial_number) is None
    ]


def revoke(layout: Layout, device: str, now: datetime) -> int:
    """Put a device's certificates on the broker's list of revoked ones; how many. Raises `AuthorityError`, `OSError`.

    Those that have run out leave the list: nobody accepts them anyway.
    """
    found = [read_certificate(file).serial_number for file in valid(layout, device, now)]
    if not found:
        return 0
    ended = {
        known.serial_number
        for known in map(read_certificate, _issued(layout).glob("*.pem"))
        if known.not_valid_after_utc < now - timedelta(days=1)
    }
    before = [(one.serial_number, one.revocation_date_utc) for one in _revoked(layout)]
    listed = [one for one in before if one[0] not in ended] + [(serial, now.astimezone(UTC)) for serial in found]
    write_private(layout.staged.revoked, _authority(layout).revocations(listed, now))
    return len(found)


def _authority(layout: Layout) -> Authority:
    return read_authority(layout.kept(Secret.CA), layout.kept(Secret.CA_KEY))


def _issued(layout: Layout) -> Path:
    return layout.folder / "issued"


def _revoked(layout: Layout) -> x509.CertificateRevocationList:
    try:
        return x509.load_pem_x509_crl(layout.staged.revoked.read_bytes())
    except (OSError, ValueError) as error:
        raise AuthorityError(f"{layout.staged.revoked} {_NO_LIST}") from error


def _is_list_of(file: Path, authority: x509.Certificate) -> bool:
    """Whether it is a list that this authority has signed. Raises `AuthorityError` on a file that is none."""
    if not file.exists():
        return False
    try:
        known = x509.load_pem_x509_crl(file.read_bytes())
    except ValueError as error:
        raise AuthorityError(f"{file} {_NO_LIST}") from error
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey), "ours are"
    return known.is_signature_valid(key)


def _hosts(layout: Layout, service: Service, door: Door) -> Sequence[str]:
    """By what a service is reached: its name among the containers, from this machine, and from outside."""
    outside = layout.hosts if door in layout.published else ()
    return list(dict.fromkeys((service, layout.inner[door].host, *HERE, *outside)))


def _is_good(certificate: Path, key: Path, authority: x509.Certificate, hosts: Iterable[str], now: datetime) -> bool:
    """Whether there is one that can stay. A file that is none is made again, as a missing one is."""
    try:
        known = read_certificate(certificate)
        held = serialization.load_pem_private_key(key.read_bytes(), None)
    except (AuthorityError, OSError, ValueError, TypeError):
        return False
    return (
        held.public_key() == known.public_key()
        and signed_by(known, authority)
        and serves(known, hosts)
        and not ends_soon(known, now)
    )

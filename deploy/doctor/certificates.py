"""The certificate of each port that encrypts: who signed it, for which names, and how long it lasts."""

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography import x509

from deploy.doctor.apart import apart, certificate_of
from deploy.doctor.asked import trust, why_not
from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, warning, wrong
from deploy.doctor.place import Ground
from telemetry.reading import NS_PER_S
from telemetry.stores.settings import InfluxSettings

WARN_DAYS = 30
HTTPS = 443
EXPIRED, NOT_YET, NAME_MISMATCH, ADDRESS_MISMATCH = 10, 9, 62, 64
"""OpenSSL's numbers of what is wrong with a certificate (X509_V_ERR_…)."""


class Port(NamedTuple):
    """One that encrypts."""

    host: str
    port: int
    ca: Path | None

    @property
    def where(self) -> str:
        """As in `mqtt.example.org:8883`."""
        return f"{self.host}:{self.port}"


async def look(ground: Ground) -> Sequence[Remark]:
    """Each port once."""
    ports = list(dict.fromkeys(_ports(ground)))
    if not ports:
        return [left_out("", "nothing encrypts here: all is on this machine")]
    return await asyncio.gather(*(_port(ground, port) for port in ports))


def _ports(ground: Ground) -> Iterator[Port]:
    for door in (*ground.doors(), *([] if ground.by_certificate is None else [ground.by_certificate])):
        if door.encrypted:
            yield Port(door.host, door.port, door.ca or ground.ca)
    store = ground.ingestor.store
    urls = [(url, ground.ca) for url in ground.urls.values()]
    if isinstance(store, InfluxSettings):
        urls.append((store.url, store.ca or ground.ca))
    for url, ca in urls:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            yield Port(parts.hostname, parts.port or HTTPS, ca)


async def _port(ground: Ground, port: Port) -> Remark:
    try:
        shown = await _shown(port, trust(port.ca))
    except ssl.SSLCertVerificationError as error:
        return await _untrusted(ground, port, error)
    except OSError as error:
        return cannot_tell(port.where, f"it shows no certificate: {why_not(error) or error}")
    return lasting(port.where, shown, datetime.fromtimestamp(ground.machine.now_ns() / NS_PER_S, UTC), _renewal(ground))


async def _shown(port: Port, context: ssl.SSLContext) -> x509.Certificate:
    """Raises `OSError`, among them `ssl.SSLCertVerificationError` and `TimeoutError`."""
    return x509.load_der_x509_certificate(await apart(lambda: certificate_of(port.host, port.port, context)))


def lasting(where: str, shown: x509.Certificate, now: datetime, mend: str) -> Remark:
    """By the days that are left of a certificate that is trusted."""
    days = (shown.not_valid_after_utc - now).total_seconds() / 86_400
    until = shown.not_valid_after_utc.date().isoformat()
    if days <= 0:
        return wrong(where, f"its certificate has run out on {until}: nobody connects any more", mend)
    if days < WARN_DAYS:
        return warning(where, f"its certificate runs out in {days:.0f} days, on {until}", mend)
    return sound(where, f"its certificate is trusted, has the right name, and lasts until {until}")


async def _untrusted(ground: Ground, port: Port, error: ssl.SSLCertVerificationError) -> Remark:
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    shown = await _shown(port, unchecked)
    if error.verify_code in {NAME_MISMATCH, ADDRESS_MISMATCH}:
        return wrong(
            port.where,
            f"its certificate is not for {port.host} but for {', '.join(names_of(shown)) or 'nobody'}",
            _naming(ground, port.host),
        )
    if error.verify_code == EXPIRED:
        until = shown.not_valid_after_utc.date().isoformat()
        return wrong(port.where, f"its certificate has run out on {until}: nobody connects any more", _renewal(ground))
    if error.verify_code == NOT_YET:
        since = shown.not_valid_before_utc.isoformat()
        return wrong(port.where, f"its certificate begins on {since}", "see `clock`: one of the clocks is wrong")
    return wrong(
        port.where,
        f"its certificate is not trusted: {error.verify_message}",
        "name the authority that signed it in `broker.ca`, `store.ca` or `grafana.ca`",
    )


def names_of(certificate: x509.Certificate) -> Sequence[str]:
    """Host names and addresses that it is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = (str(one) for one in found.get_values_for_type(x509.IPAddress))
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def _renewal(ground: Ground) -> str:
    if ground.layout is not None:
        return f"`caretaker deploy init {ground.layout.folder}` renews it; then restart what shows it"
    return "renew it, then restart what shows it"


def _naming(ground: Ground, host: str) -> str:
    if ground.layout is not None:
        return f"`caretaker deploy init {ground.layout.folder} --host {host}`; then restart what shows it"
    return f"a certificate for {host}, or reach it by one of its names"

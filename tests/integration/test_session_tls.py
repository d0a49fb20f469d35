"""TLS to a real mosquitto that asks for a certificate of ours too; the certificates are made here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from telemetry.mqtt.settings import BrokerSettings
from tests.components import MOSQUITTO_CONFIG, Mosquitto
from tests.integration.listener import eventually
from tests.integration.taker import Taker

LISTENER = "listener {port} 127.0.0.1\n"
TLS = "cafile {ca}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate true\n"


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path


class Authority:
    """Signs certificates, and writes everything to a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = self._sign(name, self._key, is_authority=True)
        self.file = self._write(name, self._own.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> Pair:
        """For this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key, is_authority=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Pair(
            self._write(name, certificate.public_bytes(serialization.Encoding.PEM)), self._write(f"{name}-key", private)
        )

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        own, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]) for common in (name, self._name))
        built = (
            x509.CertificateBuilder()
            .subject_name(own)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            address = x509.IPAddress(IPv4Address("127.0.0.1"))
            built = built.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return built.sign(self._key, hashes.SHA256())

    def _write(self, name: str, text: bytes) -> Path:
        path = self._folder / f"{name}.pem"
        path.write_bytes(text)
        path.chmod(0o600)
        return path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def broker(mosquitto: Callable[..., Mosquitto], authority: Authority) -> Mosquitto:
    server = authority.issue("server")
    tls = TLS.format(ca=authority.file, certificate=server.certificate, key=server.key)
    made = mosquitto(MOSQUITTO_CONFIG.replace(LISTENER, LISTENER + tls))
    made.start()
    return made


async def test_both_sides_show_a_certificate(broker: Mosquitto, authority: Authority) -> None:
    own = authority.issue("ingestor")
    settings = BrokerSettings(port=broker.port, ca=authority.file, certificate=own.certificate, key=own.key)
    async with Taker(settings) as taker:
        await eventually(lambda: taker.session.trouble is None)


async def test_a_broker_of_another_authority_is_not_trusted(
    broker: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    own, other = authority.issue("ingestor"), Authority(tmp_path, "other")
    settings = BrokerSettings(port=broker.port, ca=other.file, certificate=own.certificate, key=own.key)
    async with Taker(settings) as taker:
        await eventually(lambda: "certificate verify failed" in str(taker.session.trouble))
        assert taker.session.counts.connections == 0


async def test_without_a_certificate_of_ours_the_broker_lets_nobody_in(broker: Mosquitto, authority: Authority) -> None:
    async with Taker(BrokerSettings(port=broker.port, ca=authority.file)) as taker:
        await eventually(lambda: taker.session.trouble not in {None, "not connected yet"})
        await asyncio.sleep(0.5)
        assert taker.session.counts.connections == 0

"""InfluxDB over TLS: a certificate is trusted only when its authority is."""

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from telemetry.reading import NS_PER_S, Reading
from telemetry.stores.influxdb.write import InfluxWriter
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import Outcome, StoreUnusableError
from tests.builders import device, metric, registry
from tests.integration.influxdb_double import InfluxdbDouble

KNOWN = registry(device("d"), metrics=[metric("warmth_c")])
BATCH = [Reading("d", 1_763_800_000 * NS_PER_S, None, {"warmth_c": 1.0}, {})]


def make_certificate(folder: Path, name: str, address: str) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path, "store", "127.0.0.1")


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[InfluxdbDouble]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    double = InfluxdbDouble(context)
    yield double
    double.close()


def new_writer(server: InfluxdbDouble, ca: Path | None) -> InfluxWriter:
    return InfluxWriter(InfluxSettings(kind="influxdb", url=server.url, ca=ca, timeout_s=5), lambda: KNOWN)


async def test_a_trusted_authority(server: InfluxdbDouble, certificate: tuple[Path, Path]) -> None:
    writer = new_writer(server, certificate[0])
    await writer.start()
    assert await writer.write(BATCH) == Outcome(refused=[])
    await writer.close()


@pytest.mark.parametrize("other", [True, False], ids=["another's file", "the system's authorities"])
async def test_an_unknown_authority_stops_the_start(server: InfluxdbDouble, tmp_path: Path, *, other: bool) -> None:
    ca = make_certificate(tmp_path, "other", "127.0.0.1")[0] if other else None
    writer = new_writer(server, ca)
    with pytest.raises(StoreUnusableError, match=r"cannot be trusted.*store\.ca"):
        await writer.start()
    outcome = await writer.write(BATCH)
    assert list(outcome.keep) == BATCH
    assert outcome.alarm
    assert server.calls == []
    await writer.close()


async def test_a_file_of_authorities_that_is_none(server: InfluxdbDouble, tmp_path: Path) -> None:
    for name, text in {"missing.pem": None, "text.pem": "no certificate"}.items():
        if text is not None:
            (tmp_path / name).write_text(text)
        writer = new_writer(server, tmp_path / name)
        with pytest.raises(StoreUnusableError, match=name):
            await writer.start()
        await writer.close()

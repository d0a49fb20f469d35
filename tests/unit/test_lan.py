"""Certificates and passwords for `up --lan`."""

import csv
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from caretaker import lan

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOSTS = [ip_address("127.0.0.1"), ip_address("192.0.2.7")]


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_the_keys_are_for_their_owner_alone_and_the_authority_is_accepted(tmp_path: Path) -> None:
    files = lan.certificates(tmp_path / "tls", NOW, HOSTS, "box")
    assert mode(files.key) == 0o600
    assert mode(tmp_path / "tls") == 0o700
    context = ssl.create_default_context(cafile=files.authority)
    assert context.cert_store_stats()["x509_ca"] == 1
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    assert not list((tmp_path / "tls").glob("*authority*key*"))


def test_they_are_kept_until_they_run_out_or_an_address_is_new(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    first = lan.certificates(folder, NOW, HOSTS, "box").certificate.read_bytes()
    assert lan.certificates(folder, NOW, HOSTS[:1], "box").certificate.read_bytes() == first
    more = [*HOSTS, ip_address("192.0.2.8")]
    second = lan.certificates(folder, NOW, more, "box").certificate.read_bytes()
    assert second != first
    late = NOW + timedelta(days=lan.VALID_DAYS - 20)
    assert lan.certificates(folder, late, more, "box").certificate.read_bytes() != second


def test_each_device_has_a_password_of_its_own_that_stays(tmp_path: Path) -> None:
    file = tmp_path / "credentials.csv"
    first = lan.credentials(file, ["a", "b"])
    assert set(first) == {"a", "b", *lan.SERVICES}
    assert len(set(first.values())) == len(first)
    assert all(len(password) >= 24 for password in first.values())
    assert mode(file) == 0o600
    second = lan.credentials(file, ["a", "b", "c"])
    assert {user: second[user] for user in first} == first
    with file.open(newline="") as text:
        assert {row["user"] for row in csv.DictReader(text)} == set(second)


def test_this_machine_has_an_address() -> None:
    assert str(lan.addresses()[0]) == "127.0.0.1"

"""What our authority signs is accepted for what it is for, by OpenSSL, and for nothing else."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509

from deploy.authority import (
    AUTHORITY_DAYS,
    RENEWED_BEFORE_DAYS,
    SERVER_DAYS,
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

NOW = datetime.now(UTC)
HOSTS = ("mosquitto", "localhost", "127.0.0.1", "mqtt.example.org", "2001:db8::7")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority("Caretaker test", NOW)


def written(folder: Path, name: str, signed: Signed) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(signed.certificate)
    key.write_bytes(signed.key)
    return certificate, key


def parsed(signed: Signed) -> x509.Certificate:
    return x509.load_pem_x509_certificate(signed.certificate)


def handshake(folder: Path, trusted: Authority, server: Signed, client: Signed | None, host: str) -> str:
    """The name that the server sees; raises what the client or the server does."""
    (folder / "ca.pem").write_bytes(trusted.pem.certificate)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(*written(folder, "server", server))
    serving.load_verify_locations(folder / "ca.pem")
    calling = ssl.create_default_context(cafile=folder / "ca.pem")
    if client is not None:
        serving.verify_mode = ssl.CERT_REQUIRED
        calling.load_cert_chain(*written(folder, "client", client))
    ours, theirs = socket.socketpair()
    seen: list[str | Exception] = []

    def accept() -> None:
        try:
            with serving.wrap_socket(theirs, server_side=True) as accepted:
                shown = accepted.getpeercert(binary_form=True)
                seen.append("" if shown is None else x509.load_der_x509_certificate(shown).subject.rfc4514_string())
                accepted.send(b"x")
        except OSError as error:
            seen.append(error)
            theirs.close()

    thread = Thread(target=accept)
    thread.start()
    try:
        with calling.wrap_socket(ours, server_hostname=host) as connected:
            connected.recv(1)
    finally:
        ours.close()
        thread.join()
    found = seen[0]
    if isinstance(found, Exception):
        raise found
    return found


@pytest.mark.parametrize("host", HOSTS)
def test_a_server_is_known_by_each_of_its_names(host: str, authority: Authority, tmp_path: Path) -> None:
    assert handshake(tmp_path, authority, authority.server("mosquitto", HOSTS, NOW), None, host) == ""


def test_a_device_is_known_by_its_name(authority: Authority, tmp_path: Path) -> None:
    server, device = authority.server("mosquitto", HOSTS, NOW), authority.device("nh3-1", NOW)
    assert handshake(tmp_path, authority, server, device, "localhost") == "CN=nh3-1"


def test_another_name_is_refused(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(tmp_path, authority, authority.server("mosquitto", HOSTS, NOW), None, "other.example.org")


def test_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    other = new_authority("Caretaker test", NOW)
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, authority, other.server("mosquitto", HOSTS, NOW), None, "localhost")
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, authority, authority.server("m", HOSTS, NOW), other.device("nh3-1", NOW), "localhost")


def test_neither_can_play_the_other(authority: Authority, tmp_path: Path) -> None:
    server, device = authority.server("mosquitto", HOSTS, NOW), authority.device("localhost", NOW)
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, authority, server, authority.server("nh3-1", HOSTS, NOW), "localhost")
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, authority, device, None, "localhost")


def test_an_authority_signs_no_other_authority(authority: Authority) -> None:
    limits = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.value.ca
    assert limits.value.path_length == 0
    assert limits.critical


def test_how_long_each_lives(authority: Authority) -> None:
    own, server = authority.certificate, parsed(authority.server("m", HOSTS, NOW))
    assert own.not_valid_after_utc - own.not_valid_before_utc == timedelta(days=AUTHORITY_DAYS)
    assert server.not_valid_after_utc - server.not_valid_before_utc <= timedelta(days=825)
    assert server.not_valid_before_utc < NOW - timedelta(hours=23), "a device whose clock is behind"
    late = own.not_valid_after_utc - timedelta(days=10)
    assert parsed(authority.server("m", HOSTS, late)).not_valid_after_utc == own.not_valid_after_utc


def test_it_is_renewed_thirty_days_before_its_end(authority: Authority) -> None:
    server = parsed(authority.server("m", HOSTS, NOW))
    end = NOW + timedelta(days=SERVER_DAYS - RENEWED_BEFORE_DAYS)
    assert not ends_soon(server, end - timedelta(days=2))
    assert ends_soon(server, end)


def test_which_names_it_is_good_for(authority: Authority) -> None:
    server = parsed(authority.server("m", HOSTS, NOW))
    assert serves(server, HOSTS)
    assert serves(server, ["127.0.0.1"])
    assert not serves(server, [*HOSTS, "192.0.2.9"])
    assert not serves(parsed(authority.device("nh3-1", NOW)), ["nh3-1"])


def test_whose_it_is(authority: Authority) -> None:
    server = parsed(authority.server("m", HOSTS, NOW))
    assert signed_by(server, authority.certificate)
    assert not signed_by(server, new_authority("Caretaker test", NOW).certificate)
    assert not signed_by(server, new_authority("Another", NOW).certificate)


def test_the_list_of_revoked_ones(authority: Authority) -> None:
    first, second = parsed(authority.device("a", NOW)), parsed(authority.device("b", NOW))
    found = x509.load_pem_x509_crl(authority.revocations([(first.serial_number, NOW)], NOW))
    assert found.is_signature_valid(authority.key.public_key())
    assert found.get_revoked_certificate_by_serial_number(first.serial_number) is not None
    assert found.get_revoked_certificate_by_serial_number(second.serial_number) is None
    assert found.next_update_utc is not None
    assert found.next_update_utc >= authority.certificate.not_valid_after_utc - timedelta(days=1)


def test_it_is_read_back(authority: Authority, tmp_path: Path) -> None:
    certificate, key = written(tmp_path, "ca", authority.pem)
    again = read_authority(certificate, key)
    assert signed_by(parsed(again.device("a", NOW)), authority.certificate)


def test_what_is_wrong_with_its_files_is_said(authority: Authority, tmp_path: Path) -> None:
    certificate, key = written(tmp_path, "ca", authority.pem)
    key.unlink()
    with pytest.raises(AuthorityError, match="where it is kept"):
        read_authority(certificate, key)
    key.write_bytes(b"rubbish")
    with pytest.raises(AuthorityError, match="no private key"):
        read_authority(certificate, key)
    key.write_bytes(new_authority("Another", NOW).pem.key)
    with pytest.raises(AuthorityError, match="is not the key of"):
        read_authority(certificate, key)
    certificate.write_bytes(b"rubbish")
    with pytest.raises(AuthorityError, match="holds no certificate"):
        read_certificate(certificate)
    certificate.unlink()
    with pytest.raises(AuthorityError, match="is not there"):
        read_certificate(certificate)

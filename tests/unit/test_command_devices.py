"""`caretaker devices credentials`: what it gives, shows, keeps and refuses."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner, Result

from caretaker.__main__ import app
from deploy.authority import read_certificate, signed_by
from deploy.certificates import valid
from deploy.credentials import CredentialsError, Why, check_device, give_passwords
from deploy.in_force import registry_in_force
from deploy.layout import Door, Layout, Secret
from deploy.passwords import matches, read_entries
from tests.deployed import configuration, deployed

NOW = datetime.now(UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return deployed(tmp_path / "city", configuration(tmp_path / "config"))


def run(layout: Layout, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["devices", "credentials", *arguments, "--deployment", str(layout.folder)])


def shown(done: Result) -> tuple[str, str]:
    """User and password on stdout."""
    assert done.exit_code == 0, done.output
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    return lines["user"], lines["password"]


def test_a_password_is_shown_once_and_kept_as_its_hash(layout: Layout) -> None:
    user, password = shown(run(layout, "alone"))
    assert user == "alone"
    assert matches(read_entries(layout.staged.passwords)["alone"], password)
    files = [path for path in layout.folder.rglob("*") if path.is_file()]
    assert [path for path in files if password.encode() in path.read_bytes()] == []


def test_it_shows_a_line_to_try_and_how_the_broker_takes_it_over(layout: Layout) -> None:
    done = run(layout, "alone")
    _, password = shown(done)
    assert f"-p {layout.published[Door.MQTT_DEVICES]} " in done.stderr
    assert "-t caretaker/v1/hall/alone/readings" in done.stderr
    assert '{"values": {"power_kw": 1}}' in done.stderr
    assert "SIGHUP" in done.stderr
    assert password not in done.stderr, "a line that is copied ends in the history of a shell"


def test_a_second_one_needs_a_word(layout: Layout) -> None:
    _, first = shown(run(layout, "alone"))
    done = run(layout, "alone")
    assert done.exit_code == 1
    assert "--rotate" in done.stderr
    _, second = shown(run(layout, "alone", "--rotate"))
    entry = read_entries(layout.staged.passwords)["alone"]
    assert matches(entry, second)
    assert not matches(entry, first)


def test_other_users_stay_as_they_are(layout: Layout) -> None:
    before = read_entries(layout.staged.passwords)
    shown(run(layout, "alone"))
    after = read_entries(layout.staged.passwords)
    assert {user: after[user] for user in before} == before
    run(layout, "alone", "--revoke")
    assert read_entries(layout.staged.passwords) == before


def test_into_a_file_for_its_owner_alone(layout: Layout, tmp_path: Path) -> None:
    file = tmp_path / "new" / "alone.csv"
    done = run(layout, "alone", "--to", str(file))
    assert done.exit_code == 0, done.output
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert matches(read_entries(layout.staged.passwords)["alone"], row["password"])
    assert row["password"] not in done.output
    again = run(layout, "alone", "--rotate", "--to", str(file))
    assert again.exit_code == 2
    assert matches(read_entries(layout.staged.passwords)["alone"], row["password"]), "nothing was changed"


def test_all_of_a_site_that_speak_for_themselves(layout: Layout, tmp_path: Path) -> None:
    shown(run(layout, "alone"))
    done = run(layout, "--site", "hall", "--to", str(tmp_path / "handover"))
    assert done.exit_code == 0, done.output
    rows = [*csv.DictReader((tmp_path / "handover" / "hall.csv").read_text().splitlines())]
    assert [row["user"] for row in rows] == ["gateway"]
    assert "2 devices speak through a gateway" in done.stderr
    assert "1 have a password already" in done.stderr
    done = run(layout, "--site", "hall", "--to", str(tmp_path / "all"), "--rotate")
    rows = [*csv.DictReader((tmp_path / "all" / "hall.csv").read_text().splitlines())]
    assert {row["user"] for row in rows} == {"alone", "gateway"}
    assert {row["host"] for row in rows} == {"127.0.0.1"}


def test_a_certificate_with_its_key_and_the_authority(layout: Layout, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    done = run(layout, "alone", "--certificate", "--to", str(folder))
    assert done.exit_code == 0, done.output
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == dict.fromkeys(
        ("alone.pem", "alone.key", "ca.pem"), 0o600
    )
    certificate = read_certificate(folder / "alone.pem")
    assert certificate.subject.rfc4514_string() == "CN=alone"
    assert signed_by(certificate, read_certificate(layout.kept(Secret.CA)))
    assert "PRIVATE KEY" not in done.output
    kept = [path.read_bytes() for path in (layout.folder / "issued").iterdir()]
    assert not any(b"PRIVATE KEY" in text for text in kept), "only the device has its key"


def test_a_rotated_certificate_revokes_the_one_before(layout: Layout, tmp_path: Path) -> None:
    run(layout, "alone", "--certificate", "--to", str(tmp_path / "one"))
    assert run(layout, "alone", "--certificate", "--to", str(tmp_path / "two")).exit_code == 1
    assert run(layout, "alone", "--certificate", "--rotate", "--to", str(tmp_path / "two")).exit_code == 0
    revoked = x509.load_pem_x509_crl(layout.staged.revoked.read_bytes())
    serials = [read_certificate(tmp_path / name / "alone.pem").serial_number for name in ("one", "two")]
    found = [revoked.get_revoked_certificate_by_serial_number(serial) is not None for serial in serials]
    assert found == [True, False]


def test_what_is_taken_away(layout: Layout, tmp_path: Path) -> None:
    shown(run(layout, "alone"))
    run(layout, "alone", "--certificate", "--to", str(tmp_path / "keys"))
    done = run(layout, "alone", "--revoke")
    assert done.exit_code == 0, done.output
    assert "its password and 1 of its certificates" in done.stdout
    assert "restart the broker" in done.stderr
    assert "alone" not in read_entries(layout.staged.passwords)
    assert valid(layout, "alone", NOW) == []
    again = run(layout, "alone", "--revoke")
    assert again.exit_code == 1
    assert "no credentials" in again.stderr


def test_a_device_that_has_left_the_registry_can_lose_its_password(layout: Layout) -> None:
    shown(run(layout, "other"))
    devices = layout.staged.config / "devices.csv"
    devices.write_text("".join(line for line in devices.read_text().splitlines(keepends=True) if "other," not in line))
    assert run(layout, "other", "--revoke").exit_code == 0
    assert "other" not in read_entries(layout.staged.passwords)


def test_new_devices_behind_a_gateway_get_their_lines(layout: Layout) -> None:
    with (layout.staged.config / "devices.csv").open("a") as file:
        file.write("newcomer,hall,meter,gateway,power_kw\n")
    shown(run(layout, "gateway"))
    assert "topic write caretaker/v1/hall/newcomer/readings\n" in layout.staged.access.read_text()


@pytest.mark.parametrize(
    ("device", "why", "words"),
    [
        ("alon", Why.UNKNOWN, "did you mean alone?"),
        ("zzz", Why.UNKNOWN, "add it to devices.csv first"),
        ("_ingestor", Why.RESERVED, "the platform's own users"),
        ("alone", Why.HAS_ONE, "--rotate"),
    ],
)
def test_why_a_device_gets_none(device: str, why: Why, words: str, layout: Layout) -> None:
    give_passwords(layout, ["alone"], rotate=False)
    with pytest.raises(CredentialsError, match=words) as caught:
        given(layout, device)
    assert caught.value.why is why


def given(layout: Layout, device: str) -> None:
    check_device(registry_in_force(layout), device)
    give_passwords(layout, [device], rotate=False)


def test_every_reason_is_tried() -> None:
    assert set(Why) == {Why.UNKNOWN, Why.RESERVED, Why.HAS_ONE}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "name a device, or a site"),
        (("alone", "--site", "hall"), 2, "name a device, or a site"),
        (("alone", "--certificate"), 2, "--to FOLDER"),
        (("--site", "hall"), 2, "--to FOLDER"),
        (("alone", "--revoke", "--rotate"), 2, "--revoke stands alone"),
        (("--site", "hal", "--to", "/nowhere"), 2, "did you mean hall?"),
        (("alon",), 2, "did you mean alone?"),
        (("_api",), 2, "the platform's own users"),
    ],
)
def test_what_it_refuses(arguments: tuple[str, ...], code: int, words: str, layout: Layout) -> None:
    before = layout.staged.passwords.read_bytes()
    done = run(layout, *arguments)
    assert done.exit_code == code
    assert words in done.stderr
    assert layout.staged.passwords.read_bytes() == before


@pytest.mark.parametrize(("words", "where"), [((), "the current directory"), (("--deployment", "nowhere"), "nowhere")])
def test_outside_a_deployment_it_asks_for_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["devices", "credentials", "alone", *words])
    assert done.exit_code == 2
    assert f"{where} holds no deployment.yaml" in done.stderr
    assert "--deployment DIR" in done.stderr


def test_a_missing_key_of_the_authority_is_said(layout: Layout, tmp_path: Path) -> None:
    layout.kept(Secret.CA_KEY).unlink()
    done = run(layout, "alone", "--certificate", "--to", str(tmp_path / "keys"))
    assert done.exit_code == 1
    assert "Bring it back" in done.stderr
    shown(run(layout, "alone"))

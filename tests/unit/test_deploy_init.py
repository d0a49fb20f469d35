"""`caretaker deploy init`: what it makes, what it keeps, and that what it makes fits together."""

import errno
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

import caretaker
from alerts.settings import Settings as AlertSettings
from api.settings import Settings as ApiSettings
from caretaker.__main__ import app
from deploy.authority import AuthorityError, read_certificate, serves, signed_by
from deploy.certificates import issue, revoke, valid
from deploy.files import Done, Step, with_settings
from deploy.in_force import registry_in_force
from deploy.init import InitError, configuration_files, init
from deploy.layout import Door, Form, Layout, Secret, Service, compose, systemd
from deploy.probe import CHECK_DEVICE
from deploy.record import FILE, Record, read_layout
from deploy.secrets import GRANTED, READERS, needed
from deploy.settings_file import environment
from ingestor.settings import Settings as IngestorSettings
from telemetry.document import DocumentError
from telemetry.registry.load import load_registry
from tests.components import require_program
from tests.deployed import configuration, deployed

NOW = datetime.now(UTC)
HOSTS = ("caretaker.example.org", "192.0.2.7")
COMPOSE = Record(form=Form.COMPOSE, hosts=HOSTS)
SYSTEMD = Record(form=Form.SYSTEMD, hosts=HOSTS)
STARTER = Path(caretaker.__file__).parent / "starter"
RULES = """\
rules:
  - id: load
    names: {en: Load}
    why: The fuse.
    where: {kinds: [meter]}
    when: {metric: power_kw}
    severities: {warning: {above: 17, clear_below: 16}}
    message: {en: "{device}"}
"""
OURS = (Service.INGESTOR, Service.ALERTS, Service.API)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configuration(tmp_path / "config")


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return tmp_path / "city"


def made(folder: Path, record: Record, config: Path, now: datetime = NOW, *, replace: bool = False) -> Sequence[Step]:
    return init(folder, record, config, now, replace=replace)


def contents(folder: Path) -> Mapping[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("record", [COMPOSE, SYSTEMD], ids=["compose", "systemd"])
def test_everything_is_for_its_owner_alone_whatever_the_umask(city: Path, config: Path, record: Record) -> None:
    before = os.umask(0)
    try:
        made(city, record, config)
    finally:
        os.umask(before)
    modes = {path.relative_to(city).as_posix(): path.stat().st_mode & 0o777 for path in (city, *city.rglob("*"))}
    scripts = {"manage", "install"}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert {name for name, mode in modes.items() if mode & 0o100 and (city / name).is_file()} == scripts & modes.keys()


@pytest.mark.parametrize("record", [COMPOSE, SYSTEMD], ids=["compose", "systemd"])
def test_a_second_run_changes_nothing(city: Path, config: Path, record: Record) -> None:
    first = made(city, record, config)
    before = contents(city)
    second = made(city, record, config)
    assert contents(city) == before
    assert {step.done for step in first} == {Done.MADE}
    assert {step.done for step in second} == {Done.KEPT}


def test_what_was_changed_by_somebody_stays_until_it_is_asked_for(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    for name in ("compose.yaml", "config/caretaker.yaml", "config/sites.yaml", "mosquitto/mosquitto.conf"):
        with (city / name).open("a") as file:
            file.write("# mine\n")
    mine = (city / ".env").read_text().replace("BOARD_PORT=8443", "BOARD_PORT=443")
    mine = mine.replace("influxdb:", "registry.example.org/influxdb:")
    (city / ".env").write_text(f"{mine}ALERTMANAGER_IMAGE=prom/alertmanager:v0.28.1\nhttp_proxy=\n")
    before = contents(city)
    steps = made(city, COMPOSE, config)
    assert contents(city) == before
    assert {step.what for step in steps if step.done is Done.DIFFERS} == {
        ".env",
        "compose.yaml",
        "config/sites.yaml",
        "mosquitto/mosquitto.conf",
    }
    steps = made(city, COMPOSE, config, replace=True)
    assert {step.what for step in steps if step.done is Done.REPLACED} == {
        ".env",
        "compose.yaml",
        "mosquitto/mosquitto.conf",
    }
    after = contents(city)
    assert after["compose.yaml.old"] == before["compose.yaml"]
    assert b"# mine" not in after["compose.yaml"]
    env = after[".env"].decode().splitlines()
    assert {"BOARD_PORT=443", "ALERTMANAGER_IMAGE=prom/alertmanager:v0.28.1", "http_proxy="} <= set(env)
    assert not any("registry.example.org" in line for line in env), "the versions of images are this version's"
    assert Step(Done.KEPT, ".env") in made(city, COMPOSE, config)
    assert {
        name for name in before if name.startswith(("secrets/", "config/")) and after[name] != before[name]
    } == set()


def test_what_is_missing_is_added(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    before = contents(city)
    gone = ("secrets/mqtt-api.password", "compose.yaml", "secrets/grafana.key", "mosquitto/passwd", "mosquitto/acl")
    for name in gone:
        (city / name).unlink()
    made(city, COMPOSE, config)
    after = contents(city)
    assert after.keys() == before.keys()
    assert after["secrets/mqtt-api.password"] != before["secrets/mqtt-api.password"]
    assert after["secrets/mqtt-alerts.password"] == before["secrets/mqtt-alerts.password"]
    assert after["compose.yaml"] == before["compose.yaml"]


def test_certificates_are_renewed_before_they_run_out_and_for_a_new_name(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    layout = read_layout(city)
    before = contents(city)
    late = NOW + timedelta(days=800)
    steps = made(city, COMPOSE, config, late)
    assert {step.what for step in steps if step.done is Done.RENEWED} == {
        f"secrets/{service}.pem" for service in ("mosquitto", "influxdb", "api", "grafana")
    }
    assert contents(city)["secrets/ca.pem"] == before["secrets/ca.pem"]
    assert not serves(read_certificate(layout.kept(Secret.API_CERTIFICATE)), ["new.example.org"])
    steps = made(city, Record(form=Form.COMPOSE, hosts=("new.example.org",)), config, late)
    # InfluxDB is not reached from outside: it needs no other name.
    renewed = {step.what.partition(" ")[0] for step in steps if step.done is Done.RENEWED}
    assert renewed == {FILE, "secrets/mosquitto.pem", "secrets/api.pem", "secrets/grafana.pem", "grafana"}
    assert {step.what for step in steps if step.done is Done.DIFFERS} == {".env", "config/caretaker.yaml"}
    assert serves(read_certificate(layout.kept(Secret.API_CERTIFICATE)), ["new.example.org", "api", "localhost"])


def test_without_the_authoritys_key_what_is_good_stays_and_what_is_not_is_said(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    (city / "secrets/ca.key").unlink()
    assert {step.done for step in made(city, COMPOSE, config)} == {Done.KEPT}
    with pytest.raises(AuthorityError, match="Bring it back"):
        made(city, COMPOSE, config, NOW + timedelta(days=800))
    assert not (city / "secrets/ca.key").exists(), "a new authority would lock every device out"


def test_a_new_authority_begins_anew(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    layout = read_layout(city)
    issue(layout, "alone", NOW)
    revoke(layout, "alone", NOW)
    issue(layout, "alone", NOW)
    assert len(valid(layout, "alone", NOW)) == 1
    layout.kept(Secret.CA).unlink()
    made(city, COMPOSE, config)
    authority = read_certificate(layout.kept(Secret.CA))
    assert signed_by(read_certificate(layout.kept(Secret.MOSQUITTO_CERTIFICATE)), authority)
    revoked = x509.load_pem_x509_crl(layout.staged.revoked.read_bytes())
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert revoked.is_signature_valid(key), "Mosquitto would let nobody in"
    assert valid(layout, "alone", NOW) == []
    layout.staged.revoked.write_text("rubbish")
    with pytest.raises(AuthorityError, match="is no list of revoked"):
        made(city, COMPOSE, config)


def test_a_folder_that_holds_other_things_is_left_alone(city: Path, config: Path) -> None:
    city.mkdir()
    (city / "letter.txt").write_text("dear")
    with pytest.raises(InitError, match="holds other things"):
        made(city, COMPOSE, config)
    assert contents(city) == {"letter.txt": b"dear"}


def test_a_deployment_of_another_kind_is_left_alone(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    before = contents(city)
    with pytest.raises(InitError, match="for compose, not for systemd"):
        made(city, SYSTEMD, config)
    assert contents(city) == before


def test_a_configuration_with_errors_makes_nothing(city: Path, config: Path) -> None:
    (config / "devices.csv").write_text("id,site,kind,metrics\nx,nowhere,meter,power_kw\n")
    with pytest.raises(DocumentError, match="nowhere"):
        made(city, COMPOSE, config)
    assert not city.exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rules.yaml", RULES.replace("power_kw", "powder")),
        ("routes.yaml", "routes:\n  - {name: x, match: {severity: loud}}\n"),
        ("caretaker.yaml", "grafana: {languages: [tlh]}\n"),
        ("caretaker.yaml", "alerts: [\n"),
    ],
)
def test_rules_routes_and_settings_with_errors_make_nothing_either(
    name: str, text: str, city: Path, config: Path
) -> None:
    (config / name).write_text(text)
    with pytest.raises(DocumentError) as caught:
        made(city, COMPOSE, config)
    assert all(problem.file == str(config / name) for problem in caught.value.problems), "there may be two of the name"
    assert not city.exists()


def test_a_run_that_broke_off_at_its_first_file_is_repeated(
    city: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("deploy.private.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            made(city, COMPOSE, config)
    assert [path.name for path in city.iterdir()] == [f".{FILE}.new"]
    made(city, COMPOSE, config)
    assert {step.done for step in made(city, COMPOSE, config)} == {Done.KEPT}


def test_a_run_that_broke_off_before_the_configuration_has_to_be_told_it_again(city: Path, config: Path) -> None:
    city.mkdir()
    COMPOSE.write(city)
    before = contents(city)
    done = CliRunner().invoke(app, ["deploy", "init", str(city)])
    assert done.exit_code == 2
    assert "--config" in done.output
    assert contents(city) == before
    done = CliRunner().invoke(app, ["deploy", "init", str(city), "--config", str(config)])
    assert done.exit_code == 0, done.output


def test_only_the_configuration_is_copied(tmp_path: Path, city: Path, config: Path) -> None:
    """Not the deployment itself, made inside of it, nor the data of a trial."""
    (config / "caretaker-data").mkdir()
    (config / "caretaker-data" / "store.db").write_bytes(b"\xff")
    (config / "caretaker-data" / "audit.yaml").write_text("{}")
    (config / "rules" / "tests").mkdir(parents=True)
    (config / "rules" / "tests" / "air.yaml").write_text("tests: []\n")
    (config / "simulation.yaml").write_text("{}\n")
    found = [path.relative_to(config).as_posix() for path in configuration_files(config)]
    assert found == ["devices.csv", "rules/tests/air.yaml", "sites.yaml"]
    assert tmp_path in city.parents


def test_the_doctor_has_a_device_of_its_own(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    registry = load_registry(city / "config")
    assert registry.devices[CHECK_DEVICE].interval_s is None, "its silence means nothing"
    assert registry.sites[CHECK_DEVICE].timezone.key == "Asia/Hong_Kong"
    made(city.with_name("again"), COMPOSE, city / "config")


def test_a_changed_registry_is_taken_over_by_the_access_rules(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    with (city / "config/devices.csv").open("a") as file:
        file.write("newcomer,hall,meter,hub,power_kw\n")
    steps = made(city, COMPOSE, city / "config")
    assert "mosquitto/acl" in {step.what for step in steps if step.done is Done.RENEWED}
    assert "caretaker/v1/hall/newcomer/readings" in (city / "mosquitto/acl").read_text()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a machine with units; whatever is a deployment for units is installed there."""
    etc = tmp_path / "machine/etc/caretaker"

    def layout(record: Record, folder: Path) -> Layout:
        found = systemd(folder, record.hosts)
        return changed(found, installed=changed(found.installed, config=etc))

    monkeypatch.setattr(Record, "layout", layout)
    return etc


def test_what_is_installed_is_taken_over_from_where_the_services_read_it(
    city: Path, config: Path, installed: Path
) -> None:
    for name in ("sites.yaml", "devices.csv", "people.yaml", "rules.yaml"):
        shutil.copy(STARTER / name, config)
    (config / "caretaker.yaml").write_text("grafana: {languages: [en]}\n")
    made(city, SYSTEMD, config)
    staged = city / "root/etc/caretaker"
    shutil.copytree(staged, installed)
    assert {step.done for step in made(city, SYSTEMD, staged)} == {Done.KEPT}
    dashboards = city / "root/etc/grafana/caretaker/dashboards"
    assert [path.name for path in dashboards.iterdir()] == ["en"]
    assert not any("47.11" in path.read_text() for path in dashboards.rglob("*.json"))

    female = "odour-female,main-street,toilet_odour,female,gateway-1,"
    for name, old, new in (
        ("rules.yaml", "above: 10,", "above: 47.11,"),
        ("devices.csv", female, female.replace("gateway-1", "")),
        ("caretaker.yaml", "  - en\n", "  - zh-Hant\n"),
    ):
        text = (installed / name).read_text()
        assert old in text
        (installed / name).write_text(text.replace(old, new))
    made(city, SYSTEMD, staged)
    assert any("47.11" in path.read_text() for path in dashboards.glob("zh-Hant/*.json"))
    assert "/odour-female/" not in (city / "root/etc/mosquitto/caretaker/acl").read_text()


def test_an_error_in_what_is_installed_names_that_file(city: Path, config: Path, installed: Path) -> None:
    (config / "rules.yaml").write_text(RULES)
    made(city, SYSTEMD, config)
    shutil.copytree(city / "root/etc/caretaker", installed)
    (installed / "rules.yaml").write_text(RULES.replace("meter", "metre"))
    with pytest.raises(DocumentError) as caught:
        made(city, SYSTEMD, city / "root/etc/caretaker")
    assert {problem.file for problem in caught.value.problems} == {str(installed / "rules.yaml")}
    (installed / "sites.yaml").write_text("sites: [{id: hall}]\n")
    with pytest.raises(DocumentError) as caught:
        registry_in_force(read_layout(city))
    assert {problem.file for problem in caught.value.problems} == {str(installed / "sites.yaml")}


def test_what_is_installed_and_not_to_be_read_is_said_before_the_copy_here_is_taken_for_it(
    city: Path, config: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(city, SYSTEMD, config)
    shutil.copytree(city / "root/etc/caretaker", installed)
    before = contents(city)
    # As it is for others than root and the services.
    monkeypatch.setattr("deploy.in_force.os.access", lambda path, *_, **__: path != installed)
    for command in (["deploy", "init", str(city), "--host", "b.org"], ["devices", "credentials", "alone"]):
        done = CliRunner().invoke(app, command, env={"CARETAKER_DEPLOYMENT": str(city)})
        assert done.exit_code == 2
        assert f"{installed}: " in done.output
        assert "sudo" in done.output
    assert contents(city) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_belongs_to_the_services(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    assert {path.stat().st_uid for path in (city, *city.rglob("*"))} == {10_001}
    assert "CARETAKER_UID=10001\n" in (city / ".env").read_text()


def test_settings_of_dotenv_are_filled_and_comments_stay() -> None:
    template = "# PORT=1 is usual\nPORT=1\nHOST=\nOTHER=x\n"
    assert with_settings(template, {"PORT": "2", "HOST": "a.org"}) == "# PORT=1 is usual\nPORT=2\nHOST=a.org\nOTHER=x\n"


def test_an_address_of_ipv6_stands_in_brackets_where_it_is_part_of_another(city: Path, config: Path) -> None:
    made(city, Record(form=Form.COMPOSE, hosts=("2001:db8::7",)), config)
    env = (city / ".env").read_text()
    assert "\nCARETAKER_HOST=2001:db8::7\nCARETAKER_URL_HOST=[2001:db8::7]\n" in env.replace(
        "# The same as it stands in addresses: one of IPv6 in brackets.\n", ""
    )
    grafana = yaml.safe_load((city / "compose.yaml").read_text())["services"]["grafana"]["environment"]
    assert grafana["GF_SERVER_ROOT_URL"].startswith("https://${CARETAKER_URL_HOST:?")


def test_what_compose_gives_each_service_is_what_it_reads(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    layout = compose(city, HOSTS)
    document: dict[str, Any] = yaml.safe_load((city / "compose.yaml").read_text())
    for service in Service:
        if service is Service.DOCTOR:
            continue
        given = {Secret(name) for name in document["services"][service]["secrets"]}
        wanted = {secret for secret in needed(layout) if service in READERS[secret]}
        # The API asks for the ingestor's figures only; what is given beyond is not ours to judge here.
        assert wanted - given <= {Secret.INFLUXDB_ADMIN_PASSWORD, Secret.INFLUXDB_ADMIN_TOKEN}, service
        assert Secret.CA_KEY not in given
    for service in OURS:
        told = document["services"][service]["environment"]
        assert environment(layout, service).items() <= told.items()


def test_units_are_told_what_containers_are(city: Path, config: Path) -> None:
    made(city, SYSTEMD, config)
    layout = systemd(city, HOSTS)
    for service in OURS:
        unit = (city / f"root/etc/systemd/system/caretaker-{service}.service").read_text()
        for name, value in environment(layout, service).items():
            assert f"Environment={name}={value}\n" in unit
    assert (city / "root/etc/systemd/system/caretaker-.service.d/10-hardened.conf").exists()


def test_systemd_stages_for_each_what_it_reads(city: Path, config: Path) -> None:
    made(city, SYSTEMD, config)
    layout = systemd(city, HOSTS)
    for secret in needed(layout):
        for reader in READERS[secret]:
            staged, is_there = layout.staged.secret(secret, reader), secret not in GRANTED
            if reader is Service.INFLUXDB:
                is_there = secret is Secret.CA
            assert staged.exists() == is_there, (secret, reader)
    assert [path for path in (city / "root").rglob("*") if path.name == Secret.CA_KEY] == []
    broker = {path.name for path in layout.staged.broker.iterdir()}
    assert broker == {"passwd", "acl", "revoked.pem", "ca.pem", "mosquitto.pem", "mosquitto.key"}


def test_the_services_take_the_settings_that_were_made(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config / "caretaker.yaml").write_text("max_age_days: 40\nalerts: {keep_days: 90}\napi: {signed_in_days: 3}\n")
    layout = deployed(tmp_path / "here", config)
    document = yaml.safe_load((layout.staged.config / "caretaker.yaml").read_text())
    for service, settings in zip(OURS, (IngestorSettings, AlertSettings, ApiSettings), strict=True):
        with monkeypatch.context() as patch:
            for name, value in environment(layout, service).items():
                patch.setenv(name, value)
            found = settings(**document)
        assert found.broker.secret() == layout.kept(Secret(f"mqtt-{service}.password")).read_text()
        assert found.max_age_days == 40
        assert found.broker.encrypted
    assert found.api.signed_in_days == 3


def test_grafana_finds_the_files_that_its_provisioning_names(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    layout = compose(city, HOSTS)
    sources = (city / "grafana/provisioning/datasources/caretaker.yaml").read_text()
    for secret in (Secret.CA, Secret.INFLUXDB_GRAFANA_TOKEN):
        assert f"$__file{{{layout.seen.secret(secret, Service.GRAFANA)}}}" in sources
        assert Service.GRAFANA in READERS[secret]
    assert "https://influxdb:8086" in sources
    providers = yaml.safe_load((city / "grafana/provisioning/dashboards/caretaker.yaml").read_text())["providers"]
    for provider in providers:
        path = Path(provider["options"]["path"])
        assert [*(city / "grafana" / path.relative_to(layout.seen.grafana)).glob("*.json")]


def test_openssl_agrees(city: Path, config: Path) -> None:
    made(city, COMPOSE, config)
    program = str(require_program("openssl"))
    for name in ("mosquitto", "influxdb", "api", "grafana"):
        arguments = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.pem"]
        done = subprocess.run(
            [program, *arguments, "-verify_hostname", name, f"{name}.pem"],
            cwd=city / "secrets",
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
        assert done.returncode == 0, done.stderr


def test_the_command_shows_no_secret_and_says_what_is_next(
    city: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CliRunner()
    monkeypatch.chdir(city.parent)
    arguments = ["deploy", "init", city.name, "--for", "compose", "--host", "Caretaker.example.org", "-c", str(config)]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    secrets = [path.read_text() for path in (city / "secrets").iterdir() if path.suffix in {".password", ".token"}]
    assert [secret for secret in secrets if secret in done.output] == []
    assert f"cd {city} && ./manage up" in done.output
    assert f"caretaker devices credentials DEVICE --deployment {city}\n" in done.output, "after the cd, too"
    again = runner.invoke(app, ["deploy", "init", str(city)])
    assert again.exit_code == 0, again.output
    assert "kept as they are" in again.output
    layout: Layout = read_layout(city)
    assert layout.outer(Door.API).url == "https://caretaker.example.org:8443"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "a.org"], "run by what?"),
        (["--for", "compose"], "by which name"),
        (["--for", "compose", "--host", "0.0.0.0"], "can't be a host"),
        (["--for", "compose", "--host", "a.org:8443"], "can't be a host"),
        (["--for", "compose", "--host", "fe80::1%eth0"], "can't be a host"),
        (["--for", "compose", "--host", "a.org", "--influxdb", "1"], "containers come with InfluxDB 2"),
        (["--for", "compose", "--host", "a.org", "--keep-days", "7"], "31"),
    ],
)
def test_what_the_command_refuses(options: list[str], words: str, city: Path) -> None:
    done = CliRunner().invoke(app, ["deploy", "init", str(city), *options])
    assert done.exit_code == 2
    assert words in done.output
    assert not city.exists()


def test_without_a_configuration_it_brings_one(city: Path) -> None:
    done = CliRunner().invoke(app, ["deploy", "init", str(city), "--for", "systemd", "--host", "a.org"])
    assert done.exit_code == 0, done.output
    registry = load_registry(city / "root/etc/caretaker")
    assert {"main-street", CHECK_DEVICE} <= registry.sites.keys()
    assert f"sudo {city}/install" in done.output

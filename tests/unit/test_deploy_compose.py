"""The containers: what each may, what it is given, and that `caretaker deploy init` makes all that the file names."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from deploy.init import init
from deploy.layout import PORTS, PUBLISHED, Door, Form, Layout, Secret, Service, compose
from deploy.record import Record
from deploy.secrets import GRANTED, READERS, needed
from deploy.settings_file import environment

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "compose"
TEXT = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
FILE = yaml.safe_load(TEXT)
SERVICES: Mapping[str, dict[str, Any]] = FILE["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
HOST = "town.example.org"
ONE_SHOTS = {"provision", "tool"}
OURS = {"ingestor": Service.INGESTOR, "alerts": Service.ALERTS, "api": Service.API}
OUTSIDE = {"mosquitto", "alerts", "api", "grafana", "tool"}
"""Who is reached from outside or reaches out."""
STOP_S = {"mosquitto": 60, "influxdb": 60, "prometheus": 60, "grafana": 30, "ingestor": 20, "alerts": 20, "api": 20}
"""How long each may take to stop in order, at least. The ingestor promises 10 s."""
DOORS = {
    "mosquitto": Door.MQTT_SERVICES,
    "influxdb": Door.INFLUXDB,
    "grafana": Door.GRAFANA,
    "prometheus": Door.PROMETHEUS,
    "ingestor": Door.INGESTOR,
    "alerts": Door.ALERTS,
    "api": Door.API,
}
PORT_SETTINGS = {
    Door.MQTT_DEVICES: "MQTT_PORT",
    Door.MQTT_CERTIFICATES: "MQTT_CERTIFICATES_PORT",
    Door.GRAFANA: "GRAFANA_PORT",
    Door.API: "BOARD_PORT",
}
PROVISIONED = {Secret.INFLUXDB_ADMIN_PASSWORD, Secret.INFLUXDB_ADMIN_TOKEN}
"""InfluxDB is set up by `provision`, so the container itself is not told them."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """What `caretaker deploy init` makes."""
    folder = tmp_path_factory.mktemp("deployment") / "town"
    wish = Record(form=Form.COMPOSE, hosts=(HOST,))
    init(folder, wish, ROOT / "caretaker" / "starter", datetime.now(UTC), replace=False)
    return compose(folder, (HOST,))


def settings(text: str) -> dict[str, str]:
    """The lines of an .env file."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def test_it_is_a_compose_file() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, FOLDER / "compose.yaml"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_may_little(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\$\{CARETAKER_UID:\?[^}]+}:\$\{CARETAKER_GID:\?[^}]+}", service["user"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}
    assert service["restart"] == ("no" if name in ONE_SHOTS else "unless-stopped")
    assert service["mem_limit"]
    assert 0 < service["cpus"] <= 2
    assert 0 < service["pids_limit"] <= 512
    assert any(one.startswith("/tmp:") for one in service["tmpfs"])
    assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:\?[^}]+}", service["image"]), "versions stand in .env"
    too_much = {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "userns_mode", "env_file", "build"}
    assert not too_much & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_asked_how_it_is(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if name in ONE_SHOTS:
        assert check == {"disable": True}
        return
    assert set(check) == {"test", "interval", "timeout", "retries", "start_period", "start_interval"}
    line = " ".join(check["test"])
    assert re.search(rf"(:|-p ){PORTS[DOORS[name]]}\b", line)
    assert "--insecure" not in line


@pytest.mark.parametrize(("name", "least_s"), STOP_S.items())
def test_each_container_has_the_time_that_it_needs_to_stop(name: str, least_s: int) -> None:
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= least_s


def test_nothing_is_published_but_the_four_doors(made: Layout) -> None:
    published = {(name, port) for name, service in SERVICES.items() for port in service.get("ports", [])}
    where = {
        Door.MQTT_DEVICES: "mosquitto",
        Door.MQTT_CERTIFICATES: "mosquitto",
        Door.GRAFANA: "grafana",
        Door.API: "api",
    }
    wanted = {
        (where[door], f"${{{setting}:?run caretaker deploy init}}:{made.inner[door].port}")
        for door, setting in PORT_SETTINGS.items()
    }
    assert published == wanted
    env = settings((made.folder / ".env").read_text())
    assert {door: int(env[setting]) for door, setting in PORT_SETTINGS.items()} == PUBLISHED


def test_what_is_inside_stays_inside() -> None:
    assert FILE["networks"] == {"inside": {"internal": True}, "outside": {}}
    assert all("inside" in service["networks"] for service in SERVICES.values())
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == OUTSIDE
    # A network that is internal publishes no port.
    assert {name for name, service in SERVICES.items() if "ports" in service} <= OUTSIDE


def test_every_setting_is_there_and_each_is_used(made: Layout) -> None:
    env = settings((made.folder / ".env").read_text())
    named = set(re.findall(r"\$\{(\w+)", TEXT))
    assert named <= set(env)
    assert all(env[name] for name in named), env
    script = (FOLDER / "manage").read_text(encoding="utf-8")
    asked = set(re.findall(r"setting (\w+)", script))
    assert asked <= set(env)
    assert set(env) == named | asked
    assert env["CARETAKER_HOST"] == HOST
    assert int(env["CARETAKER_UID"]) == made.folder.stat().st_uid


def test_no_image_is_the_latest_whatever_it_is() -> None:
    images = {name: value for name, value in settings((FOLDER / "env.template").read_text()).items() if "IMAGE" in name}
    assert len(images) == 5
    for image in images.values():
        assert re.fullmatch(r"[a-z0-9/-]+:v?\d+\.\d+\.\d+(-alpine)?", image)
        assert image.split(":")[1] not in TEXT + (FOLDER / "manage").read_text() + DOCKERFILE.replace("0.1.0", "")


def test_every_file_and_folder_is_there(made: Layout) -> None:
    sources = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert len(sources) > 8
    assert [source for source in sources if not (made.folder / source).exists()] == []


def test_folders_are_where_the_layout_says(made: Layout) -> None:
    staged, seen = made.staged, made.seen
    wanted = {
        "mosquitto": {staged.broker: seen.broker, staged.broker_data: seen.broker_data},
        "influxdb": {staged.influxdb_data: seen.influxdb_data},
        "grafana": {staged.grafana: seen.grafana, staged.grafana_data: seen.grafana_data},
        "prometheus": {staged.prometheus: seen.prometheus, staged.prometheus_data: seen.prometheus_data},
        **{key: {staged.config: seen.config, staged.data: seen.data} for key in OURS},
    }
    for name, places in wanted.items():
        volumes = dict(volume.split(":")[:2] for volume in SERVICES[name]["volumes"])
        assert {(made.folder / source).resolve(): Path(target) for source, target in volumes.items()} == places
    for name in SERVICES.keys() - ONE_SHOTS:
        kept = [volume for volume in SERVICES[name]["volumes"] if not volume.endswith(":ro")]
        assert all(volume.startswith("./data/") for volume in kept), "else it could change what it is told"


def test_every_secret_is_there(made: Layout) -> None:
    assert {name: entry["file"] for name, entry in FILE["secrets"].items()} == {
        name: f"./secrets/{name}" for name in FILE["secrets"]
    }
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(FILE["secrets"]), "each is used"
    script = (FOLDER / "manage").read_text(encoding="utf-8")
    (later,) = re.findall(r'^FILLED_LATER="(.*)"$', script, re.MULTILINE)
    assert set(later.split()) == set(GRANTED), "made once there is somebody who grants them"
    assert {name for name in used if not (made.folder / "secrets" / name).exists()} == set(GRANTED)


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONE_SHOTS))
def test_each_has_the_secrets_that_it_reads_and_no_others(name: str, made: Layout) -> None:
    readable = {secret for secret in needed(made) if Service(name) in READERS[secret]}
    assert set(SERVICES[name]["secrets"]) == readable - PROVISIONED


@pytest.mark.parametrize("name", ["mosquitto", "influxdb", "api", "grafana"])
def test_each_certificate_is_for_the_names_by_which_others_call(name: str, made: Layout) -> None:
    certificate = x509.load_pem_x509_certificate((made.folder / "secrets" / f"{name}.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    wanted = {name, HOST} if name in OUTSIDE else {name}
    assert wanted <= set(names.get_values_for_type(x509.DNSName))


@pytest.mark.parametrize(("name", "service"), OURS.items())
def test_each_of_ours_is_itself_to_the_broker(name: str, service: Service, made: Layout) -> None:
    assert SERVICES[name]["environment"] == environment(made, service)
    assert SERVICES[name]["command"] == ["run", name, "--config", "/etc/caretaker", "--data", "/var/lib/caretaker"]


def test_grafana_lets_nobody_in_and_calls_nobody() -> None:
    given = SERVICES["grafana"]["environment"]
    refused = {
        "GF_AUTH_ANONYMOUS_ENABLED",
        "GF_USERS_ALLOW_SIGN_UP",
        "GF_USERS_ALLOW_ORG_CREATE",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED",
        "GF_ANALYTICS_REPORTING_ENABLED",
        "GF_ANALYTICS_CHECK_FOR_UPDATES",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "GF_NEWS_NEWS_FEED_ENABLED",
        "GF_PLUGINS_PLUGIN_ADMIN_ENABLED",
        "GF_PLUGINS_PREINSTALL_AUTO_UPDATE",
    }
    assert {name for name, value in given.items() if value == "false"} == refused
    assert given["GF_SERVER_PROTOCOL"] == "https"
    assert [name for name in given if "PASSWORD" in name or name.startswith("GF_SECURITY_SECRET")] == [
        "GF_SECURITY_ADMIN_PASSWORD__FILE",
        "GF_SECURITY_SECRET_KEY__FILE",
    ]


def test_the_image_is_built_from_what_is_locked_and_runs_as_nobody_special() -> None:
    stages = DOCKERFILE.split("\nFROM ")
    assert len(stages) == 3
    assert "pip install --require-hashes --no-deps --only-binary=:all: --requirement requirements.txt" in stages[1]
    assert "--no-build-isolation" in stages[1]
    assert re.search(r"^USER 10001:10001$", stages[2], re.MULTILINE)
    assert 'ENTRYPOINT ["caretaker"]' in stages[2]
    assert not re.search(r"^(ADD|HEALTHCHECK)|apt-get|curl|http://", DOCKERFILE, re.MULTILINE)


def test_the_image_gets_all_packages_and_no_more_of_the_checkout() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = {"pyproject.toml", "requirements.txt", project["project"]["readme"], *project["project"]["license-files"]}
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {line[1:] for line in rules if line.startswith("!")} == {*packages, *files}

"""The units as `install` puts them into place: systemd finds nothing wrong, and little that they may."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from deploy.init import init
from deploy.layout import Form, Layout, Secret, Service, systemd
from deploy.record import Record
from deploy.secrets import READERS, needed
from deploy.settings_file import environment
from tests.components import require_program

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".service", ".target", ".timer"})
SERVICES = {
    "caretaker-ingestor.service": Service.INGESTOR,
    "caretaker-alerts.service": Service.ALERTS,
    "caretaker-api.service": Service.API,
}
MOST_EXPOSURE = {**dict.fromkeys(SERVICES, 1.5), "caretaker-backup.service": 2.5}
"""By systemd's own measure, from 0 to 10. The backup is root's: it reads what belongs to others."""
STUBS = ("basic", "multi-user", "network", "network-online", "shutdown", "sysinit", "time-sync", "timers")
PROGRAM = "/opt/caretaker/bin/caretaker"
ADMIN = {Secret.INFLUXDB_ADMIN_PASSWORD, Secret.INFLUXDB_ADMIN_TOKEN}
"""For `provision` alone, which finds them in the deployment's folder."""


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """What `caretaker deploy init` makes."""
    folder = tmp_path_factory.mktemp("deployment") / "town"
    wish = Record(form=Form.SYSTEMD, hosts=("town.example.org",))
    init(folder, wish, ROOT / "caretaker" / "starter", datetime.now(UTC), replace=False)
    return systemd(folder, ("town.example.org",))


@pytest.fixture(scope="module")
def machine(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a machine on which it is installed, with a program and the targets of every machine in it."""
    root = tmp_path_factory.mktemp("machine")
    installed(layout, root)
    program = root / PROGRAM.removeprefix("/")
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = root / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for name in STUBS:
        (units / f"{name}.target").write_text("[Unit]\nDescription=stub\n")
    return root


def installed(layout: Layout, root: Path) -> str:
    """What `install` says."""
    done = subprocess.run(
        [layout.folder / "install", "--into", root], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def analyze(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(require_program("systemd-analyze")), *arguments[:1], f"--root={root}", *arguments[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def lines(name: str) -> Mapping[str, Sequence[str]]:
    """The settings of a unit's section Service; some stand more than once."""
    found: dict[str, list[str]] = {}
    text = (FOLDER / name).read_text(encoding="utf-8").partition("[Service]")[2].partition("[Install]")[0]
    for line in text.replace("\\\n", "").splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_systemd_finds_nothing_wrong(machine: Path) -> None:
    done = analyze("verify", "--man=no", *UNITS, root=machine)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_systemd_would_find_what_is_wrong(machine: Path, tmp_path: Path) -> None:
    other = tmp_path / "machine"
    shutil.copytree(machine, other, symlinks=True)
    unit = other / "etc/systemd/system/caretaker-api.service"
    unit.write_text(unit.read_text().replace("StateDirectoryMode=", "StateDirectoryMood=").replace("/bin/", "/bun/"))
    said = analyze("verify", "--man=no", unit.name, root=other).stderr
    assert "StateDirectoryMood" in said
    assert "/opt/caretaker/bun/caretaker is not executable" in said


@pytest.mark.parametrize(("name", "most"), MOST_EXPOSURE.items())
def test_the_units_may_little(name: str, most: float, machine: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", name, root=machine)
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) <= most, done.stdout


def test_it_is_the_hardening_that_counts(machine: Path, tmp_path: Path) -> None:
    other = tmp_path / "machine"
    shutil.copytree(machine, other, symlinks=True)
    (other / "etc/systemd/system/caretaker-.service.d/10-hardened.conf").unlink()
    done = analyze("security", "--offline=true", "--no-pager", "caretaker-api.service", root=other)
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) > 8


@pytest.mark.parametrize(("name", "service"), SERVICES.items())
def test_each_service_is_itself_to_the_broker_and_sees_its_own_secrets(
    name: str, service: Service, layout: Layout
) -> None:
    found = lines(name)
    assert found["User"] == ["caretaker"]
    assert found["ExecStart"] == [f"{PROGRAM} run {service} --config /etc/caretaker --data /var/lib/caretaker"]
    assert dict(line.split("=", 1) for line in found["Environment"]) == environment(layout, service)
    ours = layout.installed.secrets[service]
    beside = {Secret(path.name) for path in layout.staged.secrets[service].iterdir()}
    theirs = {secret for secret in beside if service not in READERS[secret] and not secret.endswith(".pem")}
    assert set(found["InaccessiblePaths"]) == {f"-{ours / secret}" for secret in theirs}


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_starts_again_and_has_the_time_to_stop(name: str) -> None:
    found = lines(name)
    assert found["Restart"] == ["always"]
    assert int(found["TimeoutStopSec"][0]) >= 20
    assert found["MemoryMax"]
    assert "StartLimitIntervalSec=0" in (FOLDER / name).read_text()


def test_the_target_has_them_all() -> None:
    for name in SERVICES:
        text = (FOLDER / name).read_text()
        assert "WantedBy=caretaker.target" in text
        assert "PartOf=caretaker.target" in text
        assert name in (FOLDER / "install").read_text()


def test_the_backup_calls_a_command_that_there_is(layout: Layout) -> None:
    (line,) = lines("caretaker-backup.service")["ExecStart"]
    words = line.split()
    assert words[:3] == [PROGRAM, "deploy", "backup"]
    assert words[-2:] == ["$GRAFANA", "$DEPLOYMENT"]
    given = dict(zip(words[3:-2:2], words[4:-2:2], strict=True))
    assert given == {
        "--config": str(layout.installed.config),
        "--data": str(layout.installed.data),
        "--secrets": str(layout.installed.secrets[Service.INGESTOR]),
        "--broker-data": str(layout.installed.broker_data),
        "--broker-pid": "/run/mosquitto/mosquitto.pid",
        "--to": "/var/backups/caretaker",
        "--keep": "14",
    }


def test_the_backup_takes_the_folder_along_from_which_it_was_installed(layout: Layout, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "100% my town"
    shutil.copytree(layout.folder, folder)
    (tmp_path / "link").symlink_to(folder)
    installed(replace(layout, folder=tmp_path / "link"), tmp_path / "machine")
    name = tmp_path / "machine/etc/systemd/system/caretaker-backup.service.d/30-deployment.conf"
    head, environment, bound = name.read_text().replace("%%", "%").splitlines()
    assert head == "[Service]"
    assert shlex.split(bound) == [f"BindReadOnlyPaths=-{folder}"]
    # Split twice by systemd: as settings of the environment, and as words of the command.
    (setting,) = shlex.split(environment.removeprefix("Environment="))
    assert shlex.split(setting.removeprefix("DEPLOYMENT=")) == [f"--deployment={folder}"]


def test_grafana_is_set_up_as_in_containers() -> None:
    file = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    container: Mapping[str, str] = file["services"]["grafana"]["environment"]
    unit = dict(line.split("=", 1) for line in lines("grafana-server.service.d/caretaker.conf")["Environment"])
    # Secrets by another way, and what a package has by itself or an administrator may want.
    files = {name for name in unit if unit[name].startswith("$__file{/etc/grafana/caretaker/secrets/")}
    assert {f"{name}__FILE" for name in files} == {name for name in container if name.endswith("__FILE")}
    alike = {name for name in unit.keys() - files if name != "GF_SERVER_HTTP_PORT" and "CERT" not in name}
    assert {name: unit[name] for name in alike} == {name: container[name] for name in alike}
    assert {name for name, value in container.items() if value == "false"} - alike == {
        "GF_PLUGINS_PLUGIN_ADMIN_ENABLED",
        "GF_PLUGINS_PREINSTALL_AUTO_UPDATE",
    }


def test_what_is_secret_is_for_its_readers_alone(machine: Path, layout: Layout) -> None:
    files = [
        path for path in machine.rglob("*") if path.is_file() and path.name in set(Secret) and not path.is_symlink()
    ]
    assert len(files) > 15
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o640
        assert path.parent.stat().st_mode & 0o007 == 0
    assert not {path.name for path in files} & {Secret.CA_KEY, *ADMIN}
    for secret in set(needed(layout)) - ADMIN:
        for reader in READERS[secret]:
            if layout.kept(secret).exists():
                assert (machine / str(layout.installed.secret(secret, reader)).removeprefix("/")).exists()


def test_a_second_run_keeps_what_was_changed_in_the_configuration_and_takes_over_the_rest(
    layout: Layout, tmp_path: Path
) -> None:
    installed(layout, tmp_path)
    config, token = tmp_path / "etc/caretaker/rules.yaml", tmp_path / "etc/caretaker/secrets/ingestor-http.token"
    config.write_text("# mine\n")
    token.write_text("old")
    said = installed(layout, tmp_path)
    assert config.read_text() == "# mine\n"
    assert "kept: /etc/caretaker/rules.yaml" in said
    assert said.count("kept:") == 1
    assert token.read_text() == layout.kept(Secret.INGESTOR_HTTP_TOKEN).read_text()


@pytest.mark.parametrize("name", ["deployment.yaml", "root/etc/caretaker"])
def test_a_folder_that_is_no_deployment_is_refused(name: str, layout: Layout, tmp_path: Path) -> None:
    for other in {"deployment.yaml", "root/etc/caretaker"} - {name}:
        (tmp_path / other).mkdir(parents=True)
    shutil.copy(layout.folder / "install", tmp_path)
    done = subprocess.run([tmp_path / "install", "--into", tmp_path / "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{name} is missing" in done.stderr
    assert "caretaker deploy init" in done.stderr

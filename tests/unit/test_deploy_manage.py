"""`manage`, with a `docker` that only notes what it is asked for: what is done in which order, and what is refused."""

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.init import init
from deploy.layout import Form
from deploy.record import Record
from tests.components import require_program

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "compose" / "manage"
DOCKER = """#!/bin/sh
echo "$*" >>"$NOTED"
case "$*" in
  *" tool deploy "*) echo "by ${CARETAKER_IMAGE:-$(sed -n 's/^CARETAKER_IMAGE=//p' .env)}" >>"$NOTED" ;;
esac
case "$*" in
  *"$REFUSED"*) exit 1 ;;
  *"deploy restore"*"--only files"*) [ ! -f of-the-backup.env ] || cp of-the-backup.env .env ;;
  *"run"*" provision") for name in caretaker grafana; do echo t >secrets/influxdb-$name.token; done ;;
  *"keys create --name first"*) printf '{\\n  "key": "ck_first",\\n  "id": "first"\\n}\\n' ;;
  *"keys create --name prometheus"*) printf '{\\n  "key": "ck_metrics",\\n  "id": "x"\\n}\\n' ;;
esac
"""
NOWHERE = "nothing is refused"
NEW = "registry.example.org:5000/town/caretaker:0.2.0"


class Deployment:
    """A folder that `init` made, and a docker that takes notes."""

    def __init__(self, made: Path, folder: Path) -> None:
        self.folder = folder / "town"
        shutil.copytree(made, self.folder)
        self._bin = folder / "bin"
        self._bin.mkdir()
        (self._bin / "docker").write_text(DOCKER)
        (self._bin / "docker").chmod(0o755)
        self._noted = folder / "noted"

    def manage(self, *arguments: str, refused: str = NOWHERE) -> subprocess.CompletedProcess[str]:
        self._noted.write_text("")
        path = f"{self._bin}:{os.environ['PATH']}"
        return subprocess.run(
            ["./manage", *arguments],
            cwd=self.folder,
            env={"PATH": path, "NOTED": str(self._noted), "REFUSED": refused},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @property
    def noted(self) -> list[str]:
        """What docker was asked to do; not whether it is there."""
        asked = self._noted.read_text().splitlines()
        return [line for line in asked if line not in {"compose version", "info"} and "inspect" not in line]

    def set(self, name: str, value: str) -> None:
        """A line of `.env`."""
        env = self.folder / ".env"
        env.write_text(re.sub(rf"^{name}=.*$", f"{name}={value}", env.read_text(), flags=re.MULTILINE))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployment") / "town"
    wish = Record(form=Form.COMPOSE, hosts=("town.example.org",))
    init(folder, wish, ROOT / "caretaker" / "starter", datetime.now(UTC), replace=False)
    # Made by root it is another user's; a copy is whose test this is.
    env = folder / ".env"
    env.write_text(re.sub(r"CARETAKER_UID=.*", f"CARETAKER_UID={os.geteuid()}", env.read_text()))
    return folder


@pytest.fixture
def town(made: Path, tmp_path: Path) -> Deployment:
    return Deployment(made, tmp_path)


def test_shellcheck_finds_nothing() -> None:
    scripts = [SCRIPT, ROOT / "deploy" / "systemd" / "install"]
    done = subprocess.run([require_program("shellcheck"), *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_help_names_every_command(town: Deployment) -> None:
    (commands,) = re.findall(r"^  (up \|.*)\) ;;$", SCRIPT.read_text(), re.MULTILINE)
    said = town.manage("help").stdout
    for command in (*commands.split(" | "), "help"):
        assert f"./manage {command}" in said
    assert town.manage().stdout == said
    assert town.noted == []


def test_the_first_start_makes_what_others_need_before_they_start(town: Deployment) -> None:
    done = town.manage("up")
    assert done.returncode == 0, done.stderr
    first, provision, admin, prometheus, everything, tag = town.noted
    assert first == "compose up --detach --wait --wait-timeout 300 mosquitto influxdb"
    assert provision == "compose run --rm --no-deps provision"
    assert "keys create --name first --role admin" in admin
    assert "keys create --name prometheus --role viewer" in prometheus
    assert everything == "compose up --detach --wait --wait-timeout 300 --remove-orphans"
    assert tag == "tag caretaker:0.1.0 caretaker:in-use"
    key = town.folder / "secrets" / "api-metrics.key"
    assert key.read_text() == "ck_metrics\n"
    assert key.stat().st_mode & 0o777 == 0o600
    assert "https://town.example.org:8443/" in done.stdout
    assert done.stdout.count("ck_first") == 1
    assert "ck_metrics" not in done.stdout + done.stderr


def test_the_first_key_is_shown_although_the_start_does_not_become_well(town: Deployment) -> None:
    done = town.manage("up", refused="--remove-orphans")
    assert done.returncode == 1
    assert done.stdout.count("ck_first") == 1, "a second start makes no other one"
    assert not (town.folder / ".env.in-use").exists()


def test_addresses_of_ipv6_stand_in_brackets(town: Deployment) -> None:
    town.set("CARETAKER_URL_HOST", "[2001:db8::7]")
    said = town.manage("status").stdout
    assert "https://[2001:db8::7]:3443/" in said
    assert "[2001:db8::7]:8883 with a password" in said


def test_a_later_start_only_starts(town: Deployment) -> None:
    town.manage("up")
    access = town.folder / "data" / "caretaker" / "api" / "access.db"
    access.parent.mkdir()
    access.touch()
    done = town.manage("up")
    assert town.noted == [
        "compose up --detach --wait --wait-timeout 300 --remove-orphans",
        "tag caretaker:0.1.0 caretaker:in-use",
    ]
    assert "key" not in done.stdout


@pytest.mark.parametrize(
    ("refused", "said", "mend"),
    [
        ("compose version", "no Compose plugin", "install docker-compose-plugin"),
        ("info", "does not answer", "start it"),
        ("mosquitto influxdb", "broker or store did not become well", "./manage logs mosquitto influxdb"),
        ("run --rm --no-deps provision", "tokens could not be made", "./manage logs influxdb"),
        ("keys create --name first", "no key for you", "./manage caretaker keys list"),
        ("keys create --name prometheus", "no key for Prometheus", "./manage caretaker keys list"),
        ("--remove-orphans", "not everything became well", "./manage status"),
    ],
)
def test_what_goes_wrong_is_said_with_its_mend(town: Deployment, refused: str, said: str, mend: str) -> None:
    done = town.manage("up", refused=refused)
    assert done.returncode == 1
    assert said in done.stderr
    assert "  mend: " in done.stderr
    assert mend in done.stderr


def test_without_a_backup_nothing_is_upgraded(town: Deployment) -> None:
    town.manage("up")
    done = town.manage("upgrade", refused="deploy backup")
    assert done.returncode == 1
    assert "no backup, no upgrade" in done.stderr
    assert not any(line.startswith(("compose pull", "compose up", "build", "tag")) for line in town.noted)


def test_what_was_never_well_is_not_upgraded(town: Deployment) -> None:
    town.set("CARETAKER_IMAGE", "caretaker:0.2.0")
    done = town.manage("upgrade")
    assert done.returncode == 1
    assert "which images are in use is not known" in done.stderr
    assert "./manage up" in done.stderr
    assert town.noted == []


def test_an_upgrade_backs_up_by_what_runs_then_pulls_starts_and_asks_the_doctor(town: Deployment) -> None:
    town.manage("up")
    before = (town.folder / ".env").read_text()
    town.set("CARETAKER_IMAGE", NEW)
    town.set("INFLUXDB_IMAGE", "influxdb:2.8.0")
    done = town.manage("upgrade", "--without-store")
    assert done.returncode == 0, done.stderr
    backup, by, kept, others, ours, up, in_use, doctor = (line for line in town.noted if "keys" not in line)
    assert "tool deploy backup --to /deployment/backups --without-store" in backup
    assert by == "by caretaker:in-use", "the new image's backup is refused by the old one"
    assert kept == "tag caretaker:in-use caretaker:before-upgrade"
    assert others == "compose pull mosquitto influxdb grafana prometheus"
    assert ours == f"pull {NEW}"
    assert "up --detach --wait" in up
    assert in_use == f"tag {NEW} caretaker:in-use"
    assert doctor.endswith("tool doctor --deployment /deployment")
    assert "To go back: cp .env.before-upgrade .env, then ./manage up" in done.stdout
    back = (town.folder / ".env.before-upgrade").read_text()
    assert back == before.replace("caretaker:0.1.0", "caretaker:before-upgrade")
    assert (town.folder / ".env.in-use").read_text() == (town.folder / ".env").read_text()


def test_the_way_back_is_said_when_the_new_one_does_not_become_well_and_leads_back(town: Deployment) -> None:
    town.manage("up")
    town.set("CARETAKER_IMAGE", NEW)
    done = town.manage("upgrade", refused="--remove-orphans")
    assert done.returncode == 1
    assert "To go back: " in done.stdout
    again = town.manage("upgrade", refused="--remove-orphans")
    assert again.returncode == 1
    assert "tag caretaker:in-use caretaker:before-upgrade" in town.noted, "what did not become well is no way back"
    shutil.copy(town.folder / ".env.before-upgrade", town.folder / ".env")
    assert town.manage("up").returncode == 0
    done = town.manage("upgrade")
    assert done.returncode == 1
    assert "caretaker:before-upgrade is what was there before" in done.stderr


def test_with_a_checkout_our_image_is_built_after_the_backup_and_not_pulled(town: Deployment) -> None:
    town.manage("up")
    town.set("CARETAKER_SOURCE", "/srv/caretaker")
    town.manage("upgrade")
    built = "build --file /srv/caretaker/deploy/compose/Dockerfile --tag caretaker:0.1.0 /srv/caretaker"
    assert town.noted.index("tag caretaker:in-use caretaker:before-upgrade") < town.noted.index(built)
    assert "pull caretaker:0.1.0" not in town.noted


def test_an_image_that_is_only_here_is_upgraded_to_all_the_same(town: Deployment) -> None:
    town.manage("up")
    done = town.manage("upgrade", refused="pull caretaker:0.1.0")
    assert done.returncode == 0, done.stderr
    assert "the one on this machine is taken" in done.stdout


def test_an_upgrade_whose_images_cannot_be_had_changes_nothing(town: Deployment) -> None:
    town.manage("up")
    done = town.manage("upgrade", refused="compose pull")
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert not any("--remove-orphans" in line for line in town.noted)


def test_a_restore_brings_the_files_back_before_the_store_runs_and_its_readings_after(town: Deployment) -> None:
    backup = town.folder / "backups" / "caretaker-20261122T080000Z.tar.gz"
    backup.parent.mkdir()
    backup.touch()
    done = town.manage("restore", "backups/caretaker-20261122T080000Z.tar.gz", "--force")
    assert done.returncode == 0, done.stderr
    down, files, _, store, provision, readings, _ = town.noted
    assert down == "compose down"
    assert "--only files --force --config /deployment/config --data /deployment/data/caretaker" in files
    assert store.endswith(" influxdb")
    assert provision.endswith(" provision")
    assert "--only store" in readings
    assert "--force" not in readings


def test_a_restore_keeps_whose_files_these_are_and_the_images_of_now(town: Deployment) -> None:
    """The backup is another machine's, or one that an upgrade made when `.env` named the new image already."""
    (town.folder / "backups").mkdir()
    (town.folder / "backups" / "caretaker-20261122T080000Z.tar.gz").touch()
    before = (town.folder / ".env").read_text()
    town.set("CARETAKER_IMAGE", NEW)
    for name, value in {"CARETAKER_UID": "4711", "CARETAKER_GID": "4711", "BOARD_PORT": "443"}.items():
        town.set(name, value)
    (town.folder / ".env").rename(town.folder / "of-the-backup.env")
    (town.folder / ".env").write_text(before)
    done = town.manage("restore", "backups/caretaker-20261122T080000Z.tar.gz", "--force")
    assert done.returncode == 0, done.stderr
    assert (town.folder / ".env").read_text() == before.replace("BOARD_PORT=8443", "BOARD_PORT=443")
    assert "by caretaker:0.1.0" in town.noted[-1:]
    done = town.manage("up")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["restore"], "which backup?"),
        (["restore", "/srv/one.tar.gz"], "has to lie in backups/"),
        (["restore", "backups/none.tar.gz"], "there is no file backups/none.tar.gz"),
        (["fly"], "there is no fly"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_stopped(
    town: Deployment, arguments: list[str], said: str
) -> None:
    done = town.manage(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "  mend: " in done.stderr
    assert town.noted == []


@pytest.mark.parametrize("name", [".env", "deployment.yaml", "config/caretaker.yaml"])
def test_a_folder_that_is_no_deployment_is_refused(town: Deployment, name: str) -> None:
    (town.folder / name).unlink()
    done = town.manage("up")
    assert done.returncode == 1
    assert f"{name} is missing" in done.stderr
    assert "caretaker deploy init" in done.stderr
    assert town.noted == []


def test_files_of_another_user_are_refused(town: Deployment) -> None:
    town.set("CARETAKER_UID", "4711")
    done = town.manage("up")
    assert done.returncode == 1
    assert "chown -R 4711:" in done.stderr


def test_reload_disconnects_nobody(town: Deployment) -> None:
    assert town.manage("reload").returncode == 0
    assert town.noted == ["compose kill --signal HUP mosquitto prometheus"]

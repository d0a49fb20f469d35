"""`install` on a machine of files alone: what it makes once, what it takes away, and what it says must be there."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.init import init
from deploy.layout import Form
from deploy.record import Record

ROOT = Path(__file__).parents[2]
OTHERS = {
    "id": "echo 0",
    "getent": 'test "$1" = passwd',
    "systemctl": ":",
    "chown": ":",
    "runuser": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
}
"""Of the machine's programs, what they do here."""
PROGRAM = """
echo "$*" >>"$NOTED"
case "$*" in
  *"$REFUSED"*) exit 1 ;;
  "keys create --name first"*)
    mkdir -p "$MACHINE/var/lib/caretaker/api"
    touch "$MACHINE/var/lib/caretaker/api/access.db"
    echo ck_first
    ;;
  "keys create --name prometheus"*) printf '{\\n  "key": "ck_metrics",\\n  "id": "x"\\n}\\n' ;;
esac
"""
NOWHERE = "nothing is refused"
DASHBOARDS = "etc/grafana/caretaker/dashboards/en"
NO_GRAFANA = "etc/systemd/system/caretaker-backup.service.d/30-no-grafana.conf"
METRICS = "etc/prometheus/caretaker/secrets/api-metrics.key"


class Machine:
    """A folder that `init` made, and a root into which it is installed as if it were the machine's."""

    def __init__(self, made: Path, folder: Path) -> None:
        self.folder, self.root = folder / "town", folder / "machine"
        shutil.copytree(made, self.folder)
        for name in ("mosquitto/conf.d", "systemd/system"):
            (self.root / "etc" / name).mkdir(parents=True)
        self._bin, self._noted = folder / "bin", folder / "noted"
        self._bin.mkdir()
        self.program = self.root / "opt/caretaker/bin/caretaker"
        self.program.parent.mkdir(parents=True)
        for program, text in ((self.program, PROGRAM), *((self._bin / name, text) for name, text in OTHERS.items())):
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        script = self.folder / "install"
        text = script.read_text().replace("INTO=/\n", f"INTO={self.root}\n")
        script.write_text(text.replace("PROGRAM=/opt/caretaker/bin/caretaker\n", f"PROGRAM={self.program}\n"))

    def install(self, refused: str = NOWHERE) -> subprocess.CompletedProcess[str]:
        self._noted.write_text("")
        told = {"NOTED": str(self._noted), "MACHINE": str(self.root), "REFUSED": refused}
        return subprocess.run(
            [self.folder / "install"],
            env={"PATH": f"{self._bin}:{os.environ['PATH']}", **told},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @property
    def noted(self) -> list[str]:
        """What our program was asked to do."""
        return self._noted.read_text().splitlines()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployment") / "town"
    wish = Record(form=Form.SYSTEMD, hosts=("town.example.org",))
    init(folder, wish, ROOT / "caretaker" / "starter", datetime.now(UTC), replace=False)
    return folder


@pytest.fixture
def machine(made: Path, tmp_path: Path) -> Machine:
    return Machine(made, tmp_path)


def test_keys_are_made_once_one_for_you_and_one_for_prometheus(machine: Machine) -> None:
    (machine.root / "etc/prometheus").mkdir()
    done = machine.install()
    assert done.returncode == 0, done.stderr
    provision, first, prometheus = machine.noted
    places = f"--config {machine.root}/etc/caretaker --data {machine.root}/var/lib/caretaker"
    assert provision == f"deploy provision {machine.folder}"
    assert first == f"keys create --name first --role admin {places}"
    assert prometheus == f"keys create --name prometheus --role viewer {places} --format json"
    assert done.stdout.count("ck_first") == 1
    assert "ck_metrics" not in done.stdout + done.stderr
    for file, mode in ((machine.folder / "secrets/api-metrics.key", 0o600), (machine.root / METRICS, 0o640)):
        assert file.read_text() == "ck_metrics\n"
        assert file.stat().st_mode & 0o777 == mode
    machine.install()
    assert machine.noted == [provision]


def test_without_prometheus_no_key_is_made_for_it_and_without_grafana_none_is_backed_up(machine: Machine) -> None:
    assert machine.install().returncode == 0
    assert (machine.root / NO_GRAFANA).read_text() == "[Service]\nEnvironment=GRAFANA=\n"
    assert not (machine.root / "etc/grafana").exists()
    assert not any("--name prometheus" in line for line in machine.noted)
    (machine.root / "etc/prometheus").mkdir()
    assert machine.install().returncode == 0
    assert (machine.root / METRICS).exists(), "it came later"


def test_a_key_that_could_not_be_made_leaves_no_empty_file(machine: Machine) -> None:
    (machine.root / "etc/prometheus").mkdir()
    done = machine.install(refused="--name prometheus")
    assert done.returncode == 1
    assert "no key for Prometheus" in done.stderr
    assert not (machine.folder / "secrets/api-metrics.key").exists()


def test_what_is_no_more_is_taken_away(machine: Machine) -> None:
    (machine.root / "var/lib/grafana").mkdir(parents=True)
    (machine.root / NO_GRAFANA).parent.mkdir(parents=True)
    (machine.root / NO_GRAFANA).touch()
    (machine.root / DASHBOARDS).mkdir(parents=True)
    for name in ("caretaker-gone.json", "theirs.json"):
        (machine.root / DASHBOARDS / name).touch()
    done = machine.install()
    assert done.returncode == 0, done.stderr
    assert not (machine.root / NO_GRAFANA).exists(), "it is here now, and backed up"
    assert f"removed: /{DASHBOARDS}/caretaker-gone.json\n" in done.stdout
    ours = {path.name for path in (machine.folder / "root" / DASHBOARDS).iterdir()}
    assert {path.name for path in (machine.root / DASHBOARDS).iterdir()} == ours | {"theirs.json"}


def test_without_the_program_it_says_how_the_readme_installs_it(machine: Machine) -> None:
    machine.program.unlink()
    done = machine.install()
    assert done.returncode == 1
    readme = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"/opt/caretaker/bin/pip install .*", done.stderr)
    assert len(lines) == 2
    assert all(line.strip('"') in readme for line in lines)


def texts() -> Iterator[Path]:
    """What a person of this repository may follow, or a program of it run."""
    for top in sorted(ROOT.iterdir()):
        if top.name.startswith(".") and top.name != ".github":
            continue
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and path.suffix in {"", ".md", ".yaml", ".yml", ".toml", ".py", ".txt", ".sh"}:
                yield path


def test_nobody_is_told_to_install_what_bears_our_name_elsewhere() -> None:
    """On the public index it is somebody else's program."""
    told = re.compile(rb"pip3? install\b[^\n]*?[\s\"']caretaker(?![\w/.-])")
    for name, is_theirs in (
        (b"--upgrade 'caretaker[x]'", True),
        (b"caretaker==0.1.0", True),
        (b"/srv/caretaker", False),
    ):
        assert bool(told.search(b" ".join((b"pip", b"install", name)))) is is_theirs
    assert [path for path in texts() if told.search(path.read_bytes())] == []

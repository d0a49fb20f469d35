"""The way back: what is refused, what is moved aside, what is said; and what is there afterwards."""

import errno
import json
import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from alerts.message.link import load_or_make_key
from api.access.database import connect
from caretaker.commands import deploy_backup
from caretaker.deployment import explained
from deploy.backup.archive import LOCK
from deploy.backup.make import Made, Wish, make
from deploy.backup.manifest import BackupError, InTheWayError
from deploy.backup.plan import Folders, Name
from deploy.backup.restore import Order, Restored, What, restore
from tests.unit.backup_ground import NOW, city, drain, fill, folders_of, journal_of, stored, table

app = typer.Typer()
for command in (deploy_backup.backup, deploy_backup.restore, deploy_backup.backups):
    app.command()(command)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A deployment whose services are stopped; one reading in the store, one message in quarantine."""
    base = tmp_path / "old"
    more = {name: base / name for name in ("secrets", "deployment", "grafana")}
    found = folders_of(base, **more)
    city(found.config)
    with closing(journal_of(found)) as journal:
        fill(journal)
        drain(found, journal)
    load_or_make_key(found.data / "alerts" / "link.key")
    connect(found.data / "api" / "access.db").close()
    table(base / "grafana" / "grafana.db", 3)
    for name, mode in (("secrets/mqtt.password", 0o600), ("secrets/ca.pem", 0o644), ("deployment/compose.yaml", 0o644)):
        path = base / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
    (base / "deployment" / "data").mkdir()
    (base / "deployment" / "data" / "large").touch()
    return found


@pytest.fixture
def made(folders: Folders, tmp_path: Path) -> Made:
    return make(Wish(folders, tmp_path / "backups"))


@pytest.fixture
def new(tmp_path: Path) -> Folders:
    base = tmp_path / "new"
    return folders_of(base, **{name: base / name for name in ("secrets", "deployment", "grafana")})


def back(made: Made, to: Folders, **more: Any) -> Restored:
    return restore(replace(Order(made.file, to), **more), NOW)


def test_all_is_there_again(made: Made, new: Folders, folders: Folders) -> None:
    done = back(made, new)
    assert done.placed.keys() == {*Name} - {Name.SESSIONS, Name.ALERTS}
    assert stored(new) == [2.5]
    with closing(journal_of(new)) as journal:
        assert journal.quarantine_rows == 1
        assert journal.account().balanced
    assert load_or_make_key(new.data / "alerts" / "link.key") == load_or_make_key(folders.data / "alerts" / "link.key")
    assert new.secrets is not None
    assert stat.S_IMODE((new.secrets / "mqtt.password").stat().st_mode) == 0o600
    assert stat.S_IMODE((new.secrets / "ca.pem").stat().st_mode) == 0o644
    assert not list(new.data.parent.rglob("before-restore*"))
    assert new.deployment is not None
    assert [path.name for path in new.deployment.iterdir()] == ["compose.yaml"], "data is not a file of the deployment"


def test_what_is_in_the_way_is_refused_and_nothing_is_changed(made: Made, new: Folders) -> None:
    new.data.mkdir(parents=True)
    (new.data / "mine").write_text("mine")
    with pytest.raises(InTheWayError, match=f"nothing was changed: {new.data}/mine"):
        back(made, new)
    assert [path for path in new.data.parent.rglob("*") if path.is_file()] == [new.data / "mine"]


def test_with_force_it_is_moved_aside_and_never_deleted(made: Made, folders: Folders) -> None:
    (folders.data / "journal" / "journal.db-journal").write_text("a log that must not meet another database")
    (folders.config / "caretaker.yaml").write_text("max_age_days: 31")
    (folders.config / "rules.yaml").write_text("rules: []")
    assert folders.secrets is not None
    (folders.secrets / "mqtt.password").write_text("")  # made empty, to be filled: not in the way
    done = back(made, folders, force=True)
    aside = folders.data / "before-restore-20261122T080000Z"
    assert set(done.aside) >= {aside, folders.config / aside.name}
    assert (aside / "journal" / "journal.db").exists()
    assert [path.name for path in (folders.data / "journal").iterdir()] == ["journal.db"], "no log of another's"
    assert (folders.config / aside.name / "caretaker.yaml").read_text() == "max_age_days: 31"
    assert (folders.config / "caretaker.yaml").read_text() != "max_age_days: 31"
    assert (folders.config / "rules.yaml").exists(), "what the backup does not have stays"
    assert (folders.secrets / "mqtt.password").read_text() == "secrets/mqtt.password"
    assert stored(folders) == [2.5]
    second = make(Wish(folders, made.file.parent / "second"))
    names = [one.path for part in second.manifest.parts for one in part.files]
    assert not [name for name in names if "before-restore" in name]


def test_settings_that_were_mended_meanwhile_may_be_kept(made: Made, folders: Folders, new: Folders) -> None:
    (folders.config / "caretaker.yaml").write_text("max_age_days: 31")
    done = back(made, Folders(folders.config, new.data), keep_settings=True)
    assert (folders.config / "caretaker.yaml").read_text() == "max_age_days: 31"
    assert Name.CONFIG not in done.placed
    assert stored(new) == [2.5]


def test_while_the_ingestor_runs_it_is_refused(made: Made, folders: Folders) -> None:
    with (
        closing(journal_of(folders)),
        pytest.raises(BackupError, match=r"journal\.lock is in use .* stop the services"),
    ):
        back(made, folders, force=True)


def test_while_a_database_is_open_it_is_refused(made: Made, folders: Folders) -> None:
    with closing(sqlite3.connect(folders.data / "store.db")) as other:
        other.execute("select * from series").fetchall()
        with pytest.raises(BackupError, match=r"store\.db is in use"):
            back(made, folders, force=True)


def test_while_the_broker_runs_it_is_refused(made: Made, new: Folders, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{os.getpid()}\n")
    with pytest.raises(BackupError, match="Mosquitto runs"):
        back(made, new, broker_pid=pid_file)
    pid_file.write_text("no number")
    back(made, new, broker_pid=pid_file)


def test_what_has_no_folder_is_left_out_and_said(made: Made, new: Folders) -> None:
    done = back(made, Folders(new.config, new.data))
    assert sum("no folder was given for it" in note for note in done.notes) == 3


def test_a_store_in_a_file_is_not_restored_alone(made: Made, new: Folders) -> None:
    with pytest.raises(BackupError, match="comes back with the files"):
        back(made, new, what=What.STORE)


def test_a_database_from_elsewhere_comes_back_below_the_data_and_that_is_said(tmp_path: Path, new: Folders) -> None:
    old = folders_of(tmp_path / "old")
    city(old.config, {"journal": {"path": str(tmp_path / "elsewhere" / "j.db")}})
    old.data.mkdir()
    table(tmp_path / "elsewhere" / "j.db", 2)
    done = back(make(Wish(old, tmp_path / "backups")), Folders(new.config, new.data))
    assert (new.data / "outside" / "j.db").exists()
    assert any("lay outside the data folder" in note for note in done.notes)


def test_without_secrets_there_are_none(folders: Folders, tmp_path: Path) -> None:
    made = make(Wish(folders, tmp_path / "backups", with_secrets=False))
    names = [one.path for part in made.manifest.parts for one in part.files]
    assert not [name for name in names if name.endswith((".key", ".password"))]
    assert made.manifest.part(Name.SECRETS) is None
    assert any("Secrets were left out" in note for note in made.manifest.notes)


def test_a_path_out_of_the_folder_is_refused(made: Made, new: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = made.manifest.parts[-1]
    evil = type(outside.files[0])("../evil", 1, "", 0o600, "", "")
    bad = type(made.manifest)(
        **{name: getattr(made.manifest, name) for name in made.manifest.__struct_fields__}
        | {"parts": [type(outside)(outside.name, outside.root, outside.copied, [evil])]}
    )
    monkeypatch.setattr("deploy.backup.archive.read", lambda *_: bad)
    with pytest.raises(BackupError, match="outside its folder"):
        back(made, new)


# The command.


def places(folders: Folders) -> list[str]:
    return ["--config", str(folders.config), "--data", str(folders.data)]


def test_the_command_backs_up_lists_checks_and_restores(folders: Folders, new: Folders, tmp_path: Path) -> None:
    to = ["--to", str(tmp_path / "b")]
    told = CliRunner().invoke(app, ["backup", *places(folders), *to, "--keep", "3"])
    assert told.exit_code == 0, told.output
    file = told.stdout.splitlines()[0]
    assert "It holds secrets" in told.stderr
    (listed,) = json.loads(CliRunner().invoke(app, ["backups", *to, "--format", "json"]).stdout)
    assert listed["file"] == file
    checked = CliRunner().invoke(app, ["restore", file, "--check"])
    assert "whole, every checksum is right" in checked.stdout
    done = CliRunner().invoke(app, ["restore", file, *places(new)])
    assert done.exit_code == 0, done.output
    assert "restored: store, 1 files" in done.stdout
    assert "what came later is missing" in done.stderr
    again = CliRunner().invoke(app, ["restore", file, *places(new)])
    assert again.exit_code == 1
    assert "--force moves it aside" in again.stderr


def test_programs_get_the_file(folders: Folders, tmp_path: Path) -> None:
    words = ["backup", *places(folders), "--to", str(tmp_path / "b"), "--format"]
    told = json.loads(CliRunner().invoke(app, [*words, "json"]).stdout)
    assert Path(told["file"]).stat().st_size == told["bytes"]
    assert any("sessions were left out" in note for note in told["notes"])


def test_an_influxdb_that_is_away_is_said_and_leaves_no_file(tmp_path: Path) -> None:
    old = folders_of(tmp_path / "old")
    city(old.config, {"store": {"kind": "influxdb", "url": "http://127.0.0.1:1", "timeout_s": 1}})
    journal_of(old).close()
    told = CliRunner().invoke(app, ["backup", *places(old), "--to", str(tmp_path / "b")])
    assert told.exit_code == 3
    assert "cannot be reached" in told.stderr
    assert "--without-store" in told.stderr
    assert not list((tmp_path / "b").glob("*.tar.gz"))
    assert (
        CliRunner().invoke(app, ["backup", *places(old), "--to", str(tmp_path / "b"), "--without-store"]).exit_code == 0
    )


def test_a_full_disk_is_said_with_its_mend(
    folders: Folders, made: Made, new: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.backup.archive.private", lambda _: FileIO("/dev/full", "w"))
    for words in (["backup", *places(folders), "--to", str(tmp_path / "b")], ["restore", str(made.file), *places(new)]):
        told = CliRunner().invoke(app, words)
        assert told.exit_code == 1, told.output
        assert "error: the disk is full: No space left on device" in told.stderr
        assert "mend: free some space" in told.stderr
    assert not [path for path in (tmp_path / "b").iterdir() if path.name != LOCK]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full: Disk quota exceeded"),
        (OSError(errno.ENOSPC, "No space left on device", "/srv/town/.env"), "/srv/town/.env: No space left on device"),
    ],
)
def test_what_is_full_is_said_by_the_other_commands_too(
    error: OSError, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise error
    assert ended.value.exit_code == 1
    assert words in capsys.readouterr().err

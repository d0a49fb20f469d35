"""Which files a backup holds: all of a deployment, each once, wherever its folders lie; and what is said where not."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from alerts.message.link import load_or_make_key
from deploy.backup import make as making
from deploy.backup.make import Made, Wish, make
from deploy.backup.manifest import BackupError
from deploy.backup.plan import Folders, Name, Root
from deploy.backup.restore import Order, restore
from deploy.init import init
from deploy.layout import Form, Places, Secret, Service, compose
from deploy.record import Record, read_layout
from tests.unit.backup_ground import NOW, city, folders_of, journal_of, table

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=[Form.COMPOSE, Form.SYSTEMD])
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `caretaker deploy init` makes."""
    folder = tmp_path_factory.mktemp("deployment") / "town"
    wish = Record(form=request.param, hosts=("town.example.org",))
    init(folder, wish, ROOT / "caretaker" / "starter", datetime.now(UTC), replace=False)
    # An embedded store: no InfluxDB is needed for this.
    (read_layout(folder).staged.config / "caretaker.yaml").write_text("max_age_days: 30\n")
    return folder


@pytest.fixture
def town(deployment: Path, tmp_path: Path) -> Folders:
    """A machine with that deployment, whose services have run; a folder of the test's is its root."""
    folder = tmp_path / "srv" / "town"
    shutil.copytree(deployment, folder)
    layout = read_layout(folder)
    if layout.form is Form.SYSTEMD:
        shutil.copytree(folder / "root", tmp_path, dirs_exist_ok=True)
    found = told(layout.installed, folder, lambda path: tmp_path / path.relative_to("/"))
    journal_of(found).close()
    load_or_make_key(found.data / "alerts" / "link.key")
    for root, name in ((Root.BROKER, "mosquitto.sqlite3"), (Root.GRAFANA, "grafana.db")):
        table(below(found, root) / name, 1)
    (folder / "backups").mkdir()
    (folder / "backups" / "caretaker-20261101T080000Z.tar.gz").write_text("an older one")
    return found


def told(places: Places, folder: Path, on_machine: Callable[[Path], Path] = lambda path: path) -> Folders:
    """What the backup of a deployment in `folder` is told."""
    found = (
        places.config,
        places.data,
        places.secrets[Service.INGESTOR],
        folder,
        places.broker_data,
        places.grafana_data,
    )
    return Folders(*(path if path.is_relative_to(folder) else on_machine(path) for path in found))


def below(folders: Folders, root: Root) -> Path:
    """A folder that is there."""
    found = folders.of(root)
    assert found is not None
    return found


def contents(folder: Path, *but: str) -> dict[Path, tuple[bytes, int]]:
    """Content and mode of every file; but for those in some folders right below."""
    inside = {path: path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {
        path: (path.read_bytes(), path.stat().st_mode) for path, short in inside.items() if short.parts[0] not in but
    }


def names(made: Made, part: Name) -> list[str]:
    """The files of a part."""
    found = made.manifest.part(part)
    assert found is not None
    return [one.path for one in found.files]


def test_every_file_of_a_deployment_comes_back_and_is_in_the_backup_once(town: Folders, tmp_path: Path) -> None:
    folder = below(town, Root.DEPLOYMENT)
    before = contents(folder, "data", "backups") | contents(town.config)
    assert {Secret.CA_KEY, Secret.INFLUXDB_ADMIN_TOKEN, Secret.GRAFANA_SECRET} <= {path.name for path in before}
    key = load_or_make_key(town.data / "alerts" / "link.key")
    made = make(Wish(town, tmp_path / "to"))
    assert made.manifest.held == {*Name} - {Name.ALERTS, Name.STORE, Name.ACCESS}
    assert not any("There was no file" in note for note in made.manifest.notes)
    files = [below(town, part.root) / one.path for part in made.manifest.parts for one in part.files]
    assert len(files) == len(set(files))
    assert not any(file.is_relative_to(folder / "backups") for file in files)
    for one in town.given:
        shutil.rmtree(one, ignore_errors=True)
    restore(Order(made.file, town), NOW)
    assert contents(folder, "data") | contents(town.config) == before
    assert load_or_make_key(town.data / "alerts" / "link.key") == key


def test_containers_are_told_the_folders_of_their_layout() -> None:
    script = (ROOT / "deploy" / "compose" / "manage").read_text(encoding="utf-8")
    given = dict(re.findall(r"--(\S+) (/deployment\S*)", script.partition("with_places() {")[2].partition("}")[0]))
    folder = Path("/deployment")
    found = told(compose(folder, ("town.example.org",)).installed, folder)
    assert given == {
        "config": str(found.config),
        "data": str(found.data),
        "secrets": str(found.secrets),
        "deployment": str(found.deployment),
        "broker-data": str(found.broker),
        "grafana-data": str(found.grafana),
    }


# By hand: whatever lies where.


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """The data below the configuration, as `caretaker up` has it; with a journal."""
    found = Folders(tmp_path / "city", tmp_path / "city" / "caretaker-data")
    city(found.config)
    journal_of(found).close()
    return found


CITY = ["caretaker.yaml", "devices.csv", "sites.yaml"]


def test_data_below_the_configuration_is_no_configuration_and_keeps_its_keys(folders: Folders, tmp_path: Path) -> None:
    load_or_make_key(folders.data / "alerts" / "link.key")
    made = make(Wish(folders, tmp_path / "to"))
    assert names(made, Name.CONFIG) == CITY
    assert names(made, Name.KEYS) == ["alerts/link.key"]


def test_links_are_followed_to_what_is_there_and_others_are_named(folders: Folders, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folders.config / "devices.csv").rename(elsewhere / "devices.csv")
    (folders.config / "devices.csv").symlink_to(elsewhere / "devices.csv")
    (elsewhere / "rules").mkdir()
    (elsewhere / "rules" / "air.yaml").write_text("rules: []")
    (folders.config / "rules").symlink_to(elsewhere / "rules")
    (elsewhere / "rules" / "round").symlink_to(".")
    (elsewhere / "rules" / "ring").symlink_to("ring")
    (folders.config / ".#draft.yaml").symlink_to("nobody@nowhere")
    made = make(Wish(folders, tmp_path / "to"))
    assert names(made, Name.CONFIG) == [*CITY[:2], "rules/air.yaml", *CITY[2:]]
    lost = [note for note in made.manifest.notes if note.startswith("A link that leads nowhere was left out")]
    assert [note.rpartition("/")[2] for note in lost] == [".#draft.yaml", "ring"]
    new = folders_of(tmp_path / "new")
    restore(Order(made.file, new), NOW)
    assert (new.config / "devices.csv").read_text() == (elsewhere / "devices.csv").read_text()


def test_a_configuration_that_kubernetes_mounts_is_there_once(folders: Folders, tmp_path: Path) -> None:
    mounted = folders.config / "..2026_11_22"
    mounted.mkdir()
    (folders.config / "..data").symlink_to(mounted.name)
    for name in CITY:
        (folders.config / name).rename(mounted / name)
        (folders.config / name).symlink_to(f"..data/{name}")
    assert names(make(Wish(folders, tmp_path / "to")), Name.CONFIG) == CITY


@pytest.mark.parametrize("to", ["elsewhere", "town/backups", "."])
def test_no_backup_is_in_a_backup(to: str, folders: Folders, tmp_path: Path) -> None:
    deployment = tmp_path / "town"
    older = deployment / "backups" / "caretaker-20261101T080000Z.tar.gz"
    older.parent.mkdir(parents=True)
    older.write_text("an older one")
    (deployment / "latest.tar.gz").symlink_to(older)
    (deployment / "deployment.yaml").write_text("form: compose")
    made = make(Wish(replace(folders, deployment=deployment), tmp_path / to))
    assert names(made, Name.DEPLOYMENT) == ["deployment.yaml"]


def test_without_secrets_a_link_does_not_bring_one(folders: Folders, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, secret in (("mail", secrets / "mail"), ("mqtt", tmp_path / "mqtt.password")):
        secret.write_text("secret")
        (folders.config / name).symlink_to(secret)
    made = make(Wish(replace(folders, secrets=secrets), tmp_path / "to", with_secrets=False))
    assert names(made, Name.CONFIG) == CITY
    made = make(Wish(replace(folders, secrets=secrets), tmp_path / "to2"))
    assert names(made, Name.CONFIG) == ["caretaker.yaml", "devices.csv", "mail", "mqtt", "sites.yaml"]


# What is not there.


def without_data(folders: Folders) -> Folders:
    shutil.rmtree(folders.data)
    folders.data.mkdir()
    return folders


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda all_: replace(all_, data=all_.data / "typo"), "no folder .*typo, and nothing was written"),
        (lambda all_: replace(all_, secrets=all_.data / "typo"), "no folder .*typo"),
        (lambda all_: replace(all_, deployment=all_.data / "typo"), "no folder .*typo"),
        (lambda all_: replace(all_, broker=all_.data / "typo"), "no folder .*typo"),
        (lambda all_: replace(all_, grafana=all_.data / "typo"), "no folder .*typo"),
        (without_data, "no service has a database"),
        (lambda all_: replace(all_, secrets=all_.config), "named twice: the folder of config"),
    ],
)
def test_a_folder_that_cannot_be_meant_is_refused_and_nothing_is_written(
    change: Callable[[Folders], Folders], words: str, folders: Folders, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match=words):
        make(Wish(change(folders), tmp_path / "to"))
    assert not (tmp_path / "to").exists()


def test_backups_are_not_written_into_what_is_backed_up(folders: Folders) -> None:
    with pytest.raises(
        BackupError, match="named twice: the folder of config can be nothing else, nor hold the backups"
    ):
        make(Wish(folders, folders.config))
    assert sorted(path.name for path in folders.config.iterdir()) == sorted([*CITY, "caretaker-data"])


def test_what_was_not_named_or_is_empty_is_said(folders: Folders, tmp_path: Path) -> None:
    notes = make(Wish(folders, tmp_path / "to")).manifest.notes
    for words in (
        "No folder of secrets was named",
        "`caretaker deploy init` made was left out",
        "no file of part keys",
    ):
        assert any(words in note for note in notes), notes
    (tmp_path / "empty").mkdir()
    notes = make(Wish(replace(folders, secrets=tmp_path / "empty"), tmp_path / "to2")).manifest.notes
    assert f"There was no file of part secrets: {tmp_path / 'empty'}" in notes


def test_an_older_one_is_not_removed_after_one_that_has_less(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = (NOW + timedelta(days=number) for number in count())
    monkeypatch.setattr(making, "utc_now", lambda: next(moments))
    wish = Wish(folders, tmp_path / "to", keep=1)
    table(folders.data / "store.db", 1)
    whole = make(wish).file
    without = [make(replace(wish, with_store=False)) for _ in range(2)]
    assert [made.older for made in without] == [([], [whole]), ([without[0].file], [whole])]
    assert make(wish).older.removed == [whole, without[1].file]

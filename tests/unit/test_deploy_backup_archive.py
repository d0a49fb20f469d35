"""The file of a backup: whole or refused, private, named when it is on the disk, thinned out by name."""

import gzip
import io
import stat
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.backup import archive, manifest
from deploy.backup.manifest import FORMAT, BackupError, Manifest, Packed, decode, encode, installed
from deploy.backup.plan import Name, Root
from tests.unit.backup_ground import NOW


def about(parts: list[Packed], **fields: Any) -> Manifest:
    usual: dict[str, Any] = {
        "format": FORMAT,
        "caretaker": installed(),
        "moment": NOW,
        "ended": NOW,
        "parts": parts,
        "secrets": True,
    }
    return Manifest(**{**usual, "readings": None, "notes": [], **fields})


def small(folder: Path, content: bytes = b"content", **fields: Any) -> Path:
    source = folder / "source"
    source.write_bytes(content)
    source.chmod(0o640)
    with archive.written(folder / "backups", NOW) as (writer, _, target):
        stored = writer.add(Name.CONFIG, "a/b.yaml", source)
        writer.close(about([Packed(Name.CONFIG, Root.CONFIG, NOW, [stored])], **fields))
    return target


def test_what_is_read_is_what_was_written_and_only_its_owner_can(tmp_path: Path) -> None:
    file = small(tmp_path)
    assert file.name == "caretaker-20261122T080000Z.tar.gz"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    sink = io.BytesIO()
    found = archive.read(file, lambda _name, _size: sink)
    assert sink.getvalue() == b"content"
    ((one,),) = [part.files for part in found.parts]
    assert (one.path, one.size, one.mode) == ("a/b.yaml", 7, 0o640)
    assert [path.name for path in file.parent.iterdir() if path.name != archive.LOCK] == [file.name]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    file.write_bytes(raw)


def tar_of(file: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Pack it anew with other content, as somebody might who knows what gzip's own checksum is."""
    with tarfile.open(file) as tar:
        members = {one.name: (tar.extractfile(one) or io.BytesIO()).read() for one in tar}
    change(members)
    with tarfile.open(file, "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut, "is damaged, or no backup"),
        (flip, "is damaged"),
        (lambda file: file.write_bytes(b"no gzip at all"), "is damaged, or no backup"),
        (lambda file: file.write_bytes(gzip.compress(b"")), "is damaged, or no backup"),
        (lambda file: tar_of(file, lambda all_: all_.pop("manifest.json")), "is not whole: its manifest is missing"),
        (lambda file: tar_of(file, lambda all_: all_.pop("config/a/b.yaml")), "config/a/b.yaml is missing"),
        (lambda file: tar_of(file, lambda all_: all_.update({"config/a/b.yaml": b"CONTENT"})), "the checksum of"),
        (
            lambda file: tar_of(file, lambda all_: all_.update({"manifest.json": b"{}"})),
            "its manifest can't be read",
        ),
        (lambda file: tar_of(file, lambda all_: all_.update({"x": b""})), "holds what no backup of ours does: 'x'"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(
    damage: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    file = small(tmp_path, b"content" * 1000)
    damage(file)
    with pytest.raises(BackupError, match=words):
        archive.read(file)


@pytest.mark.parametrize("newer", [{"format": FORMAT + 1}, {"caretaker": "99.0.0"}])
def test_a_newer_version_is_refused(newer: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="install that version or a newer one"):
        archive.read(small(tmp_path, **newer))


def test_an_older_version_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    text = encode(about([], caretaker="0.9.2"))
    monkeypatch.setattr(manifest, "version", lambda _: "0.10.0")
    assert decode(text).caretaker == "0.9.2"


def test_what_goes_wrong_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), archive.written(tmp_path, NOW) as (writer, work, _):
        writer.add(Name.CONFIG, "x", work / "not there")
    assert [path.name for path in tmp_path.iterdir()] == [archive.LOCK]


def test_what_a_killed_run_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "backups" / archive.PARTIAL / "store.db"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    small(tmp_path)
    assert not left.parent.exists()


def test_one_backup_at_a_time(tmp_path: Path) -> None:
    with (
        archive.written(tmp_path, NOW),
        pytest.raises(BackupError, match="another backup is being written"),
        archive.written(tmp_path, NOW + timedelta(seconds=1)),
    ):
        pass


def test_only_older_ones_of_ours_are_removed(tmp_path: Path) -> None:
    for day in range(1, 6):
        (tmp_path / f"caretaker-2026110{day}T080000Z.tar.gz").touch()
    for other in ("caretaker-20261101T080000Z.tar.gz.gpg", "notes.txt", "mine-20261101T080000Z.tar.gz"):
        (tmp_path / other).touch()
    gone = archive.thin_out(tmp_path, 2, frozenset(Name)).removed
    assert [path.name[10:18] for path in gone] == ["20261101", "20261102", "20261103"]
    assert [one.file.name[10:18] for one in archive.listed(tmp_path)] == ["20261104", "20261105"]
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize(
    ("held", "damage", "stays"),
    [
        ({Name.CONFIG, Name.KEYS}, None, False),
        ({Name.KEYS}, None, True),
        ({Name.CONFIG, Name.KEYS}, cut, True),
    ],
)
def test_an_older_one_that_has_more_or_cannot_be_read_stays(
    held: set[Name], damage: Callable[[Path], object] | None, stays: bool, tmp_path: Path
) -> None:
    older = small(tmp_path)
    if damage is not None:
        damage(older)
    older.with_name("caretaker-20261123T080000Z.tar.gz").touch()
    found = archive.thin_out(older.parent, 1, frozenset(held))
    assert found == (([], [older]) if stays else ([older], []))
    assert older.exists() == stays


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert archive.listed(tmp_path / "none") == []

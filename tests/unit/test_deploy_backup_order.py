"""The order of a backup: what hands on is copied before what it hands to. Tried at the seam between any two copies."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.backup import make as making
from deploy.backup.make import Wish, make
from deploy.backup.plan import ORDER, Databases, Folders, Kind, Name, Part, plan
from deploy.backup.restore import Order, restore
from tests.unit.backup_ground import NOW, city, drain, fill, folders_of, journal_of, stored

GAPS = 6
"""Parts of a small deployment: alerts, journal, store, access, keys, config."""


def everything(root: Path) -> Folders:
    return Folders(*(root / name for name in "abcdef"))


def databases(root: Path) -> Databases:
    return Databases(root / "alerts.db", root / "journal.db", root / "access.db", root / "store.db")


def test_everything_has_its_place_in_the_order() -> None:
    assert sorted(ORDER) == sorted(Name)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (Name.SESSIONS, Name.ALERTS),
        (Name.SESSIONS, Name.JOURNAL),
        (Name.JOURNAL, Name.STORE),
        (Name.STORE, Name.CONFIG),
        (Name.STORE, Name.SECRETS),
    ],
)
def test_what_hands_on_comes_before_what_it_hands_to(first: Name, then: Name, tmp_path: Path) -> None:
    names = [part.name for part in plan(everything(tmp_path), databases(tmp_path))]
    assert sorted(names) == sorted(Name)
    assert names.index(first) < names.index(then)


def test_each_kind_is_used(tmp_path: Path) -> None:
    parts = plan(everything(tmp_path), replace(databases(tmp_path), store=None))
    assert {part.kind for part in parts} == {*Kind}


@pytest.mark.parametrize("gap", range(GAPS))
def test_what_goes_to_the_store_between_two_copies_is_in_the_backup(gap: int, tmp_path: Path) -> None:
    assert stored_after_restore(tmp_path, gap) == [2.5]


def test_with_the_store_before_the_journal_it_would_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(folders: Folders, found: Databases, *, with_store: bool) -> Sequence[Part]:
        return sorted(plan(folders, found, with_store=with_store), key=lambda part: part.name is not Name.STORE)

    monkeypatch.setattr(making, "plan", wrong)
    lost = [gap for gap in range(GAPS) if stored_after_restore(tmp_path / str(gap), gap) == []]
    assert lost == [1, 2]


def stored_after_restore(root: Path, gap: int) -> list[float | str]:
    """Drain the journal just before the copy of that number; what the store has at last, after restore and drain."""
    folders = folders_of(root)
    city(folders.config)
    journal = journal_of(folders)
    drain(folders, journal)  # so that there is a store
    fill(journal)
    begun = 0

    def watch(_: Part, share: float) -> None:
        nonlocal begun
        if share == 0.0:
            if begun == gap:
                drain(folders, journal)
            begun += 1

    made = make(Wish(folders, root / "backups"), watch)
    assert begun == GAPS
    journal.close()
    new = folders_of(root / "new")
    restore(Order(made.file, new), NOW)
    again = journal_of(new)
    drain(new, again)
    again.close()
    return stored(new)

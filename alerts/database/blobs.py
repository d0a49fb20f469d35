"""Tables of encoded states and of integers by name: read whole at the start, written where something changed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, select

from alerts.database import tables
from alerts.database.sqlite import Rows, upsert


class Blobs:
    """One table of encoded states by a key of one text, or of two."""

    def __init__(self, table: Table) -> None:
        self._keys = [column.name for column in table.primary_key]
        self._upsert = Rows(upsert(table))
        self._delete = Rows(delete(table).where(*(table.c[key] == bindparam(f"the_{key}") for key in self._keys)))
        self._all = select(*table.primary_key, table.c.state)
        self._one = select(table.c.state).where(*(table.c[key] == bindparam(f"the_{key}") for key in self._keys))

    def write(self, connection: Connection, changes: Mapping[Any, bytes | None]) -> None:
        """Keep what changed; None: forget it."""
        if len(self._keys) == 1:
            kept = [(key, state) for key, state in changes.items() if state is not None]
            gone = [(key,) for key, state in changes.items() if state is None]
        else:
            kept = [(*key, state) for key, state in changes.items() if state is not None]
            gone = [key for key, state in changes.items() if state is None]
        self._upsert.execute(connection, kept)
        self._delete.execute(connection, gone)

    def read(self, connection: Connection) -> dict[Any, bytes]:
        """Everything. Keys are texts, or pairs of texts."""
        rows = connection.execute(self._all).all()
        if len(self._keys) == 1:
            return {row[0]: row[1] for row in rows}
        return {(row[0], row[1]): row[2] for row in rows}

    def get(self, connection: Connection, *key: str) -> bytes | None:
        """One of them, or None."""
        wanted = {f"the_{name}": part for name, part in zip(self._keys, key, strict=True)}
        return connection.execute(self._one, wanted).scalar()


class Integers:
    """One table of integers by name."""

    def __init__(self, table: Table) -> None:
        self._upsert = Rows(upsert(table))
        self._all = select(table.c.name, table.c.value)

    def write(self, connection: Connection, changes: Mapping[str, int]) -> None:
        """Keep what changed."""
        self._upsert.execute(connection, list(changes.items()))

    def read(self, connection: Connection) -> dict[str, int]:
        """All of them."""
        return {row.name: row.value for row in connection.execute(self._all)}


devices = Blobs(tables.devices)
states = Blobs(tables.states)
windows = Blobs(tables.windows)
areas = Blobs(tables.areas)
groups = Blobs(tables.groups)
figures = Integers(tables.figures)
marks = Integers(tables.marks)

"""PostgreSQL can follow: one module knows SQLite, and everything else can be said to PostgreSQL as it is."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Select, Update
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from alerts import database
from alerts.database import commit, outbox, read, tables

FOLDER = Path(database.__file__).parent
POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy gives it no types
MODULES = [path for path in sorted(FOLDER.rglob("*.py")) if path.name != "sqlite.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_only_one_module_knows_sqlite(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"import sqlite3|sqlite3\.|\bpragma\b|sqlalchemy\.dialects|exec_driver_sql|sqlite_\w+=", text)


def test_the_tables_can_be_made_in_postgresql() -> None:
    for table in tables.metadata.sorted_tables:
        made = str(CreateTable(table).compile(dialect=POSTGRESQL))
        assert made.startswith(f"\nCREATE TABLE {table.name} (")
        for index in table.indexes:
            name = index.name
            assert name is not None
            assert len(name) <= 63, "PostgreSQL cuts longer names"
            assert str(CreateIndex(index).compile(dialect=POSTGRESQL)).startswith("CREATE INDEX")
    numbers = [table.c[name] for table, name in ((tables.actions, "id"), (tables.deliveries, "number"))]
    assert all("BIGSERIAL" in str(CreateTable(column.table).compile(dialect=POSTGRESQL)) for column in numbers)


def test_prepared_statements_can_be_said_to_postgresql() -> None:
    statements = [
        one for module in (commit, outbox, read) for one in vars(module).values() if isinstance(one, Select | Update)
    ]
    assert len(statements) >= 7
    for statement in statements:
        assert str(statement.compile(dialect=POSTGRESQL))

"""Which version a database has, and how it is brought to ours.

A new version is a file in `migrations/versions` with the next number, and `VERSION` in `tables.py`.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from alerts.database import tables
from alerts.database.trouble import DatabaseUnusableError

SCRIPTS = "alerts.database:migrations"
_VERSION_TABLE = "alembic_version"
_VERSION = text("select version_num from alembic_version")


def version_of(connection: Connection, path: Path) -> str | None:
    """Of the last migration; None: it is empty. Raises `DatabaseUnusableError` for a database of something else."""
    names = inspect(connection).get_table_names()
    if not names:
        return None
    found = connection.execute(_VERSION) if _VERSION_TABLE in names else None
    version = None if found is None else found.scalar()
    if version is None:
        raise DatabaseUnusableError(
            f"{path}: holds something else than alerts: tables {', '.join(sorted(names)[:5])}. Name another file in "
            "`alerts.database`"
        )
    return str(version)


def refuse_newer(version: str, path: Path) -> None:
    """Raises `DatabaseUnusableError` for what an older program must not touch."""
    if version > tables.VERSION:
        raise DatabaseUnusableError(
            f"{path}: has version {version}, this Caretaker knows up to {tables.VERSION}: install the newer Caretaker "
            "again, or name another file in `alerts.database`"
        )


def refuse_older(version: str, path: Path) -> None:
    """Raises `DatabaseUnusableError` for what the engine has not brought up to date yet."""
    if version < tables.VERSION:
        raise DatabaseUnusableError(
            f"{path}: has version {version}, this Caretaker needs {tables.VERSION}: start its alert service, "
            "which brings the file up to date"
        )


def migrate(connection: Connection) -> None:
    """Bring it to our version, within the transaction that the caller has begun: all of it or nothing."""
    from alembic import command  # noqa: PLC0415 - a fifth of a second, and hardly any start needs it
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

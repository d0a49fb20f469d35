"""A connection to the alert database that is opened again after the disk gave errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from alerts.database import sqlite
from alerts.database.trouble import DatabaseAwayError, DatabaseUnusableError

__all__ = ["Connection", "Reopening"]

P = ParamSpec("P")
T = TypeVar("T")


class Reopening:
    """One connection, used by one thread at a time. Every call is a transaction, or a look without one.

    After an error of the disk the connection is not used again: what it believes of the file may be wrong.
    """

    def __init__(self, path: Path, on_open: Callable[[Connection], None]) -> None:
        """`on_open` is called with every new connection, before anything else, within no transaction."""
        self._path = path
        self._engine = sqlite.engine(path)
        self._on_open = on_open
        self._connection: Connection | None = None

    def open(self) -> None:
        """Open it. Raises `DatabaseUnusableError`, `DatabaseAwayError`, and what `on_open` raises."""
        try:
            with self._explained():
                self._opened()
        except DatabaseAwayError as error:
            if isinstance(error.__cause__, DBAPIError) and sqlite.is_no_database(error.__cause__):
                raise DatabaseUnusableError(
                    f"{self._path}: is no alert database, or damaged. If it is one, move it away: an empty one is made "
                    "at the next start of the alert service, and what only the old one held is lost"
                ) from error
            raise

    def look(self, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read. Raises `DatabaseAwayError`."""
        with self._explained():
            connection = self._opened()
            with connection.begin():
                return call(connection, *args, **kwargs)

    def write(self, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """All or nothing, on the disk when it returns. Raises `DatabaseAwayError`."""
        with self._explained():
            connection = self._opened()
            with connection.begin():
                sqlite.begin_writing(connection)
                return call(connection, *args, **kwargs)

    def close(self) -> None:
        """End the connection; a later call opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()

    def _opened(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            try:
                self._on_open(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            why = sqlite.why_away(error)
            if why is None:
                raise
            self.close()
            raise DatabaseAwayError(why) from error

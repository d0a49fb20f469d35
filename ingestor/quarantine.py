"""Looking at the quarantine: a read-only connection of its own, so that nobody who looks holds up the receive path."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct

from ingestor.schema import connect_read_only

PAGE_ROWS = 100


class Quarantined(Struct, frozen=True):
    """One message, or those of its values, that were refused for one reason."""

    id: int
    received_ns: int
    """First arrival, UTC."""
    topic: str
    payload: bytes
    """As it came, up to 64 KiB."""
    retained: bool
    reason: str
    readings: int
    """Whole readings that it cost; 0: single values."""
    detail: str


class Quarantine:
    """The quarantined messages of one journal file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def newest(
        self, *, reason: str | None = None, before: int | None = None, limit: int = PAGE_ROWS
    ) -> Sequence[Quarantined]:
        """One page, newest first; `before`: the last id of the page before."""
        with closing(connect_read_only(self._path)) as connection:
            rows = connection.execute(
                "select * from quarantine where (:reason is null or reason = :reason) "
                "and (:before is null or id < :before) order by id desc limit :limit",
                {"reason": reason, "before": before, "limit": limit},
            )
            return [_quarantined(row) for row in rows]

    def get(self, row: int) -> Quarantined | None:
        """One of them, or None."""
        with closing(connect_read_only(self._path)) as connection:
            found = connection.execute("select * from quarantine where id = ?", (row,)).fetchone()
        return None if found is None else _quarantined(found)

    def ids(self, reason: str | None = None) -> Sequence[int]:
        """All ids, oldest first: the order in which they are replayed."""
        with closing(connect_read_only(self._path)) as connection:
            query = "select id from quarantine where :reason is null or reason = :reason order by id"
            return [row[0] for row in connection.execute(query, {"reason": reason})]

    def counts(self) -> dict[str, int]:
        """How many, by reason."""
        with closing(connect_read_only(self._path)) as connection:
            return dict(connection.execute("select reason, count(*) from quarantine group by reason order by 2 desc"))

    def all(self, reason: str | None = None) -> Iterator[Quarantined]:
        """Everything, oldest first, in pages: no read transaction lasts."""
        after = 0
        while True:
            with closing(connect_read_only(self._path)) as connection:
                page = connection.execute(
                    "select * from quarantine where id > :after and (:reason is null or reason = :reason) "
                    "order by id limit :limit",
                    {"after": after, "reason": reason, "limit": PAGE_ROWS},
                ).fetchall()
            if not page:
                return
            yield from (_quarantined(row) for row in page)
            after = page[-1][0]


def _quarantined(row: tuple[Any, ...]) -> Quarantined:
    row_id, received_ns, topic, payload, retained, reason, readings, detail = row
    return Quarantined(row_id, received_ns, topic.decode(), payload, bool(retained), reason, readings, detail)

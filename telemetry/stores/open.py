"""From settings to a store."""

from collections.abc import Callable
from pathlib import Path

from telemetry.registry.models import Registry
from telemetry.stores.settings import InfluxSettings, SqliteSettings
from telemetry.stores.sqlite.read import SqliteReader
from telemetry.stores.sqlite.write import SqliteWriter
from telemetry.stores.store import RetainingWriter, StoreReader, StoreUnusableError

FILE_NAME = "store.db"


def open_writer(
    settings: SqliteSettings | InfluxSettings, registry: Callable[[], Registry], *, data_dir: Path | None = None
) -> RetainingWriter:
    """The way in. Nothing is opened before `start`.

    `registry` gives the one in force now, so that a reload reaches the writer; `data_dir` is where an embedded store
    lies whose `path` is not set.
    """
    if isinstance(settings, InfluxSettings):
        # Here, not above: the client costs 17 MiB and 0.4 s, and the embedded path does not need it.
        from telemetry.stores.influxdb.write import InfluxWriter  # noqa: PLC0415

        return InfluxWriter(settings, registry)
    return SqliteWriter(store_file(settings, data_dir), registry, settings.retention_days)


def open_reader(
    settings: SqliteSettings | InfluxSettings, registry: Callable[[], Registry], *, data_dir: Path | None = None
) -> StoreReader:
    """The way out. Nothing is opened before the first question."""
    if isinstance(settings, InfluxSettings):
        from telemetry.stores.influxdb.read import InfluxReader  # noqa: PLC0415  # as above

        return InfluxReader(settings, registry)
    return SqliteReader(store_file(settings, data_dir))


def store_file(settings: SqliteSettings, data_dir: Path | None) -> Path:
    """Where the embedded store lies. Raises `StoreUnusableError` when neither the settings nor the caller say."""
    if settings.path is not None:
        return settings.path
    if data_dir is None:
        raise StoreUnusableError("no file for the store: set `store.path`")
    return data_dir / FILE_NAME

"""Each test that asks for a store is run against each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telemetry.stores.settings import SqliteSettings
from telemetry.stores.store import RetainingWriter
from tests.contract.opened import Store


@pytest.fixture(params=["sqlite", "influxdb", "influxdb2"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "sqlite":
        opened = Store(SqliteSettings(path=tmp_path / "folder" / "store.db"))
    else:
        opened = Store(request.getfixturevalue(request.param))
    yield opened
    await opened.close()


@pytest.fixture
async def writer(store: Store) -> RetainingWriter:
    await store.writer.start()
    return store.writer

"""A registry that is edited: good changes are taken over, bad ones told, the last good one kept."""

import asyncio
import os
from pathlib import Path

import pytest

from telemetry.document import DocumentError
from telemetry.registry.models import Registry
from telemetry.registry.watch import RegistryWatch
from telemetry.watch import keep_looking

SITES = "sites: [{id: pier, timezone: Asia/Hong_Kong}]"
ONE = "id,site,kind,metrics\na,pier,x,online\n"
TWO = ONE + "b,pier,x,online\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "sites.yaml").write_text(SITES)
    (tmp_path / "devices.csv").write_text(ONE)
    return tmp_path


def test_nothing_changed_nothing_read(directory: Path) -> None:
    watch = RegistryWatch(directory)
    first = watch.current

    assert watch.poll() is None
    assert watch.current is first
    assert (watch.reloads, watch.failures, watch.problems) == (0, 0, ())


def test_a_change_is_taken_over(directory: Path) -> None:
    watch = RegistryWatch(directory)
    (directory / "devices.csv").write_text(TWO)

    registry = watch.poll()

    assert registry is watch.current
    assert list(watch.current.devices) == ["a", "b"]
    assert watch.reloads == 1
    assert watch.poll() is None


def test_a_device_that_was_removed_is_gone(directory: Path) -> None:
    (directory / "devices.csv").write_text(TWO)
    watch = RegistryWatch(directory)
    (directory / "devices.csv").write_text(ONE)

    watch.poll()

    assert list(watch.current.by_topic) == ["caretaker/v1/pier/a/readings"]


def test_files_come_and_go(directory: Path) -> None:
    watch = RegistryWatch(directory)
    (directory / "devices-2.csv").write_text("id,site,kind,metrics\nc,pier,x,online\n")
    watch.poll()
    assert list(watch.current.devices) == ["c", "a"]

    (directory / "devices-2.csv").unlink()
    watch.poll()
    assert list(watch.current.devices) == ["a"]


def test_the_same_size_at_another_time_is_a_change(directory: Path) -> None:
    watch = RegistryWatch(directory)
    path = directory / "devices.csv"
    before = path.stat()
    path.write_text(ONE.replace("a,", "z,"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))

    assert watch.poll() is not None
    assert list(watch.current.devices) == ["z"]


@pytest.mark.parametrize("broken", ["id,site\n", "id,site,kind,metrics\na,nowhere,x,online\n"])
def test_the_last_good_one_is_kept(directory: Path, broken: str) -> None:
    watch = RegistryWatch(directory)
    good = watch.current
    (directory / "devices.csv").write_text(broken)

    assert watch.poll() is None
    assert watch.current is good
    assert watch.problems[0].file == "devices.csv"
    assert (watch.reloads, watch.failures) == (0, 1)
    # It is not read again, and not counted again, until it changes.
    assert watch.poll() is None
    assert watch.failures == 1

    (directory / "devices.csv").write_text(TWO)
    assert watch.poll() is not None
    assert (watch.problems, watch.reloads) == ((), 1)


def test_a_directory_that_vanishes_keeps_the_last_good_one(directory: Path) -> None:
    watch = RegistryWatch(directory)
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()

    assert watch.poll() is None
    assert list(watch.current.devices) == ["a"]
    assert "no sites*.yaml" in str(watch.problems[0])


def test_without_a_good_one_it_does_not_begin(directory: Path) -> None:
    (directory / "sites.yaml").write_text("sites: [")

    with pytest.raises(DocumentError):
        RegistryWatch(directory)


async def test_it_runs_beside_the_service(directory: Path) -> None:
    changes: asyncio.Queue[Registry] = asyncio.Queue()
    watch = RegistryWatch(directory)
    running = asyncio.create_task(keep_looking([watch], lambda: changes.put_nowait(watch.current), 0.005))
    try:
        (directory / "devices.csv").write_text("id\n")
        async with asyncio.timeout(10):
            while not watch.problems:  # noqa: ASYNC110 - a failure is noted, not announced
                await asyncio.sleep(0.005)
            assert changes.empty()
            (directory / "devices.csv").write_text(TWO)
            registry = await changes.get()
            while "b" not in registry.devices:
                registry = await changes.get()
        assert watch.current is registry
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

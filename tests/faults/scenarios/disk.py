"""R6: a full disk and a disk with errors: nothing unsynced is acknowledged, and it recovers without a restart."""

import errno
import os
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ingestor.ballast import BALLAST_BYTES
from tests.components import wait_until
from tests.faults.load import Load, Numbers
from tests.faults.report import Figure, Figures
from tests.faults.rig import Rig, Setup, Stage

ENDLESS = 1_000_000
RATE_HZ = 3_000
FULL_SIZE, SHORT_SIZE = "24m", "12m"
"""8 MiB of it are the reserve."""
OTHERS_SIZE = "24m"
WRITES_FAIL_BEYOND_BYTES = 32 * 1024
"""Less than one transaction takes in the journal's log."""
HOLD_S = 2.0
FILL_EVERY_S = 0.01


def filled_by_load(stage: Stage) -> list[Figure]:
    """The store is away until the disk is full."""
    figures = Figures()
    with tiny_disk(stage, FULL_SIZE if stage.full else SHORT_SIZE) as disk:
        setup = Setup(data=disk / "data")
        with Rig(stage, setup) as rig, rig.load(Numbers(ENDLESS), RATE_HZ) as load:
            rig.to_store.refuse()
            _hold(rig, figures, "journal: the disk is full", stage)
            rig.to_store.heal()
            _recover(rig, load, figures)
    return figures.all


def filled_by_others(stage: Stage) -> list[Figure]:
    """The store is there, but another program takes all room that there is, the given back reserve too."""
    figures = Figures()
    with tiny_disk(stage, OTHERS_SIZE) as disk:
        setup = Setup(data=disk / "data")
        with Rig(stage, setup) as rig, rig.load(Numbers(ENDLESS), RATE_HZ) as load:
            wait_until(lambda: rig.wire.acknowledged > 0, "readings arrive")
            filler, reserve = disk / "filler", disk / "data/journal/journal.ballast"
            with filling(filler):
                # Whoever is quicker has what is given back; the journal takes it again as long as it is there.
                wait_until(
                    lambda: not reserve.exists() and shutil.disk_usage(disk).free < BALLAST_BYTES,
                    "the reserve is given back, and taken by the other program",
                )
                _hold(rig, figures, "journal: the disk is full", stage)
            filler.unlink()
            _recover(rig, load, figures)
    return figures.all


def errors(stage: Stage) -> list[Figure]:
    """The kernel refuses every write of the process beyond some bytes of a file: SQLite sees an I/O error."""
    figures = Figures()
    with Rig(stage) as rig, rig.load(Numbers(ENDLESS), RATE_HZ) as load:
        wait_until(lambda: rig.wire.acknowledged > 0, "readings arrive")
        before = resource.prlimit(rig.ingestor.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(rig.ingestor.pid, resource.RLIMIT_FSIZE, (WRITES_FAIL_BEYOND_BYTES, before[1]))
        _hold(rig, figures, "journal: the disk gives errors", stage)
        resource.prlimit(rig.ingestor.pid, resource.RLIMIT_FSIZE, before)
        _recover(rig, load, figures)
    return figures.all


def _hold(rig: Rig, figures: Figures, reason: str, stage: Stage) -> None:
    """Wait for the trouble; what is acknowledged until its end must be in the file."""
    wait_until(lambda: reason in rig.ingestor.ready()[1], f"not ready, {reason}", 120)
    stage.say(f"{reason}, after {rig.wire.acknowledged:,} readings")
    time.sleep(HOLD_S)
    acknowledged = rig.wire.acknowledged
    durable = rig.check_account()["received"]
    figures.at_least("R6", "durable for each acknowledged reading", durable - acknowledged, 0, "more")
    figures.says("R6", "reason at /health/ready", rig.ingestor.reason(reason), reason)
    figures.at_least("R6", "messages held unacknowledged", rig.wire.in_flight, 1)


def _recover(rig: Rig, load: Load, figures: Figures) -> None:
    pid, acknowledged = rig.ingestor.pid, rig.wire.acknowledged
    rig.ingestor.wait_ready(60)
    wait_until(lambda: rig.wire.acknowledged > acknowledged, "acknowledgements go on")
    load.halt()
    rig.quiet(120)
    rig.judge(load, figures, "R6")
    figures.exactly("R6", "restarts", int(not rig.ingestor.running) + int(rig.ingestor.pid != pid), 0)


@contextmanager
def tiny_disk(stage: Stage, size: str) -> Iterator[Path]:
    """A tmpfs; where we may not mount one, the scenario is skipped."""
    place = stage.folder / f"disk{time.monotonic_ns()}"
    place.mkdir(parents=True)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"a full disk needs a small tmpfs, and mounting needs root: {mount.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=False)


@contextmanager
def filling(path: Path) -> Iterator[None]:
    """Take all room that there is on its disk, and all that comes."""
    enough = threading.Event()

    def go_on() -> None:
        while not enough.is_set():
            fill(path)
            enough.wait(FILL_EVERY_S)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def fill(path: Path) -> None:
    """Take all room that there is on its disk."""
    with path.open("ab", buffering=0) as file:
        for chunk in (1024 * 1024, 64 * 1024, 4_096):
            with suppress(OSError) as _:
                while True:
                    _write(file.fileno(), chunk)


def _write(descriptor: int, size: int) -> None:
    if os.write(descriptor, bytes(size)) < size:
        raise OSError(errno.ENOSPC, "full")

"""The machine: its clock and its disk."""

import asyncio
import zoneinfo
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

from deploy.doctor.asked import AwayError, ask
from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, warning, wrong
from deploy.doctor.place import Ground, Part
from ingestor.ballast import BALLAST_BYTES
from telemetry.reading import NS_PER_S
from telemetry.stores.settings import InfluxSettings

DRIFT_MOST_S = 5.0
MIB = 1024 * 1024
INODES_FEWEST = 1_000
OVER_THE_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "fuse.glusterfs"}
)
"""File systems on which SQLite's locks do not hold, or not always."""


async def clock(ground: Ground) -> Sequence[Remark]:
    """Whether this machine's clock agrees with the clocks of the other parts, and follows one itself."""
    asked = await asyncio.gather(*(_drift(ground, name, url) for name, url in _dated(ground)))
    return [*asked, _discipline(ground), _zones(ground)]


def _dated(ground: Ground) -> Iterator[tuple[str, str]]:
    """What tells its time with each answer."""
    store = ground.ingestor.store
    if isinstance(store, InfluxSettings):
        yield "InfluxDB", f"{store.url}/ping"
    if Part.API in ground.urls:
        yield "the API", f"{ground.urls[Part.API]}/api/v1/health/live"
    if Part.GRAFANA in ground.urls:
        yield "Grafana", f"{ground.urls[Part.GRAFANA]}/api/health"


async def _drift(ground: Ground, name: str, url: str) -> Remark:
    try:
        answer = await ask(url, ca=ground.ca)
        there_s = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except AwayError as error:
        return cannot_tell(url, f"{name} does not tell its time: {error}")
    except (KeyError, ValueError):
        return left_out(url, f"{name} does not tell its time")
    # The header counts whole seconds, rounded down, and was written about half-way through.
    drift_s = ground.machine.now_ns() / NS_PER_S - answer.took_s / 2 - (there_s + 0.5)
    if abs(drift_s) <= DRIFT_MOST_S:
        return sound(url, f"this clock and {name}'s agree within {DRIFT_MOST_S:g} s")
    order = "ahead of" if drift_s > 0 else "behind"
    return wrong(
        url,
        f"this machine's clock is {abs(drift_s):.0f} s {order} {name}'s: readings look late, or are refused as too new",
        "let both follow a time server: `timedatectl set-ntp true`, and see `timedatectl timesync-status`",
    )


def _discipline(ground: Ground) -> Remark:
    found = ground.machine.clock_disciplined()
    if found is None:
        return left_out("kernel", "it does not tell whether its clock follows a time server")
    if found:
        return sound("kernel", "its clock follows a time server")
    return warning(
        "kernel",
        "its clock follows no time server, and will drift",
        "`timedatectl set-ntp true`; in a container or a virtual machine, on its host",
    )


def _zones(ground: Ground) -> Remark:
    known = zoneinfo.available_timezones()
    wanted = {site.timezone.key for site in ground.registry.sites.values()}
    if missing := sorted(wanted - known):
        return wrong(
            "time zones", f"the database has no {missing[0]}", "install the package tzdata: `apt install tzdata`"
        )
    return sound("time zones", f"{len(wanted)} in use, all known")


async def disk(ground: Ground) -> Sequence[Remark]:
    """Whether what must not be lost lies on a local disk with room for an outage of the store."""
    journal = ground.ingestor.journal.path
    assert journal is not None, "load_settings fills it in"
    if not journal.parent.is_dir():
        return [
            wrong(
                str(journal.parent),
                "there is no such folder: the ingestor has never run with this data folder",
                "give --data DIR as the ingestor has it, or start it",
            )
        ]
    return [
        await asyncio.to_thread(_room, ground, journal),
        _local(ground, journal.parent),
        _reserve(journal.with_suffix(".ballast")),
    ]


def _room(ground: Ground, journal: Path) -> Remark:
    found = ground.machine.room(journal.parent)
    held = sum(file.stat().st_size for file in journal.parent.glob(f"{journal.name}*"))
    wanted = max(0, ground.ingestor.journal.cap_mb * MIB - held)
    where = str(journal.parent)
    if found.free_inodes is not None and found.free_inodes < INODES_FEWEST:
        return wrong(where, f"{found.free_inodes} files more and the file system is full", "remove what is not needed")
    if found.free_bytes < wanted:
        return wrong(
            where,
            f"{found.free_bytes / MIB:,.0f} MiB are free, and the journal may grow by {wanted / MIB:,.0f} MiB "
            "while the store is away",
            f"make room, or lower `journal.cap_mb` (now {ground.ingestor.journal.cap_mb})",
        )
    return sound(where, f"{found.free_bytes / MIB:,.0f} MiB are free; the journal may need {wanted / MIB:,.0f}")


def _local(ground: Ground, folder: Path) -> Remark:
    kind = kind_of(folder.resolve(), ground.machine.mounts())
    if kind in OVER_THE_NETWORK:
        return wrong(
            str(folder),
            f"lies on {kind}, a file system of the network: SQLite's locks do not hold there",
            "put the data folder on a local disk",
        )
    return sound(str(folder), f"lies on a local file system ({kind})")


def kind_of(path: Path, mounts: str) -> str:
    """The type of the file system that holds a path, from the text of /proc/mounts; empty: not known."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:  # noqa: PLR2004 - device, place, type
            continue
        # The kernel writes spaces and the like as \040.
        place = fields[1].encode().decode("unicode_escape")
        if path.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind


def _reserve(file: Path) -> Remark:
    if file.exists() and file.stat().st_size == BALLAST_BYTES:
        return sound(str(file), f"the journal's reserve of {BALLAST_BYTES // MIB} MiB is there")
    return wrong(
        str(file),
        f"the journal's reserve of {BALLAST_BYTES // MIB} MiB is missing: on a full disk it could not drain",
        "make room on the disk: the ingestor puts it back by itself",
    )

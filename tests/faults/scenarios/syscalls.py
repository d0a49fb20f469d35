"""R17: synced before acknowledged, as the kernel sees it. `kill -9` is blind to it: what is only written survives."""

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto

import pytest

from tests.components import find_program, wait_until
from tests.faults.load import Client, Numbers
from tests.faults.report import Figure, Figures
from tests.faults.rig import Rig, Setup, Stage

CALLS = "read,recvfrom,recvmsg,readv,write,writev,sendto,sendmsg,fdatasync,fsync"
WRITES = ("write", "send")
UNFINISHED = "<unfinished ...>"
_LINE = re.compile(r"^(?P<pid>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>)?(?P<call>.*)$")


class Event(Enum):
    """What matters of a system call."""

    PUBLISH = auto()
    """Read from the broker."""
    SYNC = auto()
    """Of the journal's log, at its end."""
    PUBACK = auto()
    """Written to the broker."""


def run(stage: Stage) -> list[Figure]:
    """One reading after the other, each acknowledged before the next; the order of system calls is looked at."""
    strace = find_program("strace")
    if strace is None:
        pytest.skip("strace is not on this machine")
    readings = 50 if stage.full else 20
    trace = stage.folder / "trace.txt"
    stage.folder.mkdir(parents=True, exist_ok=True)
    # -D: the ingestor is our own child, and strace goes when it goes. -yy: what a descriptor stands for.
    before = [str(strace), "-D", "-f", "-qq", "-yy", "-s", "64", "-e", f"trace={CALLS}", "-o", str(trace)]
    figures = Figures()
    numbers = Numbers(readings)
    with Rig(stage, Setup(before=before)) as rig:
        with Client(rig.broker.port) as client:
            for number in range(readings):
                client.publish(number, numbers.topic(number), numbers.payload(number))
                _wait_for_ack(rig, number + 1)
        rig.quiet()
        rig.ingestor.stop()
        port = rig.to_broker.port
    events = list(_events(trace.read_text(errors="replace").splitlines(), port))
    figures.at_least("R17", "acknowledgements seen by the kernel", events.count(Event.PUBACK), readings)
    figures.exactly("R17", "acknowledgements without a sync before them", _too_early(events), 0)
    return figures.all


def _wait_for_ack(rig: Rig, count: int) -> None:
    wait_until(lambda: rig.wire.acknowledged >= count, f"reading {count} is acknowledged")


def _too_early(events: Iterable[Event]) -> int:
    """Acknowledgements that were written with a PUBLISH read and no sync since."""
    unsynced, count = False, 0
    for event in events:
        if event is Event.PUBLISH:
            unsynced = True
        elif event is Event.SYNC:
            unsynced = False
        else:
            count += unsynced
    return count


def _events(lines: Iterable[str], port: int) -> Iterator[Event]:
    broker = f"->127.0.0.1:{port}]>"
    for call in _calls(lines):
        event = _sync(call) if call.startswith("f") else _packet(call, broker)
        if event is not None:
            yield event


def _calls(lines: Iterable[str]) -> Iterator[str]:
    """Each call whole: a write where it begins, any other where it ends."""
    begun: dict[str, str] = {}
    for found in filter(None, map(_LINE.match, lines)):
        call = found["call"]
        if found["resumed"]:
            call = begun.pop(found["pid"], "") + call
            if call.startswith(WRITES):
                continue
        elif call.endswith(UNFINISHED):
            begun[found["pid"]] = call.removesuffix(UNFINISHED)
            if not call.startswith(WRITES):
                continue
        yield call


def _sync(call: str) -> Event | None:
    return Event.SYNC if "journal.db-wal" in call and call.rstrip().endswith("= 0") else None


def _packet(call: str, broker: str) -> Event | None:
    """By its first byte: 0x32 and 0x3a (a duplicate) are PUBLISH at QoS 1, 0x40 is PUBACK."""
    if broker not in call or '"' not in call:
        return None
    said = call.split('"', 1)[1]
    if call.startswith(WRITES):
        return Event.PUBACK if said.startswith("@\\2") else None
    return Event.PUBLISH if said.startswith(("2", ":")) else None

"""CPU and memory of a process, from the kernel (Linux)."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

LOOK_EVERY_S = 0.05
QUIET_S = 0.3
QUIET_CPU_S = 0.003
KIB_A_MIB = 1_024


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far, user and system, all its threads, ended ones too; to the nanosecond.

    The kernel's clock of that process: `clock_getcpuclockid(3)` makes its number so.
    """
    return time.clock_gettime((~pid << 3) | 2)


def main_thread_cpu_s(pid: int) -> float:
    """CPU seconds of a process's main thread so far."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def peak_mib(pid: int) -> float:
    """The most resident memory that a process has had, MiB, its start included."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / KIB_A_MIB


def connected(pid: int, port: int) -> bool:
    """Whether a process has a TCP connection to a port."""
    found = psutil.Process(pid).net_connections(kind="tcp")
    return any(one.raddr and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in found)


def wait_for(holds: Callable[[], bool], what: str, limit_s: float = 30.0) -> None:
    """Wait for a condition. Raises `TimeoutError` naming it."""
    end = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {limit_s:g} s")
        time.sleep(LOOK_EVERY_S)


def wait_quiet(pid: int, limit_s: float = 5.0) -> None:
    """Wait until a process does next to nothing: its start is over. Not quiet within the limit: go on."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        before = cpu_s(pid)
        time.sleep(QUIET_S)
        if cpu_s(pid) - before < QUIET_CPU_S:
            return

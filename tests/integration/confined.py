"""Runs a command as our containers and units do: `python -m tests.integration.confined DATA COMMAND…`.

A user without a name, on a read-only root in which only DATA can be written, with the system calls and without the
writable code that `10-hardened.conf` says, and without a way to more rights. Leaves with 77 where the machine lets
nobody make a namespace.
"""

import ctypes
import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HARDENED = Path(__file__).parents[2] / "deploy" / "systemd" / "caretaker-.service.d" / "10-hardened.conf"
NOT_HERE = 77
NOBODY = 10_001
"""As in the image."""
NEW_USER, NEW_MOUNTS = 0x1000_0000, 0x0002_0000
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x4_0000
SET_ATTRIBUTES = 442
"""mount_setattr has the same number everywhere, and libc no function."""
AT_CWD, AT_RECURSIVE, READ_ONLY = -100, 0x8000, 1
NO_NEW_PRIVILEGES, DENY_WRITE_EXECUTE = 38, 65
ALLOW, REFUSE = 0x7FFF_0000, 0x0005_0000 | errno.EPERM

libc = ctypes.CDLL(None, use_errno=True)


class Attributes(ctypes.Structure):
    """`struct mount_attr`."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user")]


def checked(result: int, what: str) -> None:
    """Raises `OSError` for what the kernel refuses."""
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def become_nobody() -> None:
    """In a namespace of our own: there we may mount, and nowhere else."""
    user, group = os.geteuid(), os.getegid()
    checked(libc.unshare(NEW_USER | NEW_MOUNTS), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def close_files(data: Path) -> None:
    """Everything is read-only but `data` and, as Docker and systemd have it, the memory that processes share."""
    checked(libc.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None), "private")
    kept = [os.fsencode(data), b"/dev/shm"]
    for path in kept:
        checked(libc.mount(path, path, None, BIND, None), "bind")
    set_attributes(b"/", AT_RECURSIVE, Attributes(READ_ONLY, 0, 0, 0))
    for path in kept:
        set_attributes(path, 0, Attributes(0, READ_ONLY, 0, 0))


def set_attributes(path: bytes, flags: int, wanted: Attributes) -> None:
    size = ctypes.sizeof(wanted)
    checked(libc.syscall(SET_ATTRIBUTES, AT_CWD, path, flags, ctypes.byref(wanted), size), "mount_setattr")


def system_calls() -> Iterator[str]:
    """The names of what the units may call."""
    lines = re.findall(r"^SystemCallFilter=(.*)$", HARDENED.read_text(encoding="utf-8"), re.MULTILINE)
    allowed: set[str] = set()
    for line in lines:
        groups = line.removeprefix("~").split()
        names = {name for group in groups for name in members(group)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    yield from sorted(allowed)


def members(group: str) -> Iterator[str]:
    """Of one of systemd's groups of system calls, with the groups in it."""
    command = ["systemd-analyze", "--no-pager", "syscall-filter", group]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    for word in (line.strip() for line in text.splitlines()[1:]):
        if word.startswith("@"):
            yield from members(word)
        elif word and not word.startswith("#"):
            yield word


def filter_system_calls(names: Iterator[str]) -> None:
    """From now on the others fail with EPERM."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(REFUSE)))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            library.seccomp_rule_add(rules, ctypes.c_uint32(ALLOW), number, 0)
    checked(library.seccomp_load(rules), "seccomp")


def main() -> None:
    data, command = Path(sys.argv[1]).resolve(), sys.argv[2:]
    calls = iter(list(system_calls()))
    try:
        become_nobody()
        close_files(data)
    except OSError as error:
        sys.stderr.write(f"no namespaces here: {error}\n")
        sys.exit(NOT_HERE)
    checked(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no new privileges")
    checked(libc.prctl(DENY_WRITE_EXECUTE, 1, 0, 0, 0), "memory")
    filter_system_calls(calls)
    os.chdir(data)
    # What containers and units give: no home but a place for what is thrown away.
    told = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("CARETAKER")}
    told |= {"HOME": str(data), "TMPDIR": str(data), "PYTHONDONTWRITEBYTECODE": "1"}
    os.execve(command[0], command, told)  # noqa: S606 - the command is the test's own


if __name__ == "__main__":
    main()

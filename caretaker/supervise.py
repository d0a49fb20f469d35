"""Run several programs as one: start them in order, bring back what dies, stop them in order.

Knows nothing of brokers and readings. Each child is a process with its own log file, in a session of its own, so that
Ctrl-C reaches the supervisor alone and the order of the stop is kept.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

DEATHS_ALLOWED = 4
"""Within `DEATHS_WINDOW_S`; the next one stops the whole."""
DEATHS_WINDOW_S = 60.0
BACKOFF_FIRST_S = 0.2
BACKOFF_CAP_S = 5.0
STOP_LIMIT_S = 10.0
"""Between SIGTERM and SIGKILL."""
READY_LIMIT_S = 30.0
READY_EVERY_S = 0.05
LOG_BYTES = 5 * 1024 * 1024
"""A log larger than this is put aside when its child is started for the first time."""
LAST_LINES = 15
PLAIN_OUTPUT = {"PYTHONUNBUFFERED": "1", "TYPER_STANDARD_TRACEBACK": "1"}
"""For a log file: at once, and without frames."""


class What(Enum):
    """What happened to a child."""

    STARTED = auto()
    KILLED = auto()
    """Because somebody asked for it."""
    DIED = auto()
    BACK = auto()
    """Started again, and ready."""
    DONE = auto()
    """Ended as it should."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a child."""

    child: str
    what: What
    time_ns: int
    exit_code: int | None = None
    """Negative: the signal that ended it."""
    away_s: float | None = None
    """How long it was not ready."""


class ChildFailedError(Exception):
    """A child that does not come up, or does not stay."""

    def __init__(self, child: str, why: str, last_lines: Sequence[str], log: Path) -> None:
        super().__init__(f"{child} {why}")
        self.last_lines = last_lines
        self.log = log


async def _at_once() -> bool:
    return True


@dataclass(frozen=True)
class Child:
    """One program and what it needs."""

    name: str
    command: Sequence[str]
    """Module and arguments, as after `python -m`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """On top of the supervisor's own."""
    ready: Callable[[], Awaitable[bool]] = _at_once
    ends: bool = False
    """Has an end: exit code 0 means that it is done."""
    commands: bool = False
    """Reads commands on stdin, a line each."""
    on_line: Callable[[str], None] | None = None
    """Takes its stdout line by line. None: stdout goes to the log."""


def backoff_s(deaths: int, chance: float) -> float:
    """Seconds to wait before the next start, after `deaths` within the window; `chance` in 0..1 is the jitter."""
    return min(BACKOFF_CAP_S, BACKOFF_FIRST_S * 2.0 ** (deaths - 1)) * (0.5 + chance)


class Running:
    """A child that is kept alive."""

    def __init__(self, child: Child, logs: Path, tell: Callable[[Event], None]) -> None:
        self.child = child
        self.log = logs / f"{child.name}.log"
        self._tell = tell
        self._process: Process | None = None
        self._asked_for = False
        self._stopping = False
        self._deaths: deque[float] = deque()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> asyncio.Task[None]:
        """Start it, wait until it is ready and keep it. The task ends when the child is done; fails when it fails."""
        _put_aside(self.log)
        await self._spawn()
        await self._until_ready()
        self._tell(Event(self.child.name, What.STARTED, time.time_ns()))
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.child.name}")
        return self._keeper

    def kill(self) -> bool:
        """`kill -9`, because somebody asked for it: does not count as a death. False where nothing runs."""
        if self.pid is None:
            return False
        self._asked_for = True
        os.kill(self.pid, signal.SIGKILL)
        return True

    async def send(self, line: str) -> bool:
        """Give it a command. False where it is not there to take it."""
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            return False
        process.stdin.write(f"{line}\n".encode())
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
            return True
        return False

    async def stop(self, limit_s: float = STOP_LIMIT_S) -> None:
        """SIGTERM, wait for at most `limit_s`, SIGKILL."""
        self._stopping = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        if self.pid is not None and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), limit_s)
            except TimeoutError:
                self.stop_now()
                await self._process.wait()

    def stop_now(self) -> None:
        """SIGKILL, and do not bring it back."""
        self._stopping = True
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "caretaker.leash", str(os.getpid()), *self.child.command),
                stdin=PIPE if self.child.commands else DEVNULL,
                stdout=log if self.child.on_line is None else PIPE,
                stderr=log,
                env={**os.environ, **self.child.environment, **PLAIN_OUTPUT},
                start_new_session=True,
            )

    async def _until_ready(self) -> None:
        limit = time.monotonic() + READY_LIMIT_S
        while not await self.child.ready():
            if self._process is not None and self._process.returncode is not None:
                if self.child.ends and self._process.returncode == 0:
                    return
                raise self._failed(f"ended while it was starting ({_ending(self._process.returncode)})")
            if time.monotonic() > limit:
                raise self._failed(f"was not ready within {READY_LIMIT_S:.0f} s")
            await asyncio.sleep(READY_EVERY_S)

    async def _keep(self) -> None:
        while True:
            code = await self._watch()
            if self._stopping:
                return
            died = time.monotonic()
            if self.child.ends and code == 0:
                self._tell(Event(self.child.name, What.DONE, time.time_ns(), code))
                return
            await self._mourn(code, died)
            await self._spawn()
            with contextlib.suppress(ChildFailedError):
                await self._until_ready()
                self._tell(Event(self.child.name, What.BACK, time.time_ns(), code, time.monotonic() - died))

    async def _watch(self) -> int:
        process = self._process
        if process is None:
            raise RuntimeError("nothing was started")
        if process.stdout is not None and self.child.on_line is not None:
            async for line in process.stdout:
                self.child.on_line(line.decode(errors="replace").rstrip("\n"))
        return await process.wait()

    async def _mourn(self, code: int, now: float) -> None:
        if self._asked_for:
            self._asked_for = False
            self._tell(Event(self.child.name, What.KILLED, time.time_ns(), code))
            return
        self._deaths.append(now)
        while self._deaths and self._deaths[0] < now - DEATHS_WINDOW_S:
            self._deaths.popleft()
        self._tell(Event(self.child.name, What.DIED, time.time_ns(), code))
        if len(self._deaths) > DEATHS_ALLOWED:
            raise self._failed(f"died {len(self._deaths)} times within {DEATHS_WINDOW_S:.0f} s ({_ending(code)})")
        await asyncio.sleep(backoff_s(len(self._deaths), random.random()))  # noqa: S311 - jitter

    def _failed(self, why: str) -> ChildFailedError:
        return ChildFailedError(self.child.name, why, _last_lines(self.log), self.log)


class Supervisor:
    """Several children, one life. Started in the order in which they are given."""

    def __init__(self, logs: Path, tell: Callable[[Event], None]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._tell = tell
        self._running: dict[str, Running] = {}
        self._keepers: set[asyncio.Task[None]] = set()

    async def start(self, child: Child) -> Running:
        """Start one and wait until it is ready. Raises `ChildFailedError`."""
        running = Running(child, self._logs, self._tell)
        self._running[child.name] = running
        self._keepers.add(await running.start())
        return running

    @property
    def names(self) -> Sequence[str]:
        """Of the children, in the order of their start."""
        return list(self._running)

    def __getitem__(self, name: str) -> Running:
        return self._running[name]

    def __contains__(self, name: str) -> bool:
        return name in self._running

    async def failure(self) -> ChildFailedError:
        """Wait until one of the children fails for good."""
        while True:
            if not self._keepers:
                await asyncio.Event().wait()
            done, self._keepers = await asyncio.wait(self._keepers, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not task.cancelled() and isinstance(error := task.exception(), ChildFailedError):
                    return error
                task.result()

    async def stop(self, names: Sequence[str], limit_s: float = STOP_LIMIT_S) -> None:
        """Stop these together."""
        await asyncio.gather(*(self._running[name].stop(limit_s) for name in names if name in self._running))

    def stop_now(self) -> None:
        """Stop all of them, at once."""
        for running in self._running.values():
            running.stop_now()


def _put_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _last_lines(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        return file.read().decode(errors="replace").splitlines()[-LAST_LINES:]


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

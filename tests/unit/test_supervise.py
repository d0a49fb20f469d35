"""The supervisor with small programs of its own."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from caretaker import supervise
from caretaker.supervise import Child, ChildFailedError, Event, Supervisor, What, backoff_s

LIMIT_S = 10.0


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not true():  # noqa: ASYNC110 - what other processes do sets no event
            await asyncio.sleep(0.01)


class Stage:
    """A supervisor, what it told, and a place for programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.supervisor = Supervisor(folder / "logs", self.events.append)

    def program(self, name: str, source: str) -> list[str]:
        """As after `python -m`."""
        (self.folder / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        return [name]

    def told(self, what: What) -> list[Event]:
        return [event for event in self.events if event.what is what]


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}")
    monkeypatch.setattr(supervise, "BACKOFF_FIRST_S", 0.01)
    stage = Stage(tmp_path)
    yield stage
    stage.supervisor.stop_now()
    await stage.supervisor.stop(list(stage.supervisor.names))


SLEEPER = "import time; print('here', flush=True); time.sleep(60)"


@pytest.mark.parametrize(("deaths", "low", "high"), [(1, 0.1, 0.3), (2, 0.2, 0.6), (3, 0.4, 1.2), (30, 2.5, 7.5)])
def test_the_wait_doubles_up_to_a_cap_and_is_jittered(deaths: int, low: float, high: float) -> None:
    assert backoff_s(deaths, 0.0) == pytest.approx(low)
    assert backoff_s(deaths, 1.0) == pytest.approx(high)


async def test_a_child_that_is_killed_on_purpose_comes_back_and_says_how_long_it_was_away(stage: Stage) -> None:
    running = await stage.supervisor.start(Child("sleeper", stage.program("sleeper", SLEEPER)))
    first = running.pid
    assert running.kill()
    await until(lambda: bool(stage.told(What.BACK)))
    assert running.pid not in {first, None}
    assert [event.what for event in stage.events] == [What.STARTED, What.KILLED, What.BACK]
    assert stage.events[1].exit_code == -signal.SIGKILL
    assert 0 < (stage.events[2].away_s or 0) < LIMIT_S


async def test_kills_on_purpose_never_count_as_deaths(stage: Stage) -> None:
    running = await stage.supervisor.start(Child("sleeper", stage.program("sleeper", SLEEPER)))
    for times in range(1, 8):
        assert running.kill()
        await until(lambda times=times: len(stage.told(What.BACK)) == times)  # type: ignore[misc] # a bound default
    assert not stage.told(What.DIED)


async def test_a_child_that_dies_five_times_fails_the_whole_with_its_last_words(stage: Stage) -> None:
    source = "import sys; print('the reason', file=sys.stderr); sys.exit(7)"
    await stage.supervisor.start(Child("broken", stage.program("broken", source)))
    failure = await asyncio.wait_for(stage.supervisor.failure(), LIMIT_S)
    assert "broken died 5 times within 60 s (exit code 7)" in str(failure)
    assert failure.last_lines[-1] == "the reason"
    assert len(stage.told(What.DIED)) == 5


async def test_a_child_that_never_comes_up_says_so_at_once(stage: Stage) -> None:
    async def never() -> bool:
        return False

    source = "raise SystemExit('no such file')"
    with pytest.raises(ChildFailedError, match="ended while it was starting") as failed:
        await stage.supervisor.start(Child("broken", stage.program("broken", source), ready=never))
    assert failed.value.last_lines == ["no such file"]


async def test_the_next_child_waits_until_the_one_before_is_ready(stage: Stage) -> None:
    flag = stage.folder / "flag"

    async def ready() -> bool:
        return flag.exists()

    source = f"import pathlib, time; time.sleep(0.2); pathlib.Path({str(flag)!r}).touch(); time.sleep(60)"
    await stage.supervisor.start(Child("slow", stage.program("slow", source), ready=ready))
    assert flag.exists()


async def test_a_child_with_an_end_is_done_and_not_started_again(stage: Stage) -> None:
    lines: list[str] = []
    child = Child("fill", stage.program("fill", "print('one'); print('two')"), ends=True, on_line=lines.append)
    await stage.supervisor.start(child)
    await until(lambda: bool(stage.told(What.DONE)))
    assert lines == ["one", "two"]
    assert not stage.told(What.DIED)


async def test_commands_reach_stdin(stage: Stage) -> None:
    source = "import sys\nfor line in sys.stdin: print('got', line.strip(), flush=True)"
    running = await stage.supervisor.start(Child("reader", stage.program("reader", source), commands=True))
    assert await running.send("leak")
    await until(lambda: "got leak" in running.log.read_text())


async def test_stop_asks_first_and_kills_what_does_not_listen(stage: Stage) -> None:
    polite = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("bye", flush=True), sys.exit(0)))
        print("here", flush=True)
        time.sleep(60)
    """
    deaf = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("here", flush=True)
        time.sleep(60)
    """
    first = await stage.supervisor.start(Child("polite", stage.program("polite", polite)))
    second = await stage.supervisor.start(Child("deaf", stage.program("deaf", deaf)))
    await until(lambda: "here" in first.log.read_text() and "here" in second.log.read_text())
    await stage.supervisor.stop(["polite", "deaf"], limit_s=2.0)
    assert "bye" in first.log.read_text()
    assert first.pid is None
    assert second.pid is None
    assert not stage.told(What.DIED)


async def test_a_large_log_is_put_aside_at_the_start(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "LOG_BYTES", 10)
    log = stage.folder / "logs" / "sleeper.log"
    log.write_text("words of an earlier run\n")
    running = await stage.supervisor.start(Child("sleeper", stage.program("sleeper", SLEEPER)))
    await until(lambda: "here" in running.log.read_text())
    assert running.log.read_text() == "here\n"
    assert log.with_suffix(".log.1").read_text() == "words of an earlier run\n"


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A supervisor in a process of its own, which starts one child and waits."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
            import asyncio, pathlib
            from caretaker.supervise import Child, Supervisor
            async def main():
                supervisor = Supervisor(pathlib.Path({str(tmp_path)!r}), print)
                running = await supervisor.start(Child("sleeper", ["sleeper"]))
                pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(running.pid))
                await asyncio.sleep(60)
            asyncio.run(main())
        """)
    )
    return script


async def test_children_end_with_a_parent_that_is_killed(parent: Path, tmp_path: Path) -> None:
    path = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
    process = await asyncio.create_subprocess_exec(sys.executable, str(parent), env=path)
    log, written = tmp_path / "sleeper.log", tmp_path / "pid"
    await until(lambda: written.exists() and log.exists() and "here" in log.read_text())
    child = psutil.Process(int(written.read_text()))
    process.kill()
    await process.wait()
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)

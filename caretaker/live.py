"""From start to stop: run a system, show it, end it when somebody or something says so."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from caretaker.output import Exit, note, report, say
from caretaker.screen.app import LiveView
from caretaker.screen.observe import Observer
from caretaker.screen.story import UNDECIDED
from caretaker.screen.view import View
from caretaker.screen.words import count
from caretaker.supervise import ChildFailedError
from caretaker.system import System, SystemPlan

LINE_EVERY_S = 5.0
VIEW_EVERY_S = 0.1


@dataclass(frozen=True)
class Wish:
    """How it is shown, and for how long."""

    view: bool
    """The live view; otherwise a line every 5 s."""
    for_s: float | None
    """Stop by itself after so long; None: when somebody says so."""


class Log:
    """What the live view says, for a log: each event once, those of alerts too."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, view: View) -> None:
        """What is new."""
        for story in reversed(view.stories):
            if story not in self._told and not story.endswith(UNDECIDED):
                say(story)
        for event in view.alerts.events:
            if event not in self._told:
                say(event)
        self._told = {*view.stories, *view.alerts.events}
        sys.stdout.flush()


async def run(plan: SystemPlan, observer: Observer, wish: Wish, name: str) -> int:
    """Start, watch until somebody or something ends it, stop. The exit code."""
    system, log = System(plan, observer, note), Log()
    stop = _stop_on_signals(system)
    failure: ChildFailedError | None = None
    try:
        failure = await _until_over(system, observer, wish, stop, name, log)
    finally:
        nothing_waits = await system.stop()
        verdict = await observer.last_look(nothing_waits=nothing_waits)
        if not wish.view:
            log.tell(observer.view())
        await observer.close()
    if failure is not None:
        report("\n".join([f"{failure}", *(f"  | {line}" for line in failure.last_lines)]), f"see {failure.log}")
        return Exit.PROBLEM
    say(
        f"stopped: {count(verdict.stored)} acknowledged readings found in the store, "
        f"{count(verdict.on_the_way)} wait for the next start, missing: {count(verdict.missing)}"
    )
    if verdict.missing and verdict.example is not None:
        lost = verdict.example
        when = datetime.fromtimestamp(lost.time_ns / 1e9, UTC).isoformat(timespec="milliseconds")
        report(f"{verdict.missing} acknowledged readings are missing, the first of {lost.device} at {when}")
    return Exit.PROBLEM if verdict.missing else Exit.OK


def _stop_on_signals(system: System) -> asyncio.Event:
    """Set by the first signal; the second kills all children at once."""
    stop = asyncio.Event()

    def signalled() -> None:
        if stop.is_set():
            system.stop_now()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, signalled)
    return stop


async def _until_over(
    system: System, observer: Observer, wish: Wish, stop: asyncio.Event, name: str, log: Log
) -> ChildFailedError | None:
    stopped = asyncio.create_task(stop.wait(), name="signal")
    starting = asyncio.create_task(system.start(), name="start")
    await asyncio.wait({stopped, starting}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        return None
    if isinstance(error := starting.exception(), ChildFailedError):
        stopped.cancel()
        return error
    starting.result()
    failed = asyncio.create_task(system.failure(), name="failure")
    watching = asyncio.create_task(system.observe(), name="observe")
    tasks: set[asyncio.Task[object]] = {stopped, failed, watching}
    if wish.for_s is not None:
        tasks.add(asyncio.create_task(asyncio.sleep(wish.for_s), name="time limit"))
    app = LiveView(views(observer), system, name) if wish.view else None
    shown = asyncio.create_task(_lines(observer, log) if app is None else app.run_async(), name="view")
    tasks.add(shown)
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if app is not None and not shown.done():
        # Leaves the terminal as it was.
        app.exit()
        await shown
    over = {task for task in tasks if task.done() and task is not failed}
    for task in tasks - over:
        task.cancel()
    await asyncio.wait(tasks)
    for task in over:
        task.result()
    return failed.result() if not failed.cancelled() else None


async def views(observer: Observer) -> AsyncIterator[View]:
    """What the live view shows: after each look, and at once when something happens."""
    shown = None
    while True:
        now = (observer.looks, observer.stories.sentences())
        if now != shown:
            yield observer.view()
            shown = now
        await asyncio.sleep(VIEW_EVERY_S)


async def _lines(observer: Observer, log: Log) -> None:
    """A line every 5 s, after what has happened."""
    while True:
        await asyncio.sleep(LINE_EVERY_S)
        view = observer.view()
        log.tell(view)
        say(line(view))
        sys.stdout.flush()


def line(view: View) -> str:
    """A view in one line."""
    account, verdict = view.account, view.verdict
    equation = (
        f"ingestor {view.ingestor}"
        if account is None
        else f"received {account.received} = written {account.written} + quarantined {account.quarantined} "
        f"+ ignored {account.ignored} + journal {account.journal}"
    )
    alerts = f" | alerts: {view.alerts.active} active, {view.alerts.outbox} in the outbox"
    fill = "" if view.fill is None else f" | {view.fill[1]}"
    return (
        f"{view.clock} {equation} | published {view.published}, acknowledged {view.acknowledged}, "
        f"found in the store {verdict.stored}, on the way {verdict.on_the_way}, missing: {verdict.missing}"
        f"{alerts}{fill}"
    )

"""The incident that `caretaker up` plays by itself, once, so that one alert is seen from its raise to its end.

Somebody calls for help in a toilet block. The alert is raised and delivered as any other. An attendant who is simulated
too, and is called that, acknowledges it where nobody at the screen does so first, and later says that all is well.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from alerts.rules.rule import Rule
from caretaker.screen.observe import Observer
from caretaker.screen.view import AlertLine
from caretaker.simulated import simulated_part
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Registry

AT_S = 20.0
"""Since the start; by then all devices have spoken."""
PATIENCE_S = 12.0
"""How long a person at the screen has to be first."""
BUSY_S = 15.0
"""How long the attendant is there."""
LIMIT_S = 180.0
LOOK_EVERY_S = 0.5
INCIDENT, METRIC = "help", "assistance"
ATTENDANT = "simulated attendant"
ON_MY_WAY, ALL_WELL = "On my way. (Played by caretaker up.)", "All is well. (Played by caretaker up.)"


def can_rehearse(registry: Registry, rules: Iterable[Rule]) -> bool:
    """Whether somebody could call for help, and a rule would notice."""
    simulated = simulated_part(registry).devices.values()
    return any(METRIC in device.metrics for device in simulated) and any(METRIC in rule.metrics for rule in rules)


async def rehearse(play: Callable[[str], Awaitable[bool]], observer: Observer, began_s: float) -> None:
    """Wait for the moment, `AT_S` after `began_s` of the monotonic clock; play the incident, then the attendant.

    `play` gives the simulators a command, and says whether they were there to take it.
    """
    await asyncio.sleep(began_s + AT_S - time.monotonic())
    since_ns = time.time_ns()
    if not await play(INCIDENT):
        return
    observer.stories.begin(since_ns, INCIDENT, "a call for help is played, its attendant too: watch the alerts")
    seen, seen_s, asked = "", time.monotonic(), False
    while time.time_ns() < since_ns + LIMIT_S * NS_PER_S:
        await asyncio.sleep(LOOK_EVERY_S)
        alert = _played(observer, since_ns)
        if alert is None:
            continue
        if alert.reached.word != seen:
            seen, seen_s = alert.reached.word, time.monotonic()
        waited_s = time.monotonic() - seen_s
        if seen == "delivered" and waited_s > PATIENCE_S and not asked:
            asked = True  # what comes of it is seen a look later
            await observer.acknowledge(alert.id, ATTENDANT, ON_MY_WAY)
        elif seen == "acknowledged" and waited_s > BUSY_S:
            await observer.resolve(alert.id, ATTENDANT, ALL_WELL)
            return


def _played(observer: Observer, since_ns: int) -> AlertLine | None:
    """The alert that the incident has raised, while it is active."""
    found = observer.view().alerts.lines
    return next((one for one in found if METRIC in one.metrics and one.raised_ns >= since_ns - NS_PER_S), None)

"""R12: the alert service is killed at every point at which it could be half done, and goes on as if it had not been."""

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from alerts.desk import Desk
from telemetry.reading import NS_PER_S
from tests.components import wait_until
from tests.faults.alert_rig import AlertRig, AlertSetup, message_of
from tests.faults.city import City, load
from tests.faults.kill_points import ENVIRONMENT, KILL_POINTS
from tests.faults.load import Client
from tests.faults.people import webhooks, write_people
from tests.faults.report import Figure, Figures
from tests.faults.rig import Stage
from tests.faults.story import Beat, Event, Said, Story, Transcript, expected, tracks
from tests.faults.transcripts import compare
from tests.integration.http_receiver import HttpReceiver
from tests.integration.listener import Listener

SEED = 12
DEVICES = 20
HOUR_NS = 3_600 * NS_PER_S
PENDING_S = {"sulphide": 7, "imbalance": 4}
"""Rules with a `for`, s."""
NEEDS_NO_VALUE = ("silent", "down", "help", "imbalance")
"""Rules whose alerts may end without a value of their own: the last by its guard. Of the others an end shows one."""
DOWN_S = (2, 3, 12)
"""Seconds of the story that pass while the service is down; the last is a gap of the alert clock."""
ALL = tuple(KILL_POINTS)
SHORT = (
    "states written, alerts not",
    "transitions written, not committed",
    "committed, not acknowledged",
    "deliveries written, plan not committed",
    "sent, not settled",
)
OF_MUTANTS = {
    "acknowledged-before-committed": ("judged, nothing written",) * 3,
    "state-saved-after-dispatch": ("committed, not acknowledged",) * 3,
}


@dataclass(frozen=True, slots=True)
class Kill:
    """One end of the service."""

    point: str
    clock_ns: int
    """The alert clock as it was committed by then."""
    code: int


def run(stage: Stage) -> list[Figure]:
    """A story is told second by second; whoever is dead is started again, to die at the next point."""
    points = OF_MUTANTS[stage.mutant] if stage.mutant else ALL * 2 if stage.full else SHORT
    city = City.of(DEVICES)
    story = Story(tracks(city, 40 + 16 * len(points), random.Random(SEED)), city.start_ns)
    figures = Figures()
    with ExitStack() as stack:
        receiver = stack.enter_context(HttpReceiver())

        def write(folder: Path) -> None:
            city.write(folder)
            write_people(folder, {"operator": [receiver.url("/hook")]})

        setup = AlertSetup(
            write, settings={"alerts": webhooks()}, given_clock=True, launcher="tests.faults.kill_launcher"
        )
        rig = stack.enter_context(AlertRig(stage, setup))
        listener = Listener(rig.broker.port, "caretaker/v1/+/+/alerts")
        stack.callback(listener.close)
        teller = _Teller(rig, city, story, stack.enter_context(rig.client()))
        rig.alerts.stop()
        kills = [_kill(rig, teller, point, number) for number, point in enumerate(points)]
        rig.start()
        teller.tell_all()
        registry, rules = load(rig.config)
        rig.quiet(teller.clock_ns)
        rig.all_delivered()
        found = rig.transcript()
        compare(expected(registry, rules, teller.told), found).write(figures, "R12", 50 * (1 + len(points)) // 2)
        _count_kills(figures, kills, points)
        silences = rig.alerts.rows("select count(*) from silences")[0][0]
        figures.exactly("R12", "silences put in before a kill, and kept once", silences, len(points))
        figures.at_least("R12", "raised after a `for` that a kill interrupted", _over_a_kill(found, kills), 1)
        figures.exactly("R12", "resolved without a reading that shows it", _unfounded(found), 0)
        _announced(figures, rig, listener)
        _received(figures, rig, receiver)
    return figures.all


class _Teller:
    """Publishes a story, as much of it as is wanted, and remembers what it has published."""

    def __init__(self, rig: AlertRig, city: City, story: Story, client: Client) -> None:
        self._rig = rig
        self._city = city
        self._events = story.clean()
        self._client = client
        self._next: Event | None = next(self._events)
        self.told: list[Event] = []
        self.clock_ns = 0

    def tell_second(self) -> None:
        """Up to the next beat, that included. Waits until it is judged, or until nobody is there to judge."""
        self._tell_readings()
        assert self._next is not None, "the story is too short"
        self._tell(self._next)
        rig = self._rig
        wait_until(lambda: rig.alerts.clock_ns() >= self.clock_ns or not rig.alerts.running, "a beat is judged")

    def tell_unheard(self, seconds: int) -> None:
        """What the devices say while the service is down: no beats, for those are its own."""
        for _ in range(seconds):
            self._tell_readings()
            self._next = next(self._events)
        self._tell_readings()

    def tell_all(self) -> None:
        """The rest."""
        while self._next is not None:
            self._tell(self._next)
        self._client.settle()

    def _tell_readings(self) -> None:
        while isinstance(self._next, Said):
            self._tell(self._next)

    def _tell(self, event: Event) -> None:
        if isinstance(event, Beat):
            self.clock_ns = event.time_ns
        self._client.publish(len(self.told), *message_of(event, self._city.site))
        self.told.append(event)
        self._next = next(self._events, None)


def _kill(rig: AlertRig, teller: _Teller, point: str, number: int) -> Kill:
    """Start it with its end before it, and tell on until that comes."""
    count = 1 + number % 3
    now_ns = time.time_ns()
    with Desk(rig.alerts.database) as desk:
        desk.silence({"device": f"k0-{number:04}"}, now_ns, now_ns + HOUR_NS, "operator", "a wish before the end")
    rig.alerts.start({ENVIRONMENT: f"{point}:{count}"})
    rig.stage.say(f"kill {number + 1}: {point}, the {count}. time")
    wait_until(lambda: rig.alerts.ready()[0] or not rig.alerts.running, "it judges, or is dead already")
    while rig.alerts.running:
        teller.tell_second()
    killed = Kill(point, rig.alerts.clock_ns(), rig.alerts.wait(1))
    teller.tell_unheard(DOWN_S[number % len(DOWN_S)])
    return killed


def _count_kills(figures: Figures, kills: Sequence[Kill], points: Sequence[str]) -> None:
    killed = [kill.point for kill in kills if kill.code == -signal.SIGKILL]
    figures.exactly("R12", "kills", len(killed), len(points))
    figures.exactly("R12", "points at which it was killed", len(set(killed)), len(set(points)))


def _over_a_kill(found: Transcript, kills: Sequence[Kill]) -> int:
    """Alerts whose condition held before a kill, and long enough only after it."""
    return sum(
        any(at_ns - PENDING_S[name] * NS_PER_S < kill.clock_ns < at_ns for kill in kills)
        for (rule, _), rows in found.items()
        if (name := rule.split("-")[0]) in PENDING_S
        for _, change, _, at_ns, *_ in rows
        if change == "raised" and isinstance(at_ns, int)
    )


def _unfounded(found: Transcript) -> int:
    """Ends that no value shows: missing data must never be the reason."""
    return sum(
        change == "resolved" and ending == "cleared" and value is None
        for (rule, _), rows in found.items()
        if not rule.startswith(NEEDS_NO_VALUE)
        for _, change, _, _, value, ending in rows
    )


def _announced(figures: Figures, rig: AlertRig, listener: Listener) -> None:
    """Each transition appears on MQTT, under its number."""
    heard = Counter(json.loads(payload)["seq"] for _, payload, _ in listener.messages)
    numbers = {number for (number,) in rig.alerts.rows("select number from transitions")}
    figures.exactly("R12", "transitions not announced on MQTT", len(numbers - heard.keys()), 0)
    figures.exactly("R12", "announced, but not in the database", len(heard.keys() - numbers), 0)


def _received(figures: Figures, rig: AlertRig, receiver: HttpReceiver) -> None:
    planned = {planned for (planned,) in rig.alerts.rows("select id from deliveries where channel = 'webhook'")}
    received = Counter(receiver.ids("/hook"))
    figures.at_least("R12", "messages to people", len(planned), 10)
    figures.exactly("R12", "never received", len(planned - received.keys()), 0)
    figures.exactly("R12", "received under an id that was never planned", len(received.keys() - planned), 0)
    if rig.stage.mutant is None:
        again = sum(count > 1 for count in received.values())
        figures.at_least("R12", "received again after a kill, under the same id", again, 1)

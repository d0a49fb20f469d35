"""R9: a city's messages, shuffled and doubled on the wire, raise the alerts of the clean stream and no others."""

import random
import time
from dataclasses import dataclass

from tests.faults.alert_rig import AlertRig, AlertSetup, message_of
from tests.faults.city import City, load
from tests.faults.report import Figure, Figures
from tests.faults.rig import Stage
from tests.faults.story import Beat, Event, Story, expected, tracks
from tests.faults.transcripts import compare, until

SEED = 9


@dataclass(frozen=True, slots=True)
class Size:
    devices: int
    duration_s: float
    eventful: float
    """Share of devices at which something happens."""
    windows_on: str
    transitions: int
    limit_s: float


FULL = Size(10_000, 45, 0.1, "*0", 3_000, 240)
SHORT = Size(100, 70, 1.0, "*", 1_000, 30)


def run(stage: Stage) -> list[Figure]:
    """The clock is the story's: its beats are published with the readings, as fast as the broker takes them."""
    size = FULL if stage.full else SHORT
    city = City.of(size.devices, size.windows_on)
    story = Story(tracks(city, size.duration_s, random.Random(SEED), size.eventful), city.start_ns, tail_s=15)
    figures = Figures()
    with AlertRig(stage, AlertSetup(city.write, given_clock=True)) as rig:
        began = time.monotonic()
        with rig.client() as client:
            overtakes = 0
            newest: dict[str, int] = {}
            for number, event in enumerate(story.disturbed(random.Random(SEED))):
                client.publish(number, *message_of(event, city.site))
                overtakes += _is_overtaken(event, newest)
            client.settle()
            stage.say(f"{number + 1:,} messages published in {time.monotonic() - began:.0f} s")
        registry, rules = load(rig.config)
        wanted = until(expected(registry, rules, story.clean()), story.told_until_ns)
        rig.quiet(story.beats[-1], size.limit_s)
        stage.say(f"judged in {time.monotonic() - began:.0f} s")
        found = rig.transcript(story.told_until_ns)
    compare(wanted, found).write(figures, "R9", size.transitions)
    figures.at_least("R9", "devices", len(registry.devices), size.devices)
    figures.at_least("R9", "rules", len(rules.rules), 100)
    figures.at_least("R9", "messages delivered more than once", rig.wire.duplicates, story.messages // 4)
    figures.at_least("R9", "of a device, after a newer one", overtakes, story.messages // 10)
    return figures.all


def _is_overtaken(event: Event, newest: dict[str, int]) -> bool:
    if isinstance(event, Beat):
        return False
    before = newest.get(event.device, -1)
    newest[event.device] = max(before, event.seq)
    return event.seq < before

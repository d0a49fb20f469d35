"""What happens in the city: readings and beats of the alert clock in their order, clean or as a network delivers them.

A disturbed story may change no alert: devices overtake each other freely between two beats, a device overtakes itself
by less than its rules' lateness, and any message may come again, at once or much later.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from alerts.alert import Transition
from alerts.judge.judge import Judge
from alerts.rules.rule import Rules
from telemetry.reading import NS_PER_MS, NS_PER_S, Reading
from telemetry.registry.models import Registry
from tests.faults.city import INTERVAL_S, LATE, LATENESS_S, City, Style

TAIL_S = 60
"""Beats after the last reading, until all that waits has come true."""
NOTICED_WITHIN_S = 2 * LATENESS_S + 2
"""A transition is noticed so long after its moment, whatever is late."""
DUPLICATES = 0.3
SLOWEST_S = LATENESS_S - 1
"""A beat has to fit between a message that was overtaken and the end of the lateness."""
WAYS_S = (0.0, 0.0, 0.4, 1.7, -6.0)
"""How long messages of an ordered device are on their way, always as long; below 0 the clock of the device is fast."""
GAPS_S = (0.0, 1.0, 3.0, 7.0, 31.0)
"""Between two messages of a device: up to nearly a second more, but for the first, which is two at one moment."""
CALM = tuple(what + 9 * 6 for what in (0, 1, 3, 4, 5))
"""Numbers of values that cross no threshold."""

Transcript = Mapping[tuple[str, str], Sequence[tuple[object, ...]]]
"""Rule and device to their transitions in order."""


class Said(NamedTuple):
    """One message of a device."""

    device: str
    time_ns: int
    seq: int
    values: Mapping[str, float]

    @property
    def payload(self) -> bytes:
        """As it goes over the wire."""
        body = {"time": self.time_ns // NS_PER_MS, "seq": self.seq, "values": self.values}
        return json.dumps(body).encode()


class Beat(NamedTuple):
    """The alert clock comes round."""

    time_ns: int


Event = Said | Beat
Segments = Mapping[int, Sequence[Said]]
"""What is said after each beat, by the beat's time."""


class Track(NamedTuple):
    """One device's messages: seconds after the one before, and a number from which values are made."""

    device: str
    style: Style
    steps: Sequence[tuple[float, int]]


def values_of(style: Style, code: int) -> Mapping[str, float]:
    """Values for a number: nearly each crosses some threshold now and then."""
    what, code = code % 9, code // 9
    nh3 = (2.0, 9.0, 11.0, 15.0, 25.0, 40.0)[code % 6]
    h2s = (0.5, 3.0, 4.5, 6.0)[code // 6 % 4]
    if style is Style.GATEWAY:
        return {"online": float(code % 3 > 0)} if what < 2 else {"battery_pct": float(code % 100)}
    match what:
        case 0 | 1 | 2:
            return {"nh3_ppm": nh3}
        case 3:
            return {"nh3_ppm": nh3, "h2s_ppm": h2s}
        case 4:
            return {"leak": float(code % 2), "h2s_ppm": h2s}
        case 5:
            return {"uses": float(code % 40), "people_in": float(code // 40 % 8)}
        case 6:
            return {"h2s_ppm": h2s, "current_l1_a": 10.0 + code % 7, "current_l2_a": 10.0, "current_l3_a": 8.0}
        case 7:
            return {"assistance": 1.0} if style not in LATE else {"h2s_ppm": h2s}
        case _:
            return {"cleaned": 1.0} if style in {Style.PAUSED, Style.PAUSED_LOOSE} else {"h2s_ppm": h2s}


def tracks(city: City, duration_s: float, chance: random.Random, eventful: float = 1.0) -> Iterator[Track]:
    """One for every device: `eventful` of them have all sorts of values, the others are calm."""
    for device, style in city.devices.items():
        calm = chance.random() >= eventful
        yield Track(device, style, tuple(_steps(duration_s, chance, calm=calm)))


def _steps(duration_s: float, chance: random.Random, *, calm: bool) -> Iterator[tuple[float, int]]:
    """Now and then a device is silent for long."""
    passed_s = gap_s = chance.uniform(0, INTERVAL_S)
    while passed_s < duration_s:
        yield gap_s, CALM[chance.randrange(len(CALM))] if calm else chance.getrandbits(24)
        gap_s = chance.choices(GAPS_S, (0.0, 1, 6, 6, 0.05) if calm else (1, 4, 6, 6, 0.6))[0]
        gap_s += chance.random() * 0.9 * (gap_s > 0)
        passed_s += gap_s


def said(track: Track, start_ns: int) -> Iterator[Said]:
    """The messages of a track, in their order."""
    time_ns = start_ns
    for seq, (gap_s, code) in enumerate(track.steps):
        time_ns += round(gap_s * 1000) * NS_PER_MS
        yield Said(track.device, time_ns, seq, values_of(track.style, code))


class Story:
    """The messages of all tracks, clean and disturbed."""

    def __init__(
        self, tracks: Iterable[Track], start_ns: int, beats_missing: Iterable[int] = (), tail_s: int = TAIL_S
    ) -> None:
        """`beats_missing`: seconds of the story in which there was no beat, as in an outage of ours."""
        self._told = [(track, tuple(said(track, start_ns))) for track in tracks]
        last_ns = max((one.time_ns for _, some in self._told for one in some), default=start_ns)
        end_s = (last_ns - start_ns) // NS_PER_S + tail_s
        missing = frozenset(beats_missing)
        self.beats = [start_ns + s * NS_PER_S for s in range(end_s) if s not in missing or s == 0]
        self.told_until_ns = self.beats[-1] - NOTICED_WITHIN_S * NS_PER_S
        """What became true by then is noticed by the last beat."""
        self.messages = sum(len(some) for _, some in self._told)

    def clean(self) -> Iterator[Event]:
        """Everything once, and in order."""
        arrivals = ((one.time_ns + _way_ns(track), one) for track, some in self._told for one in some)
        return self._merged(self._segments(sorted(arrivals, key=lambda pair: (pair[0], pair[1].device, pair[1].seq))))

    def disturbed(self, chance: random.Random) -> Iterator[Event]:
        """The same as a network may deliver it."""
        arrivals: list[tuple[int, Said]] = []
        for track, some in self._told:
            slow = track.style in LATE
            for one in some:
                arrives_ns = one.time_ns + (chance.randrange(SLOWEST_S * NS_PER_S) if slow else _way_ns(track))
                arrivals.append((arrives_ns, one))
        arrivals.sort(key=lambda pair: (pair[0], pair[1].seq))
        segments = {beat: _shuffled(some, chance) for beat, some in self._segments(arrivals).items()}
        return self._merged(self._with_duplicates(segments, chance))

    def _segments(self, arrivals: Iterable[tuple[int, Said]]) -> dict[int, list[Said]]:
        """By the last beat before it, given in order."""
        found: dict[int, list[Said]] = {beat: [] for beat in self.beats}
        place = 0
        for arrives_ns, one in arrivals:
            while place + 1 < len(self.beats) and self.beats[place + 1] <= arrives_ns:
                place += 1
            found[self.beats[place]].append(one)
        return found

    def _with_duplicates(self, segments: Segments, chance: random.Random) -> Segments:
        added: dict[int, list[Said]] = defaultdict(list)
        disturbed: dict[int, list[Said]] = {}
        for place, (beat, some) in enumerate(segments.items()):
            whole = list(some)
            for one in added.pop(beat, ()):
                whole.insert(chance.randrange(len(whole) + 1), one)
            for one in some:
                if chance.random() < DUPLICATES:
                    if chance.random() < 0.5:  # at once
                        whole.insert(chance.randint(whole.index(one) + 1, len(whole)), one)
                    elif place + 1 < len(self.beats):
                        added[self.beats[chance.randrange(place + 1, len(self.beats))]].append(one)
            disturbed[beat] = whole
        return disturbed

    def _merged(self, segments: Segments) -> Iterator[Event]:
        for beat, some in segments.items():
            yield Beat(beat)
            yield from some


def _way_ns(track: Track) -> int:
    """How long its messages are on their way in a clean story."""
    if track.style not in {Style.ORDERED, Style.BEHIND}:
        return 0  # what rests after an event, or may be overtaken, is judged by the clock itself
    return int(WAYS_S[sum(track.device.encode()) % len(WAYS_S)] * NS_PER_S)


def _shuffled(some: Sequence[Said], chance: random.Random) -> list[Said]:
    """Freely across devices; each device's own in the order given."""
    own: dict[str, list[Said]] = defaultdict(list)
    for one in reversed(some):
        own[one.device].append(one)
    turns = [one.device for one in some]
    chance.shuffle(turns)
    return [own[device].pop() for device in turns]


def play(judge: Judge, events: Iterable[Event]) -> Iterator[Transition]:
    """What a judge finds in a story."""
    clock_ns = 0
    for event in events:
        if isinstance(event, Beat):
            clock_ns = event.time_ns
            judge.tick(clock_ns)
            yield from judge.take().transitions
        else:
            judge.read(Reading(event.device, event.time_ns, event.seq, event.values, {}), max(clock_ns, event.time_ns))
    yield from judge.take().transitions


def transcript(transitions: Iterable[Transition]) -> Transcript:
    """What was found, without when it was noticed."""
    found: dict[tuple[str, str], list[tuple[object, ...]]] = defaultdict(list)
    for one in transitions:
        found[one.rule, one.device].append(row(one))
    return dict(found)


def row(one: Transition) -> tuple[object, ...]:
    """What of a transition must not depend on how its messages came."""
    return one.alert, str(one.change), int(one.severity), one.at_ns, one.value, one.ending and str(one.ending)


def expected(registry: Registry, rules: Rules, events: Iterable[Event]) -> Transcript:
    """What a new judge, without a network, a database or a clock, makes of a story."""
    return transcript(play(Judge(registry, rules), events))

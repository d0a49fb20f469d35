"""Where and when troubles of each sort strike: drawn by a seed, so that they meet the city as it happens to be.

Troubles keep apart on a device, and a gateway that is away keeps its whole site for itself: what is expected of each
can be said beforehand. Nothing here knows how a rule is written.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from simulators.models.city import City
from simulators.models.noise import between, key, unit
from telemetry.registry.models import Device
from tests.evaluate.change import MS_PER_MIN
from tests.evaluate.planted import Allowed, Expected, Planted, Trouble
from tests.evaluate.sorts import Sign, Sort
from tests.evaluate.truth import month_peak_kva

MS_PER_HOUR, MS_PER_DAY = 3_600_000, 86_400_000
APART_MS = 90 * MS_PER_MIN
PANELS_APART_MS = 10 * MS_PER_HOUR
"""The longest time between two rounds."""
CHEMICALS_BEFORE_MS = 5 * MS_PER_MIN
TRIES = 400


class NoPlaceError(Exception):
    """The week is too full for another one of these."""


class Planting:
    """Fills a stretch of local days. `start_ms` is a local midnight of all sites, epoch ms UTC."""

    def __init__(self, city: City, seed: int, start_ms: int, days: int, month_start_ms: int) -> None:
        self._city = city
        self._seed = seed
        self._start_ms, self._end_ms = start_ms, start_ms + days * MS_PER_DAY
        self._days = days
        self._month_start_ms = month_start_ms
        self._devices = [device for device in city.devices if device.labels.get("simulated") != "no"]
        self._busy: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._records: set[str] = set()

    def plant(self, sorts: Sequence[Sort]) -> Sequence[Planted]:
        """All of them. Raises `NoPlaceError`."""
        return [self._one(sort, self._draw(sort, number)) for sort in sorts for number in range(sort.number)]

    def _draw(self, sort: Sort, number: int) -> int:
        """By what it is: a new sort leaves the others where they are, but for what gets into their way."""
        return key(self._seed, sort.trouble, str(sort.hours), str(sort.minutes), number)

    def _one(self, sort: Sort, draw: int) -> Planted:
        places = [
            device
            for device in self._devices
            if device.kind in sort.kinds and set(sort.labels) <= set(device.labels.items())
        ]
        for attempt in range(TRIES if places else 0):
            own = key(draw, attempt)
            found = self._tried(sort, places[int(unit(own, 0) * len(places))], own)
            if found is not None:
                return found
        raise NoPlaceError(f"{sort.trouble}: no room")

    def _tried(self, sort: Sort, device: Device, draw: int) -> Planted | None:
        span = self._span(sort, device, draw)
        if span is None:
            return None
        begin_ms, end_ms = span
        if (begin_ms - self._start_ms) // MS_PER_DAY % 7 not in sort.weekdays:
            return None
        devices = self._struck(sort.trouble, device)
        last_ms = max([end_ms, *(end_ms + round(sign.tail_min * MS_PER_MIN) for sign in sort.signs if sign.must)])
        if begin_ms < self._start_ms or end_ms > self._end_ms or not devices:
            return None
        if sort.trouble is Trouble.DEMAND and device.id in self._records:
            return None
        apart_ms = PANELS_APART_MS if device.kind == "toilet_button" else APART_MS
        taken = (begin_ms - apart_ms, last_ms + apart_ms)
        closed = self._site(device) if device.kind == "gateway" else devices
        if any(start_ms < taken[1] and taken[0] < stop_ms for name in closed for start_ms, stop_ms in self._busy[name]):
            return None
        for name in closed:
            self._busy[name].append((begin_ms, last_ms))
        strength = round(between(draw, 5, *sort.strength), 3)
        if sort.trouble in {Trouble.DEMAND, Trouble.SURGE}:
            self._records.add(device.id)
            ticker = self._city.tickers[device.id]
            strength = round(strength * month_peak_kva(ticker, self._month_start_ms, end_ms + MS_PER_DAY), 3)
        must, may = _signs(sort, devices, self._kinds(), begin_ms, end_ms)
        return Planted(sort.trouble, devices, begin_ms, end_ms, strength, must, may)

    def _span(self, sort: Sort, device: Device, draw: int) -> tuple[int, int] | None:
        """When it may begin and end."""
        day_ms = self._start_ms + int(unit(draw, 1) * self._days) * MS_PER_DAY
        length_ms = round(between(draw, 2, *sort.minutes) * MS_PER_MIN)
        if sort.trouble not in {Trouble.ODOUR_CLEANING, Trouble.ROUND_SKIPPED}:
            begin_ms = day_ms + round(between(draw, 3, *sort.hours) * MS_PER_HOUR)
            return begin_ms, begin_ms + length_ms
        panel = device if device.kind == "toilet_button" else self._panel(device)
        if panel is None:
            return None
        rounds = list(self._rounds(panel, day_ms, day_ms + 2 * MS_PER_DAY))
        fitting = [
            i for i, at_ms in enumerate(rounds) if sort.hours[0] <= (at_ms - day_ms) / MS_PER_HOUR < sort.hours[1]
        ]
        if not fitting:
            return None
        place = fitting[int(unit(draw, 4) * len(fitting))]
        if sort.trouble is Trouble.ROUND_SKIPPED:
            return rounds[place], rounds[place + 1]
        return rounds[place] - CHEMICALS_BEFORE_MS, rounds[place] - CHEMICALS_BEFORE_MS + length_ms

    def _rounds(self, panel: Device, start_ms: int, end_ms: int) -> Iterator[int]:
        for sample in self._city.pressers[panel.id].samples(start_ms, end_ms):
            if "cleaned" in sample.values:
                yield sample.time_ms

    def _panel(self, device: Device) -> Device | None:
        panels = (one for one in self._devices if one.kind == "toilet_button")
        return next((one for one in panels if (one.site, one.area) == (device.site, device.area)), None)

    def _struck(self, trouble: Trouble, device: Device) -> tuple[str, ...]:
        if trouble is Trouble.LEAK:
            pipes = [one.id for one in self._devices if one.kind == "toilet_water" and one.unit == device.unit]
            return (device.id, *pipes)
        if trouble is Trouble.ODOUR_CLEANING:
            panel = self._panel(device)
            return () if panel is None else (device.id, panel.id)
        return (device.id,)

    def _site(self, device: Device) -> Sequence[str]:
        return [one.id for one in self._devices if one.site == device.site]

    def _kinds(self) -> dict[str, str]:
        return {device.id: device.kind for device in self._devices}


def _signs(
    sort: Sort, devices: Sequence[str], kinds: dict[str, str], begin_ms: int, end_ms: int
) -> tuple[tuple[Expected, ...], tuple[Allowed, ...]]:
    must, may = [], []
    for sign in sort.signs:
        device = next((name for name in devices if kinds[name] == sign.on), devices[0])
        to_ms = end_ms + round(sign.tail_min * MS_PER_MIN)
        may.append(Allowed(sign.rule, device, sign.severity, begin_ms, to_ms))
        if sign.must:
            must.append(_expected(sign, device, begin_ms, end_ms))
    return tuple(must), tuple(may)


def _expected(sign: Sign, device: str, begin_ms: int, end_ms: int) -> Expected:
    since_ms = begin_ms + round(sign.since_min * MS_PER_MIN)
    by_ms = end_ms if sign.within_min is None else since_ms + round(sign.within_min * MS_PER_MIN)
    return Expected(sign.rule, device, sign.severity, since_ms, by_ms)

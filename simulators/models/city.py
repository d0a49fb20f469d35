"""All model devices of a registry. What they share (weather, plans of areas) is made once."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from simulators.encode import Sample
from simulators.models.air import Background, Room, Station
from simulators.models.days import Calendar
from simulators.models.meter import Flow, Heat, Load, Power, load_of, load_over
from simulators.models.model import EventModel, Model, Value, Values
from simulators.models.noise import key, unit
from simulators.models.plain import Plain
from simulators.models.radio import Radio
from simulators.models.toilet import Buttons, Cubicle, Door, LeakRope, Odour, Supplies, WaterPipe
from simulators.models.visits import Area
from simulators.models.weather import Weather
from telemetry.registry.models import Device, Registry, Site

COUNT_FROM_MS = 1_577_836_800_000
"""Sequence numbers count intervals since 2020-01-01 UTC, so that they go on over restarts and mark what was missed."""
DEFAULT_INTERVAL_S = 60.0
BATCH = 4
BATCHED_SHARE = 0.08
"""Of a sleeping device's groups of readings: how many it keeps and sends together."""
SLEEPS_FROM_MS = 30_000
BUTTON_KIND = "toilet_button"
SUPPLY = "supply"
"""A label of meters for electricity: main, or sub for those below it."""
GAS_M3_A_DAY, WATER_M3_A_DAY = 35.0, 22.0


class Ticker:
    """A device that reports at an interval: when, with which number, and what."""

    def __init__(self, device: Device, model: Model, radio: Radio, metrics: frozenset[str], device_key: int) -> None:
        self.device = device
        self.interval_ms = max(100, round(1000 * (device.interval_s or DEFAULT_INTERVAL_S)))
        self._phase_ms = int(unit(device_key, 1) * self.interval_ms)
        self._model = model
        self._radio = radio
        self._wanted = frozenset(device.metrics) or metrics
        probe = radio.values(COUNT_FROM_MS, self.interval_ms)
        self._with_radio = not self._wanted.isdisjoint(probe)
        self._sleeps = "battery_pct" in self._wanted and self.interval_ms >= SLEEPS_FROM_MS
        self._key = device_key

    def tick(self, time_ms: int) -> int:
        """The number of the last tick at or before `time_ms`."""
        return (time_ms - COUNT_FROM_MS - self._phase_ms) // self.interval_ms

    def moment_ms(self, tick: int) -> int:
        """When a tick is."""
        return COUNT_FROM_MS + self._phase_ms + tick * self.interval_ms

    def sample(self, tick: int, span_ms: int | None = None) -> Sample:
        """The reading of a tick; `span_ms` is the time since the reading before, one interval if not said."""
        time_ms = self.moment_ms(tick)
        return Sample(time_ms, max(0, tick), self.values(time_ms, span_ms or self.interval_ms))

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:
        """What the device measures, less what the registry does not list for it."""
        found = self._model.values(time_ms, span_ms)
        if self._with_radio:
            found = {**self._radio.values(time_ms, span_ms), **found}
        wanted = self._wanted
        return {name: value for name, value in found.items() if name in wanted}

    def sent_at(self, tick: int) -> Sequence[int]:
        """The ticks whose readings go out at this one: itself, none while asleep, or several after sleeping."""
        if self._sleeps:
            group, place = divmod(tick, BATCH)
            if unit(self._key ^ 0x51EE, group) < BATCHED_SHARE:
                return range(tick - place, tick + 1) if place == BATCH - 1 else ()
        return (tick,)


class Presser:
    """A device that reports when something happens."""

    def __init__(self, device: Device, model: EventModel, radio: Radio) -> None:
        self.device = device
        self._model = model
        self._radio = radio
        self._wanted = frozenset(device.metrics)

    def samples(self, start_ms: int, end_ms: int) -> Iterator[Sample]:
        """What happens in start <= time < end, in order; with radio and battery, as it is awake anyway."""
        for event in self._model.events(start_ms, end_ms):
            if not self._wanted.isdisjoint(event.values):
                yield self._sample(event.time_ms, event.seq, event.values)

    def press(self, time_ms: int, pressed: Values) -> Sample:
        """What it reports of a press that is not in the model's plan."""
        return self._sample(time_ms, None, pressed)

    def _sample(self, time_ms: int, seq: int | None, pressed: Values) -> Sample:
        found = {**self._radio.values(time_ms, 0), **pressed}
        return Sample(time_ms, seq, {name: value for name, value in found.items() if name in self._wanted})


class City:
    """The devices of a registry that are simulated: all but those of archive sites, which are replayed."""

    def __init__(self, registry: Registry, seed: int) -> None:
        self._registry = registry
        self._seed = seed
        self._calendars: dict[str, Calendar] = {}
        self._weathers: dict[str, tuple[Weather, Background]] = {}
        self._heats: dict[str, Heat] = {}
        self._stations: dict[str, Station] = {}
        self._areas: dict[tuple[str, str], Area] = {}
        self._cubicles: dict[tuple[str, str], list[str]] = {}
        self._floors: dict[str, list[str]] = {}
        """By site: its meters below the main supply."""
        devices = [device for device in registry.devices.values() if not registry.sites[device.site].archive]
        for device in devices:
            if device.kind == "toilet_cubicle":
                self._cubicles.setdefault(_place(device), []).append(device.id)
            elif device.kind == "meter_power" and device.labels.get(SUPPLY) == "sub":
                self._floors.setdefault(device.site, []).append(device.id)
        for members in self._cubicles.values():
            members.sort()
        self.devices: Sequence[Device] = devices
        self.tickers: dict[str, Ticker] = {}
        self.pressers: dict[str, Presser] = {}
        for device in devices:
            device_key = key(seed, "device", device.id)
            if device.kind == BUTTON_KIND:
                self.pressers[device.id] = Presser(device, Buttons(self._area(device), device_key), Radio(device_key))
            else:
                model = self._model(device, device_key)
                names = frozenset(registry.metrics)
                self.tickers[device.id] = Ticker(device, model, Radio(device_key), names, device_key)

    def _site(self, device: Device) -> Site:
        return self._registry.sites[device.site]

    def _calendar(self, device: Device) -> Calendar:
        timezone = self._site(device).timezone
        if timezone.key not in self._calendars:
            self._calendars[timezone.key] = Calendar(timezone)
        return self._calendars[timezone.key]

    def _sky(self, device: Device) -> tuple[Weather, Background]:
        """One district for each time zone."""
        district = self._site(device).timezone.key
        if district not in self._weathers:
            weather = Weather(self._seed, district, self._calendar(device))
            self._weathers[district] = (weather, Background(self._seed, district))
        return self._weathers[district]

    def _heat(self, device: Device) -> Heat:
        district = self._site(device).timezone.key
        if district not in self._heats:
            self._heats[district] = Heat(self._calendar(device), self._sky(device)[0])
        return self._heats[district]

    def _station(self, device: Device) -> Station:
        """The air outside a device's site: stations of one site agree but for their own noise."""
        if device.site not in self._stations:
            street = key(self._seed, "street", device.site)
            self._stations[device.site] = Station(self._calendar(device), *self._sky(device), street)
        return self._stations[device.site]

    def _area(self, device: Device) -> Area:
        place = _place(device)
        if place not in self._areas:
            area = self._site(device).areas.get(device.area or "")
            cubicles = len(self._cubicles.get(place, ()))
            kind = area.type if area is not None else ""
            self._areas[place] = Area(self._seed, *place, kind, cubicles, self._calendar(device))
        return self._areas[place]

    def _model(self, device: Device, device_key: int) -> Model:
        calendar = self._calendar(device)
        makers: dict[str, Callable[[], Model]] = {
            "toilet_odour": lambda: Odour(self._area(device), device_key),
            "toilet_cubicle": lambda: Cubicle(self._area(device), self._cubicle(device), device_key),
            "toilet_door": lambda: Door(self._area(device)),
            "toilet_supplies": lambda: Supplies(self._area(device), device_key),
            "toilet_water": lambda: WaterPipe(self._area(device), device_key),
            "toilet_leak": LeakRope,
            "meter_power": lambda: Power(calendar, self._heat(device), device_key, self._load(device, device_key)),
            "meter_water": lambda: Flow(calendar, "water_m3", WATER_M3_A_DAY, device_key),
            "meter_gas": lambda: Flow(calendar, "gas_m3", GAS_M3_A_DAY, device_key),
            "air_station": lambda: self._station(device),
            "air_weather": lambda: self._station(device),
            "air_indoor": lambda: Room(calendar, self._station(device), device_key),
            "gateway": lambda: Radio(device_key),
        }
        maker = makers.get(device.kind)
        return maker() if maker is not None else Plain(device.metrics, self._registry.metrics, device_key)

    def _load(self, device: Device, device_key: int) -> Load:
        floors = self._floors.get(device.site)
        if floors is None or device.labels.get(SUPPLY) != "main":
            return load_of(device_key)
        return load_over([load_of(key(self._seed, "device", floor)) for floor in floors])

    def _cubicle(self, device: Device) -> int:
        return bisect_left(self._cubicles[_place(device)], device.id)


def _place(device: Device) -> tuple[str, str]:
    return device.site, device.area or ""

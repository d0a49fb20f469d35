"""The devices of a toilet area. Each takes its values from the area's plan, so that they agree with each other."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import exp

from msgspec import Struct

from simulators.models.days import Day
from simulators.models.model import Event, Value
from simulators.models.noise import between, smooth, unit
from simulators.models.profile import Register
from simulators.models.visits import MS_PER_MINUTE, Area

GRID_MS = 5 * MS_PER_MINUTE
WARM_UP_STEPS = 48  # four hours: more than seven times the slowest decay by day
FAN_ON_HOUR, FAN_OFF_HOUR = 5.5, 23.5
KEPT_DAYS = 2
USES_DIAL = 1e6
LITRES_DIAL = 1e8  # five digits of cubic metres


class Cubicle:
    """Its lock: occupied or not, and how often it has been used."""

    def __init__(self, area: Area, number: int, seed_key: int) -> None:
        self._area = area
        self._number = number
        self._uses = Register(
            area.calendar,
            before=lambda day: area.cubicle_uses_before(day, number),
            so_far=lambda day, time_ms: area.plan(day).uses_until(number, time_ms),
            start_key=seed_key,
            rollover=USES_DIAL,
        )

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:  # noqa: ARG002 the register runs on
        """The state now and the count."""
        plan = self._area.plan(self._area.calendar.at(time_ms))
        return {"occupied": plan.occupied(self._number, time_ms), "uses": round(self._uses.at(time_ms))}


class Door:
    """The people counter over the entrance: who has come and gone since the reading before."""

    def __init__(self, area: Area) -> None:
        self._area = area

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:
        """People in, out and inside."""
        come, gone = self._until(time_ms)
        come_before, gone_before = self._until(time_ms - span_ms)
        day, before = self._area.calendar.at(time_ms), self._area.calendar.at(time_ms - span_ms)
        # All who came on a day have left by its end, so both sides of a midnight can simply be added.
        passed = self._area.visitors_before(day.number) - self._area.visitors_before(before.number)
        return {
            "people_in": come - come_before + passed,
            "people_out": gone - gone_before + passed,
            "visitors_now": come - gone,
        }

    def _until(self, time_ms: int) -> tuple[int, int]:
        plan = self._area.plan(self._area.calendar.at(time_ms))
        return bisect_right(plan.arrivals, time_ms), bisect_right(plan.leaves, time_ms)


class Odour:
    """Ammonia and hydrogen sulphide: each visit adds, air change takes away, cleaning takes most of it at once."""

    def __init__(self, area: Area, seed_key: int) -> None:
        self._area = area
        self._key = seed_key
        # Scaled to the visitors, so that a busy area has a bigger room, not worse air.
        self._dose_ppm = between(seed_key, 0, 20.0, 34.0) / area.visitors_a_day
        self._floor_ppm = between(seed_key, 1, 0.1, 0.4)
        self._curves: dict[int, list[float]] = {}

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:  # noqa: ARG002 the sensor counts nothing
        """Gases, fan, and the room's climate."""
        day = self._area.calendar.at(time_ms)
        position = (time_ms - day.start_ms) / GRID_MS
        curve = self._curve(day)
        i = int(position)
        ammonia = self._floor_ppm + curve[i] + (curve[i + 1] - curve[i]) * (position - i)
        time_s = time_ms / 1000
        ammonia *= 1.0 + 0.04 * smooth(self._key ^ 3, time_s, 240)
        climate = smooth(self._key ^ 4, time_s, 9_000)
        return {
            "nh3_ppm": round(ammonia, 2),
            "h2s_ppm": round(0.004 + ammonia * 0.011 * (1.0 + 0.2 * smooth(self._key ^ 5, time_s, 600)), 4),
            "ventilation": fan_runs(day.hour(time_ms)),
            "temperature_c": round(25.2 + 1.6 * climate, 1),
            "humidity_pct": round(68.0 + min(6.0, curve[i] * 2.0) - 4.0 * climate, 1),
        }

    def _curve(self, day: Day) -> list[float]:
        """Ammonia above the floor every five minutes of the day. It starts from the evening before."""
        curve = self._curves.get(day.number)
        if curve is not None:
            return curve
        before = self._area.calendar.day(day.number - 1)
        level = 0.0
        plan = self._area.plan(before)
        for step in range(WARM_UP_STEPS):
            level = self._step(
                before, plan.leaves, plan.rounds, level, before.end_ms - (WARM_UP_STEPS - step) * GRID_MS
            )
        plan = self._area.plan(day)
        curve = [level]
        for start_ms in range(day.start_ms, day.end_ms, GRID_MS):
            level = self._step(day, plan.leaves, plan.rounds, level, start_ms)
            curve.append(level)
        curve.append(level)
        if len(self._curves) >= KEPT_DAYS:
            del self._curves[next(iter(self._curves))]
        self._curves[day.number] = curve
        return curve

    def _step(self, day: Day, leaves: Sequence[int], rounds: Sequence[int], level: float, start_ms: int) -> float:
        visits = bisect_left(leaves, start_ms + GRID_MS) - bisect_left(leaves, start_ms)
        decay_min = 26.0 if fan_runs(day.hour(start_ms)) else 45.0
        level = level * exp(-5.0 / decay_min) + visits * self._dose_ppm
        if any(start_ms <= moment < start_ms + GRID_MS for moment in rounds):
            level *= 0.25
        return level


def fan_runs(hour: float) -> bool:
    """The fan follows a timer."""
    return FAN_ON_HOUR <= hour < FAN_OFF_HOUR


class Supplies:
    """Paper, soap and the bin. They change with each visit; a cleaning round puts right what is low or full."""

    # Percent of the store that a day's visitors take, from the thriftiest area to the worst.
    PAPER, SOAP, BIN = (70.0, 125.0), (25.0, 60.0), (60.0, 110.0)

    def __init__(self, area: Area, seed_key: int) -> None:
        self._area = area
        per_visit = 1.0 / area.visitors_a_day
        self._paper_dose = between(seed_key, 0, *self.PAPER) * per_visit
        self._soap_dose = between(seed_key, 1, *self.SOAP) * per_visit
        self._bin_dose = between(seed_key, 2, *self.BIN) * per_visit
        self._known: dict[tuple[int, bool], _Levels] = {}

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:  # noqa: ARG002 levels, no counts
        """Levels now."""
        day = self._area.calendar.at(time_ms)
        levels = self._levels(day, early=time_ms < self._area.plan(day).rounds[0])
        i = bisect_right(levels.times, time_ms) - 1
        return {
            "paper_pct": round(levels.paper[i], 1),
            "soap_pct": round(levels.soap[i], 1),
            "bin_level_pct": round(levels.bins[i], 1),
        }

    def _levels(self, day: Day, *, early: bool) -> "_Levels":
        """Before or after the day's first round. That one sets everything right; from it the levels follow."""
        levels = self._known.get((day.number, early))
        if levels is not None:
            return levels
        plan = self._area.plan(day)
        first, *later = plan.rounds
        if early:
            before = self._levels(self._area.calendar.day(day.number - 1), early=False)
            levels = _Levels([day.start_ms], [before.paper[-1]], [before.soap[-1]], [before.bins[-1]])
            happenings = [(moment, False) for moment in plan.leaves if moment < first]
        else:
            levels = _Levels([first], [100.0], [98.0], [2.0])
            happenings = sorted([(t, False) for t in plan.leaves if t >= first] + [(t, True) for t in later])
        self._follow(levels, happenings)
        if len(self._known) >= 2 * KEPT_DAYS:
            del self._known[next(iter(self._known))]
        self._known[day.number, early] = levels
        return levels

    def _follow(self, levels: "_Levels", happenings: Sequence[tuple[int, bool]]) -> None:
        """Add the levels after each visit and each cleaning round."""
        paper, soap, full = levels.paper[-1], levels.soap[-1], levels.bins[-1]
        for moment, is_round in happenings:
            if is_round:
                paper, soap, full = _put_right(paper, soap, full)
            else:
                paper = max(0.0, paper - self._paper_dose)
                soap = max(0.0, soap - self._soap_dose)
                full = min(100.0, full + self._bin_dose)
            levels.times.append(moment)
            levels.paper.append(paper)
            levels.soap.append(soap)
            levels.bins.append(full)


class _Levels(Struct):
    """What is left after each happening, in order of time."""

    times: list[int]
    paper: list[float]
    soap: list[float]
    bins: list[float]


def _put_right(paper: float, soap: float, full: float) -> tuple[float, float, float]:
    return (100.0 if paper < 45.0 else paper, 98.0 if soap < 35.0 else soap, 2.0 if full > 55.0 else full)


class WaterPipe:
    """The area's water: flow over the last minute and the register."""

    def __init__(self, area: Area, seed_key: int) -> None:
        self._register = Register(
            area.calendar,
            before=area.litres_before,
            so_far=lambda day, time_ms: area.plan(day).litres_until(time_ms),
            start_key=seed_key,
            rollover=LITRES_DIAL,
        )

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:  # noqa: ARG002 flow is over a minute always
        """Litres a minute and cubic metres."""
        now = self._register.at(time_ms)
        litres = (now - self._register.at(time_ms - MS_PER_MINUTE)) % LITRES_DIAL
        return {"water_flow_lpm": round(litres, 1), "water_m3": round(now / 1000.0, 3)}


class LeakRope:
    """The leak detector on the floor. Dry unless an incident is played."""

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:  # noqa: ARG002 always dry
        """Dry."""
        return {"leak": False}


class Buttons:
    """The button panel: cleaners confirm rounds, visitors rate, now and then somebody calls for help."""

    def __init__(self, area: Area, seed_key: int) -> None:
        self._area = area
        self._calendar = area.calendar
        self._key = seed_key
        self._last: tuple[int, list[Event], list[int]] | None = None

    def events(self, start_ms: int, end_ms: int) -> Sequence[Event]:
        """What is pressed in start <= time < end."""
        first, last = self._calendar.at(start_ms).number, self._calendar.at(end_ms - 1).number
        found: list[Event] = []
        for number in range(first, last + 1):
            events, times = self._day(self._calendar.day(number))
            found += events[bisect_left(times, start_ms) : bisect_left(times, end_ms)]
        return found

    def _day(self, day: Day) -> tuple[list[Event], list[int]]:
        """The day's presses and their times; the last day is kept."""
        if self._last is None or self._last[0] != day.number:
            events = self._make(day)
            self._last = (day.number, events, [event.time_ms for event in events])
        return self._last[1], self._last[2]

    def _make(self, day: Day) -> list[Event]:
        pressed: list[tuple[int, dict[str, Value]]] = [(moment, {"cleaned": True}) for moment in self._area.rounds(day)]
        for moment in self._area.plan(day).leaves:
            draw = unit(self._key, moment)
            if draw < 0.03:
                pressed.append((moment, {"feedback": (5, 5, 4, 4, 3, 2, 1)[int(draw / 0.03 * 7)]}))
            elif draw > 0.9996:
                pressed.append((moment, {"assistance": True}))
        pressed.sort(key=lambda press: press[0])
        # Days are numbered from an anchor, so a panel's count goes on over restarts; a day has far fewer than 10,000.
        return [Event(moment, day.number * 10_000 + i, values) for i, (moment, values) in enumerate(pressed)]

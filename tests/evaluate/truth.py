"""What is the case in the undisturbed city, worked out from its model on a grid of its own: no rule is asked.

Where it is a close call (within some percent of the objective) nothing is expected and everything allowed: a model
that is looked at every few minutes and a sensor that speaks every few seconds differ by that much.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import gt, lt

from simulators.encode import Sample
from simulators.models.city import City, Ticker
from telemetry.registry.models import Device
from tests.evaluate.change import MS_PER_MIN, Changes
from tests.evaluate.planted import Allowed, Expected, Planted, Trouble
from tests.evaluate.sorts import CRITICAL, INFORMATION, WARNING

GRID_MS, SLOW_GRID_MS = 2 * MS_PER_MIN, 5 * MS_PER_MIN
HALF_HOUR_MS = 30 * MS_PER_MIN
LASTS_MS = 20 * MS_PER_MIN
"""What is over sooner is nobody's concern."""
IN_TIME_MS = 25 * MS_PER_MIN
TAIL_MS = 15 * MS_PER_MIN
HELP_EXPIRES_MS = 120 * MS_PER_MIN
Series = Sequence[tuple[int, float]]
"""Epoch ms UTC and a value."""
Bad = Callable[[float], bool]


def _below(limit: float) -> Bad:
    return partial(gt, limit)


def _above(limit: float) -> Bad:
    return partial(lt, limit)


SHORTAGES: tuple[tuple[str, str, int, Bad, Bad], ...] = (
    ("paper_pct", "paper-low", WARNING, _below(9.0), _below(10.5)),
    ("paper_pct", "paper-low", CRITICAL, _below(1.5), _below(2.5)),
    ("soap_pct", "soap-low", WARNING, _below(9.0), _below(10.5)),
    ("bin_level_pct", "bin-full", WARNING, _above(91.0), _above(89.5)),
)
"""Metric, rule, severity; when it is short, and when it may be called so."""
OBJECTIVES: tuple[tuple[str, tuple[str, ...], str, int, int, float], ...] = (
    ("co2_ppm", ("air_indoor",), "room-co2", INFORMATION, 480, 1000.0),
    ("co2_ppm", ("air_indoor",), "room-co2", WARNING, 480, 1400.0),
    ("pm10_ugm3", ("air_indoor",), "room-particles", WARNING, 480, 180.0),
    ("pm2_5_ugm3", ("air_indoor", "air_station"), "fine-particles", WARNING, 1440, 50.0),
    ("no2_ugm3", ("air_station",), "nitrogen-dioxide", WARNING, 60, 200.0),
)
"""Metric, kinds, rule, severity, minutes of the mean, and the objective: the health authorities' own."""
OBJECTIVE_MARGIN, RECORD_MARGIN = 0.02, 0.012


def own_truth(city: City, changes: Changes, start_ms: int, end_ms: int, month_start_ms: int) -> Iterator[Planted]:
    """What happens by itself in start <= time < end."""
    for name in city.pressers:
        yield from _presses(city, changes, name, start_ms, end_ms)
    for name, ticker in city.tickers.items():
        kind = ticker.device.kind
        if kind == "toilet_supplies":
            grid = [(at_ms, ticker.values(at_ms, GRID_MS)) for at_ms in range(start_ms, end_ms, GRID_MS)]
            for metric, rule, severity, short, perhaps in SHORTAGES:
                series = [(at_ms, float(values[metric])) for at_ms, values in grid]
                yield from _spans(Trouble.OWN_SHORTAGE, rule, name, severity, series, short, perhaps)
        elif kind in {"air_indoor", "air_station"}:
            yield from _exceedances(ticker, start_ms, end_ms)
        elif kind == "meter_power" and ticker.device.labels.get("supply") == "main":
            series = [
                (at, part) for at, part in _parts_of_peak(ticker, changes, month_start_ms, end_ms) if at >= start_ms
            ]
            yield from _spans(
                Trouble.OWN_RECORD,
                "demand-record",
                name,
                WARNING,
                series,
                _above(1.02 + RECORD_MARGIN),
                _above(1.02 - RECORD_MARGIN),
            )
        if "battery_pct" in ticker.device.metrics:
            yield from _batteries(ticker, start_ms, end_ms)


def yielding(own: Planted, planted: Sequence[Planted], sites: dict[str, str]) -> Planted:
    """What is planted on a device takes precedence over its own; behind a gateway that is away it is known later."""
    (device,) = own.devices
    must = []
    for one in own.must:
        struck = [other for other in planted if other.begin_ms < own.end_ms and own.begin_ms < other.end_ms]
        if any(device in other.devices for other in struck):
            continue
        away = [
            other.end_ms
            for other in planted
            if other.trouble is Trouble.GATEWAY_DOWN
            and sites[other.devices[0]] == sites[device]
            and other.begin_ms < one.by_ms
            and one.since_ms < other.end_ms
        ]
        must.append(
            Expected(
                one.rule,
                one.device,
                one.severity,
                one.since_ms,
                max([one.by_ms, *(end_ms + 5 * MS_PER_MIN for end_ms in away)]),
            )
        )
    return Planted(own.trouble, own.devices, own.begin_ms, own.end_ms, own.strength, tuple(must), own.may)


def month_peak_kva(ticker: Ticker, month_start_ms: int, end_ms: int) -> float:
    """The highest 30-minute mean of the undisturbed meter."""
    return max(
        mean for _, mean in _means(_undisturbed(ticker, "apparent_power_kva", month_start_ms, end_ms), HALF_HOUR_MS)
    )


def _presses(city: City, changes: Changes, name: str, start_ms: int, end_ms: int) -> Iterator[Planted]:
    """Somebody calls for help. While one call is open, a second is the same alert."""
    presser = city.pressers[name]
    for sample in presser.samples(start_ms, end_ms):
        if "assistance" in sample.values and changes.said(presser.device, sample) is not None:
            at_ms = sample.time_ms
            must = Expected("assistance", name, CRITICAL, at_ms, at_ms + MS_PER_MIN // 2)
            may = Allowed("assistance", name, CRITICAL, at_ms, at_ms + HELP_EXPIRES_MS)
            yield Planted(Trouble.OWN_HELP, (name,), at_ms, at_ms + MS_PER_MIN, 0.0, (must,), (may,))


def _batteries(ticker: Ticker, start_ms: int, end_ms: int) -> Iterator[Planted]:
    series = [
        (at_ms, float(ticker.values(at_ms, SLOW_GRID_MS)["battery_pct"]))
        for at_ms in range(start_ms, end_ms, HALF_HOUR_MS)
    ]
    yield from _spans(
        Trouble.OWN_BATTERY,
        "battery-low",
        ticker.device.id,
        INFORMATION,
        series,
        _below(9.8),
        _below(10.2),
        in_time_ms=24 * 60 * MS_PER_MIN,
    )


def _exceedances(ticker: Ticker, start_ms: int, end_ms: int) -> Iterator[Planted]:
    device: Device = ticker.device
    for metric, kinds, rule, severity, minutes, objective in OBJECTIVES:
        if device.kind in kinds and metric in device.metrics:
            length_ms = minutes * MS_PER_MIN
            series = _means(_undisturbed(ticker, metric, start_ms - length_ms, end_ms), length_ms)
            low, high = objective * (1 - OBJECTIVE_MARGIN), objective * (1 + OBJECTIVE_MARGIN)
            yield from _spans(
                Trouble.OWN_EXCEEDANCE,
                rule,
                device.id,
                severity,
                series,
                _above(high),
                _above(low),
            )


def _undisturbed(ticker: Ticker, metric: str, start_ms: int, end_ms: int) -> Series:
    moments = range(start_ms, end_ms, SLOW_GRID_MS)
    return [(at_ms, float(ticker.values(at_ms, SLOW_GRID_MS)[metric])) for at_ms in moments]


def _means(series: Series, length_ms: int) -> Series:
    """Over the stretch that ends at each moment, as soon as one is whole."""
    size = length_ms // SLOW_GRID_MS
    total, found = sum(value for _, value in series[:size]), []
    for i in range(size, len(series)):
        found.append((series[i][0], total / size))
        total += series[i][1] - series[i - size][1]
    return found


def _parts_of_peak(ticker: Ticker, changes: Changes, month_start_ms: int, end_ms: int) -> Series:
    """The 30-minute mean as a part of the highest of earlier half-hours of the month, planted troubles included."""
    values = []
    for at_ms in range(month_start_ms, end_ms, SLOW_GRID_MS):
        said = changes.said(ticker.device, Sample(at_ms, None, ticker.values(at_ms, SLOW_GRID_MS)))
        values.append(
            (
                at_ms,
                float((said or Sample(at_ms, None, ticker.values(at_ms, SLOW_GRID_MS))).values["apparent_power_kva"]),
            )
        )
    peak, best, found = 0.0, 0.0, []
    for at_ms, mean in _means(values, HALF_HOUR_MS):
        if peak > 0.0:
            found.append((at_ms, mean / peak))
        best = max(best, mean)
        if at_ms % HALF_HOUR_MS == 0:
            peak, best = max(peak, best), 0.0
    return found


def _spans(
    trouble: Trouble,
    rule: str,
    device: str,
    severity: int,
    series: Series,
    bad: Bad,
    perhaps: Bad,
    in_time_ms: int = IN_TIME_MS,
) -> Iterator[Planted]:
    """The stretches in which it may be called bad; expected where it is bad for long enough within one."""
    if not series:
        return
    step_ms = series[1][0] - series[0][0] if len(series) > 1 else GRID_MS
    for start, stop in _runs([perhaps(value) for _, value in series]):
        begin_ms, end_ms = series[start][0], series[stop - 1][0] + step_ms
        may = (Allowed(rule, device, severity, begin_ms - TAIL_MS, end_ms + TAIL_MS),)
        inner = [
            (start + first, start + last)
            for first, last in _runs([bad(value) for _, value in series[start:stop]])
            if series[start + last - 1][0] - series[start + first][0] >= LASTS_MS
        ]
        must: tuple[Expected, ...] = ()
        if inner:
            since_ms = series[inner[0][0]][0]
            must = (Expected(rule, device, severity, since_ms, since_ms + in_time_ms),)
        yield Planted(trouble, (device,), begin_ms, end_ms, 0.0, must, may)


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Start and stop of each run of True."""
    start = None
    for i, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = i
        elif not flag and start is not None:
            yield start, i
            start = None

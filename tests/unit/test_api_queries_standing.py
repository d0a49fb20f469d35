"""How a device stands, and a place by its devices."""

from typing import Any

import pytest

from alerts.desk import Severity
from api.now import Now
from api.queries import standing
from api.queries.standing import State
from telemetry.reading import NS_PER_S, Quality, Reading
from telemetry.registry.models import Device, Outage
from tests.builders import CATALOGUE, device

NOW_NS = 1_795_334_400 * NS_PER_S


def heard(age_s: float, device: str = "nh3-1", **values: float) -> Reading:
    return Reading(device, NOW_NS - round(age_s * NS_PER_S), None, values or {"nh3_ppm": 1.0}, {})


def state(one: Device, *readings: Reading, alerts: tuple[Severity, ...] = ()) -> State:
    now = Now()
    for reading in readings:
        now.take(reading, one.site)
    return standing.state_of(one, alerts, now, CATALOGUE, NOW_NS)


RESTING = device(out_of_service=(Outage(NOW_NS - 1, None, "A test."),))
RESTED = device(out_of_service=(Outage(NOW_NS - 2, NOW_NS, "A test."),))
BUTTON = device("button-1", interval_s=None, metrics=("cleaned",))
CASES: dict[str, tuple[State, Device, tuple[Reading, ...], tuple[Severity, ...]]] = {
    "it speaks": (State.FINE, device(), (heard(5),), ()),
    "it missed two": (State.FINE, device(), (heard(30),), ()),
    "it missed three": (State.UNKNOWN, device(), (heard(30.001),), ()),
    "never heard": (State.UNKNOWN, device(), (), ()),
    "what others say of it is not its word": (State.UNKNOWN, device(), (heard(1, alert_severity=3.0),), ()),
    "its status is not a reading": (State.UNKNOWN, device(), (heard(100), heard(1, online=1.0)), ()),
    "it says that it goes": (State.UNKNOWN, device(), (heard(5), heard(1, online=0.0)), ()),
    "it spoke after that": (State.FINE, device(), (heard(9, online=0.0), heard(5)), ()),
    "an event may come any time": (State.FINE, BUTTON, (), ()),
    "its will came": (State.UNKNOWN, BUTTON, (heard(1, "button-1", online=0.0),), ()),
    "information": (State.ATTENTION, device(), (heard(5),), (Severity.INFORMATION,)),
    "warning": (State.ATTENTION, device(), (heard(5),), (Severity.WARNING,)),
    "critical goes before silence": (State.CRITICAL, device(), (), (Severity.WARNING, Severity.CRITICAL)),
    "out of service goes before all": (State.OUT_OF_SERVICE, RESTING, (), (Severity.CRITICAL,)),
    "in service again": (State.FINE, RESTED, (heard(5),), ()),
    "the past is old": (State.FINE, device(archive=True), (heard(1e9),), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_a_device_stands_in_one_word(case: str) -> None:
    expected, one, readings, alerts = CASES[case]
    assert state(one, *readings, alerts=alerts) is expected


@pytest.mark.parametrize(
    ("listening_s", "expected"), [(30.001, State.UNKNOWN), (30, State.FINE), (0, State.FINE)], ids=str
)
def test_nobody_is_silent_before_somebody_has_listened(listening_s: float, expected: State) -> None:
    now = Now()
    now.listening_ns = NOW_NS - round(listening_s * NS_PER_S)
    now.take(heard(10_000), "site-1")
    assert standing.state_of(device(), (), now, CATALOGUE, NOW_NS) is expected


def test_every_state_is_reached() -> None:
    assert {expected for expected, *_ in CASES.values()} == set(State)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], State.FINE),
        ([State.FINE, State.UNKNOWN], State.UNKNOWN),
        ([State.ATTENTION, State.UNKNOWN], State.ATTENTION),
        ([State.FINE, State.CRITICAL, State.ATTENTION], State.CRITICAL),
        ([State.FINE, State.OUT_OF_SERVICE], State.FINE),
        ([State.OUT_OF_SERVICE, State.OUT_OF_SERVICE], State.OUT_OF_SERVICE),
    ],
)
def test_a_place_stands_as_its_worst_device_that_is_in_service(states: list[State], expected: State) -> None:
    assert standing.state_of_all(states) is expected


@pytest.mark.parametrize(
    ("metric", "fields", "age_s", "old"),
    [
        ("nh3_ppm", {}, 20, False),
        ("nh3_ppm", {}, 20.001, True),
        ("nh3_ppm", {"interval_s": None}, 1e9, False),
        ("nh3_ppm", {"archive": True}, 1e9, False),
        ("cleaned", {}, 1e9, False),
        ("online", {}, 1e9, False),
    ],
)
def test_a_value_ages_where_another_was_due(metric: str, fields: dict[str, Any], age_s: float, *, old: bool) -> None:
    time_ns = NOW_NS - round(age_s * NS_PER_S)
    assert standing.is_stale(device(**fields), CATALOGUE[metric], time_ns, NOW_NS) is old


def test_the_newest_of_its_own_values_is_when_it_spoke() -> None:
    now = Now()
    for reading in (heard(9), heard(7, h2s_ppm=1.0), heard(1, online=1.0)):
        now.take(reading, "toilet-1")
    assert standing.spoke_ns(now, CATALOGUE, device()) == NOW_NS - 7 * NS_PER_S
    assert now.of("nh3-1")["nh3_ppm"].quality is Quality.GOOD

"""A site's state in a word, and what happened in a sentence."""

import pytest

from alerts.alert import Severity
from caretaker.audit import Verdict
from caretaker.screen.sites import Moment, by_device, lines
from caretaker.screen.story import Stories
from caretaker.screen.view import SiteLine, State
from caretaker.screen.words import age, count, curve, figure, rate
from caretaker.supervise import Event, What
from telemetry.reading import NS_PER_S, Quality
from telemetry.registry.models import Device, Outage
from telemetry.stores.store import Sample
from tests import builders as make

NOW = 1_800_000_000 * NS_PER_S


def sample(device: str, metric: str, value: float, ago_s: float = 1.0, quality: Quality = Quality.GOOD) -> Sample:
    return Sample(device, metric, NOW - round(ago_s * NS_PER_S), value, quality)


def one(devices: list[Device], samples: list[Sample], since_s: float = 3600.0) -> SiteLine:
    moment = Moment(make.registry(*devices), by_device(samples), NOW, NOW - round(since_s * NS_PER_S))
    (line,) = lines(moment)
    return line


ODOUR = make.device("odour", metrics=("nh3_ppm",))
WATER = make.device("water", kind="toilet_water", metrics=("leak",))
GATEWAY = make.device("gw", kind="gateway", metrics=("online",))


@pytest.mark.parametrize(
    ("samples", "state"),
    [
        ([], State.WAITING),
        ([sample("odour", "nh3_ppm", 0.4), sample("water", "leak", 0)], State.FINE),
        # Whether a value is bad is for the alerts to say.
        ([sample("odour", "nh3_ppm", 6.0), sample("water", "leak", 1)], State.FINE),
        ([sample("odour", "nh3_ppm", 0.4), sample("water", "leak", 0, ago_s=60)], State.LATE),
        ([sample("odour", "nh3_ppm", 0.4, ago_s=60), sample("water", "leak", 0, ago_s=60)], State.SILENT),
        ([sample("odour", "nh3_ppm", -1, quality=Quality.SUSPECT), sample("water", "leak", 0)], State.SUSPECT),
    ],
)
def test_the_worst_that_is_true_is_the_word(samples: list[Sample], state: State) -> None:
    assert one([ODOUR, WATER], samples).state is state


@pytest.mark.parametrize(
    ("severity", "other_samples", "state"),
    [
        (Severity.CRITICAL, [sample("gw", "online", 0)], State.CRITICAL),
        (Severity.WARNING, [sample("gw", "online", 0)], State.GATEWAY_DOWN),
        (Severity.WARNING, [sample("water", "leak", 0, ago_s=60)], State.WARNING),
        (Severity.INFORMATION, [sample("water", "leak", 0, ago_s=60)], State.LATE),
        (Severity.INFORMATION, [sample("water", "leak", 0), sample("gw", "online", 1)], State.INFORMATION),
    ],
)
def test_an_alert_is_the_word_where_nothing_worse_is_seen(
    severity: Severity, other_samples: list[Sample], state: State
) -> None:
    samples = [sample("odour", "nh3_ppm", 0.4), *other_samples]
    registry = make.registry(ODOUR, WATER, GATEWAY)
    moment = Moment(registry, by_device(samples), NOW, 0, {"toilet-1": (severity, "Odour")})
    (line,) = lines(moment)
    assert line.state is state
    if state in {State.CRITICAL, State.WARNING, State.INFORMATION}:
        assert line.detail == "Odour"


def test_a_gateway_that_says_it_is_down_is_named() -> None:
    line = one([ODOUR, GATEWAY], [sample("odour", "nh3_ppm", 0.4), sample("gw", "online", 0)])
    assert (line.state, line.detail) == (State.GATEWAY_DOWN, "gw")


def test_nobody_is_late_before_we_listened() -> None:
    samples = [sample("odour", "nh3_ppm", 0.4, ago_s=900)]
    assert one([ODOUR], samples, since_s=10).state is State.FINE
    assert one([ODOUR], samples, since_s=40).state is State.SILENT


def test_out_of_service_is_not_late() -> None:
    away = make.device("odour", out_of_service=(Outage(NOW - NS_PER_S, None, "renovation"),))
    samples = [sample("odour", "nh3_ppm", 0.4, ago_s=900), sample("water", "leak", 0)]
    assert one([away, WATER], samples).state is State.FINE


def test_values_are_combined_over_the_devices_with_the_catalogues_decimals() -> None:
    second = make.device("odour-2")
    line = one([ODOUR, second], [sample("odour", "nh3_ppm", 0.411), sample("odour-2", "nh3_ppm", 1.234)])
    assert [(value.label, value.text, value.unit) for value in line.values] == [("NH₃", "1.23", "ppm")]
    assert line.age == "1 s"


def test_the_worst_site_comes_first() -> None:
    devices = [make.device(f"d{number}", site=f"s{number}", metrics=("leak",)) for number in range(3)]
    samples = [sample("d0", "leak", 0), sample("d2", "leak", 1)]
    found = lines(Moment(make.registry(*devices), by_device(samples), NOW, 0, {"s2": (Severity.CRITICAL, "leak")}))
    assert [line.name for line in found] == ["s2", "s1", "s0"]


def test_an_old_recording_is_shown_by_its_own_date() -> None:
    site = make.site("toilet-1", archive=True)
    registry = make.registry(ODOUR, sites=[site])
    (line,) = lines(Moment(registry, by_device([sample("odour", "nh3_ppm", 1, ago_s=86_400 * 365)]), NOW, 0))
    assert (line.state, line.age) == (State.REPLAYING, "2026-01-15 16:00")


def test_a_kill_is_told_in_one_sentence_that_ends_with_what_is_missing() -> None:
    stories = Stories()
    stories.child(Event("ingestor", What.KILLED, NOW, -9))
    assert stories.sentences()[0].endswith("ingestor was killed (kill -9)")
    stories.child(Event("ingestor", What.BACK, NOW + NS_PER_S, -9, 0.91))
    assert stories.sentences()[0].endswith("ingestor was killed (kill -9); back after 0.9 s; checking")
    stories.check(Verdict(on_the_way=3, waiting_since_ns=NOW))  # acknowledged before it was back
    assert stories.sentences()[0].endswith("checking")
    stories.check(Verdict(on_the_way=3, waiting_since_ns=NOW + 2 * NS_PER_S))
    assert stories.sentences()[0].endswith("back after 0.9 s; nothing missing")


def test_a_loss_is_told() -> None:
    stories = Stories()
    stories.child(Event("ingestor", What.DIED, NOW, 1))
    stories.child(Event("ingestor", What.BACK, NOW, 1, 2.0))
    stories.check(Verdict(missing=4))
    assert stories.sentences()[0].endswith("ended unasked (exit code 1); back after 2.0 s; 4 missing")


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (0.4, "0 s"), (90, "90 s"), (600, "10 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_numbers() -> None:
    assert count(1234567) == "1,234,567"
    assert (rate(4.25), rate(127.4)) == ("4.2", "127")
    assert figure(-0.001, 1) == "0.0"
    assert figure(12345.6, 0) == "12,346"


def test_curves() -> None:
    assert curve([], 4) == "▁▁▁▁"
    assert curve([0.0, 10.0, 5.0, 10.0], 5) == "▁▁█▄█"
    assert curve([5.0, 10.0] * 10 + [1000.0], 21) == "▄█" * 10 + "█"
    assert curve([1.0] * 10, 3) == "███"

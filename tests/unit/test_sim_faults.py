"""Faults, poison and incidents: pure transforms of what is planned."""

import itertools
import json
from collections import Counter
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from simulators.encode import Sample, encode_samples, moment
from simulators.faults import Faults
from simulators.incidents import DURATION_S, IncidentKind, NoPlaceError, begin
from simulators.ledger import Flag
from simulators.models.model import Value
from simulators.outgoing import Outgoing
from simulators.poison import Poison, Victim, dose
from simulators.settings import Fault, FaultKind, Selector
from telemetry.admission.admit import admit
from telemetry.message import Message
from telemetry.registry.models import Device
from tests import builders

NOW_MS = 1_795_000_000_000
DEVICE = builders.device("tst-1", "site-1", kind="toilet_odour", metrics=("nh3_ppm", "uses"))
REGISTRY = builders.registry(DEVICE)


def look(_device: Device, time_ms: int) -> Mapping[str, Value]:
    return {"nh3_ppm": time_ms % 100_000 / 1000, "uses": time_ms // 60_000 % 1_000_000}


def planned(number: int = 0, **fields: object) -> Outgoing:
    time_ms = NOW_MS + number * 10_000
    return Outgoing(time_ms, replace(DEVICE, **fields), [Sample(time_ms, number, look(DEVICE, time_ms))])


def faults(*kinds: Fault) -> Faults:
    return Faults(1, kinds, REGISTRY.metrics, look)


def test_without_faults_everything_passes() -> None:
    assert faults().apply(planned()) == [planned()]


def test_a_fault_strikes_the_same_each_time_and_at_its_rate() -> None:
    one, other = faults(Fault(fault=FaultKind.DUPLICATE, rate=0.2)), faults(Fault(fault=FaultKind.DUPLICATE, rate=0.2))
    struck = [number for number in range(1000) if len(one.apply(planned(number))) == 2]

    assert 150 < len(struck) < 250
    assert struck == [number for number in reversed(range(1000)) if len(other.apply(planned(number))) == 2][::-1]


def test_a_duplicate_is_the_same_reading_shortly_after() -> None:
    first, second = faults(Fault(fault=FaultKind.DUPLICATE, rate=1)).apply(planned())

    assert first == planned()
    assert second.payload() == first.payload()
    assert second.flags == Flag.DUPLICATE
    assert 0 < second.at_ms - first.at_ms < 5_000


def test_late_messages_come_out_of_order() -> None:
    late = faults(Fault(fault=FaultKind.LATE, rate=0.3, seconds=60))
    sent = sorted((out for number in range(50) for out in late.apply(planned(number))), key=lambda out: out.at_ms)
    seqs = [out.samples[0].seq for out in sent]

    assert sorted(seqs, key=str) == sorted(range(50), key=str)
    assert seqs != list(range(50))


def test_a_gap_is_silence() -> None:
    gap = faults(Fault(fault=FaultKind.GAP, rate=0.5, seconds=100))
    heard = [number for number in range(200) if gap.apply(planned(number))]

    assert 40 < len(heard) < 160
    assert max(b - a for a, b in itertools.pairwise(heard)) >= 10


def test_a_stuck_sensor_repeats_itself_with_new_times() -> None:
    stuck = faults(Fault(fault=FaultKind.STUCK, rate=1, seconds=1000))
    samples = [stuck.apply(planned(number))[0].samples[0] for number in range(200)]

    assert len({sample.time_ms for sample in samples}) == 200
    assert len({sample.values["nh3_ppm"] for sample in samples}) <= 3


def test_a_spike_is_far_off_but_possible() -> None:
    spikes = faults(Fault(fault=FaultKind.SPIKE, rate=1))
    for number in range(20):
        (out,) = spikes.apply(planned(number))
        (reading,) = admit(
            Message(out.topic, out.payload(), retained=False, received_ns=out.at_ms * 10**6), REGISTRY
        ).readings
        plain = float(planned(number).samples[0].values["nh3_ppm"])
        assert reading.values["nh3_ppm"] == pytest.approx(min(1000, plain * 6))
        assert out.samples[0].values["uses"] == planned(number).samples[0].values["uses"], "counters have no spikes"


def test_a_clock_that_is_off_keeps_its_offset() -> None:
    skewed = faults(Fault(fault=FaultKind.CLOCK_SKEW, rate=1, seconds=-90))

    assert {skewed.apply(planned(i))[0].samples[0].time_ms - planned(i).at_ms for i in range(5)} == {-90_000}


def test_a_register_that_was_reset_counts_from_nought() -> None:
    reset = faults(Fault(fault=FaultKind.REGISTER_RESET, rate=1, seconds=3600))
    marks = [float(reset.apply(planned(number * 60))[0].samples[0].values["uses"]) for number in range(20)]

    assert all(0 <= mark <= 60 for mark in marks)
    assert any(b < a for a, b in itertools.pairwise(marks))


def test_a_fault_strikes_only_where_it_is_told() -> None:
    here = faults(Fault(fault=FaultKind.GAP, rate=1, where=Selector(devices=("tst-*",), sites=("site-1",))))

    assert here.apply(planned()) == []
    assert len(here.apply(planned(id="vp-1"))) == 1
    assert len(here.apply(planned(id="tst-2", site="site-2"))) == 1


def victim(number: int = 0, *, archive: bool = False) -> Victim:
    return Victim("site-1", "tst-1", "nh3_ppm", 2001.0, number, NOW_MS, archive)


def test_there_are_twelve_kinds_of_poison() -> None:
    assert len(Poison) == 12


@pytest.mark.parametrize("kind", Poison)
@pytest.mark.parametrize("number", range(8))
def test_poison_is_refused_for_the_reason_it_says_and_counts_once(kind: Poison, number: int) -> None:
    bad = dose(kind, victim(number))
    admitted = admit(Message(bad.topic, bad.payload, retained=False, received_ns=NOW_MS * 10**6), REGISTRY)

    assert admitted.readings == () or not admitted.readings
    assert sum(rejection.readings for rejection in admitted.rejections) == 1
    assert {rejection.reason.value for rejection in admitted.rejections} <= set(bad.reasons), bad.payload[:100]


def test_nothing_is_too_old_for_an_archive() -> None:
    assert {dose(Poison.OFF_TIME, victim(number, archive=True)).reasons for number in range(4)} == {("in_future",)}


CITY = [
    builders.device("gw", "s", kind="gateway", names={"en": "Gateway"}),
    builders.device("leak", "s", kind="toilet_leak", area="plant", parent="gw"),
    builders.device("water", "s", kind="toilet_water", area="plant", parent="gw"),
    builders.device("water-2", "other", kind="toilet_water", area="plant"),
    builders.device("odour", "s", kind="toilet_odour", area="male", parent="gw"),
]


@pytest.mark.parametrize(
    ("kind", "struck"),
    [
        (IncidentKind.LEAK, {"leak", "water"}),
        (IncidentKind.ODOUR, {"odour"}),
        (IncidentKind.GATEWAY_DOWN, {"gw"}),
    ],
)
def test_an_incident_has_its_devices_its_time_and_a_sentence(kind: IncidentKind, struck: set[str]) -> None:
    incident = begin(kind, CITY, NOW_MS, 1)

    assert incident.devices == struck
    assert incident.end_ms - incident.start_ms == DURATION_S[kind] * 1000
    assert incident.sentence.endswith(".")
    assert incident.level(NOW_MS - 1) == incident.level(incident.end_ms) == 0.0
    assert incident.level((incident.start_ms + incident.end_ms) // 2) == 1.0


def test_values_rise_to_a_peak_and_fall_back() -> None:
    incident = begin(IncidentKind.ODOUR, CITY, NOW_MS, 1)
    levels = []
    for second in range(0, DURATION_S[IncidentKind.ODOUR] + 20, 10):
        time_ms = NOW_MS + second * 1000
        values: dict[str, Value] = {"nh3_ppm": 1.0, "h2s_ppm": 0.01, "ventilation": True}
        changed = incident.change(Outgoing(time_ms, CITY[4], [Sample(time_ms, 1, values)]))
        levels.append(float(changed.samples[0].values["nh3_ppm"]))
    peak = levels.index(max(levels))

    assert levels[0] == levels[-1] == 1.0
    assert max(levels) == 20.0
    assert levels[: peak + 1] == sorted(levels[: peak + 1])
    assert levels[peak:] == sorted(levels[peak:], reverse=True)


def test_a_leak_makes_water_run_and_the_rope_wet() -> None:
    incident = begin(IncidentKind.LEAK, CITY, NOW_MS, 1)
    middle_ms = (incident.start_ms + incident.end_ms) // 2
    rope = incident.change(Outgoing(middle_ms, CITY[1], [Sample(middle_ms, 1, {"leak": False})]))
    pipe = incident.change(Outgoing(middle_ms, CITY[2], [Sample(middle_ms, 1, {"water_flow_lpm": 2.0})]))
    elsewhere = incident.change(Outgoing(middle_ms, CITY[3], [Sample(middle_ms, 1, {"water_flow_lpm": 2.0})]))

    assert rope.samples[0].values == {"leak": True}
    assert float(pipe.samples[0].values["water_flow_lpm"]) == 40.0
    assert elsewhere.samples[0].values == {"water_flow_lpm": 2.0}


def test_incidents_move_about() -> None:
    cities = [builders.device(f"leak-{i}", f"s{i}", kind="toilet_leak") for i in range(5)]

    assert len(Counter(begin(IncidentKind.LEAK, cities, NOW_MS, i).sentence for i in range(50))) == 5


def test_an_incident_needs_a_place() -> None:
    with pytest.raises(NoPlaceError, match="leak: no device of kind toilet_leak"):
        begin(IncidentKind.LEAK, CITY[:1], NOW_MS, 1)


def test_payloads_are_what_devices_write() -> None:
    one = Sample(NOW_MS + 7, 41, {"nh3_ppm": 0.4, "occupied": True})

    assert json.loads(encode_samples([one])) == {
        "time": "2026-11-18T11:06:40.007Z",
        "seq": 41,
        "values": {"nh3_ppm": 0.4, "occupied": True},
    }
    assert isinstance(json.loads(encode_samples([one, one])), list)
    assert moment(NOW_MS) == "2026-11-18T11:06:40Z"

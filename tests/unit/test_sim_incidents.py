"""Incidents in the fleet: how long they last, and what a detector says of them."""

import json
from typing import Any, cast

import pytest

from simulators.fleet import Fleet
from simulators.incidents import IncidentKind, begin
from simulators.lane import Lane, Parcel
from simulators.settings import Simulation
from tests import builders

NOW_MS = 1_795_000_000_000
LEAK = builders.device("leak", "s", kind="toilet_leak", area="male", interval_s=60.0, metrics=("leak",))
PIPE = builders.device("pipe", "s", kind="toilet_water", area="male", interval_s=60.0, metrics=("water_flow_lpm",))


PANEL = builders.device("panel", "s", kind="toilet_button", interval_s=None, metrics=("assistance", "cleaned"))


class Sent:
    """A lane that keeps what it is given."""

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []

    def send(self, parcel: Parcel, *, keep: bool) -> None:
        assert keep
        self.parcels.append(parcel)

    def said(self, device: str) -> list[dict[str, Any]]:
        return [json.loads(parcel.payload)["values"] for parcel in self.parcels if parcel.device == device]


def fleet(sent: Sent) -> Fleet:
    lane = cast("Lane", sent)
    return Fleet(builders.registry(LEAK, PIPE, PANEL), Simulation(), {"leak": lane, "pipe": lane, "panel": lane})


def test_a_detector_speaks_when_a_leak_begins_and_when_it_ends() -> None:
    sent = Sent()
    city = fleet(sent)
    city.begin(IncidentKind.LEAK, NOW_MS, 40)
    assert sent.said("leak") == [{"leak": True}]
    city.end_incidents(NOW_MS + 39_999)
    assert len(sent.said("leak")) == 1
    city.end_incidents(NOW_MS + 40_000)
    assert sent.said("leak") == [{"leak": True}, {"leak": False}]
    assert sent.said("pipe") == []


def test_a_call_for_help_is_pressed_once() -> None:
    sent = Sent()
    city = fleet(sent)
    incident = city.begin(IncidentKind.HELP, NOW_MS)
    city.end_incidents(incident.end_ms)
    assert sent.said("panel") == [{"assistance": True}]
    assert incident.sentence == "Somebody calls for help at panel, s."


def test_an_incident_lasts_as_long_as_was_asked_for() -> None:
    short = begin(IncidentKind.LEAK, [LEAK], NOW_MS, 1, 45)
    assert short.end_ms - short.start_ms == 45_000
    assert short.sentence.endswith("for 45 s.")
    assert begin(IncidentKind.LEAK, [LEAK], NOW_MS, 1).sentence.endswith("for 3 minutes.")
    with pytest.raises(ValueError, match="a second at least"):
        begin(IncidentKind.LEAK, [LEAK], NOW_MS, 1, 0)

"""Filters and rights of the live stream: who gets what of which event."""

import json
from typing import Any

import pytest

from alerts.desk import Change, Severity, Transition, Value
from api.access.caller import Caller, Role, Way
from api.live.event import Event, EventKind, of_alert, of_reading
from api.live.wanted import Asked, Wanted, wanted
from api.problem import ForbiddenError, NotFoundError
from telemetry.reading import Quality, Reading
from tests.alerting import rule
from tests.builders import device, registry

REGISTRY = registry(device("nh3-1"), device("cubicle-1"), device("meter-1", "office-1"))
TIME_NS = 1_795_334_400_123_000_000
RULES = (rule(Value("nh3_ppm"), id="odour"), rule(Value("visitors_now"), id="crowd"))


def caller(role: Role = Role.OPERATOR, *sites: str) -> Caller:
    return Caller("shift leader", role, frozenset(sites) or None, Way.KEY, "127.0.0.1", "k1")


def reading(name: str = "nh3-1", site: str = "toilet-1", **values: float | str) -> Event:
    quality = dict.fromkeys(values, Quality.SUSPECT)
    return of_reading("r", 7, Reading(name, TIME_NS, 1, values, quality), site, frozenset(values))


def alert(rule: str = "odour", site: str = "toilet-1", comment: str | None = None) -> Event:
    change = Transition(
        "3f2a", rule, "nh3-1", Change.RAISED, Severity.WARNING, TIME_NS, TIME_NS, 12.5, 10.0, comment=comment
    )
    return of_alert("r", 8, change, site)


def listens(who: Caller, **asked: set[str]) -> Wanted:
    filters: Any = {name: frozenset(values) for name, values in asked.items()}
    return wanted(Asked(**filters), who, REGISTRY, RULES)


def data(block: bytes | None) -> Any:
    assert block is not None
    head, _, rest = block.partition(b"\ndata: ")
    assert head.startswith(b"id: r-")
    assert rest.endswith(b"\n\n")
    return json.loads(rest)


OPEN = reading(nh3_ppm=0.4)
PERSONAL = reading("cubicle-1", occupied=1.0)
BOTH = reading("cubicle-1", nh3_ppm=0.4, occupied=1.0)
ELSEWHERE = reading("meter-1", "office-1", power_kw=3.0)
ODOUR, CROWD, GONE = alert(), alert("crowd"), alert(site="")
OPERATOR, VIEWER = caller(), caller(Role.VIEWER)


@pytest.mark.parametrize(
    ("who", "asked", "given"),
    [
        (OPERATOR, {}, [OPEN, PERSONAL, BOTH, ELSEWHERE, ODOUR, CROWD, GONE]),
        (VIEWER, {}, [OPEN, BOTH, ELSEWHERE, ODOUR, CROWD, GONE]),
        (caller(Role.ADMIN, "office-1"), {}, [ELSEWHERE]),
        (caller(Role.VIEWER, "toilet-1"), {}, [OPEN, BOTH, ODOUR, CROWD]),
        (OPERATOR, {"sites": {"office-1"}}, [ELSEWHERE]),
        (OPERATOR, {"sites": {"office-1", "toilet-1"}}, [OPEN, PERSONAL, BOTH, ELSEWHERE, ODOUR, CROWD]),
        (OPERATOR, {"devices": {"cubicle-1"}}, [PERSONAL, BOTH]),
        (OPERATOR, {"devices": {"nh3-1"}, "sites": {"office-1"}}, []),
        (OPERATOR, {"metrics": {"nh3_ppm"}}, [OPEN, BOTH, ODOUR, GONE]),
        (OPERATOR, {"metrics": {"occupied", "visitors_now"}}, [PERSONAL, BOTH, CROWD]),
        (VIEWER, {"metrics": {"nh3_ppm"}}, [OPEN, BOTH, ODOUR, GONE]),
        (OPERATOR, {"kinds": {EventKind.ALERT}}, [ODOUR, CROWD, GONE]),
        (OPERATOR, {"kinds": {EventKind.READING}, "devices": {"nh3-1"}}, [OPEN]),
    ],
)
def test_who_gets_which_events(who: Caller, asked: dict[str, set[str]], given: list[Event]) -> None:
    everything = [OPEN, PERSONAL, BOTH, ELSEWHERE, ODOUR, CROWD, GONE]
    given_by_block = [event for event in everything if listens(who, **asked).block(event) is not None]
    assert given_by_block == given


def test_a_viewer_gets_the_rest_of_a_reading_that_also_says_where_people_are() -> None:
    assert data(listens(VIEWER).block(BOTH)) == {
        "device": "cubicle-1",
        "site": "toilet-1",
        "time": TIME_NS // 1_000_000,
        "values": {"nh3_ppm": 0.4},
        "quality": {"nh3_ppm": 1},
    }
    assert data(listens(OPERATOR).block(BOTH))["values"] == {"nh3_ppm": 0.4, "occupied": 1.0}


def test_a_viewer_hears_of_an_alert_without_what_its_rule_saw_of_people() -> None:
    seen = data(listens(VIEWER).block(CROWD))
    assert (seen["rule"], seen["change"], seen["value"], seen["threshold"]) == ("crowd", "raised", None, None)
    assert data(listens(VIEWER).block(ODOUR))["value"] == 12.5
    assert data(listens(OPERATOR).block(CROWD))["value"] == 12.5


def test_a_rule_that_is_not_known_yet_shows_a_viewer_no_values() -> None:
    assert data(listens(VIEWER).block(alert("new")))["value"] is None


def test_an_alert_in_words() -> None:
    assert data(alert(comment="on my way").block) == {
        "alert": "3f2a",
        "rule": "odour",
        "device": "nh3-1",
        "site": "toilet-1",
        "change": "raised",
        "severity": "warning",
        "at": TIME_NS // 1_000_000,
        "value": 12.5,
        "threshold": 10.0,
        "by": None,
        "to": None,
        "comment": "on my way",
    }
    assert data(GONE.block)["site"] is None


def test_what_is_whole_is_the_same_bytes_for_everybody() -> None:
    assert listens(VIEWER).block(OPEN) is listens(OPERATOR, devices={"nh3-1"}).block(OPEN) is OPEN.block
    assert listens(VIEWER) == listens(caller(Role.VIEWER))
    assert hash(listens(VIEWER)) == hash(listens(caller(Role.VIEWER)))


@pytest.mark.parametrize(
    ("who", "asked", "error"),
    [
        (OPERATOR, {"sites": {"nowhere"}}, NotFoundError),
        (OPERATOR, {"devices": {"nothing"}}, NotFoundError),
        (OPERATOR, {"metrics": {"happiness"}}, NotFoundError),
        (caller(Role.ADMIN, "office-1"), {"sites": {"toilet-1"}}, NotFoundError),
        (caller(Role.ADMIN, "office-1"), {"devices": {"nh3-1"}}, NotFoundError),
        (VIEWER, {"metrics": {"nh3_ppm", "occupied"}}, ForbiddenError),
    ],
)
def test_what_can_not_be_had_is_said(who: Caller, asked: dict[str, set[str]], error: type[Exception]) -> None:
    with pytest.raises(error):
        listens(who, **asked)


HOSTILE = "a\n\ndata: {}\r\nid: 1\revent: alert\u2028\x00</script>"


@pytest.mark.parametrize("event", [reading(nh3_ppm=1.0, text=HOSTILE), alert(comment=HOSTILE)])
def test_hostile_text_stays_inside_its_line(event: Event) -> None:
    for who in (OPERATOR, VIEWER):
        block = listens(who).block(event)
        assert block is not None
        lines = block.split(b"\n")
        assert [line.partition(b":")[0] for line in lines] == [b"id", b"event", b"data", b"", b""]
        assert b"\r" not in block
    found = data(event.block)
    assert HOSTILE in {found.get("comment"), found.get("values", {}).get("text")}

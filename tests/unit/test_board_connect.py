"""Connecting a device: what it is told to send, what came of it, and the line that adds it."""

import csv
import json
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from api.access.caller import Caller, Role, Way
from api.board.pages.connect import FAULTS
from api.board.words import words_of
from api.now import Now
from api.problem import AwayError, ForbiddenError, NotFoundError
from api.queries import connect as module
from api.queries.answer import moment
from api.queries.connect import (
    NewDevice,
    SheetFault,
    command,
    example_value,
    example_values,
    guide,
    heard,
    kinds,
    sheet_line,
    waiting,
)
from api.queries.quarantine import Quarantined, QuarantinePage
from api.sources import Sources
from telemetry.admission.admit import admit
from telemetry.admission.limits import Limits
from telemetry.message import Message, Reason
from telemetry.mqtt.settings import BrokerSettings
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.load import load_registry
from tests.builders import area, device, metric, registry, site

NOW_NS = 1_795_334_400 * NS_PER_S
OPERATOR = Caller("installer", Role.OPERATOR, None, Way.SESSION, "")
VIEWER = Caller("wall", Role.VIEWER, None, Way.SESSION, "")
NEW = device("new-1", "pier", metrics=("nh3_ppm", "temperature_c", "ventilation", "firmware", "battery_pct"))
OLD = device("old-1", "pier", metrics=NEW.metrics)
KNOWN = registry(NEW, OLD, device("far-1", "hall"), sites=[site("pier", areas=[area("male")]), site("hall")])


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return made(tmp_path)


def made(data: Path, now: Now | None = None, **broker: Any) -> Sources:
    settings = SimpleNamespace(broker=BrokerSettings(**broker))
    plain = SimpleNamespace(registry=KNOWN, now=now or Now(), clock=lambda: NOW_NS, settings=settings, data=data)
    return cast("Sources", plain)


def refused(topic: str, received_ns: int) -> Quarantined:
    return Quarantined(
        id=7,
        received=moment(received_ns),
        topic=topic,
        payload="{",
        retained=False,
        reason=Reason.NOT_JSON,
        readings=1,
        detail="it ends too early",
    )


def quarantine_of(monkeypatch: pytest.MonkeyPatch, *items: Quarantined, away: bool = False) -> None:
    async def answer(*_: object) -> QuarantinePage:
        if away:
            raise AwayError("the ingestor does not answer")
        return QuarantinePage(counts={}, items=items, next=None)

    monkeypatch.setattr(module, "quarantine", answer)


@pytest.mark.parametrize(
    ("name", "said", "value"),
    [
        ("nh3_ppm", 0.4321, 0.43),
        ("humidity_pct", 61.7, 62),
        ("ventilation", 0.0, False),
        ("ventilation", None, True),
        ("cleaned", None, True),
        ("firmware", "2.1", "2.1"),
        ("firmware", None, "1.0"),
        ("feedback", 4.0, 4),
    ],
)
def test_a_value_is_written_as_a_device_writes_it(name: str, said: float | str | None, value: object) -> None:
    found = example_value(metric(name), said)
    assert found == value
    assert type(found) is type(value)


def test_every_metric_has_an_example_that_is_admitted_and_plausible(sources: Sources) -> None:
    for name, one in KNOWN.metrics.items():
        if one.source != "device" or name == "entered_by":  # the latter is said beside the values, by people
            continue
        known = registry(device("x", "pier", metrics=(name,)))
        payload = json.dumps({"values": {name: example_value(one, None)}}).encode()
        message = Message("caretaker/v1/pier/x/readings", payload, retained=False, received_ns=NOW_NS)
        admitted = admit(message, known, Limits(NOW_NS, NOW_NS))
        assert not admitted.rejections, name
        assert all(quality.value & 1 == 0 for quality in admitted.readings[0].quality.values()), name
    assert example_values(sources, OPERATOR, NEW)["ventilation"] is True


def test_a_new_device_says_what_its_neighbours_say(tmp_path: Path) -> None:
    now = Now()
    now.take(Reading("old-1", NOW_NS, None, {"nh3_ppm": 1.25}, {}), "pier")
    assert example_values(made(tmp_path, now), OPERATOR, NEW)["nh3_ppm"] == 1.25


def test_the_command_survives_a_shell() -> None:
    payload = '{"values": {"note": "it\'s $HOME; rm -rf `x`"}}'
    words = shlex.split(command("127.0.0.1", 1884, "caretaker/v1/a/b/readings", payload, "b", Path("tls/ca.pem")))
    assert words[0] == "mosquitto_pub"
    assert words[words.index("-m") + 1] == payload
    assert words[words.index("-u") + 1] == "b"
    assert words[words.index("--cafile") + 1] == "tls/ca.pem"


async def test_on_this_machine_nobody_is_asked_for_a_password(sources: Sources) -> None:
    found = await guide(sources, OPERATOR, "new-1")
    assert found.open_here
    assert (found.user, found.passwords, found.authority) == (None, None, None)
    assert found.topic == "caretaker/v1/pier/new-1/readings"
    assert set(json.loads(found.payload)["values"]) == set(NEW.metrics)
    assert found.payload in shlex.split(found.command)


async def test_over_a_network_it_is_told_where_the_passwords_stand_and_never_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "credentials.csv").write_text("user,password\nnew-1,canary-secret\n")
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca.pem").write_text("")
    sources = made(tmp_path, username="_api", password=SecretStr("canary-own"), ca=tmp_path / "tls" / "ca.pem")
    found = await guide(sources, OPERATOR, "new-1")
    assert (found.user, found.passwords, found.authority) == ("new-1", "credentials.csv", "tls/ca.pem")
    assert not found.open_here
    assert found.host != "127.0.0.1"  # TLS goes by the machine's name
    assert "canary" not in found.model_dump_json()


async def test_those_that_have_never_spoken_come_first(tmp_path: Path) -> None:
    now = Now()
    now.take(Reading("new-1", NOW_NS, None, {"nh3_ppm": 1.0}, {}), "pier")
    assert [one.id for one in await waiting(made(tmp_path, now), OPERATOR, "pier")] == ["old-1", "new-1"]


async def test_nothing_has_come_yet(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    quarantine_of(monkeypatch, refused("caretaker/v1/pier/old-1/readings", NOW_NS))
    found = await heard(sources, OPERATOR, "new-1")
    assert (found.spoke, found.refused, list(found.latest), found.refusals_known) == (None, None, [], True)


@pytest.mark.parametrize(
    "topic", ["caretaker/v1/pier/new-1/readings", "caretaker/v1/elsewhere/new-1/readings", "x/new-1"]
)
async def test_a_refusal_of_the_device_is_told(topic: str, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    quarantine_of(monkeypatch, refused(topic, NOW_NS))
    found = await heard(sources, OPERATOR, "new-1")
    assert found.refused is not None
    assert found.refused.reason is Reason.NOT_JSON


@pytest.mark.parametrize(("age_s", "told"), [(60, False), (-60, True)])
async def test_a_refusal_before_the_last_reading_is_past(
    age_s: int, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Now()
    now.take(Reading("new-1", NOW_NS, None, {"nh3_ppm": 1.0, "uptime_s": 5.0}, {}), "pier")
    quarantine_of(monkeypatch, refused("caretaker/v1/pier/new-1/readings", NOW_NS - age_s * NS_PER_S))
    found = await heard(made(tmp_path, now), OPERATOR, "new-1")
    assert (found.refused is not None) is told
    assert [one.metric for one in found.latest] == ["nh3_ppm"]


async def test_a_quarantine_that_is_away_is_no_refusal(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    quarantine_of(monkeypatch, away=True)
    found = await heard(sources, OPERATOR, "new-1")
    assert (found.refused, found.refusals_known) == (None, False)


async def test_connecting_is_for_operators_of_the_site(sources: Sources) -> None:
    stranger = Caller("x", Role.OPERATOR, frozenset({"hall"}), Way.KEY, "")
    for ask in (guide, heard):
        with pytest.raises(ForbiddenError):
            await ask(sources, VIEWER, "new-1")
        with pytest.raises(NotFoundError):
            await ask(sources, stranger, "new-1")
    with pytest.raises(ForbiddenError):
        await waiting(sources, VIEWER, "pier")
    with pytest.raises(ForbiddenError):
        kinds(sources, VIEWER)


FINE = NewDevice("nh3-9", "pier", "toilet_odour", ("nh3_ppm",), "male", "60", "Men's, left", "男廁")


@pytest.mark.parametrize(
    ("fault", "fields"),
    [
        (SheetFault.ID, {"id": "NH3 9"}),
        (SheetFault.TAKEN, {"id": "old-1"}),
        (SheetFault.KIND, {"kind": "Odour sensor"}),
        (SheetFault.AREA, {"area": "cellar"}),
        (SheetFault.INTERVAL, {"interval_s": "often"}),
        (SheetFault.METRICS, {"metrics": ("smell",)}),
    ],
)
def test_what_is_wrong_with_a_line(fault: SheetFault, fields: dict[str, Any], sources: Sources) -> None:
    new = NewDevice(**{**{name: getattr(FINE, name) for name in FINE.__struct_fields__}, **fields})
    assert list(sheet_line(sources, OPERATOR, new).faults) == [fault]
    assert words_of("zh-Hant")(FAULTS[fault]) != FAULTS[fault]


def test_every_fault_has_its_words_and_a_row_above() -> None:
    assert set(FAULTS) == set(SheetFault)


def test_the_line_is_one_that_the_registry_takes(tmp_path: Path, sources: Sources) -> None:
    line = sheet_line(sources, OPERATOR, FINE)
    assert not line.faults
    (row,) = csv.DictReader([line.header, line.line])
    assert row["name_en"] == "Men's, left"
    (tmp_path / "sites.yaml").write_text(
        "sites:\n  - id: pier\n    names: {en: Pier}\n    timezone: Asia/Hong_Kong\n"
        "    areas: [{id: male, type: male, names: {en: Men's}}]\n"
    )
    (tmp_path / "devices.csv").write_text(f"{line.header}\n{line.line}\n", encoding="utf-8")
    added = load_registry(tmp_path).devices["nh3-9"]
    assert (added.site, added.area, added.interval_s, added.metrics) == ("pier", "male", 60.0, ("nh3_ppm",))
    assert added.names == {"en": "Men's, left", "zh-Hant": "男廁"}

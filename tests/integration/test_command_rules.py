"""`caretaker rules backtest` and `explain` on a real store and a real alert database."""

import asyncio
import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.database.database import AlertDatabase
from alerts.judge.judge import Judge
from alerts.judge.judged import Act, Action
from alerts.rules.load import load_rules
from caretaker.__main__ import app
from caretaker.backtest_history import Past
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.load import load_registry
from telemetry.stores.sqlite.read import SqliteReader
from telemetry.stores.sqlite.write import SqliteWriter

NOON = datetime.now(UTC).replace(hour=4, minute=0, second=0, microsecond=0) - timedelta(days=1)
"""Yesterday in Hong Kong."""
T0 = round(NOON.timestamp()) * NS_PER_S
MINUTE_NS = 60 * NS_PER_S
COURSE = ((0, 1.0), (60, 6.0), (85, 12.0), (95, 1.0), (200, 6.0), (206, 1.0))
"""Minute and ammonia from then on: a warning at 70, critical at 87, over at 100; six minutes are too short."""


class Place:
    """A configuration and a data folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config, self.data = root / "city", root / "data"
        self.call("init", str(self.config))

    @property
    def environment(self) -> dict[str, str]:
        return {"CARETAKER_CONFIG": str(self.config), "CARETAKER_DATA": str(self.data), "TERMINAL_WIDTH": "200"}

    def call(self, *words: str, expect: int = 0) -> str:
        """The command's stdout."""
        result = CliRunner().invoke(app, list(words), env=self.environment)
        assert result.exit_code == expect, result.output
        return result.stdout

    def remarks(self, *words: str, expect: int = 0) -> str:
        """What it says on stderr, on one line."""
        result = CliRunner().invoke(app, list(words), env=self.environment)
        assert result.exit_code == expect, result.output
        return " ".join(result.stderr.split())

    def json(self, *words: str) -> dict[str, dict[str, Any]]:
        """Rows by rule."""
        return {row["rule"]: row for row in json.loads(self.call("rules", *words, "--format", "json"))}

    def store(self, readings: Sequence[Reading]) -> None:
        registry = load_registry(self.config)

        async def write() -> None:
            writer = SqliteWriter(self.data / "store.db", lambda: registry, None)
            await writer.start()
            outcome = await writer.write(readings)
            await writer.close()
            assert not outcome.refused
            assert not outcome.keep

        self.data.mkdir(exist_ok=True)
        asyncio.run(write())

    def judge(self, readings: Sequence[Reading], until_ns: int, *actions: Callable[[Judge], Action]) -> None:
        """What the alert service would have kept by then."""
        registry = load_registry(self.config)
        judge = Judge(registry, load_rules(self.config, registry))
        for one in readings:
            judge.tick(one.time_ns)
            judge.read(one, one.time_ns)
        for clock_ns in range(readings[-1].time_ns, until_ns + 1, 5 * NS_PER_S):
            judge.tick(clock_ns)
        for action in actions:
            judge.act(action(judge))

        async def keep() -> None:
            database = AlertDatabase.open(self.data / "alerts" / "alerts.db")
            await database.commit(judge.take())
            await database.close()

        asyncio.run(keep())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def ammonia(
    device: str, until_min: float, every_s: int, course: Sequence[tuple[float, float]] = COURSE
) -> Iterator[Reading]:
    for at_s in range(0, round(until_min * 60), every_s):
        value = [value for minute, value in course if minute * 60 <= at_s][-1]
        yield Reading(device, T0 + at_s * NS_PER_S, None, {"nh3_ppm": value, "temperature_c": 24.0}, {})


def span(until_min: float = 240) -> list[str]:
    end = NOON + timedelta(minutes=until_min)
    return ["--from", NOON.isoformat(), "--to", end.isoformat()]


def stored(place: Place, every_s: int = 10) -> None:
    place.store(
        [*ammonia("odour-male", 240, every_s), *ammonia("odour-female", 240, every_s, [(0, 1.0)])],
    )


def test_a_backtest_finds_each_alert_at_its_moments(place: Place) -> None:
    stored(place)
    (row,) = place.json("backtest", *span()).values()
    assert (row["raised"], row["critical"], row["warning"], row["active_at_end"]) == (1, 1, 0, 0)
    assert (row["devices_raised"], row["devices_with_readings"], row["devices_selected"]) == (1, 2, 2)
    assert row["first"] == (NOON + timedelta(minutes=70)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert row["total_s"] == 30 * 60
    (line,) = csv.DictReader(io.StringIO(place.call("rules", "backtest", *span(), "--format", "csv")))
    assert line["longest_s"] == "1800.0"


def test_people_get_a_table_a_strip_and_what_they_have_to_know(place: Place) -> None:
    stored(place)
    table = place.call("rules", "backtest", *span())
    assert "1 critical" in table
    assert "30 min" in table
    assert "█" in table
    remarks = place.remarks("rules", "backtest", *span())
    assert "Left out: gateway-down, device-silent, for a store can't tell" in remarks
    assert "apart" not in remarks
    assert "What these rules read is stored from" in place.remarks("rules", "backtest", "--from", "9d")


def test_a_picture_is_drawn(place: Place) -> None:
    stored(place)
    place.call("rules", "backtest", *span(), "--picture", str(place.root / "a.svg"), "--language", "zh-Hant")
    text = (place.root / "a.svg").read_text(encoding="utf-8")
    assert "異味" in text
    assert "critical, " in text


def test_in_a_thin_history_values_hold_until_the_next_and_that_is_said(place: Place) -> None:
    stored(place, every_s=300)
    (row,) = place.json("backtest", *span()).values()
    assert row["raised"] == 1
    assert row["first"] == (NOON + timedelta(minutes=70)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    remarks = place.remarks("rules", "backtest", *span())
    assert "The readings of 2 devices are stored about 5 min apart and sent every 10 s." in remarks
    (row,) = place.json("backtest", *span(), "--step", "1s").values()
    assert row["raised"] == 0, "at the devices' own interval each value holds for half a minute"


def test_silence_is_tried_only_when_it_is_asked_for(place: Place) -> None:
    place.store([*ammonia("odour-male", 60, 10, [(0, 1.0)]), *ammonia("odour-female", 240, 10, [(0, 1.0)])])
    assert set(place.json("backtest", *span())) == {"odour"}
    complaint = place.remarks("rules", "backtest", *span(), "--rule", "device-silent", expect=2)
    assert "is a rule for silent devices" in complaint
    found = place.json("backtest", *span(), "--no-data")
    assert (found["device-silent"]["raised"], found["device-silent"]["active_at_end"]) == (1, 1)
    assert found["device-silent"]["devices_with_readings"] == 2, "the meter never spoke"


def test_after_the_last_stored_reading_nothing_is_judged(place: Place) -> None:
    stored(place)
    (row,) = place.json(
        "backtest", "--from", NOON.isoformat(), "--to", "now", "--no-data", "--rule", "device-silent"
    ).values()
    assert row["raised"] == 0, "that nothing is stored later is no silence of the devices"


@pytest.mark.parametrize(
    ("words", "complaint", "code"),
    [
        (("--rule", "odor"), "no rule 'odor'; do you mean 'odour'?", 2),
        (("--site", "main-stret"), "no site 'main-stret'; do you mean 'main-street'?", 2),
        (("--from", "1d", "--to", "2d"), "--from 1d is not before --to 2d", 2),
        (("--from", "soon"), "'soon' is not a moment", 2),
        (("--step", "often"), "--step: 'often' is not a span", 2),
        (("--picture", "a.png"), "expected a file that ends in .svg", 2),
        (("--picture", "nowhere/a.svg"), "there is no such folder", 2),
        (("--from", "30d", "--to", "20d"), "nothing that these rules read is stored from", 1),
    ],
)
def test_what_cannot_be_tried_is_said_with_its_mend(
    place: Place, words: tuple[str, ...], complaint: str, code: int
) -> None:
    stored(place, 600)
    assert complaint in place.remarks("rules", "backtest", *words, expect=code)


def test_where_no_store_is_it_says_how_one_comes_to_be(place: Place) -> None:
    said = place.remarks("rules", "backtest", expect=3)
    assert "there is no store yet" in said
    assert "caretaker fill" in said
    assert not place.data.exists(), "looking makes nothing"


async def test_the_past_is_the_same_in_parts_of_any_length(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await asyncio.to_thread(stored, place)
    registry = load_registry(place.config)
    wanted = {"odour-male": ["nh3_ppm"], "odour-female": ["nh3_ppm", "temperature_c"]}
    found = []
    for few, many in ((50_000, 200_000), (1, 2)):
        monkeypatch.setattr("caretaker.backtest_history.FEW", few)
        monkeypatch.setattr("caretaker.backtest_history.MANY", many)
        reader = SqliteReader(place.data / "store.db")
        past = Past(reader, registry, T0, T0 + 240 * MINUTE_NS)
        parts = [part async for part in past.parts(wanted)]
        await reader.close()
        found.append([reading for _, part in parts for reading in part])
        assert parts[-1][0] == T0 + 240 * MINUTE_NS
        assert len(parts) > 100 or few > 1
    assert found[0] == found[1]
    assert [one.time_ns for one in found[0]] == sorted(one.time_ns for one in found[0])
    assert len(found[0]) == 2 * 240 * 6


def test_explain_tells_what_each_rule_thinks(place: Place) -> None:
    readings = sorted(
        [*ammonia("odour-male", 66, 10), *ammonia("odour-female", 66, 10, [(0, 1.0)])], key=lambda one: one.time_ns
    )
    place.judge(readings, readings[-1].time_ns + 5 * NS_PER_S)
    place.store(readings)
    male = place.json("explain", "odour-male")
    assert (male["odour"]["state"], male["odour"]["severity"]) == ("pending", "warning")
    assert male["odour"]["since"] == (NOON + timedelta(minutes=60)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert male["odour"]["due"] == (NOON + timedelta(minutes=70)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert (male["odour"]["value"], male["odour"]["warning_raise"], male["odour"]["warning_clear"]) == (6.0, 4.0, 2.5)
    assert male["device-silent"]["silent_at"] is not None
    female = place.json("explain", "odour-female")["odour"]
    assert (female["state"], female["value"], female["from_store"]) == ("quiet", 1.0, True)
    text = place.call("rules", "explain", "odour-male")
    assert "pending since" in text
    assert "raised above 4 ppm for 10 min, cleared at 2.5 ppm or below for 5 min" in text
    assert "the alert service is not running" in text, "its clock stands at yesterday noon"
    assert "氨氣: 6 ppm" in place.call("rules", "explain", "odour-male", "--language", "zh-Hant")


def test_explain_names_the_alert_and_who_has_it(place: Place) -> None:
    readings = list(ammonia("odour-male", 89, 10))

    def acknowledged(judge: Judge) -> Action:
        (alert,) = judge.standing.active.values()
        return Action(1, Act.ACKNOWLEDGE, judge.clock_ns, "attendant", alert.id)

    place.judge(readings, readings[-1].time_ns + 5 * NS_PER_S, acknowledged)
    row = place.json("explain", "odour-male", "--rule", "odour")["odour"]
    assert (row["state"], row["severity"], row["acknowledged_by"]) == ("raised", "critical", "attendant")
    assert row["since"] == (NOON + timedelta(minutes=70)).strftime("%Y-%m-%dT%H:%M:%S.000Z"), "of the alert"
    assert "acknowledged by attendant" in place.call("rules", "explain", "odour-male")


def test_explain_says_why_a_rule_leaves_a_device_out(place: Place) -> None:
    place.judge(list(ammonia("odour-male", 1, 10)), T0 + MINUTE_NS)
    row = place.json("explain", "meter-main", "--rule", "odour")["odour"]
    assert row["state"] == "not selected"
    assert "it selects the kind toilet_odour; this device is meter_power" in row["because"]
    assert "it reads nh3_ppm" in row["because"]
    text = place.call("rules", "explain", "meter-main", "--rule", "odour", "--rule", "device-silent")
    assert "it does not select this device" in text
    assert "nothing that it reads has come yet" in text


def test_explain_needs_a_known_device_a_known_rule_and_a_database(place: Place) -> None:
    assert "there are no alerts yet" in place.remarks("rules", "explain", "odour-male", expect=3)
    place.judge(list(ammonia("odour-male", 1, 10)), T0 + MINUTE_NS)
    assert "do you mean 'odour-male'?" in place.remarks("rules", "explain", "odour-mal", expect=2)
    assert "do you mean 'odour'?" in place.remarks("rules", "explain", "odour-male", "--rule", "odur", expect=2)

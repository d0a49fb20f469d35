"""The benchmarks' own judgement can fail: a wrong store, a wrong goal and a wrong clock are seen."""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from alerts.alert import alert_id
from alerts.configuration import Configuration
from alerts.rules.select import selected
from bench import influx
from bench.alert_verdict import Row as AlertRow
from bench.alert_verdict import compare
from bench.alert_verdict import expected as expected_alerts
from bench.city import City, beat_topic, id_of, kind_of
from bench.city_files import AT_ONCE, AlertService, Rulebook
from bench.hook import hook
from bench.judge import Row, judge
from bench.load import AIR, METRICS, MIXED, Load, device_id, values
from bench.measure import cpu_s
from bench.paced import pattern
from bench.report import Figure, ratio, summarise
from telemetry.admission.admit import admit
from telemetry.catalogue.load import load_catalogue
from telemetry.message import Message
from tests.builders import device, registry

LOAD = Load(messages=300, devices=7, start_ms=1_790_000_000_000)


def as_sent(load: Load = LOAD) -> Iterator[Row]:
    for message, number in enumerate(load.order):
        yield device_id(number), load.time_ms(message), values(message)


def test_what_was_sent_is_right() -> None:
    verdict = judge(LOAD, as_sent())
    assert verdict.right
    assert verdict.whole == 300


def test_a_lost_message_is_seen() -> None:
    verdict = judge(LOAD, [row for row in as_sent() if row[1] != LOAD.time_ms(17)])
    assert (verdict.missing, verdict.right) == (1, False)
    assert "1 not stored" in str(verdict)


@pytest.mark.parametrize("place", range(len(METRICS)))
@pytest.mark.parametrize("put", [None, 0.0, True, "12.5"])
def test_one_changed_value_is_seen(place: int, put: object) -> None:
    rows = list(as_sent())
    name, time_ms, found = rows[5]
    rows[5] = name, time_ms, (*found[:place], put, *found[place + 1 :])
    verdict = judge(LOAD, rows)
    assert (verdict.whole, verdict.changed, verdict.missing) == (299, 1, 0)


def test_values_of_two_messages_swapped_are_seen() -> None:
    rows = list(as_sent())
    (first, first_ms, one), (second, second_ms, other) = rows[0], rows[1]
    rows[:2] = [(first, first_ms, other), (second, second_ms, one)]
    assert judge(LOAD, rows).changed == 2


def test_a_reading_under_another_device_is_lost_and_extra() -> None:
    rows = list(as_sent())
    _, time_ms, found = rows[0]
    rows[0] = "air-999999", time_ms, found
    verdict = judge(LOAD, rows)
    assert (verdict.missing, verdict.extra) == (1, 1)


def test_every_message_has_a_key_of_its_own() -> None:
    for rate in (100, 1_000, 10_000):
        load = Load(messages=20_000, devices=1_000, start_ms=0, rate=rate)
        assert len({(load.order[message], load.time_ms(message)) for message in range(load.messages)}) == 20_000


def test_each_device_speaks_once_a_round_in_no_order() -> None:
    load = Load(messages=2_000, devices=1_000, start_ms=0)
    assert sorted(load.order[:1_000]) == sorted(load.order[1_000:]) == list(range(1_000))
    assert load.order[:1_000] != load.order[1_000:]
    assert load.order == Load(messages=2_000, devices=1_000, start_ms=0).order


@pytest.mark.parametrize("where", [AIR, MIXED])
def test_admission_takes_all_of_it_and_doubts_nothing(where: Mapping[str, str]) -> None:
    known = registry(*(device(device_id(number), "station-0000", metrics=tuple(where)) for number in range(7)))
    load = Load(messages=10_100, devices=7, start_ms=LOAD.start_ms, where=where)
    for message, (topic, payload) in enumerate(load.published()):
        admitted = admit(Message(topic, payload, False, (LOAD.start_ms + 1_000) * 1_000_000), known)
        assert not admitted.rejections
        assert tuple(admitted.readings[0].values.items()) == tuple(zip(where, values(message), strict=True))
        assert not admitted.readings[0].quality


@pytest.mark.parametrize("where", [AIR, MIXED])
def test_the_metrics_are_where_the_catalogue_puts_them(where: Mapping[str, str]) -> None:
    catalogue = load_catalogue()
    assert {name: catalogue[name].measurement for name in where} == where


def test_rows_of_two_measurements_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load(messages=50, devices=7, start_ms=0, where=MIXED)

    def answer(_url: str, _database: str, statement: str) -> list[dict[str, Any]]:
        battery = "battery_pct" in statement
        return [
            {
                "tags": {"device": device},
                "values": [[time_ms, *(found[-1:] if battery else found[:-1])]],
            }
            for device, time_ms, found in as_sent(load)
            if not (battery and time_ms == load.time_ms(49))
        ]

    monkeypatch.setattr(influx, "query", answer)
    verdict = judge(load, influx.rows("", "", load.where))
    assert (verdict.whole, verdict.changed) == (49, 1)


@pytest.mark.parametrize("count", [1, 10, 100, 1_000])
def test_the_pattern_is_of_the_first_devices(count: int) -> None:
    found = [number for number in range(5_000) if re.match(pattern(count), device_id(number))]
    assert found == list(range(count))


def test_the_clock_of_a_process_is_its_cpu_time() -> None:
    before_s, own_s = cpu_s(os.getpid()), time.process_time()
    while time.process_time() < own_s + 0.05:
        pass
    assert cpu_s(os.getpid()) - before_s == pytest.approx(0.05, abs=0.01)


def test_a_figure_over_several_runs_is_the_median() -> None:
    (summary,) = summarise(Figure("a", "a", value, "us", at_most=10) for value in (9.0, 30.0, 8.0))
    assert (summary.value, summary.low, summary.high, summary.holds) == (9.0, 8.0, 30.0, True)


def test_a_goal_is_missed_above_it_or_when_the_store_is_wrong() -> None:
    figures = [
        Figure("above", "", 10.1, "us", at_most=10),
        Figure("wrong", "", 5.0, "us", at_most=10, wrong=True),
        Figure("wrong", "", 5.0, "us", at_most=10),
        Figure("skipped", "", None, "us", at_most=10),
        Figure("free", "", 5.0, "us"),
    ]
    assert [summary.holds for summary in summarise(figures)] == [False, False, None, None]


def test_a_ratio_needs_both_and_says_when_one_is_wrong() -> None:
    summaries = summarise([Figure("a", "", 3.0, "us"), Figure("b", "", 2.0, "us", wrong=True)])
    (found,) = ratio(summaries, "a", "b", "a to b", at_most=2.0)
    assert (found.value, found.holds) == (1.5, False)
    assert not ratio(summaries, "a", "c", "a to c")


ROWS: list[AlertRow] = [
    ("a", "raised", 2, 10, 4.5, 4.0, 10),
    ("b", "raised", 3, 11, None, None, 11),
    ("a", "resolved", 2, 20, 2.0, 2.5, 20),
]


def test_the_transitions_that_had_to_be_are_right_in_any_order_of_alerts() -> None:
    verdict = compare(ROWS, [ROWS[1], ROWS[0], ROWS[2]])
    assert verdict.whole
    assert str(verdict) == "all 3 transitions as they had to be"


@pytest.mark.parametrize(
    ("found", "missing", "extra", "out_of_order"),
    [
        (ROWS[:2], 1, 0, 0),
        ([*ROWS, ROWS[1]], 0, 1, 0),
        ([*ROWS[:2], ("a", "resolved", 2, 21, 2.0, 2.5, 20)], 1, 1, 0),
        ([*ROWS[:2], ("a", "resolved", 2, 20, 2.1, 2.5, 20)], 1, 1, 0),
        ([ROWS[2], ROWS[1], ROWS[0]], 0, 0, 1),
    ],
    ids=["lost", "twice", "another moment", "another value", "order within an alert"],
)
def test_a_wrong_transition_is_seen(found: list[AlertRow], missing: int, extra: int, out_of_order: int) -> None:
    verdict = compare(ROWS, found)
    assert (verdict.missing, verdict.extra, verdict.out_of_order) == (missing, extra, out_of_order)
    assert "WRONG" in str(verdict)


@pytest.mark.parametrize("count", [10, 100, 1_000])
def test_each_device_of_the_city_has_the_same_rules_however_many_there_are(tmp_path: Path, count: int) -> None:
    AlertService(Rulebook(count)).configure(tmp_path, 1883, 2_000)
    configuration = Configuration(tmp_path)
    assert len(configuration.rules.rules) == count
    chosen = selected(configuration.rules, configuration.registry)
    found = [sorted(rule.id.rsplit("-", 1)[0] for rule in chosen[id_of(number)]) for number in range(2_000)]
    expected = {"toilet_odour": ["odour", "silent"], "toilet_leak": ["battery", "leak", "silent"]}
    assert all(rules == expected.get(kind_of(number), rules) for number, rules in enumerate(found))
    assert {len(rules) for rules in found} == {2, 3}


def test_rules_on_others_select_no_device_that_sends(tmp_path: Path) -> None:
    AlertService(Rulebook(1_000, elsewhere=True)).configure(tmp_path, 1883, 2_000)
    configuration = Configuration(tmp_path)
    assert len(configuration.rules.rules) == 1_000
    assert all(device.startswith("far-") for device in selected(configuration.rules, configuration.registry))


def test_what_the_city_sends_is_admitted_and_raises_alerts_of_many_rules(tmp_path: Path) -> None:
    AlertService(Rulebook(10)).configure(tmp_path, 1883, 2_000)
    load = City(12_000, 2_000, 1_790_000_000_000, 34, incident_of=97)
    known = Configuration(tmp_path).registry
    for topic, payload in islice(load.published(), 2_100):
        admitted = admit(Message(topic, payload, False, load.start_ms * 1_000_000), known)
        assert not admitted.rejections or topic == beat_topic()
        assert all(not reading.quality for reading in admitted.readings)
    rows = expected_alerts(tmp_path, load)
    ids = {
        alert_id(f"{rule}-0", id_of(number), load.time_ms(message) * 1_000_000): rule
        for message, number in enumerate(load.order)
        for rule in AT_ONCE
    }
    assert {ids[row[0]] for row in rows if row[0] in ids} == AT_ONCE
    assert {row[1] for row in rows} >= {"raised", "resolved"}


def test_the_hook_notes_the_first_message_of_each_alert() -> None:
    facts = [{"id": "a", "state": "active"}, {"id": "b", "state": "resolved"}]
    with hook() as receiver:
        for _ in range(2):
            with closing(HTTPConnection("127.0.0.1", receiver.server_port, timeout=10)) as client:
                client.request("POST", "/alerts", json.dumps({"data": {"alerts": facts}}))
                assert client.getresponse().status == 204
    assert receiver.arrived_ms.keys() == {"a"}
    assert receiver.again == 1

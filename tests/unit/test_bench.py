"""The benchmarks' own judgement can fail: a wrong store, a wrong goal and a wrong clock are seen."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bench import influx
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

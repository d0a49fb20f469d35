"""The shipped metrics are right, and a user's own are checked."""

import math
import re
from pathlib import Path

import pytest

from telemetry.catalogue.load import EVENTS, label, load_catalogue
from telemetry.catalogue.metric import Kind, Metric, Privacy, Source
from telemetry.catalogue.units import UNITS, symbol
from telemetry.document import DocumentError
from tests.builders import CATALOGUE, area, device, metric, site

EVERY = pytest.mark.parametrize("metric", CATALOGUE.values(), ids=lambda metric: metric.name)


def test_there_are_enough() -> None:
    assert len(CATALOGUE) >= 60
    assert {metric.measurement for metric in CATALOGUE.values()} == {
        "toilet",
        "event",
        "meter",
        "air",
        "device",
        "result",
        "alert",
    }


@EVERY
def test_the_name_ends_with_the_unit(metric: Metric) -> None:
    suffixes = {unit.suffix: code for code, unit in UNITS.items() if unit.suffix}
    ending = metric.name.rpartition("_")[2]

    assert suffixes.get(ending, metric.unit) == metric.unit
    assert metric.name.endswith(f"_{UNITS[metric.unit].suffix}") or not UNITS[metric.unit].suffix


@EVERY
def test_it_is_named_in_both_languages(metric: Metric) -> None:
    assert re.search(r"[A-Za-z]", metric.names["en"])
    assert re.search(r"[\u4e00-\u9fff]", metric.names["zh-Hant"])


@EVERY
def test_its_ranges_fit_its_kind(metric: Metric) -> None:
    possible, plausible = (metric.possible_min, metric.possible_max), (metric.plausible_min, metric.plausible_max)

    assert possible[0] <= plausible[0] <= plausible[1] <= possible[1]
    assert (metric.kind is Kind.TEXT) == (possible == (-math.inf, math.inf))
    if metric.kind is Kind.COUNTER:
        assert possible[0] == 0
    if metric.kind is Kind.STATE and metric.source is Source.DEVICE:
        assert possible == (0, 1)


@EVERY
def test_only_results_are_derived_and_only_events_are_events(metric: Metric) -> None:
    sources = {"result": Source.DERIVED, "alert": Source.ALERT}

    assert metric.source == sources.get(metric.measurement, Source.DEVICE)
    assert (metric.kind is Kind.EVENT) == (metric.measurement == EVENTS)


def test_names_are_not_shared() -> None:
    for language in ("en", "zh-Hant"):
        names = [metric.names[language] for metric in CATALOGUE.values()]
        assert len(set(names)) == len(names)


def test_what_tells_of_people_is_personal() -> None:
    personal = {metric.name for metric in CATALOGUE.values() if metric.privacy is Privacy.PERSONAL}

    assert personal == {"occupied", "people_in", "people_out", "visitors_now", "assistance", "entered_by"}


def test_units_are_read_as_people_write_them() -> None:
    assert [
        symbol(CATALOGUE[name].unit) for name in ("pm2_5_ugm3", "temperature_c", "reactive_energy_kvarh", "uses")
    ] == [
        "µg/m³",
        "°C",
        "kvarh",
        "",
    ]
    suffixes = [unit.suffix for unit in UNITS.values() if unit.suffix]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Ammonia"),
        ("en-GB", "Ammonia"),
        ("zh-Hant", "氨氣"),
        ("zh-Hant-HK", "氨氣"),
        ("zh-HK", "氨氣"),
        ("zh-TW", "氨氣"),
        ("zh-CN", "Ammonia"),
        ("fr", "Ammonia"),
        ("", "Ammonia"),
    ],
)
def test_a_name_in_the_nearest_language(language: str, expected: str) -> None:
    assert label(CATALOGUE["nh3_ppm"], language) == expected


def test_sites_areas_and_devices_have_names_too() -> None:
    assert label(site("pier"), "zh-HK") == "pier"
    assert label(area("male"), "en") == "male"
    assert label(device(names={"zh-Hant": "氣味"}), "en") == "氣味"
    assert label(device(names={}), "en") == ""


def test_a_user_adds_metrics(tmp_path: Path) -> None:
    path = tmp_path / "metrics.yaml"
    path.write_text(
        "pool:\n"
        "  chlorine_mgl: {unit: mg/L, possible: [0, 20], plausible: [0.2, 5], decimals: 2, names: {en: Chlorine}}\n"
        "  lane_open: {unit: '1', kind: state, names: {en: Lane open}}\n"
        "  remark: {unit: '1', kind: text, names: {en: Remark}}\n"
    )

    metrics = load_catalogue([path])

    assert len(metrics) == len(CATALOGUE) + 3
    assert metrics["chlorine_mgl"] == metric(
        "chlorine_mgl",
        unit="mg/L",
        measurement="pool",
        decimals=2,
        possible_min=0,
        possible_max=20,
        plausible_min=0.2,
        plausible_max=5,
        names={"en": "Chlorine"},
    )
    assert (metrics["lane_open"].possible_min, metrics["lane_open"].possible_max) == (0, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "pool:\n  nh3_ppm: {unit: '[ppm]', names: {en: A}}\n",
            "2: pool.nh3_ppm: found 'nh3_ppm', expected a new name (nh3_ppm is defined in telemetry/catalogue/toilets",
        ),
        (
            "pool:\n  Depth: {unit: m, names: {en: A}}\n",
            "2: pool.Depth: found 'Depth', expected a name such as 'nh3_ppm'",
        ),
        ("pool:\n  _x: {unit: m, names: {en: A}}\n", "2: pool._x: found '_x', expected a name such as 'nh3_ppm'"),
        (
            "pool:\n  depth_q: {unit: m, names: {en: A}}\n",
            "2: pool.depth_q: found 'depth_q', expected a name that doesn't",
        ),
        (
            "Pool:\n  depth_m: {unit: m, names: {en: A}}\n",
            "1: Pool: found 'Pool', expected a measurement such as 'toilet'",
        ),
        (
            "pool:\n  dive: {unit: '1', kind: event, names: {en: A}}\n",
            "2: pool.dive: found kind event in pool, expected events, and only events, in event",
        ),
        (
            "event:\n  depth_m: {unit: m, names: {en: A}}\n",
            "2: event.depth_m: found kind gauge in event, expected events, and only events, in event",
        ),
        (
            "pool:\n  depth_m: {unit: °C, names: {en: A}}\n",
            "2: pool.depth_m.unit: found '°C', expected a UCUM code such as 'Cel'",
        ),
        (
            "pool:\n  depth_m: {unit: 'kWh', names: {en: A}}\n",
            "2: pool.depth_m.unit: found 'kWh', expected a UCUM code such as 'kW.h'",
        ),
        (
            "pool:\n  depth_m: {unit: furlongs, names: {en: A}}\n",
            "2: pool.depth_m.unit: found 'furlongs', expected a UCUM",
        ),
        ("pool:\n  depth_m: {names: {en: A}}\n", "2: pool.depth_m.unit: found nothing, expected a UCUM code such as"),
        (
            "pool:\n  depth_m: {unit: m, names: {fr: A}}\n",
            "2: pool.depth_m.names: found a mapping, expected a name in Engl",
        ),
        (
            "pool:\n  depth_m: {unit: m, names: {en: A, zh_hant: B}}\n",
            "2: pool.depth_m.names.zh_hant: found 'zh_hant', expected a language tag such as en or zh-Hant",
        ),
        (
            "pool:\n  depth_m: {unit: m, kind: guage, names: {en: A}}\n",
            "2: pool.depth_m.kind: found 'guage', expected 'gauge', 'counter', 'state', 'event' or 'text'",
        ),
        (
            "pool:\n  depth_m: {unit: m, possible: [5, 1], names: {en: A}}\n",
            "2: pool.depth_m.possible: found a list, expected [lowest, highest]",
        ),
        (
            "pool:\n  depth_m: {unit: m, possible: [0, 5], plausible: [0, 6], names: {en: A}}\n",
            "2: pool.depth_m: found a mapping, expected a plausible range within the possible one",
        ),
        (
            "pool:\n  note: {unit: '1', kind: text, possible: [0, 5], names: {en: A}}\n",
            "2: pool.note: found a mapping, expected no range for a text",
        ),
        ("- a\n", "1: found a list, expected a mapping (name: value)"),
    ],
)
def test_a_bad_metric_is_told_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "metrics.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DocumentError) as caught:
        load_catalogue([path])

    (problem,) = map(str, caught.value.problems)
    assert problem.startswith(f"metrics.yaml:{expected}")


def test_two_files_of_a_user_may_not_define_the_same(tmp_path: Path) -> None:
    for name in ("metrics.yaml", "metrics-2.yaml"):
        (tmp_path / name).write_text("pool:\n  depth_m: {unit: m, names: {en: Depth}}\n")

    with pytest.raises(DocumentError, match=r"metrics-2.yaml:2: .* \(depth_m is defined in metrics.yaml\)"):
        load_catalogue([tmp_path / "metrics.yaml", tmp_path / "metrics-2.yaml"])

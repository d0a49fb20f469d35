import pytest

from caretaker.values import name_text, quality_text, unit_text, value_text
from telemetry.catalogue.load import load_catalogue
from telemetry.reading import Quality

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("metric", "value", "unit", "text"),
    [
        ("nh3_ppm", 0.4, "ppm", "0.40"),
        ("temperature_c", 21.25, "°C", "21.2"),
        ("occupied", 1.0, "", "yes"),
        ("occupied", 0.0, "", "no"),
        ("feedback", 5.0, "", "5"),
        ("alert_severity", 3.0, "", "3"),
        ("firmware", "1.10", "", "1.10"),
        ("a_metric_of_yesterday", 0.25, "", "0.25"),
    ],
)
def test_a_value_is_written_as_its_metric_says(metric: str, value: float | str, unit: str, text: str) -> None:
    found = CATALOGUE.get(metric)
    assert (unit_text(found), value_text(found, value)) == (unit, text)


@pytest.mark.parametrize(
    ("quality", "text"),
    [
        (Quality.GOOD, "good"),
        (Quality.SUSPECT, "suspect"),
        (Quality.MANUAL, "manual"),
        (Quality.SUSPECT | Quality.ARRIVAL_TIME, "suspect, arrival time"),
        (~Quality.GOOD, "suspect, arrival time, manual"),
    ],
)
def test_quality_in_words(quality: Quality, text: str) -> None:
    assert quality_text(quality) == text


def test_a_name_falls_back_to_english_and_then_to_the_id() -> None:
    assert name_text(CATALOGUE["nh3_ppm"], "zh-Hant", "nh3_ppm") == "氨氣"
    assert name_text(CATALOGUE["nh3_ppm"], "fr", "nh3_ppm") == "Ammonia"
    assert name_text(None, "en", "x") == "x"

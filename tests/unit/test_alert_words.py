"""Alerts in words, in both languages: what a rule asks, what happened, why somebody was told or not."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from collections.abc import Mapping
from datetime import UTC

import pytest

from alerts.alert import Alert, Change, Ending, Severity, Transition, begun_by
from alerts.desk import AlertWords
from alerts.message.course import EN, ZH_HANT, change_text
from alerts.notice import Cause, Muted
from alerts.rules.rule import (
    Aggregate,
    Condition,
    Guard,
    Happening,
    Imbalance,
    Level,
    NoData,
    Rate,
    Side,
    State,
    Value,
    Window,
)
from telemetry.registry.models import Area, Person
from tests.alerting import CRITICAL, T0, WARNING, M, S, level, rule
from tests.builders import device, registry, site

PIER = site(
    "pier",
    areas=[Area("male", "male", {"en": "Men's", "zh-Hant": "男廁"})],
    names={"en": "Pier public toilet", "zh-Hant": "碼頭公廁"},
)
SENSOR = device("nh3-1", "pier", area="male", names={"en": "Odour sensor", "zh-Hant": "氣味感應器"})
CITY = registry(SENSOR, sites=[PIER], people=[Person("manager", "Duty manager", "en", (), ())])
ODOUR = rule(None, level(4), id="odour", names={"en": "Odour", "zh-Hant": "異味"}, advice={"en": "Clean."})
NH3 = "nh3_ppm"


def words(language: str = "en") -> AlertWords:
    return AlertWords(CITY, {ODOUR.id: ODOUR}, language)


def plain(severity: Severity = WARNING, for_s: int = 0) -> Level:
    return level(None, None, for_s, severity=severity)


@pytest.mark.parametrize(
    ("condition", "levels", "english", "chinese"),
    [
        (
            Value(NH3),
            (level(1.5, 1, 300), level(3, 2, 90, severity=CRITICAL)),
            "Ammonia: warning above 1.5 ppm for 5 min, critical above 3 ppm for 90 s",
            "氨氣：高於 1.5 ppm，持續 5 分鐘，即屬警告；高於 3 ppm，持續 90 秒，即屬嚴重",
        ),
        (Value(NH3), (level(0.0625),), "Ammonia: warning above 0.0625 ppm", "氨氣：高於 0.0625 ppm，即屬警告"),
        (
            Rate(NH3, 60 * M),
            (level(2),),
            "Change of Ammonia within 1 h: warning above 2 ppm",
            "氨氣 1 小時內的變化：高於 2 ppm，即屬警告",
        ),
        (
            Window(NH3, Aggregate.MEAN, 30 * M, S, 0.75),
            (level(2),),
            "30-minute mean of Ammonia: warning above 2 ppm",
            "氨氣 30 分鐘平均值：高於 2 ppm，即屬警告",
        ),
        (
            Window(NH3, Aggregate.MEAN, 30 * M, S, 0.75, part_of_month_peak=True),
            (level(0.57),),
            "30-minute mean of Ammonia: warning above 57 % of this month's peak so far",
            "氨氣 30 分鐘平均值：高於 本月至今最高值的 57 %，即屬警告",
        ),
        (Imbalance((NH3, NH3)), (level(2),), "Imbalance of Ammonia, Ammonia: warning above 2 %", None),
        (State("leak", 1), (plain(CRITICAL, 60),), "Water leak: critical at “yes” for 1 min", None),
        (State("leak", 0), (plain(CRITICAL),), "Water leak: critical at “no”", None),
        (Happening("assistance", 1, 1), (plain(CRITICAL),), "Assistance called: critical when reported", None),
        (Happening("feedback", 1, 2), (plain(),), "User feedback: warning when 1 to 2 is reported", None),
        (Happening("feedback", 1, 1), (plain(),), "User feedback: warning when 1 is reported", "報告 1"),
        (NoData(3, None), (plain(),), "No readings: warning after 3 missed intervals", "沒有讀數：漏報 3 次，即屬警告"),
        (
            NoData(None, None),
            (plain(for_s=600),),
            "No readings: warning after too many missed intervals and 10 min more",
            "沒有讀數：漏報過多，再過 10 分鐘，即屬警告",
        ),
        (NoData(None, 30 * M), (plain(),), "No readings: warning after 30 min", "沒有讀數：30 分鐘後，即屬警告"),
    ],
)
def test_what_a_rule_asks_is_a_sentence(
    condition: Condition, levels: tuple[Level, ...], english: str, chinese: str | None
) -> None:
    one = rule(condition, *levels)
    assert words().asks(one) == english
    said = words("zh-HK").asks(one)
    assert said == chinese or (chinese or "：") in said


def test_a_threshold_that_is_undercut_and_a_guard_are_said() -> None:
    one = rule(None, level(1, 2), side=Side.BELOW, guard=Guard("temperature_c", Side.ABOVE, 30))
    assert words().asks(one) == "Ammonia: warning below 1 ppm, only while Temperature is above 30 °C"
    assert words("zh-Hant").asks(one) == "氨氣：低於 1 ppm，即屬警告；只在氣溫高於 30 °C 時生效"


def changed(change: Change, **fields: object) -> Transition:
    return Transition("a1", "odour", "nh3-1", change, CRITICAL, T0, T0, **fields)  # type: ignore[arg-type] # of a test


CHANGES: Mapping[Change, tuple[str, str]] = {
    Change.RAISED: ("raised, critical", "發出嚴重警報"),
    Change.ROSE: ("rose to critical", "升級至嚴重"),
    Change.FELL: ("fell to critical", "降級至嚴重"),
    Change.RESOLVED: ("resolved", "已解除"),
    Change.ACKNOWLEDGED: ("acknowledged", "已確認"),
    Change.ASSIGNED: ("assigned to manager", "交由 manager 跟進"),
    Change.ACKNOWLEDGEMENT_ENDED: ("acknowledgement ended", "確認已到期"),
    Change.COMMENTED: ("comment", "備註"),
}


@pytest.mark.parametrize("change", Change)
def test_every_change_has_its_words(change: Change) -> None:
    one = changed(change, to="manager" if change is Change.ASSIGNED else None)
    assert (change_text(one, "en"), change_text(one, "zh-TW")) == CHANGES[change]


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_is_said(ending: Ending) -> None:
    one = changed(Change.RESOLVED, ending=ending)
    assert change_text(one, "en").startswith("resolved: ")
    assert change_text(one, "zh-Hant").startswith("已解除：")


def test_what_was_suspect_or_flaps_is_said() -> None:
    one = changed(Change.RAISED, suspect=True, flapping=True)
    assert change_text(one, "en") == "raised, critical (suspect value, flapping, not told)"
    assert change_text(one, "zh-Hant") == "發出嚴重警報 (數值可疑，反覆不定，不作通知)"


@pytest.mark.parametrize("course", [EN, ZH_HANT], ids=["en", "zh-Hant"])
def test_no_cause_and_no_reason_is_without_words(course: object) -> None:
    for table, members in (("causes", Cause), ("muted", Muted), ("changes", Change)):
        said = getattr(course, table)
        assert list(said) == list(members)
        assert len(set(said.values())) == len(said), "told apart"


def test_names_are_those_of_the_registry_and_what_is_gone_is_called_by_its_id() -> None:
    here = begun_by(changed(Change.RAISED, value=6.1, threshold=4.0))
    gone = begun_by(Transition("a2", "old", "old-1", Change.RAISED, WARNING, T0, T0))

    def all_of(named: AlertWords, alert: Alert) -> list[str]:
        return [named.name(alert.rule), named.site_name(alert), named.area_name(alert), named.device_name(alert)]

    assert all_of(words(), here) == ["Odour", "Pier public toilet", "Men's", "Odour sensor"]
    assert all_of(words("zh-HK"), here) == ["異味", "碼頭公廁", "男廁", "氣味感應器"]
    assert all_of(words(), gone) == ["old", "", "", "old-1"]
    assert words().shown(here) == "Ammonia: 6.1 ppm, above 4 ppm"
    assert words("zh-HK").shown(here) == "氨氣：6.1 ppm，高於 4 ppm"
    assert (words().zone(here), words().zone(gone)) == (PIER.timezone, UTC)
    assert words().labels(here)["area_type"] == "male"
    assert (words().person("manager"), words().person("night shift")) == ("Duty manager", "night shift")
    assert words().change(changed(Change.ASSIGNED, to="manager")) == "assigned to Duty manager"
    assert (words().advice("odour"), words().advice("old")) == ("Clean.", "")
    assert (words().severity(CRITICAL), words("zh-HK").severity(CRITICAL)) == ("critical", "嚴重")
    assert (words().cause(Cause.NEW), words("zh-HK").muted(Muted.SILENCED)) == ("it is new", "警報已靜音")

"""Messages: what is said, in both languages; what never gets through."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

import json
import string
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from alerts.alert import Alert, Ending, Severity
from alerts.message.compose import MOST_LISTED, TEMPLATE_FIELDS, TITLE_MOST, MessageWorld, compose
from alerts.message.payload import Body
from alerts.message.subject import fields_of
from alerts.message.words import EN, ZH_HANT, words_for
from alerts.notice import Cause, Message, Notice
from alerts.rules.rule import (
    Aggregate,
    Condition,
    Happening,
    Imbalance,
    Level,
    NoData,
    Rate,
    Rule,
    Selector,
    Side,
    State,
    Value,
    Window,
)
from telemetry.registry.models import Area, Device, Person, Registry
from tests.builders import device, registry, site

S = 1_000_000_000
NOW_NS = int(datetime(2026, 11, 22, 8, 0, tzinfo=UTC).timestamp()) * S
PIER = site(
    "pier",
    areas=[Area("male", "male", {"en": "Men's", "zh-Hant": "男廁"})],
    names={"en": "Pier public toilet", "zh-Hant": "碼頭公廁"},
)
SENSOR = device("nh3-1", "pier", area="male", names={"en": "Odour sensor", "zh-Hant": "氣味感應器"})
PEOPLE = [Person("manager", "Duty manager", "en", (), ()), Person("attendant", "當值員", "zh-HK", (), ())]


AMMONIA = Value("nh3_ppm")


def rule(condition: Condition = AMMONIA, **fields: Any) -> Rule:
    plain = Rule(
        id="odour",
        names={"en": "Odour", "zh-Hant": "異味"},
        why="people leave",
        where=Selector(),
        condition=condition,
        side=Side.ABOVE,
        levels=(Level(Severity.WARNING, 3.0, 2.5, 0, 0),),
        advice={"en": "Check the ventilation.", "zh-Hant": "請檢查抽氣系統。"},
    )
    return replace(plain, **fields)


def alert(**fields: Any) -> Alert:
    plain = Alert(
        id="0a1b2c3d4e",
        rule="odour",
        device="nh3-1",
        severity=Severity.WARNING,
        worst=Severity.WARNING,
        raised_ns=NOW_NS - 60 * S,
        changed_ns=NOW_NS - 60 * S,
        resolved_ns=None,
        value=3.4,
        threshold=3.0,
        reading_ns=NOW_NS - 61 * S,
        suspect=False,
        acknowledged_by=None,
        acknowledged_ns=None,
        acknowledged_until_ns=None,
        comment=None,
        ending=None,
    )
    return replace(plain, **fields)


def places(*devices: Device) -> Registry:
    return registry(*(devices or (SENSOR,)), sites=[PIER], people=PEOPLE)


def said(
    cause: Cause = Cause.NEW,
    *alerts: Alert,
    rules: Sequence[Rule] = (),
    person: str = "manager",
    world: Registry | None = None,
    link: bool = False,
    **fields: Any,
) -> Message:
    listed = [(one, cause if one.active else Cause.RESOLVED) for one in alerts]
    notice = replace(Notice(person, cause, listed, {}, NOW_NS), **fields)
    known = {one.id: one for one in rules or (rule(),)}
    address = (lambda one, who: f"https://c.example.org/a/{one}?person={who}") if link else None
    return compose(notice, MessageWorld(world or places(), known, address))


def test_an_alert_in_english() -> None:
    message = said(Cause.NEW, alert(), link=True)
    assert message.title == "Warning: Odour, 3.4 ppm – Men's, Pier public toilet"
    assert message.text.splitlines() == [
        "Ammonia: 3.4 ppm, above 3 ppm",
        "",
        "Where: Men's, Pier public toilet",
        "Device: Odour sensor (nh3-1)",
        "Time of the reading: 22 Nov 15:58:59",
        "Since: 22 Nov 15:59 (1 min)",
        "Rule: Odour, Warning",
        "What to do: Check the ventilation.",
        "Alert: https://c.example.org/a/0a1b2c3d4e?person=manager",
    ]
    assert message.severity is Severity.WARNING


def test_an_alert_in_traditional_chinese() -> None:
    message = said(Cause.NEW, alert(), person="attendant")
    assert message.title == "警告：異味，3.4 ppm – 男廁，碼頭公廁"
    assert message.text.splitlines() == [
        "氨氣：3.4 ppm，高於 3 ppm",
        "",
        "地點：男廁，碼頭公廁",
        "裝置：氣味感應器 (nh3-1)",
        "讀數時間：11月22日 15:58:59",
        "開始時間：11月22日 15:59 (已持續 1 分鐘)",
        "規則：異味，警告",
        "處理方法：請檢查抽氣系統。",
        "警報：0a1b2c3d4e",
    ]


MINUTE = 60 * S


@pytest.mark.parametrize(
    ("condition", "value", "threshold", "english", "chinese"),
    [
        (Value("nh3_ppm"), 3.4, 3.0, "Ammonia: 3.4 ppm, above 3 ppm", "氨氣：3.4 ppm，高於 3 ppm"),
        (Value("nh3_ppm"), 3.0004, 3.0, "Ammonia: 3.0004 ppm, above 3 ppm", "氨氣：3.0004 ppm，高於 3 ppm"),
        (Value("nh3_ppm"), 2.0, 3.0, "Ammonia: 2 ppm (threshold 3 ppm)", "氨氣：2 ppm (界限 3 ppm)"),
        (
            Rate("water_flow_lpm", 10 * MINUTE),
            12.0,
            10.0,
            "Change of Water flow within 10 min: 12 L/min, above 10 L/min",
            "用水流量 10 分鐘內的變化：12 L/min，高於 10 L/min",
        ),
        (
            Imbalance(("people_in", "people_out")),
            12.34,
            10.0,
            "Imbalance of People in, People out: 12.3 %, above 10 %",
            "進入人數，離開人數 不平衡：12.3 %，高於 10 %",
        ),
        (
            Window("nh3_ppm", Aggregate.MEAN, 30 * MINUTE, MINUTE, 0.75),
            3.4,
            3.0,
            "30-minute mean of Ammonia: 3.4 ppm, above 3 ppm",
            "氨氣 30 分鐘平均值：3.4 ppm，高於 3 ppm",
        ),
        (
            Window("assistance", Aggregate.COUNT, 60 * MINUTE, MINUTE, 0),
            5.0,
            3.0,
            "Number of Assistance called within 1 h: 5, above 3",
            "求助 1 小時內的次數：5，高於 3",
        ),
        (
            Window("demand_kva", Aggregate.MEAN, 30 * MINUTE, 30 * MINUTE, 0.75, part_of_month_peak=True),
            1.043,
            1.0,
            "30-minute mean of Maximum demand: 104 % of this month's peak so far, above 100 %",
            "最高需求量 30 分鐘平均值：本月至今最高值的 104 %，高於 100 %",
        ),
        (State("leak", 1.0), 1.0, None, "Water leak: yes", "漏水：是"),
        (State("ventilation", 0.0), 0.0, None, "Ventilation running: no", "抽氣系統運作：否"),
        (Happening("assistance", 1.0, 1.0), 1.0, None, "Assistance called", "求助"),
        (Happening("feedback", 1.0, 2.0), 1.0, None, "User feedback: 1", "用戶評分：1"),
        (NoData(3.0, None), None, None, "No readings since 22 Nov 15:58", "自 11月22日 15:58 起沒有讀數"),
    ],
)
def test_what_is_the_matter(
    condition: Condition, value: float | None, threshold: float | None, english: str, chinese: str
) -> None:
    rules = [rule(condition)]
    one = alert(value=value, threshold=threshold)
    assert said(Cause.NEW, one, rules=rules).text.splitlines()[0] == english
    assert said(Cause.NEW, one, rules=rules, person="attendant").text.splitlines()[0] == chinese


def test_below_a_threshold() -> None:
    low = rule(Value("paper_pct"), side=Side.BELOW)
    assert said(Cause.NEW, alert(value=8.0, threshold=10.0), rules=[low]).text.startswith(
        "Toilet paper left: 8 %, below 10 %\n"
    )


@pytest.mark.parametrize("person", ["manager", "attendant"])
def test_every_cause_has_a_title_of_its_own(person: str) -> None:
    titles = {cause: said(cause, alert(), person=person).title for cause in Cause}
    assert titles[Cause.NEW] == titles[Cause.MORE], "one more is as new as the first"
    assert len(set(titles.values())) == len(Cause) - 1
    assert not any("{" in title for title in titles.values())


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_is_told(ending: Ending) -> None:
    over = alert(resolved_ns=NOW_NS - S, changed_ns=NOW_NS - S, ending=ending)
    message = said(Cause.RESOLVED, over)
    assert message.title == "Resolved: Odour – Men's, Pier public toilet"
    assert message.text.startswith(f"Resolved: 22 Nov 15:59, after 59 s: {EN.endings[ending]}\n")
    assert "What to do" not in message.text
    assert message.severity is None, "good news"
    assert ZH_HANT.endings[ending] in said(Cause.RESOLVED, over, person="attendant").text


def test_late_news_say_so_and_repeats_do_not() -> None:
    late = alert(raised_ns=NOW_NS - 11_000 * S, changed_ns=NOW_NS - 11_000 * S)
    assert "Since: 22 Nov 12:56 (3 h 3 min), reported 3 h 3 min late" in said(Cause.NEW, late).text
    assert "late" not in said(Cause.REPEAT, late).text
    assert "late" not in said(Cause.NEW, alert()).text


def test_who_gave_it_is_said_to_whom_it_was_given() -> None:
    mine = alert(acknowledged_by="manager", acknowledged_ns=NOW_NS, comment="pump room, please")
    text = said(Cause.ASSIGNED, mine, by="attendant").text
    assert "Comment: pump room, please\n" in text
    assert "Given to you by 當值員.\n" in text
    assert "由 night shift 交你跟進。\n" in said(Cause.ASSIGNED, mine, by="night\nshift", person="attendant").text
    several = said(Cause.ASSIGNED, mine, alert(id="2"), by="manager")
    assert several.text.startswith("Given to you by Duty manager.\n- Yours, Warning: Odour")
    assert json.loads(several.data)["data"]["assigned_by"] == "manager"
    assert "Given to you" not in said(Cause.REPEAT, mine).text


def test_what_else_is_known() -> None:
    known = alert(suspect=True, acknowledged_by="manager", acknowledged_ns=NOW_NS - 30 * S, comment="on\nmy way")
    text = said(Cause.FLAPPING, known).text
    assert "Acknowledged: by Duty manager, 22 Nov 15:59\nComment: on my way\n" in text
    assert EN.suspect in text
    assert EN.flapping in text
    assert "Nobody has acknowledged it for 1 min." in said(Cause.ESCALATED, alert()).text


def test_several_alerts_are_listed_and_the_rest_is_counted() -> None:
    devices = [replace(SENSOR, id=f"nh3-{number}") for number in range(15)]
    many = [alert(id=f"alert-{number}", device=f"nh3-{number}") for number in range(15)]
    many[1] = replace(many[1], resolved_ns=NOW_NS, ending=Ending.CLEARED)
    message = said(Cause.MORE, *many, also=2, world=places(*devices), link=True)
    assert message.title == "Warning: Odour, 17 alerts – Men's, Pier public toilet"
    lines = message.text.splitlines()
    assert lines[0] == "- Warning: Odour, 3.4 ppm, above 3 ppm, Men's, Pier public toilet, 22 Nov 15:59"
    assert lines[1] == "  https://c.example.org/a/alert-0?person=manager"
    assert lines[2] == "- Resolved: Odour, Men's, Pier public toilet, 22 Nov 15:59"
    assert sum(line.startswith("- ") for line in lines) == MOST_LISTED + 1
    assert lines[-1] == "- and 7 more"


def test_several_rules_and_sites() -> None:
    far = device("pm-1", "far")
    two = [alert(), alert(id="b", rule="dust", device="pm-1", severity=Severity.CRITICAL)]
    message = said(Cause.NEW, *two, rules=[rule(), rule(id="dust")], world=places(SENSOR, far))
    assert message.title == "Critical: Odour, 2 alerts – 2 sites"
    other = rule(id="dust", names={"en": "Dust"})
    assert said(Cause.NEW, *two, rules=[rule(), other]).title.startswith("Critical: 2 alerts – ")


def test_a_digest() -> None:
    quiet = said(Cause.DIGEST)
    assert (quiet.title, quiet.severity) == ("Daily digest: all quiet", None)
    assert said(Cause.DIGEST, person="attendant").title == "每日摘要：一切正常"
    busy = said(Cause.DIGEST, alert(), silent_devices=["nh3-1", "gone"], low_batteries=[("nh3-1", 7.4)])
    assert busy.title == "Daily digest: 1 alert, silent devices: 2, low batteries: 1"
    assert busy.text.splitlines() == [
        "Alerts: 1",
        "- Warning: Odour, 3.4 ppm, above 3 ppm, Men's, Pier public toilet, 22 Nov 15:59",
        "Silent devices: 2",
        "- Odour sensor, Pier public toilet",
        "- gone",
        "Low batteries: 1",
        "- Odour sensor, Pier public toilet, 7 %",
    ]


def test_a_summary() -> None:
    message = said(Cause.SUMMARY, alert(), also=3)
    assert message.title == "Summary: 4 alerts"
    assert message.text.startswith("More than your limit within an hour.")


@pytest.mark.parametrize(
    ("template", "sentence", "measured"),
    [
        (
            "{device}, {site}: {value}, above {threshold}",
            "Odour sensor, Pier public toilet: 3.4 ppm, above 3 ppm",
            False,
        ),
        ("{value} {unit} against {threshold} {unit}", "3.4 ppm against 3 ppm", False),
        ("{severity}, {rule}, {metric}, {area}, {since}", "Warning, Odour, Ammonia, Men's, 22 Nov 15:59", True),
        ("{{braces}} and {nothing.__class__} {0}", "{braces} and {nothing.__class__} {0}", True),
        ("half a { brace", "half a { brace", True),
        ("two\nlines\x1b[31m", "two lines [31m", True),
    ],
)
def test_a_message_of_the_rules_own(template: str, sentence: str, measured: bool) -> None:
    lines = said(Cause.NEW, alert(), rules=[rule(message={"en": template})]).text.splitlines()
    assert lines[0] == sentence
    assert ("Measured: Ammonia: 3.4 ppm, above 3 ppm" in lines) is measured


def test_all_fields_of_templates_are_filled_in() -> None:
    template = " ".join(f"{{{name}}}" for name in sorted(TEMPLATE_FIELDS))
    assert fields_of(template) == TEMPLATE_FIELDS
    assert "{" not in said(Cause.NEW, alert(), rules=[rule(message={"en": template})]).text


HOSTILE = "Pier\r\nBcc: all@example.org\x00\x1b[2J\u202e\u2028x" + "y" * 150


def test_names_write_no_lines_and_titles_stay_short() -> None:
    world = registry(
        replace(SENSOR, names={"en": HOSTILE}), sites=[replace(PIER, names={"en": HOSTILE})], people=PEOPLE
    )
    for cause in Cause:
        message = said(cause, alert(comment=HOSTILE), rules=[rule(names={"en": HOSTILE})], world=world)
        assert len(message.title) <= TITLE_MOST
        assert message.title.isprintable()
        assert not any(line.startswith("Bcc") for line in message.text.splitlines())
        assert all(line.isprintable() for line in message.text.split("\n"))


def test_what_is_gone_goes_by_its_id() -> None:
    message = said(Cause.NEW, alert(rule="old", device="gone"), person="nobody")
    assert message.title == "Warning: old, 3.4 – gone"
    assert "22 Nov 07:59 UTC" in message.text
    assert msgspec.json.decode(message.data, type=Body).data.alerts[0].site == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.0001, 1e300])
def test_any_number_can_be_told(value: float) -> None:
    assert said(Cause.NEW, alert(value=value, threshold=value)).title


def test_the_body_for_programs() -> None:
    body = json.loads(said(Cause.NEW, alert(), link=True).data)
    assert (body["type"], body["timestamp"]) == ("alert.new", "2026-11-22T08:00:00.000Z")
    (fact,) = body["data"]["alerts"]
    assert fact["link"] == "https://c.example.org/a/0a1b2c3d4e?person=manager"
    assert {name: fact[name] for name in ("value", "threshold", "severity", "state", "site", "area", "metrics")} == {
        "value": 3.4,
        "threshold": 3.0,
        "severity": "warning",
        "state": "active",
        "site": "pier",
        "area": "male",
        "metrics": ["nh3_ppm"],
    }


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", EN), ("en-GB", EN), ("fr", EN), ("zh-Hant", ZH_HANT), ("zh-HK", ZH_HANT), ("zh-TW", ZH_HANT),
     ("zh-Hant-HK", ZH_HANT), ("zh-CN", EN)],
)  # fmt: skip
def test_languages(language: str, words: object) -> None:
    assert words_for(language) is words


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_say_everything_with_the_same_fields() -> None:
    dates = {"date", "date_with_year"}
    for name in EN.__struct_fields__:
        english, chinese = getattr(EN, name), getattr(ZH_HANT, name)
        if isinstance(english, str) and name not in dates:
            assert _fields(english) == _fields(chinese), name
        elif isinstance(english, dict):
            kind: type[Enum] = type(next(iter(english)))
            assert english.keys() == chinese.keys() == set(kind), name
            assert all(english.values())
            assert all(chinese.values())

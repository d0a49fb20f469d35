"""`caretaker alerts` on a real alert database, with and without somebody who fulfils what it asks for."""

import asyncio
import csv
import io
import json
import re
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from alerts.alert import Change, Ending, Severity, Transition, alert_id
from alerts.database.database import AlertDatabase
from alerts.dispatch.planned import Planned
from alerts.dispatch.state import Ledger, Memory
from alerts.judge.judged import Act, Judged
from alerts.judge.standing import Standing
from alerts.notice import Attempt, Cause, Channel, Delivery, Message, Muted, Verdict
from caretaker.__main__ import app
from caretaker.commands import alert_actions
from telemetry.reading import NS_PER_S
from telemetry.registry.load import load_registry

NOW = time.time_ns() // 1_000_000 * 1_000_000
MIN_NS = 60 * NS_PER_S


def raised(rule: str, device: str, severity: Severity, ago_min: float, **fields: Any) -> Transition:
    at_ns = NOW - round(ago_min * MIN_NS)
    name = alert_id(rule, device, at_ns)
    return Transition(
        name, rule, device, Change.RAISED, severity, at_ns, at_ns + 3 * NS_PER_S, reading_ns=at_ns, **fields
    )


def clock(ago_min: float) -> str:
    """A moment of the story, whenever the test runs."""
    return datetime.fromtimestamp(NOW / NS_PER_S - ago_min * 60, UTC).isoformat()


ODOUR = raised("odour", "odour-male", Severity.CRITICAL, 12, value=11.234, threshold=10.0)
GATEWAY = raised("gateway-down", "gateway-1", Severity.CRITICAL, 3)
OVER = raised("odour", "odour-female", Severity.WARNING, 90, value=4.5, threshold=4.0)
OVER_ENDS = Transition(
    OVER.alert, OVER.rule, OVER.device, Change.RESOLVED, OVER.severity, NOW - 60 * MIN_NS, NOW, ending=Ending.CLEARED
)


def delivery(number: int, about: Transition, **fields: Any) -> Delivery:
    message = Message(f"Critical: {about.rule}\x1b[31m", f"{about.device} smells.\nGo there.", about.severity, b"{}")
    usual: dict[str, Any] = {"person": "duty-attendant", "channel": Channel.INBOX, "cause": Cause.NEW}
    return Delivery(
        id=f"msg_{number:026}",
        place=0,
        created_ns=about.at_ns,
        alerts=(about.alert,),
        message=message,
        due_ns=NOW,
        **{**usual, **fields},
    )


class Place:
    """A configuration, a data folder, and an alert database with a little history."""

    def __init__(self, root: Path) -> None:
        self.config, self.data = root / "city", root / "data"
        self.call("init", str(self.config))

    @property
    def database(self) -> Path:
        return self.data / "alerts" / "alerts.db"

    def call(self, *words: str, expect: int = 0) -> str:
        """The command's stdout."""
        result = CliRunner().invoke(app, list(words), env=self.environment)
        assert result.exit_code == expect, result.output
        return result.stdout

    def said(self, *words: str, expect: int = 0) -> str:
        """What it says on stderr, on one line."""
        result = CliRunner().invoke(app, list(words), env=self.environment)
        assert result.exit_code == expect, result.output
        return " ".join(result.stderr.split())

    def json(self, *words: str, expect: int = 0) -> Any:
        return json.loads(self.call("alerts", *words, "--format", "json", expect=expect))

    @property
    def environment(self) -> dict[str, str]:
        return {"CARETAKER_CONFIG": str(self.config), "CARETAKER_DATA": str(self.data), "TERMINAL_WIDTH": "200"}

    async def fill(self) -> None:
        database = AlertDatabase.open(self.database)
        standing = Standing([], [])
        for one in (OVER, OVER_ENDS, ODOUR, GATEWAY):
            standing.note(one)
        await database.commit(standing.take_into(Judged()))
        letters = [
            delivery(1, ODOUR),
            delivery(2, ODOUR, person="duty-manager", channel=Channel.WEBHOOK, cause=Cause.ESCALATED),
            delivery(3, ODOUR, person="", channel=Channel.MQTT),
        ]
        ledger = Memory({})
        ledger.ledgers = {ODOUR.alert: Ledger(muted={"duty-manager": Muted.OFF_DUTY})}
        await database.plan(Planned(cursor=4, deliveries=letters, groups=ledger.changes()))
        await database.attempted(letters[0].id, Attempt(Verdict.DELIVERED), None)
        await database.attempted(letters[1].id, Attempt(Verdict.REFUSED, "404 Not Found"), None)
        await database.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    asyncio.run(place.fill())
    return place


async def fulfil(path: Path, people: Collection[str], stop: threading.Event) -> None:
    """Take wishes as the judge does: what a person does to an alert is the same code."""
    database = AlertDatabase.open(path)
    kept = await database.remember()
    standing = Standing(kept.alerts, kept.silences)
    standing.people = people
    while not stop.is_set():
        for action in await database.actions():
            if action.act is Act.RESOLVE:
                standing.refuse(action, "it ends by itself")
            else:
                standing.act(action, time.time_ns())
        await database.commit(standing.take_into(Judged()))
        await asyncio.sleep(0.02)
    await database.close()


@contextmanager
def an_engine(place: Place) -> Iterator[None]:
    stop = threading.Event()
    people = load_registry(place.config).people
    thread = threading.Thread(target=lambda: asyncio.run(fulfil(place.database, people, stop)))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def test_the_list_is_in_the_words_of_rules_and_places(place: Place) -> None:
    lines = place.call("alerts", "list").splitlines()
    assert lines[0].split() == ["id", "age", "severity", "what", "where", "value", "who", "has", "it"]
    assert [line.split()[0] for line in lines[1:]] == [GATEWAY.alert[:8], ODOUR.alert[:8]]
    assert re.search(r"  \d+ min  ", lines[2]), "twelve when the tests were collected"
    for word in ("critical", "Odour", "Main Street public toilet", "11.23 ppm, above 10 ppm"):
        assert word in lines[2]
    assert "No readings since" in lines[1]
    chinese = place.call("alerts", "list", "--language", "zh-Hant")
    for word in ("嚴重", "異味", "大街公廁", "高於 10 ppm"):
        assert word in chinese
    assert OVER.alert[:8] in place.call("alerts", "list", "--all")


def test_the_list_for_programs_has_ids_numbers_and_utc(place: Place) -> None:
    (one,) = [row for row in place.json("list") if row["id"] == ODOUR.alert]
    assert (one["rule"], one["device"], one["site"], one["value"]) == ("odour", "odour-male", "main-street", 11.234)
    assert one["raised"].endswith("Z")
    assert one["acknowledged_by"] is None
    found = list(csv.DictReader(io.StringIO(place.call("alerts", "list", "--format", "csv"))))
    assert [row["id"] for row in found] == [GATEWAY.alert, ODOUR.alert]


def test_one_alert_tells_its_whole_story(place: Place) -> None:
    text = place.call("alerts", "show", ODOUR.alert[:6])
    for word in (
        "why this rule",
        "People smell ammonia",
        "Look at the fan first",
        "who has it     nobody yet",
        "raised, critical",
        "3 s later",
        "Duty attendant  inbox",
        "nobody had acknowledged",
        "404 Not Found",
        "programs",
        "when (Asia/Hong_Kong)",
        f"caretaker alerts ack {ODOUR.alert[:8]} ",
        "caretaker alerts silence rule=odour site=main-street --for 2h",
        "caretaker rules explain odour-male",
    ):
        assert word in text, word
    story = place.json("show", OVER.alert)
    assert [one["change"] for one in story["transitions"]] == ["raised", "resolved"]
    assert story["labels"]["site"] == "main-street"


def test_history_is_cut_to_what_is_asked_for(place: Place) -> None:
    assert [row["change"] for row in place.json("history")] == ["raised", "resolved", "raised", "raised"]
    assert [row["alert"] for row in place.json("history", "--from", clock(70), "--to", clock(30))] == [OVER.alert]
    assert {row["device"] for row in place.json("history", "--rule", "odour", "--device", "odour-male")} == {
        "odour-male"
    }
    assert "resolved: the condition has ended" in place.call("alerts", "history")
    assert "Nothing happened" in place.said("alerts", "history", "--from", "1s")


def test_the_inbox_is_read_and_a_stranger_commands_no_terminal(place: Place) -> None:
    (one,) = place.json("inbox")
    assert one["person"] == "duty-attendant"
    text = place.call("alerts", "inbox", "--text")
    assert "to Duty attendant" in text
    assert "odour-male smells.\nGo there." in text
    assert "\x1b" not in text + place.call("alerts", "inbox")
    assert place.json("inbox", "--person", "duty-manager") == []


def test_moments_are_those_of_the_places_that_measure_now(place: Place) -> None:
    museum = "sites:\n  - id: museum\n    timezone: America/Los_Angeles\n    archive: true\n"
    (place.config / "sites-0.yaml").write_text(museum)
    here = datetime.fromtimestamp(ODOUR.at_ns / NS_PER_S, ZoneInfo("Asia/Hong_Kong"))
    assert f"{here:%Y-%m-%d %H:%M:%S}  to Duty attendant" in place.call("alerts", "inbox", "--text")


def test_dead_letters_are_listed_and_sent_again(place: Place) -> None:
    (one,) = place.json("dead")
    assert (one["person"], one["detail"]) == ("duty-manager", "404 Not Found")
    assert "404 Not Found" in place.call("alerts", "dead")
    assert "1 will be sent again" in place.said("alerts", "dead", "--retry", one["id"])
    assert place.json("dead") == []
    assert "no dead letter msg_x" in place.said("alerts", "dead", "--retry", "msg_x", expect=2)


def test_wishes_are_fulfilled_by_the_engine(place: Place) -> None:
    with an_engine(place):
        asked = place.said("alerts", "ack", ODOUR.alert[:5], GATEWAY.alert, "--by", "night shift", "--for", "2h")
        assert f"{ODOUR.alert} acknowledged." in asked
        assert f"{GATEWAY.alert} acknowledged." in asked
        assert "noted" in place.said("alerts", "comment", ODOUR.alert, "fan ordered", "--by", "night shift")
        assert "it ends by itself" in place.said("alerts", "resolve", ODOUR.alert, expect=1)
        quiet = place.said("alerts", "silence", "rule=odour", "site=main-*", "--for", "2h", "--reason", "works")
        assert "1 of 2 active alerts match" in quiet
        (silence,) = place.json("silence")
        assert "silenced until" in place.call("alerts", "show", ODOUR.alert)
        assert "1 of them silenced" in place.said("alerts", "list")
        assert "has ended" in place.said("alerts", "unsilence", silence["id"][:4])
        assert place.json("silence") == []
    rows = {row["id"]: row for row in place.json("list")}
    assert rows[ODOUR.alert]["acknowledged_by"] == "night shift"
    assert rows[ODOUR.alert]["comment"] == "fan ordered"
    assert re.search(r"night shift for 11\d min more", place.call("alerts", "list"))
    text = place.call("alerts", "show", ODOUR.alert)
    assert "caretaker alerts ack" not in text


def test_who_is_not_told_and_why_is_shown(place: Place) -> None:
    assert "off duty, and somebody else is on" in place.call("alerts", "show", ODOUR.alert)
    assert place.json("show", ODOUR.alert)["untold"] == {"duty-manager": "off_duty"}


def test_an_alert_is_given_to_a_person(place: Place) -> None:
    with an_engine(place):
        words = ("alerts", "assign", ODOUR.alert[:5], "duty-manager", "--by", "night shift", "-m", "pump room")
        assert f"{ODOUR.alert} assigned to Duty manager." in place.said(*words)
    (odour,) = [row for row in place.json("list") if row["id"] == ODOUR.alert]
    assert (odour["acknowledged_by"], odour["comment"]) == ("duty-manager", "pump room")
    (given,) = [row for row in place.json("history") if row["change"] == "assigned"]
    assert (given["by"], given["to"]) == ("night shift", "duty-manager")
    assert "assigned to Duty manager" in place.call("alerts", "show", ODOUR.alert)
    assert "do you mean 'duty-manager'" in place.said("alerts", "assign", ODOUR.alert, "duty-manger", expect=2)


def test_without_an_engine_the_wish_stays_and_that_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_actions, "ANSWER_LIMIT_S", 0.2)
    assert "fulfilled when it runs" in place.said("alerts", "ack", ODOUR.alert, "--by", "me", expect=3)
    assert place.json("list")[1]["acknowledged_by"] is None
    with an_engine(place):
        deadline = time.monotonic() + 10
        while place.json("list")[1]["acknowledged_by"] != "me":
            assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ack", "zzz"], "there is no alert 'zzz'"),
        (["show", ""], "there is no alert"),
        (["ack", ODOUR.alert, "--for", "long"], "is not a span"),
        (["comment", ODOUR.alert, "  "], "an empty comment"),
        (["silence", "--for", "2h", "--reason", "x"], "a silence without a label"),
        (["silence", "rule=odor", "--for", "2h", "--reason", "x"], "do you mean 'odour'"),
        (["silence", "rul=odour", "--for", "2h", "--reason", "x"], "do you mean 'rule'"),
        (["silence", "odour", "--for", "2h", "--reason", "x"], "is no label with a value"),
        (["silence", "rule=odour", "rule=odour", "--for", "2h", "--reason", "x"], "given twice"),
        (["silence", "rule=odour", "--reason", "x"], "needs an end and a reason"),
        (["silence", "rule=odour", "--for", "2h", "--reason", " "], "needs an end and a reason"),
        (["silence", "rule=odour", "--for", "1h", "--from", "3h", "--reason", "x"], "over before it begins"),
        (["unsilence", "1"], "no silence begins with '1'"),
        (["history", "--from", "1h", "--to", "2h"], "is not before"),
        (["history", "--from", "lately"], "24h"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(place: Place, words: list[str], says: str) -> None:
    assert says in place.said("alerts", *words, expect=2)


def test_what_is_resolved_needs_no_acknowledgement(place: Place) -> None:
    assert f"{OVER.alert}: resolved already" in place.said("alerts", "ack", OVER.alert, expect=1)


def test_without_a_database_the_exit_code_says_so(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert "there are no alerts yet" in place.said("alerts", "list", expect=3)


def test_broken_rules_hide_no_alert(place: Place) -> None:
    rules = place.config / "rules.yaml"
    rules.write_text(rules.read_text() + "\n  - id: Wrong Id\n")
    assert "`caretaker check` names them" in place.said("alerts", "list")
    assert "odour" in place.call("alerts", "list")
    place.call("alerts", "show", ODOUR.alert)


def test_an_alert_outlives_its_rule_and_its_device(place: Place) -> None:
    (place.config / "rules.yaml").unlink()
    sheet = place.config / "devices.csv"
    kept = [line for line in sheet.read_text().splitlines() if not line.startswith("odour-male")]
    sheet.write_text("\n".join(kept) + "\n")
    assert "odour-male" in place.call("alerts", "list")
    assert "11.23" in place.call("alerts", "show", ODOUR.alert)
    assert place.json("list")[1]["site"] is None

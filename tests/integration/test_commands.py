"""The commands on a real configuration and the embedded store, called as a script calls them."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from caretaker.__main__ import app
from caretaker.commands.quarantine import exported, printable
from ingestor.journal_file import JournalFile
from ingestor.quarantine import Quarantined
from telemetry.admission.admit import admit
from telemetry.message import Message
from telemetry.registry.load import load_registry

HERE = datetime.now(UTC).replace(microsecond=0)


class Place:
    """A configuration and a data folder."""

    def __init__(self, root: Path) -> None:
        self.config = root / "city"
        self.data = root / "data"

    def call(self, *words: str, expect: int = 0) -> str:
        """The command's stdout."""
        result = CliRunner().invoke(app, list(words), env=self.environment)
        assert result.exit_code == expect, result.output
        return result.stdout

    def complaint(self, *words: str, expect: int) -> str:
        """What it says on stderr, on one line and without a frame around it."""
        result = CliRunner().invoke(app, list(words), env=self.environment)
        assert result.exit_code == expect, result.output
        return " ".join(result.stderr.replace("│", " ").split())

    def json(self, *words: str, expect: int = 0) -> Any:
        return json.loads(self.call(*words, "--format", "json", expect=expect))

    @property
    def environment(self) -> dict[str, str]:
        return {"CARETAKER_CONFIG": str(self.config), "CARETAKER_DATA": str(self.data), "TERMINAL_WIDTH": "200"}


@pytest.fixture(autouse=True)
def niced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The commands run in this process, and the tests after them need its priority."""
    asked: list[int] = []
    monkeypatch.setattr("os.nice", asked.append)
    return asked


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.call("init", str(place.config))
    return place


def at(minutes_ago: float) -> str:
    return (HERE - timedelta(minutes=minutes_ago)).isoformat().replace("+00:00", "Z")


def write_readings(path: Path, count: int = 3) -> None:
    lines = [
        {"device": "odour-male", "time": at(minutes), "values": {"nh3_ppm": minutes / 10, "temperature_c": 25}}
        for minutes in range(count, 0, -1)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_what_init_writes_is_accepted_by_check(place: Place) -> None:
    found = {(row["what"], row["kind"]): row["number"] for row in place.json("check", str(place.config))}
    assert found["devices", "toilet_odour"] == 2
    assert found["sites", "building"] == 1


def test_init_leaves_a_directory_with_files_alone(place: Place) -> None:
    before = {path.name: path.read_bytes() for path in place.config.iterdir()}
    assert "not empty" in place.complaint("init", str(place.config), expect=2)
    assert {path.name: path.read_bytes() for path in place.config.iterdir()} == before


def test_check_names_each_problem_with_file_line_and_field(place: Place) -> None:
    sites = place.config / "sites.yaml"
    sites.write_text(sites.read_text().replace("timezone: Asia/Hong_Kong", "timezone: Asia/HongKong", 1))
    (place.config / "caretaker.yaml").write_text("max_age_day: 3\n")
    (place.config / "simulation.yaml").write_text("seed: high\n")
    problems = place.json("check", str(place.config), expect=1)
    assert {(one["file"], one["field"]) for one in problems} >= {
        ("sites.yaml", "sites[0].timezone"),
        ("caretaker.yaml", "max_age_day"),
        ("simulation.yaml", "seed"),
    }
    text = place.call("check", str(place.config), expect=1)
    assert "sites.yaml:" in text
    assert "expected an IANA time zone such as Asia/Hong_Kong" in text


def test_a_directory_without_sites_is_a_usage_error(place: Place, tmp_path: Path) -> None:
    assert "holds no sites.yaml" in place.complaint("readings", "latest", "--config", str(tmp_path), expect=2)


def test_imported_readings_are_there_in_every_form(place: Place, tmp_path: Path) -> None:
    write_readings(tmp_path / "a.ndjson")
    assert place.json("import", str(tmp_path / "a.ndjson")) == [
        {"file": "a.ndjson", "what": "written", "readings": 3},
        {"file": "a.ndjson", "what": "read", "readings": 3},
    ]
    newest = {row["metric"]: row for row in place.json("readings", "latest", "--site", "main-street")}
    assert newest["nh3_ppm"]["value"] == 0.1
    assert newest["nh3_ppm"]["time"] == at(1).replace("Z", ".000Z")
    table = place.call("readings", "latest", "--metric", "nh3_ppm")
    assert "Main Street public toilet" in table
    assert "0.10 ppm" in table
    assert "temperature_c" not in table
    rows = list(csv.DictReader(io.StringIO(place.call("readings", "history", "odour-male", "nh3_ppm", "-f", "csv"))))
    assert [row["value"] for row in rows] == ["0.3", "0.2", "0.1"]


def test_names_come_in_the_language_asked_for(place: Place, tmp_path: Path) -> None:
    write_readings(tmp_path / "a.ndjson", 1)
    place.call("import", str(tmp_path / "a.ndjson"))
    assert "氨氣" in place.call("readings", "latest", "--language", "zh-Hant")
    assert "大街公廁" in place.call("readings", "latest", "--language", "zh-Hant")


def test_history_shows_people_the_sites_own_time(place: Place, tmp_path: Path) -> None:
    line = {"device": "odour-male", "time": "2026-11-01T16:30:00Z", "values": {"nh3_ppm": 1}}
    (tmp_path / "a.ndjson").write_text(json.dumps(line))
    place.call("import", str(tmp_path / "a.ndjson"))
    span = ("--from", "2026-11-02", "--to", "2026-11-03")
    assert "2026-11-02 00:30:00" in place.call("readings", "history", "odour-male", "nh3_ppm", *span)


def test_refused_lines_are_beside_the_file_with_number_and_reason(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    write_readings(file)
    bad = {"device": "odour-male", "time": at(1), "values": {"nh3_ppm": 99_999, "h2s_ppm": 0.1}}
    file.write_text(file.read_text() + "rubbish\n" + json.dumps(bad) + "\n")
    summary = {row["what"]: row["readings"] for row in place.json("import", str(file), expect=1)}
    assert summary == {"written": 4, "refused: not_json": 1, "values refused: impossible_value": 1, "read": 5}
    refused = [json.loads(line) for line in (tmp_path / "a.ndjson.rejected.ndjson").read_text().splitlines()]
    assert [(one["line"], one["reason"]) for one in refused] == [(4, "not_json"), (5, "impossible_value")]
    assert refused[0]["text"] == "rubbish"
    write_readings(file)
    place.call("import", str(file))
    assert not (tmp_path / "a.ndjson.rejected.ndjson").exists()


def test_an_import_may_be_as_old_as_the_store_keeps_and_no_older(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"time,power_kw\n{at(399 * 1440)},1\n{at(401 * 1440)},2\n")
    summary = {
        row["what"]: row["readings"] for row in place.json("import", str(file), "--device", "meter-main", expect=1)
    }
    assert summary == {"written": 1, "refused: too_old": 1, "read": 2}


@pytest.mark.parametrize("name", ["out.csv", "out.ndjson"])
def test_what_is_exported_can_be_imported_again(place: Place, tmp_path: Path, name: str) -> None:
    write_readings(tmp_path / "a.ndjson", 5)
    place.call("import", str(tmp_path / "a.ndjson"))
    out = tmp_path / name
    place.call("readings", "export", str(out))
    before = place.json("readings", "history", "odour-male", "nh3_ppm", "temperature_c")
    place.data = tmp_path / "other"
    place.call("import", str(out))
    assert place.json("readings", "history", "odour-male", "nh3_ppm", "temperature_c") == before
    assert len(before) == 10


def test_export_replaces_a_file_only_when_told(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")
    assert "--overwrite" in place.complaint("readings", "export", str(out), expect=2)
    assert out.read_text() == "mine"
    place.call("readings", "export", str(out), "--overwrite")
    assert out.read_text() == "device,time,seq,metric,value,quality,by\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["readings", "latest", "--metric", "nh3_pm"], "do you mean 'nh3_ppm'"),
        (["readings", "history", "odour-mal", "nh3_ppm"], "do you mean 'odour-male'"),
        (["readings", "history", "odour-male", "nh3_ppm", "--from", "lately"], "24h"),
        (["readings", "history", "odour-male", "nh3_ppm", "--from", "1h", "--to", "2h"], "is not before"),
        (["readings", "export", "out.txt"], ".ndjson"),
        (["catalogue", "--domain", "gas"], "there are"),
        (["quarantine", "replay"], "name ids, or a reason"),
        (["fill", "--step", "1"], "15m"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(place: Place, words: list[str], says: str) -> None:
    assert says in place.complaint(*words, expect=2)


@pytest.mark.parametrize(
    "words", [["readings", "export", "nowhere/x.csv"], ["fill"], ["simulate", "--for", "0.1"], ["import", "a.ndjson"]]
)
def test_a_place_that_cannot_be_written_is_said_in_a_sentence(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_readings(tmp_path / "a.ndjson")
    place.data.write_text("a file where a folder should be")
    said = place.complaint(*words, expect=3 if words[0] == "import" else 2)
    assert said.startswith("error: ")


def test_a_reader_that_has_seen_enough_is_no_error(place: Place) -> None:
    command = f"{sys.executable} -m caretaker catalogue --format csv | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env=os.environ | place.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.startswith("metric,name")
    assert done.stderr == ""


def test_the_catalogue_for_programs_has_codes_and_bounds(place: Place) -> None:
    metrics = {row["metric"]: row for row in place.json("catalogue", "--domain", "toilet", "--language", "zh-Hant")}
    assert metrics["nh3_ppm"]["unit"] == "[ppm]"
    assert metrics["nh3_ppm"]["name"] == "氨氣"
    assert metrics["nh3_ppm"]["plausible_max"] == 50


def test_fill_is_done_once_and_can_be_done_again(place: Place, niced: list[int]) -> None:
    first = place.call("fill", "--days", "0.05", "--step", "10m", "--format", "json")
    last = json.loads(first.splitlines()[-1])
    assert last["share"] == 1.0
    assert last["written"] > 0
    assert last["refused"] == 0
    assert (place.data / "filled").exists()
    assert niced == [10]
    assert "Filled already" in place.complaint("fill", expect=0)
    assert place.call("fill", "--again", "--days", "0.05", "--format", "csv").startswith("from,to,written,refused\n")


def test_an_interrupted_fill_goes_on_with_the_same_span(place: Place) -> None:
    place.data.mkdir()
    end_ns = 1_795_000_000_000_000_000
    (place.data / "filling").write_text(json.dumps({"start_ns": end_ns - 3600 * 10**9, "end_ns": end_ns}))
    (row,) = csv.DictReader(io.StringIO(place.call("fill", "--format", "csv")))
    assert row["to"] == datetime.fromtimestamp(end_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert not (place.data / "filling").exists()


def test_again_takes_the_span_that_is_asked_for(place: Place) -> None:
    place.data.mkdir()
    (place.data / "filling").write_text('{"start_ns": 0, "end_ns": 1000000000}')
    (row,) = csv.DictReader(io.StringIO(place.call("fill", "--again", "--days", "0.05", "--format", "csv")))
    assert row["from"] > "2026"


def quarantine(place: Place, *messages: Message) -> None:
    """As the ingestor does it."""
    registry = load_registry(place.config)
    file = JournalFile(place.data / "journal" / "journal.db", 10_000_000)
    file.append([admit(message, registry) for message in messages])
    file.close()


TOPIC = "caretaker/v1/main-street/odour-male/readings"
ARRIVAL_NS = 1_795_000_000_000_000_000


def test_the_quarantine_is_listed_shown_and_exported(place: Place, tmp_path: Path) -> None:
    quarantine(
        place,
        Message(TOPIC, b"\xff\x1b[31m", False, ARRIVAL_NS),
        Message(TOPIC, b'{"values":\n{"nh3_ppm": 1e5}}', False, ARRIVAL_NS),
    )
    newest, oldest = place.json("quarantine", "list")
    assert (newest["reason"], oldest["reason"]) == ("impossible_value", "not_utf8")
    assert [row["id"] for row in place.json("quarantine", "list", "--reason", "not_utf8")] == [oldest["id"]]
    shown = place.call("quarantine", "show", str(oldest["id"]))
    assert "\\xff\\x1b[31m" in shown
    assert "\x1b" not in shown
    assert "not in quarantine" in place.complaint("quarantine", "show", "99", expect=1)
    out = tmp_path / "q.ndjson"
    place.call("quarantine", "export", str(out))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines[0]["payload_base64"] == "/xtbMzFt"
    assert lines[1]["payload"] == {"values": {"nh3_ppm": 1e5}}


def test_an_exported_message_that_was_mended_is_imported_with_its_first_arrival(place: Place, tmp_path: Path) -> None:
    quarantine(place, Message(TOPIC, b'{"values": {"nh3_ppm": 1e5}}', False, ARRIVAL_NS))
    out = tmp_path / "q.ndjson"
    place.call("quarantine", "export", str(out))
    out.write_text(out.read_text().replace("1e5", "1.5"))
    place.call("import", str(out))
    (row,) = place.json("readings", "latest")
    assert (row["value"], row["quality"]) == (1.5, "arrival time")
    assert row["time"] == "2026-11-18T11:06:40.000Z"


def test_the_journal_is_only_read(place: Place) -> None:
    quarantine(place, Message(TOPIC, b"{", False, ARRIVAL_NS))
    journal = place.data / "journal" / "journal.db"
    lock = JournalFile(journal, 10_000_000)
    try:
        assert len(place.json("quarantine", "list")) == 1
    finally:
        lock.close()
    with sqlite3.connect(journal) as connection:
        assert connection.execute("select count(*) from quarantine").fetchone() == (1,)
    connection.close()


def test_without_a_journal_or_an_ingestor_the_exit_code_says_so(place: Place) -> None:
    assert "--data" in place.complaint("quarantine", "list", expect=3)
    (place.config / "caretaker.yaml").write_text("http: {port: 1}\n")
    assert "nobody answers" in place.complaint("quarantine", "replay", "--reason", "not_json", expect=3)


def test_a_payload_of_any_bytes_is_one_line_of_json() -> None:
    one = Quarantined(1, ARRIVAL_NS, "a/b", b"[" * 50_000, False, "too_deep", 1, "")
    assert b"\n" not in exported(one)
    assert printable("\x1b]0;x\x07\r\n") == "\\x1b]0;x\\x07\\r\\n"

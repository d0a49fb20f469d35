"""Backups of what is really there: InfluxDB 1.x and 2.x, and what a Mosquitto holds. All at once: tests/faults."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from deploy.backup import influxdb as store
from deploy.backup import sessions
from deploy.backup.influxdb import Exporter
from deploy.backup.make import Wish, make
from deploy.backup.manifest import BackupError, Readings
from deploy.backup.plan import Folders
from deploy.backup.restore import Order, What, restore
from telemetry.catalogue.load import load_catalogue
from telemetry.stores.influxdb.client import InfluxHttp
from telemetry.stores.influxdb.provision import provision
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import StoreAwayError
from tests.components import Mosquitto, wait_until
from tests.integration.influxdb_double import InfluxdbDouble, Reply
from tests.unit.backup_ground import NOW, city, count, journal_of, table

DAY_NS = 86_400_000_000_000
T = 1_763_800_000_123_456_789
METRICS = load_catalogue()
LINES = [
    *(
        f"air,device=d{n % 7},site=s temperature_c={n / 7},humidity_pct={n},temperature_c_q={n % 3}i {T + n}"
        for n in range(900)
    ),
    *(f"event,device=e,site=s feedback={n % 5} {T // 10**6 * 10**6 + n}" for n in range(3)),
    f'device,device=d1,site=s firmware="a \\"quoted\\" \\\\ text\nin two lines, = é" {T}',
    f"alert,device=d1,rule=odour,site=s alert_severity=2 {T}",
    f"alert,device=d1,rule=silent,site=s alert_severity=1 {T}",
    f"others,site=s whole=9007199254740993i,yes=true {T}",
    f"air,device=old,site=s temperature_c=1 {T - 4000 * DAY_NS}",
]


@pytest.fixture(params=["influxdb", "influxdb2"])
def bucket(request: pytest.FixtureRequest) -> InfluxSettings:
    """A bucket with a bit of everything."""
    settings: InfluxSettings = request.getfixturevalue(request.param)
    fill(settings, LINES)
    return settings


def fill(settings: InfluxSettings, lines: list[str]) -> None:
    http = InfluxHttp(settings)
    provision(http, settings, METRICS)
    assert http.write(lines).status == 204
    http.close()


def exported(settings: InfluxSettings, file: Path) -> tuple[Readings, list[str]]:
    with Exporter(settings) as exporter:
        found = exporter.export(file, METRICS)
    with gzip.open(file, "rt", encoding="utf-8", newline="\n") as rows:
        return found, sorted(rows)


def emptied(settings: InfluxSettings) -> InfluxSettings:
    """Another bucket, beside it: to be made."""
    database, _, policy = settings.bucket.partition("/")
    return settings.model_copy(update={"bucket": f"{database}_new" + (f"/{policy}" if policy else "")})


def test_what_comes_back_is_what_was_there(bucket: InfluxSettings, tmp_path: Path) -> None:
    steps: list[float] = []
    before, rows = exported(bucket, tmp_path / "one")
    assert (before.lines, before.retention_s) == (len(LINES), None)
    assert before.values == 3 * 900 + 3 + 1 + 2 + 2 + 1
    new = emptied(bucket)
    written = store.write(tmp_path / "one", new, METRICS, before.lines, steps.append)
    assert (written.lines, written.refused) == (len(LINES), 0)
    assert steps[-1] == 1.0
    assert exported(new, tmp_path / "two") == (before, rows)
    assert any(row.startswith("others,site=s whole=9007199254740993i,yes=true ") for row in rows)
    assert store.write(tmp_path / "one", new, METRICS, before.lines).refused == 0, "and once more: the same points"
    assert exported(new, tmp_path / "three") == (before, rows)


def test_what_the_bucket_no_longer_keeps_is_counted(bucket: InfluxSettings, tmp_path: Path) -> None:
    found, _ = exported(bucket, tmp_path / "one")
    new = emptied(bucket).model_copy(update={"retention_days": 3650.0})
    written = store.write(tmp_path / "one", new, METRICS, found.lines)
    assert written.refused == 1
    assert "retention" in (written.first_refusal or "")
    assert exported(new, tmp_path / "two")[0].lines == len(LINES) - 1


def test_files_first_and_the_store_when_it_runs(
    bucket: InfluxSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = bucket.secret()
    if secret is not None:
        monkeypatch.setenv("CARETAKER_STORE__TOKEN", secret)
    written = {"kind": "influxdb", "url": bucket.url, "bucket": bucket.bucket, "org": bucket.org}
    old, new = (Folders(tmp_path / name / "config", tmp_path / name / "data") for name in ("old", "new"))
    city(old.config, {"store": written})
    journal_of(old).close()
    made = make(Wish(old, tmp_path / "backups"))
    assert made.manifest.readings is not None
    assert made.manifest.readings.lines == len(LINES)
    assert restore(Order(made.file, new, What.FILES), NOW).written is None
    monkeypatch.setenv("CARETAKER_STORE__BUCKET", emptied(bucket).bucket)
    done = restore(Order(made.file, new, What.STORE), NOW)
    assert done.written is not None
    assert (done.written.lines, done.placed) == (len(LINES), {})
    assert exported(bucket, tmp_path / "one") == exported(emptied(bucket), tmp_path / "two")
    assert [path.name for path in new.data.iterdir()] == ["journal"]


# What a real one does not do when asked.


KEYS = {"name": "air", "columns": ["fieldKey", "fieldType"], "values": [["x", "float"]]}
ONE = {"name": "air", "columns": ["time", "x"], "values": [[5, 1.5]]}


def answer(*series: object) -> str:
    return json.dumps({"results": [{"series": list(series)}]}) + "\n"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Reply(200, answer(ONE) + '{"error":"timeout"}\n'), "timeout"),
        (Reply(200, '{"results":[{"error":"out of memory"}]}\n'), "out of memory"),
        (Reply(503, "busy"), "answers 503"),
    ],
)
def test_an_answer_that_breaks_off_is_asked_for_again_and_then_told(
    damage: Reply, words: str, influxdb_double: InfluxdbDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = InfluxSettings(kind="influxdb", url=influxdb_double.url, bucket="a/b", timeout_s=5)
    monkeypatch.setattr(store, "provision", lambda *_: None)
    pauses: list[float] = []
    monkeypatch.setattr("deploy.backup.influxdb.time.sleep", pauses.append)

    def known(_: InfluxHttp, text: str) -> list[dict[str, object]]:
        return [{"series": [KEYS if "SHOW" in text else ONE]}]

    monkeypatch.setattr(InfluxHttp, "query", known)
    influxdb_double.documents["GET", "/query"] = damage
    with Exporter(settings) as exporter:
        with pytest.raises(StoreAwayError, match=f"5 times.*{words}"):
            exporter.export(tmp_path / "one", METRICS)
        assert pauses == [2, 4, 8, 16]

        def heal(_: float) -> None:
            influxdb_double.documents["GET", "/query"] = Reply(200, answer({**ONE, "tags": {"device": "d"}}))

        monkeypatch.setattr("deploy.backup.influxdb.time.sleep", heal)
        assert exporter.export(tmp_path / "two", METRICS).lines >= 1
    assert "air,device=d x=1.5 5\n" in gzip.decompress((tmp_path / "two").read_bytes()).decode()


@pytest.mark.parametrize(
    ("replies", "error", "words"),
    [
        ([Reply(503, "{}"), Reply(204)], None, ""),
        ([Reply(400, '{"error":"unable to parse"}')], BackupError, "refuses what is in the backup"),
        ([Reply(401, '{"error":"unauthorized"}')], StoreAwayError, "unauthorized"),
        ([Reply(503, '{"error":"busy"}')], StoreAwayError, "busy"),
    ],
)
def test_what_becomes_of_lines_that_the_store_does_not_take(
    replies: list[Reply],
    error: type[Exception] | None,
    words: str,
    influxdb_double: InfluxdbDouble,
    tmp_path: Path,
) -> None:
    settings = InfluxSettings(kind="influxdb", url=influxdb_double.url, bucket="a/autogen", timeout_s=5)
    lines = [f"air,device=d x={n} {n}" for n in range(100)]
    with gzip.open(tmp_path / "lines", "wt", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in lines)
    queue = list(replies)
    influxdb_double.rule = lambda _: queue.pop(0) if len(queue) > 1 else queue[0]
    if error is None:
        assert store.write(tmp_path / "lines", settings, METRICS, 100, pause_s=0.001).refused == 0
        assert influxdb_double.stored == lines
        return
    with pytest.raises(error, match=words):
        store.write(tmp_path / "lines", settings, METRICS, 100, pause_s=0.001)


def test_one_bad_line_costs_one_line(influxdb_double: InfluxdbDouble, tmp_path: Path) -> None:
    settings = InfluxSettings(kind="influxdb", url=influxdb_double.url, bucket="a/autogen", timeout_s=5)
    with gzip.open(tmp_path / "lines", "wt", encoding="utf-8") as out:
        out.writelines(f"air,device=d x={n} {n}\n" for n in range(100))
    bad = Reply(400, '{"error":"type conflict"}')
    influxdb_double.rule = lambda lines: bad if any(line.endswith(" x=7 7") for line in lines) else Reply()
    written = store.write(tmp_path / "lines", settings, METRICS, 100)
    assert (written.refused, written.first_refusal) == (1, "type conflict")
    assert len(influxdb_double.stored) == 99


# What Mosquitto holds.

SAVES_WHEN_TOLD = """
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/state/
autosave_interval 0
pid_file {folder}/pid
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path / "mosquitto", SAVES_WHEN_TOLD)
    (mosquitto.folder / "state").mkdir()
    mosquitto.start()
    yield mosquitto
    mosquitto.stop()


def queued(broker: Mosquitto, payload: str) -> None:
    """A message for a session whose owner is away."""
    taker = client(broker, "taker")
    taker.subscribe("t", 1)
    taker.disconnect()
    taker.loop_stop()
    giver = client(broker, "giver")
    giver.publish("t", payload, 1).wait_for_publish(10)
    giver.disconnect()
    giver.loop_stop()


def client(broker: Mosquitto, name: str, taken: list[str] | None = None) -> paho.Client:
    one = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    if taken is not None:
        one.on_message = lambda _client, _data, message: taken.append(message.payload.decode())
    one.connect("127.0.0.1", broker.port)
    one.loop_start()
    wait_until(one.is_connected, "connected")
    return one


def test_what_the_broker_holds_is_saved_when_it_is_told_and_delivered_after_a_restore(
    broker: Mosquitto, tmp_path: Path
) -> None:
    queued(broker, "held")
    state, pid_file = broker.folder / "state", broker.folder / "pid"
    target = tmp_path / "copy"
    target.mkdir()
    with pytest.raises(BackupError, match=r"holds neither mosquitto\.sqlite3 nor mosquitto\.db"):
        sessions.copy(state, target, None)
    assert sessions.copy(state, target, pid_file) == (sessions.SAVED, None)
    _, note = sessions.copy(state, target, None)
    assert note is not None
    assert "as it last saved them" in note
    broker.kill()
    (state / sessions.SAVED).write_bytes((target / sessions.SAVED).read_bytes())
    broker.start()
    taken: list[str] = []
    taker = client(broker, "taker", taken)
    wait_until(lambda: taken == ["held"], "it is delivered")
    taker.disconnect()
    taker.loop_stop()


@pytest.mark.parametrize(("text", "words"), [("none", "holds no process id"), (str(os.getppid()), "did not within")])
def test_a_broker_that_does_not_save_is_told(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pid").write_text(text)
    monkeypatch.setattr(sessions, "SAVE_LIMIT_S", 0.05)
    monkeypatch.setattr("deploy.backup.sessions.os.kill", lambda *_: None)
    with pytest.raises(BackupError, match=words):
        sessions.copy(tmp_path, tmp_path, tmp_path / "pid")


def test_the_newer_form_is_a_database(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    table(tmp_path / sessions.DATABASE, 4)
    assert sessions.copy(tmp_path, tmp_path / "to", None) == (sessions.DATABASE, None)
    assert count(tmp_path / "to" / sessions.DATABASE) == 4

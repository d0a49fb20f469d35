"""What the doctor makes of what it sees, and how it tells it. A system is in the integration tests."""

import asyncio
import json
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from cryptography import x509
from msgspec.structs import replace
from typer.testing import CliRunner

from caretaker.__main__ import app
from caretaker.commands.doctor import show
from caretaker.output import Format
from deploy.authority import new_authority
from deploy.doctor import examine as examining
from deploy.doctor.asked import AwayError, ask
from deploy.doctor.broker import of_conf, of_terms
from deploy.doctor.certificates import lasting, names_of
from deploy.doctor.examine import STEPS, Step, examine
from deploy.doctor.finding import Check, Finding, Remark, Verdict, left_out, sound, warning, wrong
from deploy.doctor.machine import kind_of
from deploy.doctor.mosquitto_conf import Conf
from deploy.doctor.place import Ground
from deploy.doctor.queue import MESSAGES, judged
from deploy.doctor.queue import of_conf as queue_of_conf
from deploy.doctor.secret_files import judged as secret_judged
from deploy.doctor.versions import of_grafana, of_influxdb, of_mosquitto
from deploy.doctor.wire import Granted

DOCS = Path(__file__).parents[2] / "docs" / "doctor.md"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
CANARY = "ck_s3cret-canary"
WEEK_S = 604_800
GRANTED = Granted(
    session_present=False, session_expiry_s=None, receive_maximum=20, qos=2, retain=True, packet_bytes=None
)
W, N, S, L = Verdict.WRONG, Verdict.WARNING, Verdict.SOUND, Verdict.LEFT_OUT


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """The command sets it up anew."""
    yield
    structlog.reset_defaults()


# The list of checks.


def test_each_check_has_one_step_and_its_place_in_the_list() -> None:
    assert [step.check for step in STEPS] == list(Check)


def test_the_whole_is_done_within_a_minute() -> None:
    assert all(step.limit_s < 60 for step in STEPS), "they run side by side"


def test_each_check_is_explained_and_nothing_else() -> None:
    text = DOCS.read_text(encoding="utf-8").partition("## The checks")[2].partition("## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE) == [str(check) for check in Check]


def test_each_verdict_is_explained() -> None:
    text = DOCS.read_text(encoding="utf-8").partition("## The checks")[0]
    assert re.findall(r"^\| `([a-z ]+)` \|", text, re.MULTILINE) == [str(verdict) for verdict in Verdict]


# One check's trouble is not the others'.


async def _hangs(_: Ground) -> Sequence[Remark]:
    await asyncio.sleep(60)
    return []


async def _broken(_: Ground) -> Sequence[Remark]:
    raise ZeroDivisionError


async def _missing(_: Ground) -> Sequence[Remark]:
    raise FileNotFoundError(2, "No such file or directory", "/nowhere")


async def _well(_: Ground) -> Sequence[Remark]:
    return [sound("here", "all is well")]


def test_a_check_that_hangs_or_breaks_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (
        Step(Check.CLOCK, _hangs, 0.05),
        Step(Check.DISK, _broken),
        Step(Check.STORE, _missing),
        Step(Check.BROKER, _well),
    )
    monkeypatch.setattr(examining, "STEPS", steps)
    told: list[Check] = []
    found = asyncio.run(examine(cast("Ground", None), set(Check), lambda check, _: told.append(check)))
    assert [(one.check, one.remark.verdict, one.remark.found) for one in found] == [
        (Check.CLOCK, Verdict.CANNOT_TELL, "given up after 0 s"),
        (Check.DISK, Verdict.CANNOT_TELL, "a defect of ours in this check: ZeroDivisionError"),
        (Check.STORE, Verdict.CANNOT_TELL, "No such file or directory"),
        (Check.BROKER, Verdict.SOUND, "all is well"),
    ]
    assert set(told) == {step.check for step in steps}


# What is seen, and the verdict.


@pytest.mark.parametrize(
    ("changed", "mend"),
    [
        ({}, None),
        ({"session_expiry_s": WEEK_S}, None),
        ({"session_expiry_s": WEEK_S - 1}, "persistent_client_expiration"),
        ({"session_expiry_s": 0}, "persistent_client_expiration"),
        ({"qos": 1}, None),
        ({"qos": 0}, "max_qos"),
        ({"retain": False}, "retain_available"),
        ({"packet_bytes": 65_536}, None),
        ({"packet_bytes": 65_535}, "max_packet_size"),
    ],
)
def test_what_the_broker_grants(changed: dict[str, Any], mend: str | None) -> None:
    found = of_terms("broker", replace(GRANTED, **changed), WEEK_S)
    assert [(one.verdict, mend in one.mend) for one in found if mend] == ([(W, True)] if mend else [])
    assert bool(found) == bool(mend)


SQLITE = "global_plugin /usr/lib/mosquitto_persist_sqlite.so\nplugin_opt_sync full\nplugin_opt_flush_period 0\n"


@pytest.mark.parametrize(
    ("conf", "verdict", "mend"),
    [
        (SQLITE, S, ""),
        (SQLITE + "persistent_client_expiration 14d\n", S, ""),
        (SQLITE + "persistent_client_expiration 7d\n", S, ""),
        (SQLITE + "persistent_client_expiration 1h\n", W, "persistent_client_expiration 14d"),
        (SQLITE.replace("full", "normal"), W, "plugin_opt_sync full"),
        (SQLITE.replace("period 0", "period 5"), W, "plugin_opt_flush_period 0"),
        ("persistence true\n", N, "2.1.2"),
        ("#persistence true\n", W, "persistence true"),
        ("persistence true\npersistence false\n", W, "persistence true"),
        ("", W, "persistence true"),
    ],
)
def test_what_survives_a_crash_of_the_broker(conf: str, verdict: Verdict, mend: str) -> None:
    (found,) = of_conf(Path("mosquitto.conf"), Conf.of(conf), WEEK_S)
    assert found.verdict is verdict
    assert mend in found.mend


@pytest.mark.parametrize(
    ("conf", "verdict"),
    [
        ("max_queued_messages 0", S),
        ("max_queued_messages 100000000", S),
        ("max_queued_messages 1000", W),
        ("max_queued_messages 100", W),
        ("", W),
        ("max_queued_bytes 1", W),
    ],
)
def test_how_many_messages_the_broker_says_that_it_keeps(conf: str, verdict: Verdict) -> None:
    assert queue_of_conf("mosquitto.conf", Conf.of(conf)).verdict is verdict


def test_what_a_configuration_includes_counts_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "caretaker.conf").write_text("max_queued_messages 0\npersistence false\n")
    (tmp_path / "conf.d" / "readme.txt").write_text("persistence maybe\n")
    (tmp_path / "mosquitto.conf").write_text(f"persistence true\ninclude_dir {tmp_path}/conf.d\n")
    found = Conf.read(tmp_path / "mosquitto.conf")
    assert (found.last("persistence"), found.last("max_queued_messages")) == ("false", "0")


def test_what_comes_back_of_a_full_queue() -> None:
    ground = cast("Ground", None)
    assert judged(ground, "broker", MESSAGES, session_present=True).verdict is S
    few = judged(ground, "broker", 1_000, session_present=True)
    assert (few.verdict, "100 were lost" in few.found, "max_queued_messages 1" in few.mend) == (W, True, True)
    forgotten = judged(ground, "broker", 0, session_present=False)
    assert (forgotten.verdict, "persistent_client_expiration" in forgotten.mend) == (W, True)


@pytest.mark.parametrize(
    ("of", "text", "verdict"),
    [
        (of_mosquitto, "mosquitto version 2.0.11", N),
        (of_mosquitto, "mosquitto version 2.1.1", N),
        (of_mosquitto, "mosquitto version 2.1.2", S),
        (of_mosquitto, "mosquitto version 2.10.0", S),
        (of_mosquitto, "EMQX 5.8.0", S),
        (of_mosquitto, "", S),
        (of_influxdb, "1.7.11", W),
        (of_influxdb, "1.8.10", S),
        (of_influxdb, "v2.7.1", S),
        (of_influxdb, "3.0.0", N),
        (of_influxdb, "", L),
        (of_grafana, "8.5.27", W),
        (of_grafana, "9.2.20", W),
        (of_grafana, "9.3.0", S),
        (of_grafana, "12.0.0+security-01", S),
        (of_grafana, "", L),
    ],
)
def test_which_release_is_good_enough(of: Callable[[str, str], Remark], text: str, verdict: Verdict) -> None:
    found = of("there", text)
    assert found.verdict is verdict
    assert bool(found.mend) == (verdict in {W, N})


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/caretaker/journal", "ext4"),
        ("/database", "xfs"),
        ("/mnt/share/caretaker", "nfs4"),
        ("/mnt/with space/caretaker", "cifs"),
        ("/mnt/share/local/x", "tmpfs"),
    ],
)
def test_which_file_system_holds_a_path(path: str, kind: str) -> None:
    mounts = (
        "/dev/sda1 / xfs rw 0 0\n"
        "/dev/sdb1 /data ext4 rw 0 0\n"
        "server:/share /mnt/share nfs4 rw 0 0\n"
        "//server/x /mnt/with\\040space cifs rw 0 0\n"
        "tmpfs /mnt/share/local tmpfs rw 0 0\n"
        "broken\n"
    )
    assert kind_of(Path(path), mounts) == kind


def test_a_later_mount_hides_an_earlier_one() -> None:
    assert kind_of(Path("/data"), "a /data ext4 rw 0 0\nb /data nfs rw 0 0\n") == "nfs"


@pytest.mark.parametrize(
    ("mode", "owner", "good"),
    [
        (0o600, 1000, True),
        (0o400, 1000, True),
        (0o640, 0, True),
        (0o640, 1000, False),
        (0o660, 0, False),
        (0o644, 1000, False),
        (0o604, 0, False),
        (0o602, 0, False),
    ],
)
def test_who_may_read_a_secret(mode: int, owner: int, good: bool) -> None:
    found = secret_judged("/secrets/x", stat.S_IFREG | mode, owner, 0)
    assert (found is None) is good
    if found is not None:
        assert (found.verdict, found.mend) == (W, "`chmod 600 /secrets/x`")


@pytest.mark.parametrize(("days", "verdict"), [(31, S), (29, N), (7, N), (0.5, N), (-0.5, W)])
def test_how_long_a_certificate_lasts(days: float, verdict: Verdict) -> None:
    authority = new_authority("test", NOW)
    signed = authority.server("mosquitto", ["mqtt.example.org", "192.0.2.7"], NOW, 100)
    shown = x509.load_pem_x509_certificate(signed.certificate)
    found = lasting("mqtt.example.org:8883", shown, shown.not_valid_after_utc - timedelta(days=days), "renew it")
    assert found.verdict is verdict
    assert (found.mend == "renew it") == (verdict is not S)
    assert names_of(shown) == ["mqtt.example.org", "192.0.2.7"]


# What can't be examined.


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "sites.yaml").write_text(
        "sites:\n  - {id: pier, kind: toilet, names: {en: Pier}, timezone: Asia/Hong_Kong}\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--url", "api"], "PART=ADDRESS"),
        (["--url", "nothing=http://127.0.0.1"], "PART=ADDRESS"),
        (["--url", "api=127.0.0.1:1"], "PART=ADDRESS"),
        (["--url", "grafana=https://grafana.example.org:3443x"], "PART=ADDRESS"),
        (["--url", "api=http://[::1"], "PART=ADDRESS"),
        (["--url", f"api=https://somebody:{CANARY}@example.org"], "PART=ADDRESS"),
        (["--device", "nobody"], "no device nobody"),
        (["--only", "everything"], "everything"),
        (["--deployment", "/nowhere"], "deployment.yaml"),
    ],
)
def test_what_can_not_be_begun_has_its_own_code(config: Path, words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["doctor", "--config", str(config), "--data", str(config / "data"), *words])
    assert (done.exit_code, said in done.output) == (2, True)
    assert CANARY not in done.output


@pytest.mark.parametrize("key", [f"{CANARY}\nsecond\n", f"{CANARY} second\n", f"{CANARY}é\n", "\n"])
def test_a_key_that_can_not_be_sent_is_refused_and_not_shown(config: Path, key: str) -> None:
    file = config / "viewer.key"
    file.write_text(key)
    words = ["doctor", "--config", str(config), "--data", str(config / "data"), "--key-file", str(file)]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, "viewer.key holds no key" in done.stderr, done.stdout) == (2, True, "")
    assert CANARY not in done.output


async def test_what_the_client_says_of_a_header_has_no_secret_in_it() -> None:
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        url = "http://{}:{}".format(*server.sockets[0].getsockname())
        with pytest.raises(AwayError, match="Illegal header value") as caught:
            await ask(url, headers={"Authorization": f"Bearer {CANARY}\nsecond"})
    assert CANARY not in str(caught.value)


async def test_an_address_that_the_client_does_not_take_is_no_defect() -> None:
    with pytest.raises(AwayError, match="port"):
        await ask("http://127.0.0.1:1x")


async def _spills(_: Ground) -> Sequence[Remark]:
    authorization = f"Bearer {CANARY}"
    raise ValueError(authorization)


def test_a_defect_in_a_check_shows_no_secret_and_leaves_the_answer_whole(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "STEPS", (Step(Check.CLOCK, _spills),))
    words = ["doctor", "--config", str(config), "--data", str(config / "data"), "--only", "clock", "--format", "json"]
    done = CliRunner().invoke(app, words)
    assert [row["found"] for row in json.loads(done.stdout)] == ["a defect of ours in this check: ValueError"]
    assert "a defect in a check" in done.stderr
    assert CANARY not in done.output


def test_a_configuration_with_errors_is_the_finding(config: Path) -> None:
    (config / "devices.yaml").write_text("devices:\n  - {id: Nonsense}\n")
    words = ["doctor", "--config", str(config), "--data", str(config / "data"), "--format", "json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert {(row["verdict"], row["check"]) for row in found} == {("wrong", "configuration")}
    assert found[0]["where"] == "devices.yaml:2"
    assert "Nothing else can be examined" in done.stderr


# How it is told.

FINDINGS = [
    Finding(Check.CLOCK, sound("kernel", "its clock follows a time server")),
    Finding(Check.DISK, warning("/data", "nearly full", "make room")),
    Finding(Check.GRAFANA, left_out("", "there is none", "`grafana.url`")),
    Finding(Check.SECRETS, wrong("/secrets/x", "everybody may use it", "`chmod 600 /secrets/x`")),
]


def test_people_are_told_what_is_wrong_first_with_its_mend(capsys: pytest.CaptureFixture[str]) -> None:
    show(FINDINGS, Format.TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "wrong        secrets        everybody may use it",
        "             at    /secrets/x",
        "             mend: `chmod 600 /secrets/x`",
        "",
        "warning      disk           nearly full",
        "             at    /data",
        "             mend: make room",
        "",
        "left out     grafana        there is none",
        "             mend: `grafana.url`",
        "",
        "sound        clock          its clock follows a time server  kernel",
        "",
        "1 wrong, 1 warning, 1 left out, 1 sound",
    ]


def test_programs_are_told_in_the_order_of_the_checks(capsys: pytest.CaptureFixture[str]) -> None:
    show(FINDINGS, Format.CSV)
    assert capsys.readouterr().out.splitlines() == [
        "verdict,check,where,found,mend",
        "sound,clock,kernel,its clock follows a time server,",
        "warning,disk,/data,nearly full,make room",
        "left out,grafana,,there is none,`grafana.url`",
        "wrong,secrets,/secrets/x,everybody may use it,`chmod 600 /secrets/x`",
    ]

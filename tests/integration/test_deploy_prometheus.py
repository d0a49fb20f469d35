"""Prometheus as it is shipped: its rules by its own unit tests, its configuration, and what our services give it."""

import asyncio
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from alerts.database.outbox import Outbox
from alerts.health import Health
from alerts.judge.judge import Judge
from alerts.rules.rule import Rules
from api.live import Hub
from api.routes.health import _families
from deploy.authority import new_authority
from ingestor.account import QUARANTINE_FULL
from ingestor.journal import Journal
from ingestor.state import State
from ingestor.write import Drain
from telemetry.message import Message, Reason
from telemetry.mqtt.connection import Counts
from telemetry.service import http
from telemetry.service.figures import exposition
from telemetry.service.http import HttpSettings
from telemetry.service.probe import Tls, serve, serve_site
from tests.builders import registry
from tests.components import Prometheus, require_program, wait_until

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
PAGE = (Path(__file__).parents[2] / "docs" / "platform-alerts.md").read_text(encoding="utf-8")
CONFIG = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
RULES: Mapping[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
TESTS = ("rules_test.yaml", "rules_day_test.yaml")
RUNBOOKS = "https://github.com/caretaker-iot/caretaker/blob/main/docs/platform-alerts.md#"
SERVED = "# TYPE caretaker_x_total counter\ncaretaker_x_total 1\n"


def promtool(*arguments: str, cwd: Path) -> str:
    """What it says. Fails the test with it."""
    program = str(require_program("promtool"))
    done = subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_rule_fires_when_it_must_and_not_else() -> None:
    promtool("test", "rules", *TESTS, cwd=FOLDER)


@pytest.mark.parametrize("alert", RULES)
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    cases = [case for name in TESTS for case in yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))["tests"]]
    checks = [check for case in cases if alert in case["name"] for check in case["promql_expr_test"]]
    assert any(f'alertname="{alert}"' in str(check["exp_samples"]) for check in checks)
    assert any(check["exp_samples"] == [] for check in checks)


def test_the_configuration_is_one(tmp_path: Path) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml", cwd=FOLDER)
    shutil.copy(FOLDER / "rules.yaml", tmp_path)
    (tmp_path / "prometheus.yaml").write_text((FOLDER / "prometheus.yaml").read_text().replace("/run/secrets/", "./"))
    for name in ("ingestor-http.token", "alerts-http.token", "api-metrics.key"):
        (tmp_path / name).write_text("t")
    (tmp_path / "ca.pem").write_bytes(new_authority("test", datetime.now(UTC)).pem.certificate)
    promtool("check", "config", "prometheus.yaml", cwd=tmp_path)


@pytest.fixture
async def exposed(tmp_path: Path) -> Mapping[str, set[str]]:
    """The metrics of each service, from the code that makes them, by the name of its job."""
    session: Any = SimpleNamespace(counts=Counts(), trouble=None, unacknowledged=0)
    journal = Journal.open(tmp_path / "journal.db", 1 << 20, 1 << 20, lambda one: Message("t", b"", False, one.time_ns))
    try:
        watch = SimpleNamespace(current=registry(), problems=())
        ingestor = await State(session, journal, Drain(journal, cast("Any", None)), cast("Any", watch)).exposition()
    finally:
        await journal.close()

    async def outbox() -> Outbox:
        return Outbox(0, None)

    judging = SimpleNamespace(
        judge=Judge(registry(), Rules(())), refused=0, defects=0, changes={}, behind_s=0.0, trouble=None
    )
    alerts = await Health(
        session,
        cast("Any", judging),
        cast("Any", SimpleNamespace(notified={}, muted={})),
        cast("Any", SimpleNamespace(attempts={}, defects=cast("Any", SimpleNamespace(total=lambda: 0)))),
        cast("Any", SimpleNamespace(outbox=outbox)),
        cast("Any", SimpleNamespace(rules=Rules(()), problems=())),
    ).exposition()
    sources = SimpleNamespace(
        session=session,
        now=SimpleNamespace(filled=True),
        registry=registry(),
        news=SimpleNamespace(trouble=None),
        publisher=SimpleNamespace(traffic=SimpleNamespace(acknowledged=0), outstanding=0),
        hub=Hub(),
        defects=Counter[str](),
    )
    api = exposition(_families(cast("Any", sources)))
    return {
        job: set(re.findall(r"^# TYPE (\S+)", text.decode(), re.MULTILINE))
        for job, text in {"ingestor": ingestor, "alerts": alerts, "api": api}.items()
    }


async def test_each_metric_of_a_rule_is_one_of_a_service(exposed: Mapping[str, set[str]]) -> None:
    named = {name for rule in RULES.values() for name in re.findall(r"caretaker_\w+", rule["expr"])}
    assert len(named) > 15
    assert named - set().union(*exposed.values()) == set()


def test_what_is_refused_all_the_time_is_not_alarmed() -> None:
    (left_out,) = re.findall(r'reason!~"([^"]+)"', RULES["CaretakerReadingsRefused"]["expr"])
    assert set(left_out.split("|")) == {QUARANTINE_FULL, *(reason for reason in Reason if reason.ignored)}


def test_the_services_are_the_jobs() -> None:
    jobs = {job["job_name"]: job for job in CONFIG["scrape_configs"]}
    assert set(jobs) == {"ingestor", "alerts", "api", "prometheus"}
    for name, job in jobs.items():
        assert ("authorization" in job) == (name != "prometheus")


def test_the_page_has_all_alerts_in_their_order_and_no_others() -> None:
    assert re.findall(r"^## (\w+)$", PAGE, re.MULTILINE) == list(RULES)


@pytest.mark.parametrize("alert", RULES)
def test_the_page_says_of_each_what_it_means_why_and_what_to_do(alert: str) -> None:
    rule = RULES[alert]
    section = PAGE.partition(f"## {alert}\n")[2].partition("\n## ")[0]
    when = f"after {rule['for']}" if "for" in rule else "at once"
    assert section.startswith(f"\n*{rule['labels']['severity']}, {when}*\n")
    for word in ("**Means**", "**Why**", "**Do**"):
        assert f"\n{word}" in section
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == RUNBOOKS + alert.lower()


@asynccontextmanager
async def answering(token: str, tls: Tls | None = None) -> AsyncIterator[int]:
    """The metrics page of a service, which asks for a token; its port."""

    async def text() -> bytes:
        return SERVED.encode()

    settings = HttpSettings.model_validate({"token": token})
    app = http.application([http.metrics(text, settings)], settings)
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    work = serve(app, "127.0.0.1", 0, port.set_result) if tls is None else _with_tls(app, tls, port)
    task = asyncio.create_task(work)
    try:
        yield await asyncio.wait_for(port, 10)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _with_tls(app: Any, tls: Tls, port: asyncio.Future[int]) -> None:
    await serve_site(app, "127.0.0.1", 0, tls, port.set_result)


async def test_it_asks_our_services_with_their_tokens_and_says_who_does_not_answer(tmp_path: Path) -> None:
    require_program("prometheus")
    now = datetime.now(UTC)
    authority = new_authority("test", now)
    signed = authority.server("api", ["api"], now)
    for name, content in {
        "ca.pem": authority.pem.certificate,
        "api.pem": signed.certificate,
        "api.key": signed.key,
    }.items():
        (tmp_path / name).write_bytes(content)
    for name, token in {"ingestor-http.token": "one", "alerts-http.token": "old", "api-metrics.key": "three"}.items():
        (tmp_path / name).write_text(f"{token}\n")
    shutil.copy(FOLDER / "rules.yaml", tmp_path)
    async with (
        answering("one") as ingestor,
        answering("two") as alerts,
        answering("three", Tls(tmp_path / "api.pem", tmp_path / "api.key")) as api,
    ):
        text = (FOLDER / "prometheus.yaml").read_text().replace("/run/secrets/", f"{tmp_path}/")
        for target, port in {"ingestor:9464": ingestor, "alerts:9465": alerts, "api:8088": api}.items():
            text = text.replace(target, f"127.0.0.1:{port}")
        # The certificate is the service's, whose name is found in a network of containers only.
        text = text.replace("tls_config: {", "tls_config: {server_name: api, ")
        text = re.sub(r": 1[05]s", ": 500ms", text).replace("[rules", "[../rules")
        prometheus = Prometheus(tmp_path / "prometheus", text)
        await asyncio.to_thread(prometheus.start)
        try:

            def up() -> dict[str, float]:
                return {labels["job"]: value for labels, value in prometheus.query('up{job!="prometheus"}')}

            wanted = {"ingestor": 1.0, "alerts": 0.0, "api": 1.0}
            await asyncio.to_thread(wait_until, lambda: up() == wanted, "two answer, one refuses the old token", 15.0)
            pending = 'ALERTS{alertname="CaretakerServiceDown"}'
            await asyncio.to_thread(wait_until, lambda: bool(prometheus.query(pending)), "an alert", 15.0)
            assert [labels["job"] for labels, _ in prometheus.query(pending)] == ["alerts"]
        finally:
            await asyncio.to_thread(prometheus.stop)

"""What `caretaker up` tells its services, whatever stands in caretaker.yaml for production."""

from pathlib import Path

import pytest

from alerts.settings import load_settings as load_alert_settings
from caretaker.broker import INFLIGHT, BrokerPlan
from caretaker.system import SystemPlan
from ingestor.settings import load_settings

PRODUCTION = """
broker: {host: mqtt.example.org, port: 8883, tls: true, username: caretaker, password: secret}
alerts:
  http: {port: 1, token: a-token}
  keep_days: 7
  smtp: {host: mail.example.org, sender: alerts@example.org}
"""


@pytest.fixture
def plan(tmp_path: Path) -> SystemPlan:
    (tmp_path / "caretaker.yaml").write_text(PRODUCTION)
    users = {"_ingestor": "i", "_alerts": "a", "_simulators": "s"}
    broker = BrokerPlan(port_5=4321, users=users)
    return SystemPlan(tmp_path, tmp_path / "data", tmp_path / "store.db", broker, http_port=10, alerts_port=11)


def test_the_alerts_reach_the_embedded_broker_with_a_user_and_a_session_of_their_own(
    plan: SystemPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in plan.alerts().items():
        monkeypatch.setenv(name, value)
    settings = load_alert_settings(plan.config, plan.data)
    assert (settings.broker.host, settings.broker.port, settings.broker.tls) == ("127.0.0.1", 4321, False)
    assert (settings.broker.username, settings.broker.secret()) == ("_alerts", "a")
    assert (settings.alerts.session.client_id, settings.alerts.session.receive_maximum) == (
        "caretaker-alerts",
        INFLIGHT,
    )
    assert (settings.alerts.http.host, settings.alerts.http.port) == ("127.0.0.1", 11)
    assert settings.alerts.http.token is not None
    assert settings.alerts.keep_days == 7
    assert settings.alerts.smtp is not None


def test_the_ingestor_has_another_session(plan: SystemPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in plan.ingestor("_ingestor").items():
        monkeypatch.setenv(name, value)
    settings = load_settings(plan.config, plan.data)
    assert (settings.broker.username, settings.http.port) == ("_ingestor", 10)
    assert settings.session.client_id != "caretaker-alerts"
    assert settings.session.receive_maximum == INFLIGHT

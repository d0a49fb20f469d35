"""What `caretaker up` tells its services, whatever stands in caretaker.yaml for production."""

from pathlib import Path

import pytest

from alerts.settings import load_settings as load_alert_settings
from api.settings import load_settings as load_api_settings
from caretaker.broker import INFLIGHT, BrokerPlan
from caretaker.system import SystemPlan
from ingestor.settings import load_settings

PRODUCTION = """
broker: {host: mqtt.example.org, port: 8883, tls: true, username: caretaker, password: secret}
alerts:
  http: {port: 1, token: a-token}
  keep_days: 7
  smtp: {host: mail.example.org, sender: alerts@example.org}
api:
  host: 0.0.0.0
  proxies: [10.0.0.1]
  requests_per_minute: 77
"""


@pytest.fixture
def plan(tmp_path: Path) -> SystemPlan:
    (tmp_path / "caretaker.yaml").write_text(PRODUCTION)
    users = {"_ingestor": "i", "_alerts": "a", "_simulators": "s", "_api": "b"}
    broker = BrokerPlan(port_5=4321, users=users)
    return SystemPlan(
        tmp_path, tmp_path / "data", tmp_path / "store.db", broker, http_port=10, alerts_port=11, api_port=12
    )


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


def test_the_board_is_on_loopback_with_a_token_of_its_own(plan: SystemPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in plan.api("i-token").items():
        monkeypatch.setenv(name, value)
    settings = load_api_settings(plan.config, plan.data)
    own = settings.api
    assert (settings.broker.username, settings.broker.secret()) == ("_api", "b")
    assert (own.host, own.port, own.proxies, own.tls) == ("127.0.0.1", 12, (), None)
    assert own.sign_in is not None
    assert plan.board == f"http://127.0.0.1:12/enter?token={own.sign_in.get_secret_value()}"
    assert own.ingestor.token is not None
    assert own.ingestor.token.get_secret_value() == "i-token"
    assert str(own.ingestor.url) == "http://127.0.0.1:10/"
    assert own.session.client_id not in {"caretaker-alerts", "caretaker-ingestor"}
    assert own.requests_per_minute == 77

"""The configuration that the embedded broker is given."""

import tomllib
from pathlib import Path

import pytest

from caretaker.broker import INFLIGHT, MAX_PAYLOAD_BYTES, BrokerPlan, Tls, quoted


def test_two_listeners_on_loopback_and_one_router() -> None:
    plan = tomllib.loads(BrokerPlan(port_3=2883, port_5=2884).toml())
    assert plan["v4"]["1"]["listen"] == "127.0.0.1:2883"
    assert plan["v5"]["1"]["listen"] == "127.0.0.1:2884"
    for version in ("v4", "v5"):
        connections = plan[version]["1"]["connections"]
        assert connections["max_payload_size"] == MAX_PAYLOAD_BYTES
        assert connections["max_inflight_count"] == INFLIGHT
        assert "auth" not in connections
    assert "console" not in plan
    assert "prometheus" not in plan


def test_users_and_certificates_stand_at_each_listener() -> None:
    users = {"tst-odour": 'p"\\1', "_ingestor": "x"}
    tls = Tls(Path("/tls/server.pem"), Path("/tls/server.key"))
    plan = tomllib.loads(BrokerPlan("0.0.0.0", tls=tls, users=users).toml())
    for version in ("v4", "v5"):
        assert plan[version]["1"]["connections"]["auth"] == users
        assert plan[version]["1"]["tls"] == {"certpath": "/tls/server.pem", "keypath": "/tls/server.key"}


def test_a_control_character_is_refused() -> None:
    with pytest.raises(ValueError, match="control character"):
        quoted("a\nb")

"""The broker's access rules as text; what Mosquitto makes of them stands in tests/integration/test_deploy_broker.py."""

from pathlib import Path

from deploy.access import DOCTOR_TOPIC, PASSWORDS, SERVICE_RIGHTS, MqttUser, Right, access_rules, gateways
from telemetry.registry.load import load_registry
from telemetry.registry.models import Registry
from tests.deployed import configuration


def registry(folder: Path) -> Registry:
    return load_registry(configuration(folder))


def block(text: str, user: str) -> list[str]:
    _, _, rest = text.partition(f"user {user}\n")
    return rest.partition("\n\n")[0].splitlines()


def test_a_gateway_speaks_for_all_behind_it(tmp_path: Path) -> None:
    found = gateways(registry(tmp_path))
    assert {name: [device.id for device in devices] for name, devices in found.items()} == {
        "gateway": ["behind", "deep", "hub"],
        "hub": ["deep"],
    }


def test_a_gateway_writes_the_exact_topics_of_those_behind_it(tmp_path: Path) -> None:
    assert block(access_rules(registry(tmp_path)), "hub") == [
        "topic write caretaker/v1/annexe/deep/readings",
        "topic write caretaker/v1/annexe/deep/status",
    ]


def test_the_patterns_give_every_device_its_own_and_nothing_to_read(tmp_path: Path) -> None:
    text = access_rules(registry(tmp_path))
    patterns = [line for line in text.splitlines() if line.startswith("pattern")]
    assert patterns == ["pattern write caretaker/v1/+/%u/readings", "pattern write caretaker/v1/+/%u/status"]


def test_nothing_is_said_before_the_first_user(tmp_path: Path) -> None:
    """Such lines would hold for everybody."""
    head, _, _ = access_rules(registry(tmp_path)).partition("user ")
    assert all(line.startswith("#") or not line for line in head.splitlines())


def test_every_user_of_ours_has_a_password_and_rights() -> None:
    assert set(MqttUser) == set(PASSWORDS) == set(SERVICE_RIGHTS)
    assert all(user.startswith("_") for user in MqttUser)
    assert len(set(PASSWORDS.values())) == len(MqttUser)


def test_what_each_service_may_write() -> None:
    written = {
        user: [topic for right, topic in lines if right is Right.WRITE] for user, lines in SERVICE_RIGHTS.items()
    }
    assert written == {
        MqttUser.INGESTOR: [],
        MqttUser.ALERTS: ["caretaker/v1/_caretaker/+/readings", "caretaker/v1/+/+/alerts"],
        MqttUser.API: ["caretaker/v1/+/+/readings"],
        MqttUser.DOCTOR: [f"{DOCTOR_TOPIC}/#"],
    }

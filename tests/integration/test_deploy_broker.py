"""The generated configuration runs a real Mosquitto (Debian's 2.0): who gets in, and what each may do (S1, S2)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from deploy.access import MqttUser
from deploy.authority import Signed, new_authority
from deploy.credentials import give_certificate, give_passwords, take_away
from deploy.layout import Door, Layout, Secret
from tests.components import wait_until
from tests.deployed import DeployedMosquitto, Speaker, configuration, deployed, mosquitto_pub, service_password, topics

NOW = datetime.now(UTC)
DEVICES = ("alone", "gateway", "other")
EVERYTHING = ("#", "$SYS/broker/version")
LAST = "caretaker/v1/_caretaker/engine/readings"
"""Only the alert service may write it: the mark behind what was tried before."""


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    folder = tmp_path_factory.mktemp("deployment")
    return deployed(folder / "city", configuration(folder / "config"))


@pytest.fixture(scope="module")
def passwords(layout: Layout) -> dict[str, str]:
    found = {user.value: service_password(layout, user) for user in MqttUser}
    return found | dict(give_passwords(layout, DEVICES, rotate=False))


@pytest.fixture(scope="module")
def broker(
    layout: Layout, passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DeployedMosquitto]:
    assert passwords
    made = DeployedMosquitto(layout, tmp_path_factory.mktemp("mosquitto"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def ingestor(layout: Layout, broker: DeployedMosquitto, passwords: dict[str, str]) -> Iterator[Speaker]:
    """Hears all that devices and services say."""
    assert broker.answers()
    with Speaker(layout, "_ingestor", passwords["_ingestor"], door=Door.MQTT_SERVICES) as one:
        assert one.refused is None
        one.subscribe("caretaker/v1/#")
        yield one


def mark(layout: Layout, passwords: dict[str, str], ingestor: Speaker) -> list[str]:
    """The topics that have come before a mark that is published now: what isn't among them was dropped."""
    done = mosquitto_pub(layout, LAST, "mark", door=Door.MQTT_SERVICES, login=("_alerts", passwords["_alerts"]))
    assert done.returncode == 0, done.stderr
    wait_until(lambda: LAST in topics(ingestor.got), "the mark has come")
    found = topics(ingestor.got)
    ingestor.got.clear()
    return found[: found.index(LAST)]


def written(folder: Path, name: str, signed: Signed) -> tuple[Path, Path]:
    pair = folder / f"{name}.pem", folder / f"{name}.key"
    pair[0].write_bytes(signed.certificate)
    pair[1].write_bytes(signed.key)
    return pair


def test_with_its_password_a_device_publishes(layout: Layout, passwords: dict[str, str], ingestor: Speaker) -> None:
    done = mosquitto_pub(layout, "caretaker/v1/hall/alone/readings", "{}", login=("alone", passwords["alone"]))
    assert (done.returncode, done.stderr) == (0, "")
    with Speaker(layout, "alone", passwords["alone"]) as device:
        device.publish("caretaker/v1/hall/alone/readings", "{}")
        device.settle()
    assert mark(layout, passwords, ingestor) == ["caretaker/v1/hall/alone/readings"] * 2


@pytest.mark.parametrize("door", [Door.MQTT_DEVICES, Door.MQTT_SERVICES])
@pytest.mark.parametrize(
    "case", ["anonymous", "wrong password", "empty password", "another's password", "unknown", "plain", "other CA"]
)
def test_who_is_not_let_in(
    case: str, door: Door, layout: Layout, passwords: dict[str, str], ingestor: Speaker, tmp_path: Path
) -> None:
    topic, good = "caretaker/v1/hall/alone/readings", ("alone", passwords["alone"])
    other = tmp_path / "other.pem"
    other.write_bytes(new_authority("Caretaker authority", NOW).pem.certificate)
    done = {
        "anonymous": lambda: mosquitto_pub(layout, topic, "{}", door=door),
        "wrong password": lambda: mosquitto_pub(layout, topic, "{}", door=door, login=("alone", "x")),
        "empty password": lambda: mosquitto_pub(layout, topic, "{}", door=door, login=("alone", "")),
        "another's password": lambda: mosquitto_pub(
            layout, topic, "{}", door=door, login=("alone", passwords["other"])
        ),
        "unknown": lambda: mosquitto_pub(layout, topic, "{}", door=door, login=("nobody", good[1])),
        "plain": lambda: mosquitto_pub(layout, topic, "{}", door=door, login=good, plain=True),
        "other CA": lambda: mosquitto_pub(layout, topic, "{}", door=door, login=good, ca=other),
    }[case]()
    assert done.returncode != 0
    assert mark(layout, passwords, ingestor) == []


def test_who_is_not_let_in_with_an_independent_client(layout: Layout, broker: DeployedMosquitto) -> None:
    assert broker.answers()
    with Speaker(layout) as nobody:
        assert nobody.refused == "Not authorized"
    with Speaker(layout, "alone", "x") as wrong:
        assert wrong.refused == "Not authorized"


@pytest.mark.parametrize(
    ("user", "allowed", "dropped"),
    [
        (
            "alone",
            ["hall/alone/readings", "hall/alone/status"],
            ["hall/gateway/readings", "annexe/other/readings", "hall/alone/derived", "hall/alone/alerts"],
        ),
        # A gateway for those behind it, and those behind a gateway behind it.
        (
            "gateway",
            ["hall/gateway/readings", "hall/behind/readings", "hall/hub/status", "annexe/deep/readings"],
            ["hall/alone/readings", "annexe/behind/readings", "annexe/other/status", "hall/behind/alerts"],
        ),
        ("_ingestor", [], ["hall/alone/readings", "hall/alone/alerts"]),
        (
            "_alerts",
            ["_caretaker/engine/readings", "hall/alone/alerts"],
            ["hall/alone/readings", "hall/alone/derived", "hall/alone/status"],
        ),
        ("_api", ["hall/alone/readings"], ["hall/alone/alerts", "hall/alone/derived", "hall/alone/status"]),
        ("_doctor", [], ["hall/alone/readings", "caretaker-check/caretaker-check/readings"]),
    ],
)
def test_what_each_may_write(
    user: str, allowed: list[str], dropped: list[str], layout: Layout, passwords: dict[str, str], ingestor: Speaker
) -> None:
    """Judged in order by who hears everything: a broker acknowledges also what it drops."""
    door = Door.MQTT_SERVICES if user.startswith("_") else Door.MQTT_DEVICES
    with Speaker(layout, user, passwords[user], door=door) as speaker:
        for topic in (*dropped, *allowed, *dropped):
            speaker.publish(f"caretaker/v1/{topic}", "{}")
        speaker.settle()
        wait_until(lambda: len(ingestor.got) >= len(allowed), "what is allowed has come")
    with Speaker(layout, "alone", passwords["alone"]) as marker:
        marker.publish("caretaker/v1/hall/alone/status", "mark")
        marker.settle()
        wait_until(lambda: b"mark" in [message for _, message in ingestor.got], "the mark has come")
    assert topics(ingestor.got)[:-1] == [f"caretaker/v1/{topic}" for topic in allowed]


def test_what_a_device_writes_outside_of_our_topics_goes_nowhere(
    layout: Layout, passwords: dict[str, str], broker: DeployedMosquitto
) -> None:
    """Not even to itself."""
    assert broker.answers()
    with Speaker(layout, "alone", passwords["alone"]) as device:
        device.subscribe("#")
        for topic in ("alone", "caretaker/v2/hall/alone/readings", "caretaker/v1/hall/alone/readings/more"):
            device.publish(topic, "{}")
        device.settle()
        device.fence()
        assert device.got == []


@pytest.mark.parametrize(
    ("user", "heard"),
    [
        ("alone", set()),
        ("gateway", set()),
        # Derived values too, but nobody may write any yet.
        ("_ingestor", {"readings", "status", "alerts"}),
        ("_alerts", {"readings", "status"}),
        ("_api", {"readings", "status", "alerts"}),
        ("_doctor", {"version"}),
    ],
)
def test_what_each_may_read(
    user: str, heard: set[str], layout: Layout, passwords: dict[str, str], ingestor: Speaker
) -> None:
    with Speaker(layout, user, passwords[user], door=Door.MQTT_SERVICES) as speaker:
        speaker.subscribe(*EVERYTHING, "$SYS/#", "caretaker/v1/#")
        with Speaker(layout, "alone", passwords["alone"]) as device:
            device.publish("caretaker/v1/hall/alone/readings", "{}")
            device.publish("caretaker/v1/hall/alone/status", "{}")
            device.settle()
        with Speaker(layout, "_alerts", passwords["_alerts"]) as alerts:
            alerts.publish("caretaker/v1/hall/alone/alerts", "{}")
            alerts.settle()
        wait_until(lambda: len(ingestor.got) >= 3, "somebody has heard all three")
        speaker.fence()
        assert {topic.rpartition("/")[2] for topic in topics(speaker.got)} == heard


def test_a_certificate_is_a_name(layout: Layout, passwords: dict[str, str], ingestor: Speaker, tmp_path: Path) -> None:
    pair = written(tmp_path, "behind", give_certificate(layout, "behind", NOW, rotate=False))
    door = Door.MQTT_CERTIFICATES
    done = mosquitto_pub(layout, "caretaker/v1/hall/behind/readings", "{}", door=door, pair=pair)
    assert (done.returncode, done.stderr) == (0, "")
    # Whatever it says as its name, and whatever password it has.
    with Speaker(layout, "alone", passwords["alone"], door=door, pair=pair) as device:
        device.publish("caretaker/v1/hall/alone/readings", "{}")
        device.publish("caretaker/v1/hall/behind/status", "{}")
        device.settle()
    assert mark(layout, passwords, ingestor) == ["caretaker/v1/hall/behind/readings", "caretaker/v1/hall/behind/status"]


def test_who_shows_no_good_certificate_is_not_let_in(
    layout: Layout, passwords: dict[str, str], broker: DeployedMosquitto, tmp_path: Path
) -> None:
    assert broker.answers()
    strange = new_authority("Caretaker authority", NOW)
    server = layout.kept(Secret.API_CERTIFICATE), layout.kept(Secret.API_KEY)
    late = give_certificate(layout, "deep", datetime(2020, 1, 1, tzinfo=UTC), rotate=False)
    for pair in (
        None,
        written(tmp_path, "strange", strange.device("behind", NOW)),
        server,
        written(tmp_path, "ended", late),
    ):
        login = ("alone", passwords["alone"])
        done = mosquitto_pub(
            layout, "caretaker/v1/hall/alone/readings", "{}", door=Door.MQTT_CERTIFICATES, login=login, pair=pair
        )
        assert done.returncode != 0, pair


def test_a_certificate_is_no_password(layout: Layout, broker: DeployedMosquitto, tmp_path: Path) -> None:
    assert broker.answers()
    pair = written(tmp_path, "hub", give_certificate(layout, "hub", NOW, rotate=False))
    assert mosquitto_pub(layout, "caretaker/v1/hall/hub/readings", "{}", pair=pair).returncode != 0


def test_what_was_taken_away_opens_nothing_after_a_reload(
    layout: Layout, broker: DeployedMosquitto, tmp_path: Path
) -> None:
    password = give_passwords(layout, ["deep"], rotate=False)["deep"]
    pair = written(tmp_path, "deep", give_certificate(layout, "deep", NOW, rotate=True))
    kept = written(tmp_path, "alone", give_certificate(layout, "alone", NOW, rotate=False))
    broker.reload()
    where = "caretaker/v1/annexe/deep/readings"
    by_certificate = Door.MQTT_CERTIFICATES
    assert mosquitto_pub(layout, where, "{}", login=("deep", password)).returncode == 0
    assert mosquitto_pub(layout, where, "{}", door=by_certificate, pair=pair).returncode == 0
    with Speaker(layout, "deep", password) as connected:
        assert connected.connections == 1
        assert take_away(layout, "deep", NOW) == (True, 1)
        broker.reload()
        wait_until(lambda: connected.losses > 0, "who is connected is thrown out")
    assert mosquitto_pub(layout, where, "{}", login=("deep", password)).returncode != 0
    assert mosquitto_pub(layout, where, "{}", door=by_certificate, pair=pair).returncode != 0
    assert mosquitto_pub(layout, "caretaker/v1/hall/alone/status", "{}", door=by_certificate, pair=kept).returncode == 0


def test_nothing_listens_but_on_the_loopback(layout: Layout, broker: DeployedMosquitto) -> None:
    listening = [one.laddr for one in psutil.Process(broker.pid).net_connections() if one.status == psutil.CONN_LISTEN]
    doors = (Door.MQTT_DEVICES, Door.MQTT_SERVICES, Door.MQTT_CERTIFICATES)
    assert sorted(listening) == sorted(("127.0.0.1", layout.inner[door].port) for door in doors)


def test_the_log_holds_no_password(broker: DeployedMosquitto, passwords: dict[str, str]) -> None:
    log = broker.log
    assert "u'alone'" in log
    assert [user for user, password in passwords.items() if password in log] == []

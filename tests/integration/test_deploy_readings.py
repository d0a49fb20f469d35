"""R1 over TLS: generated broker, settings and store; the ingestor is killed, nothing acknowledged is missing."""

import json
import random
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.credentials import give_passwords
from deploy.layout import Door, Layout, Secret, Service
from deploy.provision import provision
from deploy.record import read_record
from deploy.settings_file import BUCKET, environment
from tests.components import Influxd, wait_until
from tests.deployed import DeployedMosquitto, Speaker, configuration, deployed
from tests.faults.judge import judge
from tests.faults.load import SITE, Numbers
from tests.faults.process import IngestorProcess

GATEWAY = "gw"
OUTSTANDING_AT_MOST = 1_000
QUIET_S = 0.5


class Ingestor(IngestorProcess):
    """As its deployment starts it: told who it is by its environment; it asks for a token."""

    def __init__(self, layout: Layout) -> None:
        port = layout.inner[Door.INGESTOR].port
        super().__init__(layout.staged.config, layout.staged.data, layout.folder / "ingestor.log", port)
        self._account = f"{layout.inner[Door.INGESTOR].url}/account"
        self._token = layout.kept(Secret.INGESTOR_HTTP_TOKEN).read_text(encoding="utf-8")
        self._environment = environment(layout, Service.INGESTOR)

    def start_again(self) -> None:
        self.start(self._environment)
        self.wait_ready()

    def account(self) -> dict[str, Any]:
        request = urllib.request.Request(self._account, headers={"Authorization": f"Bearer {self._token}"})  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
            found: dict[str, Any] = json.load(answer)
        return found

    def quiet(self) -> None:
        """Until nothing comes, nothing waits; the account must balance then."""
        before: tuple[int, int] | None = None
        since = time.monotonic()

        def is_quiet() -> bool:
            nonlocal before, since
            account = self.account()
            now = (account["received"], account["written"])
            if now != before or account["journal"] or account["unacknowledged"]:
                before, since = now, time.monotonic()
            return time.monotonic() - since > QUIET_S

        wait_until(is_quiet, "nothing moves any more", 60)
        assert self.account()["balanced"]


def numbered(folder: Path, numbers: Numbers) -> Path:
    """A gateway that speaks for numbered devices."""
    sites = [{"id": SITE, "kind": "test", "timezone": "UTC"}]
    devices = [
        f"{numbers.device(i)},{SITE},test,{GATEWAY},{' '.join(numbers.metrics(i))}" for i in range(numbers.devices)
    ]
    lines = ["id,site,kind,parent,metrics", f"{GATEWAY},{SITE},gateway,,online", *devices, ""]
    return configuration(folder, {"sites.yaml": yaml.safe_dump({"sites": sites}), "devices.csv": "\n".join(lines)})


@pytest.fixture
def store(influxd: Callable[..., Influxd]) -> Influxd:
    made = influxd()
    made.start()
    return made


@pytest.fixture
def layout(tmp_path: Path, store: Influxd) -> Layout:
    config = numbered(tmp_path / "config", Numbers(0))
    made = deployed(tmp_path / "city", config, {Door.INFLUXDB: store.port})
    assert [one.what for one in provision(made, read_record(made.folder)) if one.is_new]
    return made


@pytest.fixture
def broker(layout: Layout, tmp_path: Path) -> Iterator[DeployedMosquitto]:
    made = DeployedMosquitto(layout, tmp_path / "mosquitto")
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("count", "kills"), [(4_000, 2), pytest.param(60_000, 15, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_what_the_broker_has_acknowledged_is_stored(
    count: int, kills: int, layout: Layout, broker: DeployedMosquitto, store: Influxd
) -> None:
    assert broker.answers()
    numbers, chance = Numbers(count), random.Random(7)
    password = give_passwords(layout, [GATEWAY], rotate=False)[GATEWAY]
    broker.reload()
    ingestor = Ingestor(layout)
    try:
        ingestor.start_again()
        with Speaker(layout, GATEWAY, password) as gateway:
            number = 0
            for turn in range(1, kills + 1):
                # Killed while rows wait in the journal: the store stands still.
                store.pause()
                upto = count * turn // kills
                moment = number + round((upto - number) * (0.3 + 0.5 * chance.random()))
                number = speak(gateway, numbers, number, moment)
                wait_until(lambda: ingestor.journal_rows() > 0, "rows wait in the journal")
                ingestor.kill()
                number = speak(gateway, numbers, number, upto)
                store.resume()
                ingestor.start_again()
            gateway.settle()
            ingestor.quiet()
    finally:
        store.resume()
        ingestor.kill()
    verdict = judge(numbers, gateway.acknowledged, store.url, BUCKET)
    assert (verdict.missing, verdict.extra, verdict.wrong) == (0, 0, 0)
    assert verdict.stored == count


def speak(gateway: Speaker, numbers: Numbers, first: int, end: int) -> int:
    """Publish numbers `first` to `end`, not too far ahead of the broker; where it ended."""
    for number in range(first, end):
        gateway.publish(numbers.topic(number), numbers.payload(number), number)
        if gateway.sent - len(gateway.acknowledged) > OUTSTANDING_AT_MOST:
            wait_until(
                lambda: gateway.sent - len(gateway.acknowledged) < OUTSTANDING_AT_MOST // 2, "the broker acknowledges"
            )
    return end

"""R13, S11, S12: receivers that answer as receivers do, dead ones, an end in between; and secrets stay secret."""

import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from math import inf
from pathlib import Path
from typing import NamedTuple

import yaml
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from telemetry.reading import NS_PER_S
from telemetry.topics import topic
from tests.components import wait_until
from tests.faults.alert_rig import AlertRig, AlertSetup
from tests.faults.load import Client
from tests.faults.mailroom import Mailroom
from tests.faults.people import LOOPBACK, WEBHOOK_SECRET, write_people
from tests.faults.proxy import Proxy
from tests.faults.report import Figure, Figures
from tests.faults.rig import Stage
from tests.integration.http_receiver import Answers, HttpReceiver, Posted

SITE = "bells"
TOKEN = "canary-of-a-receiver-51c7"
PASSWORD = "canary-of-the-mail-server-9e02"
BEAT_TOKEN = "canary-of-the-watchdog-3d48"
SECRETS = (TOKEN, PASSWORD, BEAT_TOKEN, WEBHOOK_SECRET.removeprefix("whsec_"))
RETRY_AFTER_S = 3
BACK_S, BACK_LIMIT_S = 20.0, 400.0
"""However many alerts there were while it was away."""
AWAY = "select count(*) from deliveries where person = 'down' and status = 'waiting'"
AT_ONCE_S = 2.0
"""From the plan to the receiver, while others are dead."""
PLACES = "select id, person, place, status, attempts, created_ns from deliveries where channel in ('webhook', 'email')"


class Sent(NamedTuple):
    """One delivery, as the database has it."""

    id: str
    person: str
    place: int
    status: str
    attempts: int
    created_ns: int


class _Doors:
    """What each path answers; tokens stand behind the paths."""

    def __init__(self) -> None:
        self.asked: dict[str, list[tuple[str, float]]] = defaultdict(list)
        """By path: ids and moments, wall clock s."""
        self.refused_signatures = 0
        self.healed = False
        self._webhook = Webhook(WEBHOOK_SECRET)

    def __call__(self, posted: Posted, answer: Answers) -> None:
        path = posted.path.split("/")[1]
        number = len(self.asked[path])
        self.asked[path].append((posted.headers.get("webhook-id", ""), time.time()))
        if path != "beat":
            try:
                self._webhook.verify(posted.body, posted.headers)
            except WebhookVerificationError:
                self.refused_signatures += 1
        said = f"no such hook: {posted.path} {posted.headers}".encode()
        match path:
            case "flaky" if number < 3:
                answer.status(500, said)
            case "busy" if number == 0:
                answer.status(429, said, retry_after=str(RETRY_AFTER_S))
            case "reset" if number < 2:
                answer.reset()
            case "hang" if not self.healed:
                answer.silence()
            case "gone" | "lost":
                answer.status(410, said)
            case "beat":
                answer.status(500, said)
            case _:
                answer.status(200)


def run(stage: Stage) -> list[Figure]:
    """Alerts are raised one after the other; everybody is told of each, each in another way."""
    alerts = 20 if stage.full else 10
    figures = Figures()
    with ExitStack() as stack:
        doors = _Doors()
        http = stack.enter_context(HttpReceiver(doors))
        down = Proxy(http.port)
        stack.callback(down.close)
        down.refuse()
        replies = {
            "later@example.org": ["451 not now", "421 nor now"],
            "refused@example.org": [f"550 refused@example.org is unknown, as is {PASSWORD}"] * 10_000,
        }
        post = stack.enter_context(Mailroom(PASSWORD, replies))
        receivers = {
            "quick": [http.url(f"/quick/{TOKEN}")],
            **{one: [http.url(f"/{one}/{TOKEN}")] for one in ("flaky", "busy", "reset", "hang", "lost")},
            "down": [f"http://127.0.0.1:{down.port}/down/{TOKEN}"],
            "gone": [http.url(f"/gone/{TOKEN}"), "mailto:instead@example.org"],
            "mail": ["mailto:mail@example.org"],
            "mail-later": ["mailto:later@example.org"],
            "mail-refused": ["mailto:refused@example.org", http.url(f"/instead/{TOKEN}")],
        }
        rig = stack.enter_context(AlertRig(stage, _setup(alerts, receivers, post.port, http)))
        client = stack.enter_context(rig.client())
        _ring(client, range(alerts), 20.0)
        _until_told(rig, doors, alerts)
        quick = dict(doors.asked["quick"])
        down.heal()
        began = time.monotonic()
        wait_until(lambda: rig.alerts.rows(AWAY) == [(0,)], "who was away is told", BACK_LIMIT_S)
        back_s = time.monotonic() - began
        if stage.full:
            wait_until(lambda: len(doors.asked["hang"]) > 2, "the silent one is tried again", 90)
        stage.say(f"{alerts} alerts told; the service is killed while some messages are on their way")
        rig.alerts.kill()
        rig.start()
        _ring(client, range(alerts // 2), 2.0)
        doors.healed = True
        rig.all_delivered(120)
        sent = [Sent(*row) for row in rig.alerts.rows(PLACES)]
        _judge(figures, sent, doors, post)
        slowest_s = max((quick[one.id] - one.created_ns / NS_PER_S for one in sent if one.id in quick), default=inf)
        figures.at_most("R13", "slowest message to a good receiver, while others are dead", slowest_s, AT_ONCE_S, "s")
        figures.at_most("R13", "who was away for some seconds is told all, once back, within", back_s, BACK_S, "s")
        figures.exactly("R13", "dead letters in the figures", rig.alerts.metric("dead_letters"), _dead(sent))
        if stage.full:
            wait_until(lambda: "beat" in doors.asked, "the watchdog is called", 90)
        if stage.mutant is None:
            _secrets(figures, rig)
    return figures.all


def _setup(alerts: int, receivers: Mapping[str, Sequence[str]], smtp_port: int, http: HttpReceiver) -> AlertSetup:
    def write(folder: Path) -> None:
        site = {"id": SITE, "kind": "test", "names": {"en": SITE}, "timezone": "UTC", "areas": []}
        (folder / "sites.yaml").write_text(yaml.safe_dump({"sites": [site]}))
        rows = [f"bell-{number},{SITE},bell,nh3_ppm" for number in range(alerts)]
        (folder / "devices.csv").write_text("\n".join(["id,site,kind,metrics", *rows]))
        rule = {
            "id": "loud",
            "names": {"en": "Loud"},
            "why": "So that there is something to tell.",
            "when": {"metric": "nh3_ppm"},
            "severities": {"warning": {"above": 10, "clear_below": 5}},
        }
        (folder / "rules.yaml").write_text(yaml.safe_dump({"rules": [rule]}))
        write_people(folder, receivers)

    smtp = {
        "host": "127.0.0.1",
        "port": smtp_port,
        "sender": "alerts@example.org",
        "security": "none",
        "username": "caretaker",
        "password": PASSWORD,
    }
    own = {
        "webhook": {"allow": LOOPBACK, "secret": WEBHOOK_SECRET},
        "smtp": smtp,
        "heartbeat_url": http.url(f"/beat/{BEAT_TOKEN}"),
        "public_url": "https://caretaker.example.org",
    }
    return AlertSetup(write, settings={"alerts": own})


def _ring(client: Client, bells: Iterable[int], nh3_ppm: float) -> None:
    """Readings of these bells, one after the other."""
    for number in bells:
        values = f'{{"time": {int(time.time() * 1000)}, "values": {{"nh3_ppm": {nh3_ppm}}}}}'
        client.publish(client.sent, topic(SITE, f"bell-{number}"), values.encode())
        time.sleep(0.1)
    client.settle()


def _until_told(rig: AlertRig, doors: _Doors, alerts: int) -> None:
    """Everybody but the dead ones has had every message."""
    query = (
        "select count(*) from deliveries where person not in ('hang', 'down', '') and place = 0 and status = 'waiting'"
    )
    wait_until(lambda: len(doors.asked["quick"]) >= alerts, "the good receiver has them all", 60)
    wait_until(lambda: rig.alerts.rows(query) == [(0,)], "whoever can be told is told", 60)


def _judge(figures: Figures, sent: Sequence[Sent], doors: _Doors, post: Mailroom) -> None:
    received = Counter(one for path, some in doors.asked.items() if path != "beat" for one, _ in some)
    mailed = Counter(one for some in post.ids.values() for one in some)
    planned = {one.id for one in sent}
    delivered = [one for one in sent if one.status == "delivered"]
    figures.at_least("R13", "messages planned", len(sent), 30)
    figures.exactly("R13", "neither delivered nor dead letters", len(sent) - len(delivered) - _dead(sent), 0)
    unseen = sum(not (received[one.id] or mailed[one.id]) for one in delivered)
    figures.exactly("R13", "delivered, but never received", unseen, 0)
    strange = (received.keys() | mailed.keys()) - planned
    figures.exactly("R13", "received under an id that was never planned", len(strange), 0)
    again = sum(count > 1 for one, count in received.items() if one in planned)
    figures.at_least("R13", "received again under the same id", again, 3)
    figures.exactly("S11", "signatures that `standardwebhooks` refuses", doors.refused_signatures, 0)
    figures.at_least("S11", "signatures checked", received.total(), 20)
    for person, path in (("flaky", "500"), ("reset", "reset"), ("hang", "timeout"), ("down", "connection refused")):
        _retried(figures, sent, person, f"{path}: messages delivered in the end")
    _retried(figures, sent, "busy", "429: messages delivered in the end")
    waited_s = doors.asked["busy"][1][1] - doors.asked["busy"][0][1]
    figures.at_least("R13", "429: waited for", waited_s, RETRY_AFTER_S, "s")
    _retried(figures, sent, "mail-later", "mail server says 451: delivered in the end")
    _handed_on(figures, sent, "gone", "410: handed on, by mail", mailed)
    _handed_on(figures, sent, "mail-refused", "550: handed on, by webhook", received)
    lost = [one for one in sent if one.person == "lost"]
    dead = sum(one.status == "dead" for one in lost)
    figures.exactly("R13", "410, and nowhere to go: dead letters", dead, len(lost))


def _dead(sent: Iterable[Sent]) -> int:
    return sum(one.status == "dead" for one in sent)


def _retried(figures: Figures, sent: Sequence[Sent], person: str, name: str) -> None:
    own = [one for one in sent if one.person == person]
    tried_again = sum(one.attempts > 1 for one in own)
    figures.exactly("R13", name, sum(one.status == "delivered" for one in own), len(own))
    if person not in {"hang", "down"}:  # what a killed process had tried, it has not told anybody
        figures.at_least("R13", f"{name.split(':', 1)[0]}: tried again", tried_again, 1)


def _handed_on(figures: Figures, sent: Sequence[Sent], person: str, name: str, received: Counter[str]) -> None:
    first = [one for one in sent if one.person == person and one.place == 0]
    second = [one for one in sent if one.person == person and one.place == 1]
    there = sum(one.status == "delivered" and received[one.id] > 0 for one in second)
    figures.exactly("R13", name, there, len(first))


def _secrets(figures: Figures, rig: AlertRig) -> None:
    """Nothing that is secret stands where people look, though receivers said it all back to us."""
    key = (rig.data / "alerts" / "link.key").read_text().strip()
    secrets = (*SECRETS, key)
    places = {"the log": rig.alerts.log, "the figures": str(rig.alerts.ask("/metrics")[1])}
    places |= dict(_commands(rig))
    for name, text in places.items():
        figures.exactly("S12", f"secrets in {name}", sum(text.count(secret) for secret in secrets), 0)
    figures.at_least("S12", "dead letters shown to people", places["`alerts dead`"].count("msg_"), 1)
    details = " ".join(detail for (detail,) in rig.alerts.rows("select detail from deliveries"))
    figures.exactly("S12", "secrets in what is kept of attempts", sum(details.count(one) for one in secrets), 0)


def _commands(rig: AlertRig) -> Iterator[tuple[str, str]]:
    """What `caretaker alerts` prints."""
    alert = rig.alerts.rows("select id from alerts limit 1")[0][0]
    where = ("--config", str(rig.config), "--data", str(rig.data))
    for words in (("list", "--all"), ("show", alert), ("history",), ("dead",)):
        ended = subprocess.run(
            [sys.executable, "-m", "caretaker", "alerts", *words, *where, "--format", "json"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        yield f"`alerts {words[0]}`", ended.stdout + ended.stderr

"""What `caretaker up` runs: broker, ingestor, alerts, simulators, what fills in the past; and what its keys do."""

import asyncio
import itertools
import json
import secrets
import socket
import time
import webbrowser
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from caretaker.broker import INFLIGHT, PORT_3, PORT_5, BrokerPlan
from caretaker.rehearsal import rehearse
from caretaker.screen.observe import Observer
from caretaker.store_outage import StoreOutage
from caretaker.supervise import Child, ChildFailedError, Event, Supervisor, What
from deploy.private import write_private
from telemetry.mqtt.granted import forget_sessions

HTTP_PORT, ALERTS_PORT, API_PORT = 9464, 9465, 8088
FILL_DAYS = 14
OUTAGE_S = 20.0
AT_THIS_SCREEN = "duty attendant (at this screen)"
SETTLE_LIMIT_S = 10.0
"""How long the ingestor may take, at the stop, to take over what the broker still holds."""
STILL_S = 1.0
"""An ingestor that has received nothing for so long has received everything."""
LOOK_EVERY_S = 1.0
INCIDENTS = {"leak": "a leak is played", "odour": "an odour is played", "gateway-down": "a gateway goes down"}
"""What the simulators understand, and what is said of it."""


@dataclass(frozen=True)
class SystemPlan:
    """What runs where."""

    config: Path
    data: Path
    store: Path
    broker: BrokerPlan = field(default_factory=lambda: BrokerPlan(port_3=PORT_3, port_5=PORT_5))
    http_port: int = HTTP_PORT
    alerts_port: int = ALERTS_PORT
    api_port: int = API_PORT
    sign_in: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    """Whoever has it may enter the board."""
    fill_days: int = FILL_DAYS
    """0: the past stays empty."""
    rehearse: bool = True
    """Play an incident unasked, see `rehearsal.py`."""
    authority: Path | None = None
    """With TLS: the file by which our own services know the broker."""

    @property
    def board(self) -> str:
        """The address under which whoever started it enters the board."""
        return f"http://127.0.0.1:{self.api_port}/enter?token={self.sign_in}"

    def broker_of(self, user: str) -> Mapping[str, str]:
        """How a service of ours reaches the embedded broker, whatever stands in caretaker.yaml for production."""
        broker = {
            "host": "127.0.0.1",
            "port": self.broker.port_5,
            "username": user if self.broker.users else None,
            "password": self.broker.users.get(user),
            "password_file": None,
            "tls": self.authority is not None,
            "ca": None if self.authority is None else str(self.authority.absolute()),
            "certificate": None,
            "key": None,
            "insecure": False,
        }
        return {"CARETAKER_BROKER": json.dumps(broker)}

    def ingestor(self, user: str) -> Mapping[str, str]:
        """What the ingestor is told, and the simulators, which read its settings."""
        return {
            **self.broker_of(user),
            # What the broker really does: so the ingestor need not wait for more than can come.
            "CARETAKER_SESSION__RECEIVE_MAXIMUM": str(INFLIGHT),
            "CARETAKER_HTTP__HOST": "127.0.0.1",
            "CARETAKER_HTTP__PORT": str(self.http_port),
        }

    def alerts(self) -> Mapping[str, str]:
        """What the alert service is told."""
        settings = {
            "http": {"host": "127.0.0.1", "port": self.alerts_port},
            "session": {"client_id": "caretaker-alerts", "receive_maximum": INFLIGHT},
        }
        return {**self.broker_of("_alerts"), "CARETAKER_ALERTS": json.dumps(settings)}

    def api(self, ingestor_token: str | None) -> Mapping[str, str]:
        """What the API is told. On loopback, whatever stands in caretaker.yaml for production."""
        settings = {
            "host": "127.0.0.1",
            "port": self.api_port,
            "tls": None,
            "proxies": [],
            "sign_in": self.sign_in,
            "session": {"client_id": "caretaker-api", "receive_maximum": INFLIGHT},
            "ingestor": {"url": f"http://127.0.0.1:{self.http_port}", "token": ingestor_token},
        }
        return {**self.broker_of("_api"), "CARETAKER_API": json.dumps(settings)}


class System:
    """The whole, from start to stop."""

    def __init__(self, plan: SystemPlan, observer: Observer, say: Callable[[str], None]) -> None:
        """`say` is told what is being started and stopped."""
        self._plan = plan
        self._observer = observer
        self._say = say
        self._supervisor = Supervisor(plan.data / "logs", self._happened)
        self._outage = StoreOutage(plan.store)
        self._incidents = itertools.cycle(INCIDENTS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._fill_from = self._began = time.monotonic()
        self._rehearsal: asyncio.Task[None] | None = None
        self._hurried = False

    async def start(self) -> None:
        """Start all in order. Raises `ChildFailedError`; what runs by then is for `stop`."""
        for children in ([self._broker()], [self._ingestor(), self._alerts()], [self._simulators()], [self._api()]):
            self._say(f"starting: {', '.join(child.name for child in children)}")
            await asyncio.gather(*map(self._supervisor.start, children))
        self._say(f"board: {self._plan.board}")
        if self._plan.rehearse:
            self._rehearsal = self._do(rehearse(self._play, self._observer, self._began), "rehearsal")
        if self._plan.fill_days and not (self._plan.data / "filled").exists():
            await self._supervisor.start(self._fill())

    async def failure(self) -> ChildFailedError:
        """Wait until something can not be kept alive."""
        return await self._supervisor.failure()

    async def observe(self) -> None:
        """Look once a second, for ever."""
        while True:
            began = time.monotonic()
            await self._observer.look()
            await asyncio.sleep(max(0.1, LOOK_EVERY_S - (time.monotonic() - began)))

    async def stop(self) -> bool:
        """Stop all: first who publishes; the broker last, when nothing is left in it.

        True where the ingestor had time to take over and write everything: what is not stored then is missing.
        """
        self._outage.end()
        if self._rehearsal is not None:
            self._rehearsal.cancel()
        self._say("stopping: simulators")
        await self._supervisor.stop(["simulators", "fill"])
        nothing_waits = False
        if "ingestor" in self._supervisor:
            self._say("stopping: ingestor, alerts")
            nothing_waits = await self._settle()
            await self._supervisor.stop(["ingestor", "alerts"])
        self._say("stopping: api, broker")
        await self._supervisor.stop(["api"])
        await self._supervisor.stop(["broker"])
        if nothing_waits:
            forget_sessions(self._plan.data)
        if self._tasks:
            await asyncio.wait(self._tasks)
        return nothing_waits

    def stop_now(self) -> None:
        """Kill all, also in the middle of `stop`."""
        self._hurried = True
        self._outage.end()
        self._supervisor.stop_now()

    def kill_ingestor(self) -> None:
        """`kill -9`."""
        self._supervisor["ingestor"].kill()

    def take_store_away(self) -> None:
        """Hold the store's write lock for 20 seconds."""
        if not self._outage.held:
            self._do(self._store_outage(), "store outage")

    def play_incident(self) -> None:
        """The next incident."""
        self._do(self._incident(next(self._incidents)), "incident")

    def open_board(self) -> None:
        """In a browser of this machine."""
        self._do(self._open_board(), "board")

    def acknowledge(self) -> None:
        """The newest alert that nobody has, in the name of whoever sits here."""
        self._do(self._acknowledge(), "acknowledge")

    def _do(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _store_outage(self) -> None:
        self._observer.stories.begin(time.time_ns(), "store", f"the store was taken away for {OUTAGE_S:.0f} s")
        held = await self._outage.hold(OUTAGE_S)
        self._observer.stories.end(time.time_ns(), "store", "it is back" if held else "it could not be had")

    async def _incident(self, name: str) -> None:
        taken = await self._play(name)
        said = INCIDENTS[name] if taken else f"the simulators are away and play no {name}"
        self._observer.stories.begin(time.time_ns(), name, said)

    async def _acknowledge(self) -> None:
        alert = await self._observer.newest_free()
        if alert is not None:
            await self._observer.acknowledge(alert.id, AT_THIS_SCREEN, None)
        said = "no alert waits for somebody" if alert is None else f"acknowledged here: {alert.name}, {alert.site}"
        self._observer.stories.begin(time.time_ns(), "acknowledge", said)

    async def _open_board(self) -> None:
        opened = await asyncio.to_thread(webbrowser.open, self._plan.board)
        said = "the board is opened in a browser" if opened else f"no browser here; the board is {self._plan.board}"
        self._observer.stories.begin(time.time_ns(), "board", said)

    async def _play(self, incident: str) -> bool:
        return await self._supervisor["simulators"].send(incident)

    def _happened(self, event: Event) -> None:
        if event.child == "fill":
            if event.what is What.DONE:
                self._observer.fill = None
                took_s = time.monotonic() - self._fill_from
                said = f"the last {self._plan.fill_days} days are filled in, within {took_s:.0f} s"
                self._observer.stories.begin(event.time_ns, "fill", said)
            elif event.what is What.STARTED:
                self._observer.fill = (0.0, f"filling in the last {self._plan.fill_days} days")
            return
        self._observer.stories.child(event)

    async def _settle(self) -> bool:
        """Wait until all that the simulators published is in the store, or in the journal of an ingestor that waits."""
        limit = time.monotonic() + SETTLE_LIMIT_S
        taken, since = -1, time.monotonic()
        while time.monotonic() < limit and not self._hurried:
            await self._observer.look()
            account = self._observer.account
            if account is None or self._observer.verdict.on_the_way == 0:
                return account is not None
            # Without what is ignored: the heartbeat of the alerts goes on.
            if account.received - account.ignored != taken:
                taken, since = account.received - account.ignored, time.monotonic()
            elif time.monotonic() - since > STILL_S and (account.journal or self._observer.well):
                # What is in the journal is durable: the next start writes it.
                return account.journal == 0
            await asyncio.sleep(0.1)
        return False

    def _broker(self) -> Child:
        self._plan.data.mkdir(parents=True, exist_ok=True)
        file = self._plan.data / "broker.toml"
        write_private(file, self._plan.broker.toml())
        ports = (self._plan.broker.port_3, self._plan.broker.port_5)

        async def listens() -> bool:
            return all([await asyncio.to_thread(_accepts, port) for port in ports])

        return Child("broker", ["caretaker.broker", str(file)], ready=listens)

    def _ingestor(self) -> Child:
        return Child(
            "ingestor",
            ["caretaker", "run", "ingestor", *self._where()],
            self._plan.ingestor("_ingestor"),
            ready=self._observer.ready,
        )

    def _alerts(self) -> Child:
        return Child(
            "alerts",
            ["caretaker", "run", "alerts", *self._where()],
            self._plan.alerts(),
            ready=self._observer.alerts_ready,
        )

    def _api(self) -> Child:
        return Child(
            "api",
            ["caretaker", "run", "api", *self._where()],
            self._plan.api(self._observer.ingestor_token),
            ready=self._observer.api_ready,
        )

    def _simulators(self) -> Child:
        return Child(
            "simulators",
            ["caretaker", "simulate", *self._where()],
            self._plan.ingestor("_simulators"),
            commands=True,
        )

    def _fill(self) -> Child:
        days = str(self._plan.fill_days)
        return Child(
            "fill",
            ["caretaker", "fill", *self._where(), "--days", days, "--format", "json"],
            ends=True,
            on_line=self._filled,
        )

    def _filled(self, line: str) -> None:
        try:
            share = float(json.loads(line)["share"])
        except (ValueError, KeyError, TypeError):
            return
        self._observer.fill = (min(1.0, share), f"filling in the last {self._plan.fill_days} days: {share:.0%}")

    def _where(self) -> list[str]:
        return ["--config", str(self._plan.config), "--data", str(self._plan.data)]


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True

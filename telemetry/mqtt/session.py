"""A persistent MQTT 5 session: deliveries of all its connections, one after the other, for as long as it is wanted.

Nothing is acknowledged here. Whoever takes a delivery acknowledges it when it is durable; until then the broker holds
it, and sends it again on the next connection.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import mqtt5
import structlog
from pydantic import BaseModel, ConfigDict, Field

from telemetry.mqtt.connection import (
    KEEP_ALIVE_S,
    Connection,
    ConnectionFailedError,
    Counts,
    SessionTakenOverError,
)
from telemetry.mqtt.granted import Granted
from telemetry.mqtt.inflight import Delivery
from telemetry.mqtt.settings import BrokerSettings

log = structlog.get_logger(__name__)

CONNECT_LIMIT_S = 10.0
BACK_OFF_FIRST_S = 0.1
BACK_OFF_CAP_S = 10.0
SHORT_LIFE_S = 5.0
SHORT_LIVES = 3
"""So many connections in a row that the broker ends within seconds look like two clients with one id. Mosquitto 2.0.11
does not say so (0x8E) where it should."""


class SessionSettings(BaseModel):
    """What we ask of the broker for ourselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(default="caretaker-ingestor", min_length=1, max_length=64)
    """Fixed: the broker keeps the session under it. Two services with one id throw each other out."""
    receive_maximum: int = Field(default=5_000, ge=10, le=65_535)
    """How many messages the broker may send before it needs an acknowledgement: the back-pressure."""
    session_expiry_s: int = Field(default=7 * 86_400, ge=60)
    """How long the broker keeps messages for us while we are away."""


class Subscription(BaseModel):
    """A topic filter, and whether retained messages are wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    filter: str
    """May be shared: `$share/GROUP/FILTER`."""
    retained: bool = False
    """True for states that stay true until they change, such as `…/status`."""

    def topic_filter(self) -> mqtt5.TopicFilter:
        """As the broker is told."""
        handling = mqtt5.RetainHandling.SEND_ALWAYS if self.retained else mqtt5.RetainHandling.SEND_NEVER
        return mqtt5.TopicFilter(
            self.filter,
            max_qos=mqtt5.QoS.AT_LEAST_ONCE,
            retain_as_published=False,  # so that the flag says that the broker had it stored
            retain_handling=handling,
        )


class Session:
    """Connects, resumes, backs off. `trouble` is None while everything that was asked for is granted."""

    def __init__(
        self,
        broker: BrokerSettings,
        settings: SessionSettings,
        subscriptions: Sequence[Subscription],
        data: Path | None = None,
    ) -> None:
        """`data`: where a service keeps its own, so that it notices what the broker has lost while it was away."""
        self._granted = None if data is None else Granted.of(data, settings.client_id, broker.host, broker.port)
        self._broker = broker
        self._settings = settings
        self._filters = [subscription.topic_filter() for subscription in subscriptions]
        self._connection: Connection | None = None
        self._stopping = asyncio.Event()
        self.counts = Counts()
        self.trouble: str | None = "not connected yet"

    @property
    def unacknowledged(self) -> int:
        """Delivered on the present connection, not durable yet."""
        return 0 if self._connection is None else self._connection.inflight.unacknowledged

    def stop(self) -> None:
        """End `deliveries` after the batch that is under way. What is not acknowledged stays with the broker."""
        self._stopping.set()
        if self._connection is not None:
            self._connection.inflight.close()

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """Batches, in the order received, until `stop`. Raises `SessionTakenOverError`; everything else is retried."""
        failures = short_lives = 0
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            try:
                connection, answer = await self._connect()
            except (OSError, ssl.SSLError, ConnectionFailedError) as error:
                failures += 1
                self._troubled(str(error) or type(error).__name__)
                await self._back_off(failures)
                continue
            around = [
                asyncio.create_task(connection.keep_alive(answer.server_keep_alive or KEEP_ALIVE_S), name="mqtt pings"),
                asyncio.create_task(self._subscribe(connection, answer), name="mqtt subscribe"),
            ]
            delivered, since_s = False, clock()
            try:
                while not self._stopping.is_set() and (delivery := await connection.next()) is not None:
                    delivered = True
                    yield delivery
            finally:
                connection.disconnect()
                for task in around:
                    task.cancel()
                await asyncio.wait(around)
                self._connection = None
            for task in around:
                if not task.cancelled():
                    task.result()  # a defect in one of them must not go unseen
            # A connection that brought nothing counts as a failure: it must not become a tight loop.
            failures = 0 if delivered else failures + 1
            if self._stopping.is_set():
                return
            short_lives = short_lives + 1 if clock() - since_s < SHORT_LIFE_S else 0
            rivals = (
                f"; does another client use the id {self._settings.client_id}?" if short_lives >= SHORT_LIVES else ""
            )
            self._troubled(f"{connection.failure}{rivals}")
            if isinstance(connection.failure, SessionTakenOverError):
                raise connection.failure
            await self._back_off(failures)

    async def _connect(self) -> tuple[Connection, mqtt5.ConnAckPacket]:
        """A connection with its session. Messages of the session may be arriving already."""
        broker, settings = self._broker, self._settings
        secret = broker.secret()
        _, connection = await asyncio.wait_for(
            asyncio.get_running_loop().create_connection(
                lambda: Connection(self.counts, settings.receive_maximum),
                broker.host,
                broker.port,
                ssl=broker.ssl_context(),
            ),
            CONNECT_LIMIT_S,
        )
        try:
            answer = await connection.open(
                mqtt5.ConnectPacket(
                    settings.client_id,
                    username=broker.username,
                    password=None if secret is None else secret.encode(),
                    clean_start=False,
                    keep_alive=KEEP_ALIVE_S,
                    session_expiry_interval=settings.session_expiry_s,
                    receive_max=settings.receive_maximum,
                )
            )
        except BaseException:
            connection.abort("the session could not be established")
            raise
        self._look_at(answer)
        self.counts.connections += 1
        self._connection = connection
        return connection, answer

    def _look_at(self, answer: mqtt5.ConnAckPacket) -> None:
        """Whether the broker still has our session, and should have."""
        had = self.counts.connections > 0 or (self._granted is not None and self._granted.noted)
        if not answer.session_present:
            self.counts.sessions_begun += 1
            if had:
                self.counts.sessions_lost += 1
                consequence = "what it held for us since the last connection"
                log.error("the broker has lost our session", consequence=consequence)
        if self._granted is not None:
            self._granted.note()

    async def _subscribe(self, connection: Connection, answer: mqtt5.ConnAckPacket) -> None:
        """Ask for what we want, again and again while it is not granted. Deliveries of the session go on meanwhile."""
        while True:
            try:
                granted = await connection.subscribe(self._filters)
            except ConnectionFailedError:
                return  # `deliveries` sees it too, and says it
            self.trouble = self._shortfall(answer, granted)
            if self.trouble is None:
                broker = self._broker
                log.info("subscribed", host=broker.host, port=broker.port, resumed=answer.session_present)
                return
            log.error("the broker does not grant what no loss needs", trouble=self.trouble)
            await asyncio.sleep(BACK_OFF_CAP_S)

    def _shortfall(self, answer: mqtt5.ConnAckPacket, granted: mqtt5.SubAckPacket) -> str | None:
        """What the broker did not grant, in a sentence."""
        expiry_s = answer.session_expiry_interval
        if expiry_s is not None and expiry_s < self._settings.session_expiry_s:
            return (
                f"the broker keeps sessions for {expiry_s} s only, {self._settings.session_expiry_s} s were asked for"
            )
        for topic_filter, code in zip(self._filters, granted.reason_codes, strict=True):
            if code is not mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE:
                return f"the broker grants {code.name} for {topic_filter.pattern}, QoS 1 was asked for"
        return None

    def _troubled(self, trouble: str) -> None:
        trouble = f"broker {self._broker.host}:{self._broker.port}: {trouble}"
        if self.trouble != trouble:
            log.warning("not connected", reason=trouble)
        self.trouble = trouble

    async def _back_off(self, failures: int) -> None:
        """Wait before the next attempt: doubling, capped, with jitter so that services don't come in step."""
        limit_s = min(BACK_OFF_CAP_S, BACK_OFF_FIRST_S * 2 ** min(failures, 10))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), limit_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

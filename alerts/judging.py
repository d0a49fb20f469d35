"""The judge's loop: durable before acknowledged, as in the ingestor.

    session -> admit -> judge -> database -> acknowledge
                          ^------ wishes of people

State, samples and transitions of a batch are one transaction. What the database can't take now is held, and nothing
further is read: the broker keeps the rest.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import structlog

from alerts.alert import Change
from alerts.configuration import Configuration
from alerts.database.database import AlertDatabase, DatabaseAwayError, SecondActiveAlertError
from alerts.heartbeat import Heartbeat
from alerts.judge.judge import Judge
from alerts.judge.judged import Remembered
from telemetry.admission.admit import admit
from telemetry.admission.limits import Limits
from telemetry.message import Message
from telemetry.mqtt.session import Session
from telemetry.reading import NS_PER_S

log = structlog.get_logger(__name__)

WISHES_EVERY_S = 0.25
TRY_AGAIN_S = 1.0


class Judging:
    """Everything between the session and the database."""

    def __init__(
        self,
        configuration: Configuration,
        database: AlertDatabase,
        remembered: Remembered,
        limits: Limits,
    ) -> None:
        """`remembered` is the database's, for the judge to go on with."""
        self._configuration = configuration
        self._database = database
        self._limits = limits
        self.on_news: Callable[[], None] = lambda: None
        """Called when something was committed that concerns people."""
        self._one_at_a_time = asyncio.Lock()
        self._sessions_begun = 0
        self.judge = Judge(configuration.registry, configuration.rules, remembered)
        self.trouble: str | None = None
        """Why nothing can be kept just now; None: all is well."""
        self.refused = 0
        """Messages that admission did not let in; the ingestor keeps them in quarantine."""
        self.defects = 0
        """Errors of our own: each cost one message."""
        self.changes: Counter[Change] = Counter()
        """Transitions committed, by what they change."""
        self.heard_at_s = 0.0
        """When the last beat was judged and kept, monotonic seconds."""

    async def run(self, session: Session, heartbeat: Heartbeat) -> None:
        """Judge what the session delivers, until it is stopped."""
        async for delivery in session.deliveries():
            async with self._one_at_a_time:
                if session.counts.sessions_begun > self._sessions_begun:
                    self._sessions_begun = session.counts.sessions_begun
                    self.judge.lost()
                beats = 0
                for message in delivery.messages:
                    now_ns = heartbeat.time_ns(message)
                    if now_ns is None:
                        self._take(message)
                    else:
                        self.judge.tick(now_ns)
                        beats += 1
                await self._keep()
                if beats:
                    self.heard_at_s = time.monotonic()
            delivery.acknowledge()

    async def fulfil(self) -> None:
        """Do what people ask for, until cancelled: also while the broker is away."""
        while True:
            await asyncio.sleep(WISHES_EVERY_S)
            try:
                actions = await self._database.actions()
            except DatabaseAwayError as error:
                log.warning("wishes can't be read", reason=str(error))
                continue
            if actions:
                async with self._one_at_a_time:
                    for action in actions:
                        self.judge.act(action)
                    await self._keep()
                self.on_news()

    def configure(self) -> None:
        """Registry or rules are others now; alerts of what is gone end with the next batch."""
        self.judge.configure(self._configuration.registry, self._configuration.rules)

    @property
    def behind_s(self) -> float:
        """How far the alert clock is behind the wall clock, seconds; 0 before it has ever beaten."""
        return (time.time_ns() - self.judge.clock_ns) / NS_PER_S if self.judge.clock_ns else 0.0

    def _take(self, message: Message) -> None:
        """The readings of a message. An error of our own must not stop those behind it."""
        registry = self._configuration.registry
        device = registry.by_topic.get(message.topic)
        if device is not None and not self.judge.watches(device.id):
            return
        try:
            admitted = admit(message, registry, self._limits)
            self.refused += bool(admitted.rejections)
            for reading in admitted.readings:
                self.judge.read(reading, message.received_ns, retained=message.retained)
        except Exception:
            self.defects += 1
            log.exception("a defect in judging", topic=message.topic)

    async def _keep(self) -> None:
        """Commit what has changed; where the disk is full or broken, wait until it is not."""
        judged = self.judge.take()
        while True:
            try:
                transitions = await self._database.commit(judged)
            except SecondActiveAlertError as error:
                # A defect of ours. The batch would meet it again for ever: go on from what is kept, without it.
                self.defects += 1
                log.exception("a batch is lost", reason=str(error))
                kept = await self._database.remember()
                self.judge = Judge(self._configuration.registry, self._configuration.rules, kept)
                return
            except DatabaseAwayError as error:
                if self.trouble is None:
                    log.error("nothing can be kept, so nothing is acknowledged", reason=str(error))
                self.trouble = f"the alert database: {error}"
                await asyncio.sleep(TRY_AGAIN_S)
                continue
            self.trouble = None
            if transitions:
                self.changes.update(transition.change for transition in transitions)
                self.on_news()
            return

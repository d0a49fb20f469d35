"""The dispatcher's loop: from transitions to deliveries, each step one transaction.

    database (news, groups) -> plan -> database (groups, deliveries, cursor) -> deliver

It looks when there is news, and when the last plan said that something would be due.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import structlog

from alerts.configuration import Configuration
from alerts.database.database import AlertDatabase, DatabaseAwayError
from alerts.dispatch.dispatcher import plan
from alerts.dispatch.planned import Planned
from alerts.dispatch.world import World
from alerts.judge.judge import Judge
from alerts.message.compose import MessageWorld, compose
from alerts.message.link import Links
from alerts.notice import Cause, Message, Muted, Notice
from telemetry.reading import NS_PER_S

log = structlog.get_logger(__name__)

NEWS_AT_ONCE = 1_000
CAP_SPAN_NS = 3_600 * NS_PER_S
LOOK_AT_LEAST_EVERY_S = 60.0
"""The wall clock may be set, and the digest needs no news."""
TRY_AGAIN_S = 1.0


class Dispatching:
    """Decides who is told what."""

    def __init__(
        self,
        configuration: Configuration,
        database: AlertDatabase,
        judge: Callable[[], Judge],
        links: Links | None,
        on_deliveries: Callable[[], None],
    ) -> None:
        """`on_deliveries` is called when there is something new to deliver."""
        self._configuration = configuration
        self._database = database
        self._judge = judge
        self._links = links
        self._on_deliveries = on_deliveries
        self._news = asyncio.Event()
        self.notified: Counter[Cause] = Counter()
        self.muted: Counter[Muted] = Counter()

    def wake(self) -> None:
        """There is news, or people, routes or silences have changed."""
        self._news.set()

    async def run(self) -> None:
        """Dispatch until cancelled."""
        while True:
            self._news.clear()
            try:
                next_ns = await self._look()
            except DatabaseAwayError as error:
                log.warning("nothing can be dispatched just now", reason=str(error))
                wait_s = TRY_AGAIN_S
            else:
                wait_s = LOOK_AT_LEAST_EVERY_S
                if next_ns is not None:
                    wait_s = min(wait_s, max(0.0, (next_ns - time.time_ns()) / NS_PER_S))
            try:
                await asyncio.wait_for(self._news.wait(), wait_s)
            except TimeoutError:
                continue

    async def _look(self) -> int | None:
        """Plan once, and keep it. Wall clock ns: when to look again."""
        database, judge, now_ns = self._database, self._judge(), time.time_ns()
        found = await database.situation(now_ns, NEWS_AT_ONCE, now_ns - CAP_SPAN_NS)
        digest = self._configuration.routing.digest is not None
        world = World(
            registry=self._configuration.registry,
            rules={rule.id: rule for rule in self._configuration.rules.rules},
            routing=self._configuration.routing,
            alerts=found.alerts,
            compose=self._composer(now_ns),
            first_acknowledged=found.first_acknowledged,
            silences=found.silences,
            silent_devices=judge.silent_devices() if digest else (),
            low_batteries=judge.low_batteries() if digest else (),
        )
        # In a thread: with thousands of active alerts it takes long enough for pings to be late.
        planned = await asyncio.to_thread(plan, now_ns, world, found.groups, found.news, found.sent, found.figures)
        await self._keep(planned)
        return now_ns if len(found.news) == NEWS_AT_ONCE else planned.next_ns

    async def _keep(self, planned: Planned) -> None:
        if planned.groups or planned.deliveries or planned.figures or planned.cursor is not None:
            await self._database.plan(planned)
        self.notified += planned.notified
        self.muted += planned.muted
        if planned.deliveries:
            self._on_deliveries()

    def _composer(self, now_ns: int) -> Callable[[Notice], Message]:
        links = self._links
        world = MessageWorld(
            registry=self._configuration.registry,
            rules={rule.id: rule for rule in self._configuration.rules.rules},
            link=None if links is None else lambda alert, person: links.make(alert, person, now_ns),
        )
        return lambda notice: compose(notice, world)

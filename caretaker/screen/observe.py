"""Gather what the view shows: the services' own ports, the ledger, the store, the alerts' database. Once a second."""

import asyncio
import http.client
import json
import re
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from caretaker.alerts_seen import AlertsSeen
from caretaker.audit import Audit, Sent, StoredMoments, Verdict, kept, restored
from caretaker.screen.sites import Moment, by_device, lines
from caretaker.screen.story import Stories
from caretaker.screen.view import Account, AlertLine, Alerts, Rates, SiteLine, View
from caretaker.screen.words import clock
from simulators.ledger import Flag, LedgerReader, Row, Totals
from telemetry.message import Reason
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.registry.models import Registry
from telemetry.stores.sqlite.read import SqliteReader
from telemetry.stores.store import StoreAwayError

ANSWER_LIMIT_S = 1.0
STEADY_NS = 10 * NS_PER_S
"""After so long without a break, a well ingestor has taken over what the broker held for it."""
SITES_EVERY_S = 2.0
HISTORY_S = 120
LEDGER_PAGE = 5_000
DELIVERED = re.compile(
    r'^caretaker_alerts_deliveries_total\{(?=[^}]*result="delivered")(?![^}]*receiver="mqtt").*\} (\S+)$', re.MULTILINE
)
"""In the alert service's figures: messages to people."""
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Places:
    """Where to look."""

    http_port: int
    http_token: str | None
    alerts_port: int
    alerts_token: str | None
    api_port: int
    ledger: Path
    store: Path
    audit: Path
    """Where the audit is kept from one start to the next."""
    address: str
    """Shown: where a device of one's own connects."""
    board: str
    """Shown: where somebody enters the board."""


@dataclass(frozen=True)
class _Counted:
    published: int
    received: int
    written: int


class Observer:
    """Looks, and remembers what is needed to judge."""

    def __init__(self, registry: Registry, places: Places, alerts: AlertsSeen) -> None:
        self.stories = Stories()
        self.fill: tuple[float, str] | None = None
        self.looks = 0
        self._registry = registry
        self._places = places
        self._since_ns = time.time_ns()
        self._account: Account | None = None
        self._ready_since_ns: int | None = None
        self._reasons: tuple[str, ...] = ()
        self._empty_ns: int | None = None
        self._totals = Totals()
        self._audit: Audit | None = None
        self._verdict = Verdict()
        self._sites: tuple[SiteLine, ...] = ()
        self._sites_due = 0.0
        self._rates = tuple(deque[float](maxlen=HISTORY_S) for _ in range(3))
        self._before: tuple[float, _Counted] | None = None
        self._reader = SqliteReader(places.store)
        # Both for one thread.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="observe")
        self._ledger: LedgerReader | None = None
        self._stored = StoredMoments(places.store)
        self._alerts_seen = alerts
        self._alerts_thread = ThreadPoolExecutor(1, thread_name_prefix="alerts")
        self._alerts = Alerts()

    @property
    def verdict(self) -> Verdict:
        """The audit's, as of the last look."""
        return self._verdict

    @property
    def account(self) -> Account | None:
        """The ingestor's, as of the last time it answered."""
        return self._account

    @property
    def well(self) -> bool:
        """Whether the ingestor said at the last look that it takes readings."""
        return self._ready_since_ns is not None

    async def look(self) -> None:
        """Look once."""
        await self._ask_ingestor()
        empty_ns = self._empty_ns
        await asyncio.get_running_loop().run_in_executor(self._thread, self._check, empty_ns)
        self.stories.check(self._verdict)
        await self._ask_alerts()
        if time.monotonic() >= self._sites_due:
            self._sites_due = time.monotonic() + SITES_EVERY_S
            await self._ask_store()
        self._count()
        self.looks += 1

    async def ready(self) -> bool:
        """Whether the ingestor takes readings now."""
        found = await asyncio.to_thread(self._fetch)
        return found is not None and bool(found[0]["ready"])

    async def alerts_ready(self) -> bool:
        """Whether the alert service judges now."""
        found = await asyncio.to_thread(self._fetch_alerts)
        return found is not None and bool(found[0]["ready"])

    async def api_ready(self) -> bool:
        """Whether API and board answer now."""
        found = await asyncio.to_thread(_answers, self._places.api_port, ("/api/v1/health/ready",), None)
        return found is not None and bool(json.loads(found[0])["ready"])

    @property
    def ingestor_token(self) -> str | None:
        """What the ingestor's own port asks for."""
        return self._places.http_token

    async def newest_free(self) -> AlertLine | None:
        """The newest alert that nobody has acknowledged."""
        return await self._at_desk(self._alerts_seen.newest_free, time.time_ns())

    async def acknowledge(self, alert_id: str, by: str, comment: str | None) -> None:
        """Ask the alert service for it; what comes of it is seen at a later look."""
        await self._at_desk(self._alerts_seen.acknowledge, alert_id, by, comment)

    async def last_look(self, *, nothing_waits: bool) -> Verdict:
        """After all have stopped. `nothing_waits`: what is not in the store by now is nowhere, and so is missing."""
        for_ever_ns = 2**63
        await asyncio.get_running_loop().run_in_executor(
            self._thread, self._check, for_ever_ns if nothing_waits else None
        )
        self._alerts = await self._at_desk(self._alerts_seen.look, time.time_ns(), "stopped", self._alerts.delivered)
        return self._verdict

    async def resolve(self, alert_id: str, by: str, comment: str) -> None:
        """The same for the end of an alert that only a person can end."""
        await self._at_desk(self._alerts_seen.resolve, alert_id, by, comment)

    async def close(self) -> None:
        """Let go of the files."""
        await self._reader.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._thread.shutdown()
        await self._at_desk(self._alerts_seen.close)
        self._alerts_thread.shutdown()

    def view(self) -> View:
        """What is known now."""
        published, received, written = (tuple(values) for values in self._rates)
        return View(
            clock=clock(time.time_ns()),
            account=self._account,
            ingestor=self._word(),
            published=self._totals.readings + self._totals.poison,
            acknowledged=self._totals.readings_acknowledged + self._totals.poison,
            poison=self._totals.poison,
            verdict=self._verdict,
            rates=Rates(published, received, written),
            sites=self._sites,
            alerts=self._alerts,
            stories=self.stories.sentences(),
            fill=self.fill,
            address=self._places.address,
            board=self._places.board,
        )

    def _word(self) -> str:
        if self._account is None and self._ready_since_ns is None:
            return "starting"
        if self._ready_since_ns is not None:
            return "running"
        return self._reasons[0] if self._reasons else "away"

    async def _ask_ingestor(self) -> None:
        found = await asyncio.to_thread(self._fetch)
        now_ns = time.time_ns()
        if found is None:
            self._ready_since_ns, self._reasons, self._since_ns = None, (), now_ns
            return
        ready, account = found
        self._reasons = tuple(ready["reasons"])
        if not ready["ready"]:
            self._ready_since_ns = None
        elif self._ready_since_ns is None:
            self._ready_since_ns = now_ns
        self._account = account_from(account)
        if self._account.trouble is not None:
            # What the store does not take is not late: as after a start, everybody has time again.
            self._since_ns = now_ns
        steady = self._ready_since_ns is not None and now_ns - self._ready_since_ns >= STEADY_NS
        if steady and self._account.journal == 0:
            self._empty_ns = now_ns

    def _fetch(self) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        found = _answers(self._places.http_port, ("/health/ready", "/account"), self._places.http_token)
        return None if found is None else (json.loads(found[0]), json.loads(found[1]))

    def _fetch_alerts(self) -> tuple[Mapping[str, Any], str] | None:
        found = _answers(self._places.alerts_port, ("/health/ready", "/metrics"), self._places.alerts_token)
        return None if found is None else (json.loads(found[0]), found[1])

    async def _ask_alerts(self) -> None:
        found = await asyncio.to_thread(self._fetch_alerts)
        word, delivered = "away", self._alerts.delivered
        if found is not None:
            ready, figures = found
            word = "running" if ready["ready"] else next(iter(ready["reasons"]), "not ready")
            delivered = sum(int(float(number)) for number in DELIVERED.findall(figures))
        before = self._alerts_seen.sites
        self._alerts = await self._at_desk(self._alerts_seen.look, time.time_ns(), word, delivered)
        if self._alerts_seen.sites != before:
            self._sites_due = 0.0  # an alert and its site are seen together

    async def _at_desk(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._alerts_thread, lambda: call(*args, **kwargs))

    async def _ask_store(self) -> None:
        try:
            latest = by_device(await self._reader.latest(list(self._registry.devices)))
        except StoreAwayError:
            return
        self._sites = lines(Moment(self._registry, latest, time.time_ns(), self._since_ns, self._alerts_seen.sites))

    def _count(self) -> None:
        account = self._account
        if account is None or self._ledger is None:
            return
        now = time.monotonic()
        counted = _Counted(self._totals.readings + self._totals.poison, account.received, account.written)
        if self._before is not None:
            passed_s = now - self._before[0]
            last = self._before[1]
            changes = (
                counted.published - last.published,
                counted.received - last.received,
                counted.written - last.written,
            )
            for values, change in zip(self._rates, changes, strict=True):
                values.append(max(0, change) / passed_s)
        self._before = (now, counted)

    # In the thread.

    def _check(self, empty_ns: int | None) -> None:
        try:
            if self._ledger is None:
                if not self._places.ledger.exists():
                    return
                self._ledger = LedgerReader(self._places.ledger)
            audit = self._audit = self._audit or restored(self._places.audit, self._ledger.last_ack())
            while rows := self._ledger.acknowledged(audit.row, LEDGER_PAGE):
                audit.take(filter(None, map(sent_of, rows)), rows[-1].ack)
            self._totals = self._ledger.totals()
            self._verdict = audit.judge(self._stored.present(audit.wanted()), empty_ns)
        except sqlite3.Error:
            # Locked or not made yet: the next look tells.
            return
        kept(self._places.audit, audit)

    def _let_go(self) -> None:
        self._stored.close()
        if self._ledger is not None:
            self._ledger.close()


def sent_of(row: Row) -> Sent | None:
    """What the audit looks for; None for what must not or can not be found by its moment: poison, no time."""
    if row.flags & Flag.POISON or row.reasons or row.time_ms is None:
        return None
    return Sent(row.ack, row.device, row.time_ms * NS_PER_MS, row.seq, row.acked_ns)


def _answers(port: int, paths: Sequence[str], token: str | None) -> Sequence[str] | None:
    """What a service of ours on this machine says of itself; None: nothing."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_LIMIT_S)
    try:
        answers: list[str] = []
        for path in paths:
            connection.request("GET", path, headers=headers)
            answers.append(connection.getresponse().read().decode())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answers


def account_from(answer: Mapping[str, Any]) -> Account:
    """The ingestor's `/account`."""
    return Account(
        received=answer["received"],
        written=answer["written"],
        quarantined=answer["quarantined"],
        ignored=sum(answer["ignored"].values()),
        journal=answer["journal"],
        rejects={reason: number for reason, number in answer["rejects"].items() if not Reason(reason).ignored},
        balanced=answer["balanced"],
        trouble=answer["trouble"],
    )

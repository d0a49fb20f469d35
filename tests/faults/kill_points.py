"""Moments at which the alert service is killed: each a call into production code, before it or after it.

Brought in from outside, by `kill_launcher`, before the service begins; the production code knows nothing of it.
"""

import functools
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

from alerts.database import commit
from alerts.database.database import AlertDatabase
from alerts.dispatch.planned import Planned
from alerts.judge.judged import Judged
from alerts.notice import Attempt
from alerts.receivers.webhook import WebhookReceiver
from telemetry.mqtt.inflight import Delivery

ENVIRONMENT = "CARETAKER_FAULTS_KILL"
"""`NAME:COUNT`: killed the COUNTth time that the service comes by."""


class Place(NamedTuple):
    """A function of production code, by its owner."""

    owner: Any
    function: str


@dataclass(frozen=True, slots=True)
class KillPoint:
    """Where, and whether before the call or after it."""

    name: str
    place: Place
    after: bool
    matters: Callable[..., bool] = lambda *_: True
    """Whether a call with these arguments counts."""

    def install(self, count: int) -> None:
        """From now on: the end comes with the call of this number."""
        owner, function = self.place
        original = getattr(owner, function)
        left = count

        def passes(arguments: tuple[object, ...]) -> None:
            nonlocal left
            if self.matters(*arguments):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        @functools.wraps(original)
        async def waiting(*arguments: Any, **named: Any) -> Any:
            if not self.after:
                passes(arguments)
            result = await original(*arguments, **named)
            if self.after:
                passes(arguments)
            return result

        @functools.wraps(original)
        def at_once(*arguments: Any, **named: Any) -> Any:
            if not self.after:
                passes(arguments)
            result = original(*arguments, **named)
            if self.after:
                passes(arguments)
            return result

        setattr(owner, function, waiting if iscoroutinefunction(original) else at_once)


def _has_news(_: object, judged: Judged, *_more: object) -> bool:
    return bool(judged.transitions)


def _has_deliveries(_: object, planned: Planned) -> bool:
    return bool(planned.deliveries)


def _some(_: object, things: Any, *_more: object) -> bool:
    return bool(things)


def _of_webhook(_: object, _id: str, attempt: Attempt, *_more: object) -> bool:
    return attempt.detail == str(HTTPStatus.OK.value)


_COMMIT = Place(AlertDatabase, "commit")
_ALERTS = Place(commit, "_keep_alerts")
_NUMBER = Place(commit, "_number")
_DELIVERIES = Place(commit, "insert_deliveries")
_PLAN = Place(AlertDatabase, "plan")
_SEND = Place(WebhookReceiver, "send")
_ATTEMPTED = Place(AlertDatabase, "attempted")

KILL_POINTS = {
    point.name: point
    for point in (
        KillPoint("judged, nothing written", _COMMIT, after=False, matters=_has_news),
        KillPoint("states written, alerts not", _ALERTS, after=False, matters=_has_news),
        KillPoint("alerts written, transitions not", _NUMBER, after=False, matters=_some),
        KillPoint("transitions written, not committed", _NUMBER, after=True, matters=_some),
        KillPoint("committed, not acknowledged", _COMMIT, after=True, matters=_has_news),
        KillPoint("acknowledged", Place(Delivery, "acknowledge"), after=True),
        KillPoint("planned, nothing written", _PLAN, after=False, matters=_has_deliveries),
        KillPoint("groups written, deliveries not", _DELIVERIES, after=False, matters=_some),
        KillPoint("deliveries written, plan not committed", _DELIVERIES, after=True, matters=_some),
        KillPoint("plan committed, nothing sent", _PLAN, after=True, matters=_has_deliveries),
        KillPoint("about to send", _SEND, after=False),
        KillPoint("sent, not settled", _ATTEMPTED, after=False, matters=_of_webhook),
        KillPoint("settled", _ATTEMPTED, after=True, matters=_of_webhook),
    )
}

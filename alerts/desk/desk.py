"""The desk: what any other process, such as the command line or the API, does with the alert database.

It looks, and it puts wishes in; the engine fulfils them, and only the engine changes an alert. It needs no running
engine and holds none up: every method is one short transaction on a connection of its own.
"""

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar
from unicodedata import category

from alerts.alert import Alert, Severity, Silence, Transition
from alerts.database import ask, blobs, look, read
from alerts.database.connection import Connection, Reopening
from alerts.database.look import Mark, Outcome, Span, Wanted
from alerts.database.migrate import refuse_newer, refuse_older, version_of
from alerts.database.rows import Delivered, Status
from alerts.database.trouble import DatabaseUnusableError, NoAlertsError
from alerts.dispatch.state import untold
from alerts.judge.judged import Act, Action
from alerts.notice import Channel, Muted

TEXT_MOST = 2_000
"""Characters of a comment or a reason."""
NAME_MOST = 100
"""Characters of who asks."""
MATCHERS_MOST = 20
MATCHER_MOST = 500
"""Characters of a label, and of what it is to be."""
LATEST_NS = 2**63 - 1
"""In the year 2262: what databases count up to."""
CANDIDATES = 5

P = ParamSpec("P")
T = TypeVar("T")


class UnknownAlertError(LookupError):
    """No alert has this id, or several begin so."""

    def __init__(self, beginning: str, candidates: Sequence[Alert], *, several: bool) -> None:
        """`candidates`: those that begin so, or the weightiest active ones."""
        named = ", ".join(f"{alert.id} ({alert.rule} on {alert.device})" for alert in candidates)
        if several:
            super().__init__(f"several alerts begin with {beginning!r}: {named}")
        else:
            active = f"active are {named}" if named else "no alert is active"
            super().__init__(f"there is no alert {beginning!r}; {active}")
        self.candidates = candidates


class UnknownSilenceError(LookupError):
    """No silence that is not over has this id, or several begin so."""


class Desk:
    """One alert database, seen from outside of the engine. For one thread at a time.

    All methods raise `DatabaseAwayError` when the disk gives errors or another program holds the file for 5 s.
    """

    def __init__(self, path: Path) -> None:
        """Open a database that exists.

        Raises `NoAlertsError` where there is none, `DatabaseUnusableError` for one of another version.
        """
        self._path = path
        _refuse_missing(path)
        self._connection = Reopening(path, self._look_after)
        self._connection.open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def alerts(
        self,
        *,
        active: bool | None = True,
        rule: str | None = None,
        device: str | None = None,
        devices: Collection[str] | None = None,
        severity: Severity | None = None,
        after: Mark | None = None,
        limit: int = 100,
    ) -> Sequence[Alert]:
        """Most severe first, then newest. `active` False: only resolved ones; None: both.

        `devices`: only of these, however many. `after`: the next page, from the `mark_of` the last alert of the one
        before.
        """
        return self._look(look.alerts, Wanted(active, rule, device, devices, severity, after), limit)

    def by_id(self, ids: Sequence[str]) -> Mapping[str, Alert]:
        """Those of them that there are, whole ids only."""
        return {alert.id: alert for alert in self._look(read.alerts_by_id, ids)}

    def alert(self, beginning: str) -> Alert:
        """The one with this id, or the only one whose id begins so. Raises `UnknownAlertError`."""
        beginning = beginning.strip().lower()
        found = self._look(look.alerts_that_begin, beginning, CANDIDATES) if beginning else ()
        if len(found) == 1:
            return found[0]
        raise UnknownAlertError(beginning, found or self.alerts(limit=CANDIDATES), several=bool(found))

    def transitions(self, alert_id: str) -> Sequence[Transition]:
        """Of one alert, in order. Raises `UnknownAlertError`."""
        return self._look(look.transitions, self.alert(alert_id).id)

    def history(
        self,
        *,
        since_ns: int,
        until_ns: int,
        rule: str | None = None,
        device: str | None = None,
        devices: Collection[str] | None = None,
        after: tuple[int, int] | None = None,
        limit: int = 1000,
    ) -> Sequence[Transition]:
        """By the moment at which they became true, ns UTC: from `since_ns` until before `until_ns`, oldest first.

        `devices`: only of these, however many. `after`: the next page, from `at_ns` and `number` of the last one.
        """
        return self._look(look.history, Span(since_ns, until_ns, rule, device, devices, after), limit)

    def last_number(self) -> int:
        """Of the last transition that ever was; 0: there was none. What comes later has a higher one."""
        return self._look(read.last_number)

    def news(self, after: int, limit: int = 1000) -> Sequence[Transition]:
        """The transitions numbered after `after`, in the order of their numbers. Cheap enough to ask all the time."""
        return self._look(read.transitions_after, after, limit)

    def deliveries(
        self,
        *,
        alert: str | None = None,
        person: str | None = None,
        channel: Channel | None = None,
        status: Status | None = None,
        limit: int = 100,
    ) -> Sequence[Delivered]:
        """Messages and what became of them, newest first. The local inbox is `channel=Channel.INBOX`.

        Raises `UnknownAlertError`.
        """
        alert_id = None if alert is None else self.alert(alert).id
        return self._look(look.deliveries, alert_id, person, channel, status, limit)

    def untold(self, alert: str) -> Mapping[str, Muted]:
        """By person: why there is something about the alert that they are not told at the moment.

        As dispatch left it at its last look; of an alert that is over, while somebody is still to hear of its end. Who
        has been told all, and whom no route names, is not there. Raises `UnknownAlertError`.
        """
        alert_id = self.alert(alert).id
        return untold(self._look(look.dispatched, alert_id), alert_id)

    def silences(self, now_ns: int) -> Sequence[Silence]:
        """Those that are not over, begun or not."""
        return self._look(read.silences, now_ns)

    def state(self, rule: str, device: str) -> bytes | None:
        """What a rule remembers of a device, encoded by the judge."""
        return self._look(blobs.states.get, rule, device)

    def window(self, rule: str, device: str) -> bytes | None:
        """The samples that a rule keeps of a device, encoded by the judge."""
        return self._look(blobs.windows.get, rule, device)

    def device(self, device: str) -> bytes | None:
        """What the judge remembers of a device, encoded."""
        return self._look(blobs.devices.get, device)

    def area(self, site: str, area: str) -> bytes | None:
        """What the judge remembers of an area (empty: of the site's devices without one), encoded."""
        return self._look(blobs.areas.get, site, area)

    def figures(self) -> dict[str, int]:
        """The alert clock and others, by name."""
        return self._look(blobs.figures.read)

    def acknowledge(self, alert_id: str, by: str, comment: str | None = None, until_ns: int | None = None) -> int:
        """Somebody takes care: no more reminders (until `until_ns`, wall clock). Returns the action's id.

        Raises `UnknownAlertError`, `ValueError`.
        """
        if until_ns is not None and not time.time_ns() < until_ns <= LATEST_NS:
            raise ValueError("the acknowledgement would be over already, or never: give another end, or none")
        return self._wish(Act.ACKNOWLEDGE, by, alert=self.alert(alert_id).id, comment=comment, until_ns=until_ns)

    def assign(self, alert_id: str, to: str, by: str, comment: str | None = None) -> int:
        """Give it to a person of the registry, by id: acknowledged in their name, and they are told at once.

        Returns the action's id; the engine refuses a person that its registry does not know. Raises
        `UnknownAlertError`, `ValueError`.
        """
        person = _text("person", to, NAME_MOST)
        return self._wish(Act.ASSIGN, by, alert=self.alert(alert_id).id, comment=comment, to=person)

    def comment(self, alert_id: str, by: str, text: str) -> int:
        """Write something to an alert. Returns the action's id. Raises `UnknownAlertError`, `ValueError`."""
        return self._wish(Act.COMMENT, by, alert=self.alert(alert_id).id, comment=_text("comment", text, TEXT_MOST))

    def resolve(self, alert_id: str, by: str, comment: str | None = None) -> int:
        """End an alert that latches. Returns the action's id. Raises `UnknownAlertError`, `ValueError`."""
        return self._wish(Act.RESOLVE, by, alert=self.alert(alert_id).id, comment=comment)

    def silence(self, matchers: Mapping[str, str], start_ns: int, end_ns: int, author: str, reason: str) -> int:
        """Tell nobody of alerts with these labels from `start_ns` until before `end_ns`, wall clock.

        Returns the action's id. Raises `ValueError`.
        """
        if not matchers:
            raise ValueError("a silence needs a label at least: site=* is everything")
        if len(matchers) > MATCHERS_MOST:
            raise ValueError(f"a silence has at most {MATCHERS_MOST} labels")
        if not 0 <= start_ns < end_ns <= LATEST_NS or end_ns <= time.time_ns():
            raise ValueError("the silence would be over before it begins, is over already, or lasts for ever")
        checked = {
            _text("label", name, MATCHER_MOST): _text("label", pattern, MATCHER_MOST)
            for name, pattern in matchers.items()
        }
        reason = _text("reason", reason, TEXT_MOST)
        return self._wish(Act.SILENCE, author, comment=reason, start_ns=start_ns, until_ns=end_ns, matchers=checked)

    def unsilence(self, silence_id: str, by: str) -> int:
        """End a silence now. Returns the action's id. Raises `UnknownSilenceError`, `ValueError`."""
        found = self._look(look.silence_ids, silence_id, time.time_ns())
        if len(found) != 1 or not silence_id:
            named = (
                f"several begin so: {', '.join(found[:CANDIDATES])}"
                if found
                else "`caretaker alerts silence` lists them"
            )
            raise UnknownSilenceError(f"there is no silence {silence_id!r} that is not over; {named}")
        return self._wish(Act.UNSILENCE, by, alert=found[0])

    def outcome(self, action_id: int) -> Outcome | None:
        """What became of an action; None: the engine has not got to it. Raises `LookupError` for an unknown one."""
        return self._look(look.outcome, action_id)

    def retry(self, delivery_id: str) -> bool:
        """Make a dead letter due again, now. Whether there was one of that id."""
        return self._write(ask.retry, delivery_id, time.time_ns())

    def _wish(
        self,
        act: Act,
        by: str,
        *,
        alert: str | None = None,
        comment: str | None = None,
        start_ns: int | None = None,
        until_ns: int | None = None,
        matchers: Mapping[str, str] | None = None,
        to: str | None = None,
    ) -> int:
        action = Action(
            id=0,
            act=act,
            at_ns=time.time_ns(),
            by=_text("name", by, NAME_MOST),
            alert=alert,
            comment=_text("comment", comment, TEXT_MOST) if comment and comment.strip() else None,
            until_ns=until_ns,
            start_ns=start_ns,
            matchers=matchers or {},
            to=to,
        )
        return self._write(ask.put_action, action)

    def _look_after(self, connection: Connection) -> None:
        """Refuse what this program can't read; the engine alone migrates."""
        with connection.begin():
            version = version_of(connection, self._path)
        if version is None:
            raise _no_alerts(self._path)
        refuse_newer(version, self._path)
        refuse_older(version, self._path)

    def _look(self, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._connection.look(call, *args, **kwargs)

    def _write(self, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._connection.write(call, *args, **kwargs)


def _refuse_missing(path: Path) -> None:
    try:
        there = path.is_file()
    except PermissionError:
        there = True
    if not there:
        raise _no_alerts(path)
    if not os.access(path, os.R_OK | os.W_OK):
        raise DatabaseUnusableError(f"{path}: may not be read and written: run this as the user that runs the alerts")


def _no_alerts(path: Path) -> NoAlertsError:
    return NoAlertsError(
        f"{path}: there are no alerts yet, for the alert service has not run here. Start it (`caretaker up`, or "
        "`caretaker run alerts`), or name the data folder that it uses"
    )


def _text(what: str, text: str, most: int) -> str:
    """Of a sane length, without control characters but line break and tab."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise ValueError(f"the {what} is empty")
    if len(text) > most:
        raise ValueError(f"the {what} has {len(text)} characters, at most {most} are kept: shorten it")
    if any(category(letter) in {"Cc", "Cs"} and letter not in "\n\t" for letter in text):
        raise ValueError(f"the {what} holds control characters: leave them out")
    return text

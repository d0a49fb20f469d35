"""The alerts as they stand: what transitions make of them, and what people do to them. Pure."""

from collections.abc import Collection, Iterable
from hashlib import blake2b

from msgspec.structs import replace

from alerts.alert import Alert, Change, Ending, Severity, Silence, Transition, begun_by
from alerts.judge.judged import Act, Action, Judged


class Standing:
    """All active alerts and silences, and what of them has changed since it was last taken."""

    def __init__(self, alerts: Iterable[Alert], silences: Iterable[Silence]) -> None:
        self.active = {alert.id: alert for alert in alerts}
        self.people: Collection[str] = ()
        """The ids of those to whom an alert can be given."""
        self._silences = {silence.id: silence for silence in silences}
        self._transitions: list[Transition] = []
        self._changed: dict[str, Alert] = {}
        self._new: list[Silence] = []
        self._done: list[tuple[int, str | None]] = []

    def note(self, *transitions: Transition) -> None:
        """Take transitions into account, in their order."""
        for transition in transitions:
            self._transitions.append(transition)
            alert = _after(self.active.get(transition.alert), transition)
            self._changed[alert.id] = alert
            if alert.active:
                self.active[alert.id] = alert
            else:
                self.active.pop(alert.id, None)

    def act(self, action: Action, now_ns: int) -> None:
        """Fulfil a wish that changes no rule's state: acknowledge, assign, comment, silence."""
        refusal: str | None = None
        if action.act is Act.SILENCE:
            self._silence(action, now_ns)
        elif action.act is Act.UNSILENCE:
            refusal = self._unsilence(action, now_ns)
        else:
            alert = self.active.get(action.alert or "")
            if alert is None:
                refusal = "the alert is resolved already"
            elif action.act is Act.ASSIGN and action.to not in self.people:
                refusal = f"there is no person {action.to!r}: people.yaml has those that there are"
            else:
                self.note(_said(alert, action, now_ns))
        self._done.append((action.id, refusal))

    def refuse(self, action: Action, why: str) -> None:
        """A wish that can't be fulfilled."""
        self._done.append((action.id, why))

    def fulfilled(self, action: Action) -> None:
        """A wish that was fulfilled elsewhere."""
        self._done.append((action.id, None))

    def resolve(self, alert: Alert, ending: Ending, now_ns: int) -> None:
        """End an alert of which nothing is remembered but itself."""
        self.note(replace(_transition(alert, Change.RESOLVED, now_ns), ending=ending))

    def take_into(self, judged: Judged) -> Judged:
        """Add what has changed since the last time."""
        judged.alerts, judged.transitions = self._changed, self._transitions
        judged.silences, judged.done = self._new, self._done
        self._changed, self._transitions, self._new, self._done = {}, [], [], []
        return judged

    def end_acknowledgements(self, now_ns: int) -> None:
        """Those that were given an end."""
        for alert in [alert for alert in self.active.values() if (alert.acknowledged_until_ns or now_ns + 1) <= now_ns]:
            self.note(_transition(alert, Change.ACKNOWLEDGEMENT_ENDED, now_ns))

    def _silence(self, action: Action, now_ns: int) -> None:
        digest = blake2b(f"silence {action.id} {action.at_ns}".encode(), digest_size=4).hexdigest()
        start_ns = action.start_ns or action.at_ns
        silence = Silence(digest, action.matchers, start_ns, action.until_ns or now_ns, action.by, action.comment or "")
        self._silences[silence.id] = silence
        self._new.append(silence)

    def _unsilence(self, action: Action, now_ns: int) -> str | None:
        silence = self._silences.get(action.alert or "")
        if silence is None or silence.end_ns <= now_ns:
            return "there is no such silence, or it is over"
        ended = replace(silence, start_ns=min(silence.start_ns, now_ns), end_ns=now_ns)
        self._silences[silence.id] = ended
        self._new.append(ended)
        return None


_SAYS = {
    Act.ACKNOWLEDGE: Change.ACKNOWLEDGED,
    Act.ASSIGN: Change.ASSIGNED,
    Act.COMMENT: Change.COMMENTED,
}


def _said(alert: Alert, action: Action, now_ns: int) -> Transition:
    said = _transition(alert, _SAYS[action.act], now_ns)
    return replace(said, by=action.by, comment=action.comment, until_ns=action.until_ns, to=action.to)


def _transition(alert: Alert, change: Change, now_ns: int) -> Transition:
    at_ns = max(now_ns, alert.changed_ns)
    return Transition(alert.id, alert.rule, alert.device, change, alert.severity, at_ns, now_ns)


def _after(alert: Alert | None, transition: Transition) -> Alert:
    """The alert after a transition; a raise makes it."""
    if alert is None or transition.change is Change.RAISED:
        return begun_by(transition)
    match transition.change:
        case Change.ROSE | Change.FELL:
            return replace(
                alert,
                severity=transition.severity,
                worst=Severity(max(alert.worst, transition.severity)),
                changed_ns=transition.at_ns,
                value=transition.value,
                threshold=transition.threshold,
                reading_ns=transition.reading_ns,
                suspect=transition.suspect,
            )
        case Change.ACKNOWLEDGED | Change.ASSIGNED:
            return replace(
                alert,
                acknowledged_by=transition.by if transition.change is Change.ACKNOWLEDGED else transition.to,
                acknowledged_ns=transition.at_ns,
                acknowledged_until_ns=transition.until_ns,
                comment=transition.comment or alert.comment,
            )
        case Change.ACKNOWLEDGEMENT_ENDED:
            return replace(alert, acknowledged_by=None, acknowledged_ns=None, acknowledged_until_ns=None)
        case Change.COMMENTED:
            return replace(alert, comment=transition.comment)
        case _:
            return replace(
                alert,
                resolved_ns=transition.at_ns,
                changed_ns=transition.at_ns,
                ending=transition.ending,
                comment=transition.comment or alert.comment,
            )

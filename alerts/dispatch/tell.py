"""That somebody is told: what is remembered of it."""

from alerts.alert import Alert
from alerts.dispatch.look import Case, Look
from alerts.dispatch.routing import Route
from alerts.dispatch.state import Sent, Told
from alerts.notice import Cause


def mark(case: Case, person: str, cause: Cause) -> str:
    """What tells this message about the case from all others to the same person: part of the message's id."""
    told = case.ledger.told.get(person)
    return f"{case.alert.id} {cause} {0 if told is None else told.messages}"


def remember(look: Look, case: Case, person: str, cause: Cause, route: Route) -> None:
    """The person knows of the alert as it is now. Once all who were told know its end, it is forgotten."""
    ledger, now_ns = case.ledger, look.now_ns
    told = ledger.told.get(person)
    if not case.alert.active:
        ledger.told.pop(person, None)
        if not ledger.told:
            look.memory.ledgers.pop(case.alert.id, None)
        return
    ledger.muted.pop(person, None)
    ledger.sent.setdefault(route.name, Sent(now_ns))
    ledger.told[person] = Told(
        severity=int(case.alert.severity),
        first_ns=now_ns if told is None else told.first_ns,
        last_ns=now_ns,
        messages=1 if told is None else told.messages + 1,
        quietly=cause is Cause.FLAPPING,
    )


def in_order(alerts: list[tuple[Alert, Cause]]) -> list[tuple[Alert, Cause]]:
    """Most severe first, then by age."""
    return sorted(alerts, key=lambda one: (-one[0].severity, one[0].raised_ns, one[0].id))

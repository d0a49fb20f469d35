"""Is there something to tell one person of one alert? The one place where that is decided."""

from alerts.alert import Alert
from alerts.dispatch.state import Told
from alerts.notice import Cause


def news(alert: Alert, told: Told | None, repeat_ns: int, now_ns: int, *, group_told: bool) -> Cause | None:
    """Why a person is to be told of an alert now; None: they know all there is to know.

    `told` is what they were told of it before; `group_told` whether they were told of others of its group. That an
    alert fell is no news: the next message says how it stands. Acknowledged, it is not repeated.
    """
    if told is None:
        if not alert.active:
            return None
        return Cause.MORE if group_told else Cause.NEW
    if not alert.active:
        return Cause.RESOLVED
    if alert.severity > told.severity:
        return Cause.ROSE
    if now_ns >= told.last_ns + repeat_ns and not acknowledged(alert, now_ns):
        return Cause.REPEAT
    return None


def acknowledged(alert: Alert, now_ns: int) -> bool:
    """Whether somebody has taken it on, and that has not run out."""
    if alert.acknowledged_by is None:
        return False
    return alert.acknowledged_until_ns is None or now_ns < alert.acknowledged_until_ns


WEIGHT = (
    Cause.ESCALATED,
    Cause.ASSIGNED,
    Cause.NEW,
    Cause.ROSE,
    Cause.MORE,
    Cause.FLAPPING,
    Cause.REPEAT,
    Cause.RESOLVED,
)
"""Which of its alerts' causes a message is said to have: the first of these."""

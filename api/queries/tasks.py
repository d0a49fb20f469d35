"""What must be done at a toilet block, and what first. Pure.

A task is everything that one team has to do in one area: its active alerts, supplies that run down, a cleaning that is
due. What is due when is the board's own measure (the constants below); rules and routes decide who is told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from alerts.desk import Rule
from api.queries.alert_values import AlertBrief, SeverityWord
from api.queries.answer import Answer, Names
from api.queries.toilet_areas import AreaNow

USES_A_CLEANING = 60
"""Uses of an area after which it is to be cleaned."""
CLEANED_EVERY = timedelta(hours=8)
"""Once a shift, however few have come; not where nobody has."""
WITHIN: Mapping[SeverityWord, timedelta] = {
    SeverityWord.CRITICAL: timedelta(minutes=15),
    SeverityWord.WARNING: timedelta(hours=1),
    SeverityWord.INFORMATION: timedelta(days=1),
}
"""After an alert somebody should have been there."""
TEAM = "team"
"""The label of rules that says whose work it is."""
CLEANERS = "cleaning"
_WEIGHT = {severity: weight for weight, severity in enumerate(SeverityWord, start=1)}


class ReasonKind(StrEnum):
    """Why something is to be done."""

    ALERT = "alert"
    USES = "uses"
    HOURS = "hours"
    """Since the last cleaning."""
    SUPPLY = "supply"


class TaskReason(Answer):
    """One reason."""

    kind: ReasonKind
    says: Names = Field(default={})
    """Of an alert, in words; of a supply its name."""
    rule_names: Names = Field(default={})
    number: float | None = None
    """Uses, hours, or percent."""
    severity: SeverityWord | None = None


class Task(Answer):
    """What one team has to do in one area."""

    area: str | None
    area_names: Names
    """Empty: the site itself."""
    team: str
    advice: Names
    """Of the weightiest alert; empty: to clean or to refill."""
    reasons: tuple[TaskReason, ...]
    due: datetime | None
    """Null: with the next round."""
    overdue: bool
    severity: SeverityWord | None
    """Of its weightiest alert; null: it has none."""
    open_alerts: tuple[str, ...]
    """Ids of its alerts that nobody has acknowledged."""
    has_it: str | None
    """Who has, where all are."""


def tasks(
    areas: Sequence[AreaNow],
    active: Sequence[AlertBrief],
    rules: Mapping[str, Rule],
    names: Mapping[str, Mapping[str, str]],
    now: datetime,
) -> Sequence[Task]:
    """The most pressing first: alerts by severity, what somebody has after what nobody has, then by when it is due.

    `names` are those of all areas.
    """
    found: dict[tuple[str | None, str], list[AlertBrief]] = {}
    for alert in active:
        rule = rules.get(alert.rule)
        found.setdefault((alert.area, rule.labels.get(TEAM, "") if rule is not None else ""), []).append(alert)
    rounds = {area.id: _round(area, now) for area in areas}
    for area, (reasons, _) in rounds.items():
        if reasons:
            found.setdefault((area, CLEANERS), [])
    made = [
        _task(
            area, team, mine, rounds.get(area or "", ([], None)) if team == CLEANERS else ([], None), rules, names, now
        )
        for (area, team), mine in found.items()
    ]
    return sorted(made, key=_rank)


def _rank(task: Task) -> tuple[object, ...]:
    weight = 0 if task.severity is None else _WEIGHT[task.severity]
    due = float("inf") if task.due is None else task.due.timestamp()
    return (-weight if task.has_it is None else 0, task.has_it is not None, due, task.area or "", task.team)


def _task(
    area: str | None,
    team: str,
    mine: Sequence[AlertBrief],
    round_: tuple[Sequence[TaskReason], datetime | None],
    rules: Mapping[str, Rule],
    names: Mapping[str, Mapping[str, str]],
    now: datetime,
) -> Task:
    ordered = sorted(mine, key=lambda one: (-_WEIGHT[one.severity], one.raised))
    worst = ordered[0] if ordered else None
    rule = None if worst is None else rules.get(worst.rule)
    reasons = [
        TaskReason(kind=ReasonKind.ALERT, says=one.says, rule_names=one.rule_names, severity=one.severity)
        for one in ordered
    ]
    more, round_due = round_
    dues = [one.raised + WITHIN[one.severity] for one in ordered] + ([] if round_due is None else [round_due])
    due = min(dues, default=None)
    open_alerts = [one.id for one in ordered if one.acknowledged_by is None]
    has_it = ordered[0].acknowledged_by if ordered and not open_alerts else None
    return Task(
        area=area,
        area_names=names.get(area or "", {}),
        team=team,
        advice={} if rule is None else rule.advice,
        reasons=[*reasons, *more],
        due=due,
        overdue=due is not None and due < now,
        severity=None if worst is None else worst.severity,
        open_alerts=open_alerts,
        has_it=has_it,
    )


def _round(area: AreaNow, now: datetime) -> tuple[Sequence[TaskReason], datetime | None]:
    """What is to be done there without any alert, and when."""
    reasons: list[TaskReason] = []
    due: datetime | None = None
    if area.uses is not None and area.uses >= USES_A_CLEANING:
        reasons.append(TaskReason(kind=ReasonKind.USES, number=area.uses))
        due = now
    if area.cleaned is not None and now - area.cleaned >= CLEANED_EVERY and area.uses != 0:
        hours = (now - area.cleaned) / timedelta(hours=1)
        reasons.append(TaskReason(kind=ReasonKind.HOURS, number=hours))
        due = area.cleaned + CLEANED_EVERY
    low = [one for one in area.supplies if one.low]
    reasons += [TaskReason(kind=ReasonKind.SUPPLY, says=one.names, number=one.value) for one in low]
    return reasons, due

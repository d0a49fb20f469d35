"""What other services know of the alerts. They import from here, and from nowhere else in `alerts`."""

from alerts.alert import Alert, Change, Ending, Severity, Silence, Transition
from alerts.configuration import watch_rules
from alerts.database.look import Mark, Outcome, mark_of
from alerts.database.rows import Delivered, Status
from alerts.database.trouble import DatabaseAwayError, DatabaseUnusableError, NoAlertsError
from alerts.desk.desk import Desk, UnknownAlertError, UnknownSilenceError
from alerts.desk.drawn import Line, lines, watched
from alerts.desk.place import Deployment, RuleBook, deployment
from alerts.desk.thoughts import Explanation, Remembered, Stored, explained
from alerts.desk.words import MEASURED, AlertWords
from alerts.labels import LABELS, labels_of, match
from alerts.message.link import Claim, KeyUnusableError, LinkProblem, Links, links_of
from alerts.notice import Cause, Channel, Delivery, Message, Muted
from alerts.rules.rule import (
    Aggregate,
    Condition,
    Guard,
    Happening,
    Imbalance,
    Level,
    NoData,
    Pause,
    Rate,
    Rule,
    Rules,
    Side,
    State,
    Value,
    Window,
)

__all__ = [
    "LABELS",
    "MEASURED",
    "Aggregate",
    "Alert",
    "AlertWords",
    "Cause",
    "Change",
    "Channel",
    "Claim",
    "Condition",
    "DatabaseAwayError",
    "DatabaseUnusableError",
    "Delivered",
    "Delivery",
    "Deployment",
    "Desk",
    "Ending",
    "Explanation",
    "Guard",
    "Happening",
    "Imbalance",
    "KeyUnusableError",
    "Level",
    "Line",
    "LinkProblem",
    "Links",
    "Mark",
    "Message",
    "Muted",
    "NoAlertsError",
    "NoData",
    "Outcome",
    "Pause",
    "Rate",
    "Remembered",
    "Rule",
    "RuleBook",
    "Rules",
    "Severity",
    "Side",
    "Silence",
    "State",
    "Status",
    "Stored",
    "Transition",
    "UnknownAlertError",
    "UnknownSilenceError",
    "Value",
    "Window",
    "deployment",
    "explained",
    "labels_of",
    "lines",
    "links_of",
    "mark_of",
    "match",
    "watch_rules",
    "watched",
]

"""Alerts, transitions, deliveries and silences as rows for programs: ids, numbers, UTC. Pure."""

import json

from alerts.alert import Alert, Silence, Transition
from alerts.desk import Delivered
from caretaker.alert_words import AlertWords
from caretaker.moments import utc_text
from caretaker.output import Cell

ALERT = (
    "id",
    "severity",
    "worst",
    "rule",
    "device",
    "site",
    "raised",
    "changed",
    "resolved",
    "ending",
    "value",
    "threshold",
    "reading",
    "suspect",
    "acknowledged_by",
    "acknowledged",
    "acknowledged_until",
    "comment",
)
TRANSITION = (
    "number",
    "alert",
    "rule",
    "device",
    "change",
    "severity",
    "at",
    "noticed",
    "value",
    "threshold",
    "reading",
    "suspect",
    "flapping",
    "ending",
    "by",
    "comment",
    "until",
    "to",
)
DELIVERY = ("id", "person", "channel", "cause", "created", "status", "done", "attempts", "detail", "alerts", "title")
SILENCE = ("id", "matchers", "start", "end", "author", "reason")


def alert_row(alert: Alert, words: AlertWords) -> tuple[Cell, ...]:
    """The values of `ALERT`."""
    device = words.device(alert)
    return (
        alert.id,
        alert.severity.word,
        alert.worst.word,
        alert.rule,
        alert.device,
        None if device is None else device.site,
        utc_text(alert.raised_ns),
        utc_text(alert.changed_ns),
        _utc(alert.resolved_ns),
        alert.ending,
        alert.value,
        alert.threshold,
        _utc(alert.reading_ns),
        alert.suspect,
        alert.acknowledged_by,
        _utc(alert.acknowledged_ns),
        _utc(alert.acknowledged_until_ns),
        alert.comment,
    )


def transition_row(transition: Transition) -> tuple[Cell, ...]:
    """The values of `TRANSITION`."""
    return (
        transition.number,
        transition.alert,
        transition.rule,
        transition.device,
        transition.change,
        transition.severity.word,
        utc_text(transition.at_ns),
        utc_text(transition.noticed_ns),
        transition.value,
        transition.threshold,
        _utc(transition.reading_ns),
        transition.suspect,
        transition.flapping,
        transition.ending,
        transition.by,
        transition.comment,
        _utc(transition.until_ns),
        transition.to,
    )


def delivery_row(delivered: Delivered) -> tuple[Cell, ...]:
    """The values of `DELIVERY`."""
    delivery = delivered.delivery
    return (
        delivery.id,
        delivery.person,
        delivery.channel,
        delivery.cause,
        utc_text(delivery.created_ns),
        delivered.status,
        _utc(delivered.done_ns),
        delivery.attempts,
        delivered.detail,
        " ".join(delivery.alerts),
        delivery.message.title,
    )


def silence_row(silence: Silence) -> tuple[Cell, ...]:
    """The values of `SILENCE`; the matchers as JSON."""
    return (
        silence.id,
        json.dumps(dict(silence.matchers), ensure_ascii=False),
        utc_text(silence.start_ns),
        utc_text(silence.end_ns),
        silence.author,
        silence.reason,
    )


def _utc(time_ns: int | None) -> str | None:
    return None if time_ns is None else utc_text(time_ns)

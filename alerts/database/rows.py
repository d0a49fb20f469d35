"""Values to rows and back. Columns are named as the fields are; enums are kept by their value."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement

from alerts.alert import Alert, Silence, Transition
from alerts.database import tables
from alerts.judge.judged import Action
from alerts.notice import Delivery, Message


class Status(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """It can never be delivered: a dead letter."""


class Delivered(Struct, frozen=True):
    """A delivery and what became of it."""

    delivery: Delivery
    status: Status
    detail: str
    """Of the last attempt; empty before the first."""
    done_ns: int | None
    """When it was delivered or given up, wall clock."""


ALERT_COLUMNS: Sequence[ColumnElement[Any]] = [tables.alerts.c[name] for name in Alert.__struct_fields__]
TRANSITION_COLUMNS: Sequence[ColumnElement[Any]] = [tables.transitions.c[name] for name in Transition.__struct_fields__]
SILENCE_COLUMNS: Sequence[ColumnElement[Any]] = [tables.silences.c[name] for name in Silence.__struct_fields__]
ACTION_COLUMNS: Sequence[ColumnElement[Any]] = [tables.actions.c[name] for name in Action.__struct_fields__]
DELIVERY_COLUMNS: Sequence[ColumnElement[Any]] = [tables.deliveries.c[name] for name in Delivery.__struct_fields__]
DELIVERED_COLUMNS: Sequence[ColumnElement[Any]] = [
    *DELIVERY_COLUMNS,
    *(tables.deliveries.c[name] for name in ("status", "detail", "done_ns")),
]

_message_encoder = msgspec.msgpack.Encoder()
_message_decoder = msgspec.msgpack.Decoder(Message)


def alert_row(alert: Alert) -> dict[str, Any]:
    """As `alerts` keeps it."""
    return _plain(alert) | {"active": True if alert.active else None}


def alert_of(row: Mapping[Any, Any]) -> Alert:
    """From `ALERT_COLUMNS`."""
    return msgspec.convert(_fields(row, Alert), Alert)


def transition_row(transition: Transition) -> dict[str, Any]:
    """As `transitions` keeps it."""
    return _plain(transition)


def transition_of(row: Mapping[Any, Any]) -> Transition:
    """From `TRANSITION_COLUMNS`."""
    return msgspec.convert(_fields(row, Transition), Transition)


def silence_row(silence: Silence) -> dict[str, Any]:
    """As `silences` keeps it."""
    return _plain(silence) | {"matchers": json_text(dict(silence.matchers))}


def silence_of(row: Mapping[Any, Any]) -> Silence:
    """From `SILENCE_COLUMNS`."""
    return msgspec.convert(_fields(row, Silence) | {"matchers": msgspec.json.decode(row["matchers"])}, Silence)


def action_row(action: Action) -> dict[str, Any]:
    """As `actions` keeps it, without the id: the database gives it."""
    row = _plain(action) | {"matchers": json_text(dict(action.matchers))}
    del row["id"]
    return row


def action_of(row: Mapping[Any, Any]) -> Action:
    """From `ACTION_COLUMNS`."""
    return msgspec.convert(_fields(row, Action) | {"matchers": msgspec.json.decode(row["matchers"])}, Action)


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    """As `deliveries` keeps it, waiting."""
    return {
        "id": delivery.id,
        "person": delivery.person,
        "place": delivery.place,
        "channel": delivery.channel.value,
        "cause": delivery.cause.value,
        "created_ns": delivery.created_ns,
        "alerts": json_text(delivery.alerts),
        "message": _message_encoder.encode(delivery.message),
        "attempts": delivery.attempts,
        "due_ns": delivery.due_ns,
        "status": Status.WAITING.value,
        "detail": "",
        "done_ns": None,
    }


def delivery_of(row: Mapping[Any, Any]) -> Delivery:
    """From `DELIVERY_COLUMNS`."""
    decoded = {"alerts": msgspec.json.decode(row["alerts"]), "message": _message_decoder.decode(row["message"])}
    return msgspec.convert(_fields(row, Delivery) | decoded, Delivery)


def delivered_of(row: Mapping[Any, Any]) -> Delivered:
    """From `DELIVERED_COLUMNS`."""
    return Delivered(delivery_of(row), Status(row["status"]), row["detail"], row["done_ns"])


def _fields(row: Mapping[Any, Any], kind: type[Struct]) -> dict[str, Any]:
    # SQLAlchemy's names are more than texts: msgspec takes only these.
    return {name: row[name] for name in kind.__struct_fields__}


def _plain(value: Struct) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(value)
    return row


def json_text(value: object) -> str:
    """JSON that a person who looks into the file can read."""
    return msgspec.json.encode(value).decode()

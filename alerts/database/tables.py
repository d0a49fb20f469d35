"""The tables of the alert database. A change here needs a migration beside it; a test compares the two.

Times are ns UTC. States are blobs that only the judge and the dispatcher can read.
"""

from sqlalchemy import BigInteger as Ns
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from alerts.database.sqlite import RowNumber

VERSION = "0002"
"""The migration that makes these tables: versions are compared as texts."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _blobs(name: str, *keys: str) -> Table:
    return Table(
        name,
        metadata,
        *(Column(key, Text, primary_key=True) for key in keys),
        Column("state", LargeBinary, nullable=False),
    )


def _integers(name: str) -> Table:
    return Table(name, metadata, Column("name", Text, primary_key=True), Column("value", Ns, nullable=False))


devices = _blobs("devices", "device")
states = _blobs("states", "rule", "device")
windows = _blobs("windows", "rule", "device")
areas = _blobs("areas", "site", "area")
groups = _blobs("groups", "key")
figures = _integers("figures")
"""The judge's and the dispatcher's."""
marks = _integers("marks")
"""The database's own: the last transition's number, and how far the dispatcher has read."""

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("worst", SmallInteger, nullable=False),
    Column("raised_ns", Ns, nullable=False),
    Column("changed_ns", Ns, nullable=False),
    Column("resolved_ns", Ns),
    Column("value", Double),
    Column("threshold", Double),
    Column("reading_ns", Ns),
    Column("suspect", Boolean, nullable=False),
    Column("acknowledged_by", Text),
    Column("acknowledged_ns", Ns),
    Column("acknowledged_until_ns", Ns),
    Column("comment", Text),
    Column("ending", Text),
    # True or null, for nulls never collide: one active alert a rule and device, and any number of resolved ones.
    Column("active", Boolean),
    CheckConstraint("(active is null) = (resolved_ns is not null)", name="active"),
    UniqueConstraint("rule", "device", "active"),
    Index(None, "active", "severity", "raised_ns"),
    Index(None, "resolved_ns"),
)

transitions = Table(
    "transitions",
    metadata,
    # Given by us and never again, as `marks` remembers the last one: the dispatcher reads on after a number.
    Column("number", RowNumber, primary_key=True, autoincrement=False),
    Column("alert", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("at_ns", Ns, nullable=False),
    Column("noticed_ns", Ns, nullable=False),
    Column("value", Double),
    Column("threshold", Double),
    Column("reading_ns", Ns),
    Column("suspect", Boolean, nullable=False),
    Column("flapping", Boolean, nullable=False),
    Column("ending", Text),
    Column("by", Text),
    Column("comment", Text),
    Column("until_ns", Ns),
    Column("to", Text),
    Index(None, "alert"),
    Index(None, "at_ns"),
)

actions = Table(
    "actions",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("act", Text, nullable=False),
    Column("at_ns", Ns, nullable=False),
    Column("by", Text, nullable=False),
    Column("alert", Text),
    Column("comment", Text),
    Column("until_ns", Ns),
    Column("start_ns", Ns),
    Column("matchers", Text, nullable=False),
    Column("to", Text),
    Column("done_ns", Ns),
    Column("why_not", Text),
    Index(None, "done_ns", "id"),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("matchers", Text, nullable=False),
    Column("start_ns", Ns, nullable=False),
    Column("end_ns", Ns, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "end_ns"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("person", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("created_ns", Ns, nullable=False),
    Column("alerts", Text, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_ns", Ns, nullable=False),
    Column("status", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("done_ns", Ns),
    Index("ix_deliveries_lane", "status", "person", "place", "channel", "due_ns", "number", "created_ns"),
    Index(None, "status", "due_ns"),
    Index(None, "created_ns"),
    Index(None, "channel", "created_ns"),
)

delivery_alerts = Table(
    "delivery_alerts",
    metadata,
    Column("alert", Text, primary_key=True),
    Column("delivery", Text, primary_key=True),
    Index(None, "delivery"),
)

"""The first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database.sqlite import RowNumber

revision = "0001"
down_revision = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make them."""
    _make_states()
    _make_alerts()
    _make_wishes()
    _make_deliveries()


def _make_states() -> None:
    for name, keys in (
        ("devices", ("device",)),
        ("states", ("rule", "device")),
        ("windows", ("rule", "device")),
        ("areas", ("site", "area")),
        ("groups", ("key",)),
    ):
        op.create_table(
            name,
            *(sa.Column(key, sa.Text, nullable=False) for key in keys),
            sa.Column("state", sa.LargeBinary, nullable=False),
            sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}"),
        )
    for name in ("figures", "marks"):
        op.create_table(
            name,
            sa.Column("name", sa.Text, nullable=False),
            sa.Column("value", sa.BigInteger, nullable=False),
            sa.PrimaryKeyConstraint("name", name=f"pk_{name}"),
        )


def _make_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("worst", sa.SmallInteger, nullable=False),
        sa.Column("raised_ns", sa.BigInteger, nullable=False),
        sa.Column("changed_ns", sa.BigInteger, nullable=False),
        sa.Column("resolved_ns", sa.BigInteger),
        sa.Column("value", sa.Double),
        sa.Column("threshold", sa.Double),
        sa.Column("reading_ns", sa.BigInteger),
        sa.Column("suspect", sa.Boolean, nullable=False),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("acknowledged_ns", sa.BigInteger),
        sa.Column("acknowledged_until_ns", sa.BigInteger),
        sa.Column("comment", sa.Text),
        sa.Column("ending", sa.Text),
        sa.Column("active", sa.Boolean),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.CheckConstraint("(active is null) = (resolved_ns is not null)", name="ck_alerts_active"),
        sa.UniqueConstraint("rule", "device", "active", name="uq_alerts_rule_device_active"),
    )
    op.create_index("ix_alerts_active_severity_raised_ns", "alerts", ["active", "severity", "raised_ns"])
    op.create_index("ix_alerts_resolved_ns", "alerts", ["resolved_ns"])
    op.create_table(
        "transitions",
        sa.Column("number", RowNumber, autoincrement=False, nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("noticed_ns", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("threshold", sa.Double),
        sa.Column("reading_ns", sa.BigInteger),
        sa.Column("suspect", sa.Boolean, nullable=False),
        sa.Column("flapping", sa.Boolean, nullable=False),
        sa.Column("ending", sa.Text),
        sa.Column("by", sa.Text),
        sa.Column("comment", sa.Text),
        sa.Column("until_ns", sa.BigInteger),
        sa.PrimaryKeyConstraint("number", name="pk_transitions"),
    )
    op.create_index("ix_transitions_alert", "transitions", ["alert"])
    op.create_index("ix_transitions_at_ns", "transitions", ["at_ns"])


def _make_wishes() -> None:
    op.create_table(
        "actions",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("alert", sa.Text),
        sa.Column("comment", sa.Text),
        sa.Column("until_ns", sa.BigInteger),
        sa.Column("start_ns", sa.BigInteger),
        sa.Column("matchers", sa.Text, nullable=False),
        sa.Column("done_ns", sa.BigInteger),
        sa.Column("why_not", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_actions"),
    )
    op.create_index("ix_actions_done_ns_id", "actions", ["done_ns", "id"])
    op.create_table(
        "silences",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("matchers", sa.Text, nullable=False),
        sa.Column("start_ns", sa.BigInteger, nullable=False),
        sa.Column("end_ns", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
    )
    op.create_index("ix_silences_end_ns", "silences", ["end_ns"])


def _make_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("number", RowNumber, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("alerts", sa.Text, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_ns", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("done_ns", sa.BigInteger),
        sa.PrimaryKeyConstraint("number", name="pk_deliveries"),
        sa.UniqueConstraint("id", name="uq_deliveries_id"),
    )
    lane = ["status", "person", "place", "channel", "due_ns", "number", "created_ns"]
    op.create_index("ix_deliveries_lane", "deliveries", lane)
    op.create_index("ix_deliveries_status_due_ns", "deliveries", ["status", "due_ns"])
    op.create_index("ix_deliveries_created_ns", "deliveries", ["created_ns"])
    op.create_index("ix_deliveries_channel_created_ns", "deliveries", ["channel", "created_ns"])
    op.create_table(
        "delivery_alerts",
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("alert", "delivery", name="pk_delivery_alerts"),
    )
    op.create_index("ix_delivery_alerts_delivery", "delivery_alerts", ["delivery"])

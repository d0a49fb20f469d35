"""To whom an alert is given."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Add the person to wishes and to what became of them."""
    for table in ("actions", "transitions"):
        op.add_column(table, sa.Column("to", sa.Text))

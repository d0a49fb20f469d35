"""What people put into the alert database: wishes, which the engine fulfils, and dead letters that are to go again."""

from sqlalchemy import Connection, insert, update

from alerts.database import tables
from alerts.database.rows import Status, action_row
from alerts.judge.judged import Action


def put_action(connection: Connection, action: Action) -> int:
    """Put it in; its id is given here. Returns it."""
    key = connection.execute(insert(tables.actions).values(action_row(action))).inserted_primary_key
    assert key is not None, "an insert of one row"
    return int(key[0])


def retry(connection: Connection, delivery_id: str, now_ns: int) -> bool:
    """Make a dead letter due again, as if it had never been tried. Whether there was one."""
    delivery = tables.deliveries.c
    again = (
        update(tables.deliveries)
        .where(delivery.id == delivery_id, delivery.status == Status.DEAD.value)
        .values(status=Status.WAITING.value, due_ns=now_ns, done_ns=None, attempts=0)
    )
    return connection.execute(again).rowcount > 0

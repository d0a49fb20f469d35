"""The inbox: messages that `caretaker alerts` and the board show. It needs nothing, and it can't fail."""

from alerts.notice import Attempt, Delivery, Verdict


class InboxReceiver:
    """Delivered by being in the database, where a delivery is from the moment at which it is planned."""

    async def send(self, delivery: Delivery, address: str) -> Attempt:
        """Delivered at once."""
        del delivery, address
        return Attempt(Verdict.DELIVERED)

"""The addresses at which people are reached, as `people.yaml` has them: `mailto:…`, `https://…`, `tgram://…`, `inbox`.

They may hold tokens. What logs and metrics show of a receiver is its label: `duty-manager/email`.
"""

from base64 import b32encode
from hashlib import blake2b

from msgspec.structs import replace

from alerts.notice import Channel, Delivery
from telemetry.registry.models import Registry

INBOX = "inbox"
"""The address of the local inbox; also where people without any receiver are told."""
_ID_BYTES = 16


def channel_of(address: str) -> Channel:
    """Which receiver takes an address. Anything that is neither mail nor a webhook is Apprise's to judge."""
    scheme, _, rest = address.partition(":")
    match scheme.lower():
        case "inbox":
            return Channel.INBOX
        case "mailto" if not rest.startswith("//"):  # with slashes it is Apprise's own way of sending mail
            return Channel.EMAIL
        case "http" | "https":
            return Channel.WEBHOOK
        case _:
            return Channel.APPRISE


def address_of(delivery: Delivery, registry: Registry) -> str | None:
    """Where a delivery goes by the configuration as it is now; None: the person has no such receiver (any more)."""
    person = registry.people.get(delivery.person)
    if person is None:
        return None
    places = person.receivers or (INBOX,)
    return places[delivery.place] if delivery.place < len(places) else None


def label_of(delivery: Delivery) -> str:
    """The receiver's name in logs and metrics: no address, no secret."""
    return f"{delivery.person}/{delivery.channel}" if delivery.person else str(delivery.channel)


def moved(delivery: Delivery, place: int, address: str, now_ns: int) -> Delivery:
    """The same message to another of the person's receivers, `address` at `place`. Its id depends on nothing else."""
    digest = blake2b(f"{delivery.id} {place} {channel_of(address)}".encode(), digest_size=_ID_BYTES).digest()
    return replace(
        delivery,
        id=f"msg_{b32encode(digest).decode().rstrip('=').lower()}",
        place=place,
        channel=channel_of(address),
        created_ns=now_ns,
        due_ns=now_ns,
        attempts=0,
    )

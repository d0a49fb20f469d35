"""What the ingestor says of itself: is it ready, and if not, why not; and its figures for Prometheus."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import Metric

from ingestor.account import Account
from ingestor.journal import Journal
from ingestor.write import Drain
from telemetry.mqtt.session import Session
from telemetry.registry.watch import RegistryWatch
from telemetry.service.figures import Figures, exposition

_FIGURES = Figures("caretaker_ingestor")
_counter, _counters, _gauge = _FIGURES.counter, _FIGURES.counters, _FIGURES.gauge


@dataclass(frozen=True, slots=True)
class State:
    """The stages of the ingestor, to look at."""

    session: Session
    journal: Journal
    drain: Drain
    registry: RegistryWatch

    def reasons(self) -> Sequence[str]:
        """Why it is not ready, each in a sentence. A store that is away is no reason while the journal has room."""
        troubles = (self.session.trouble, self.journal.trouble, self.drain.trouble if self.drain.alarm else None)
        return [trouble for trouble in troubles if trouble is not None]

    async def exposition(self) -> bytes:
        """All figures in Prometheus' text format."""
        return exposition(_families(self, await self.journal.account()))


def _by_reason(counts: Mapping[str, int]) -> Mapping[tuple[str, ...], float]:
    return {(reason,): count for reason, count in counts.items()}


def _families(state: State, account: Account) -> Iterable[Metric]:
    counts = state.session.counts
    yield _counter("messages_received", "MQTT messages delivered to us.", counts.received)
    yield _counter("payload_bytes_received", "Bytes of their payloads.", counts.received_bytes)
    yield _counter("messages_acknowledged", "PUBACKs sent, after the commit.", counts.acknowledged)
    yield _counter("messages_qos0", "Delivered at QoS 0: not repeated by the broker.", counts.qos0)
    yield _counter("messages_redelivered", "Marked as duplicates by the broker.", counts.redelivered)
    yield _counter("stale_acknowledgements", "Not sent, their connection was gone.", counts.stale_acknowledgements)
    yield _counter("connections", "Sessions established.", counts.connections)
    yield _counter("sessions_lost", "Times that the broker had lost our session.", counts.sessions_lost)
    yield _counter("pauses", "Times not read: the broker sent more than it was asked to.", counts.pauses)
    yield _counter("malformed_packets", "Connections given up: a malformed packet.", counts.malformed)
    yield _gauge("unacknowledged", "Messages received and not durable yet.", state.session.unacknowledged)
    yield _counter("journal_commits", "Transactions of the receive path.", state.journal.commits)
    yield _gauge("journal_readings", "Readings that wait for the store.", account.journal)
    yield _gauge("journal_bytes", "What they take.", state.journal.live_bytes)
    yield _gauge("quarantine_messages", "Messages in quarantine.", state.journal.quarantine_rows)
    yield _counter("readings_received", "Readings, since the journal was made.", account.received)
    yield _counter("readings_written", "Readings that the store has taken.", account.written)
    yield _counter("readings_quarantined", "Readings that went to quarantine.", account.quarantined)
    yield _gauge("account_balanced", "1 while received = written + quarantined + ignored + journal.", account.balanced)
    yield _counters("readings_ignored", "By reason.", ("reason",), _by_reason(account.ignored))
    text = "By reason, those of single values among them."
    yield _counters("rejections", text, ("reason",), _by_reason(account.rejects))
    yield _counter("store_writes", "Requests to the store.", state.drain.writes)
    yield _gauge("store_write_seconds", "How long the last one took.", state.drain.last_write_s)
    yield _gauge("store_trouble", "1 while the store takes nothing.", state.drain.trouble is not None)
    yield _gauge("ready", "1 while readings are accepted.", not state.reasons())
    yield _gauge("registry_devices", "Devices that are known.", len(state.registry.current.devices))
    yield _gauge(
        "registry_problems",
        "Problems of the last reload; the last good registry is in force.",
        len(state.registry.problems),
    )

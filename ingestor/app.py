"""The ingestor: readings from the broker to the store, none lost.

    session -> admit -> journal -> acknowledge          (receive)
                        journal -> store                (drain)

An acknowledgement means durable: `receive` is the promise. `drain` may be away for days; the two meet only in the
journal. Around them: the registry is watched, old values expire, a port says how it is.
"""

import asyncio
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from ingestor.http import Pages, application
from ingestor.journal import Journal
from ingestor.quarantine import Quarantine
from ingestor.schema import JournalUnusableError
from ingestor.settings import DAY_S, Settings, load_settings
from ingestor.state import State
from ingestor.write import Drain, message_of
from telemetry.admission.admit import admit
from telemetry.admission.limits import Limits
from telemetry.message import Admitted, Message, Reason, Rejection
from telemetry.mqtt.connection import SessionTakenOverError
from telemetry.mqtt.session import Session
from telemetry.reading import NS_PER_S
from telemetry.registry.watch import RegistryWatch
from telemetry.service import log as service_log
from telemetry.service.probe import PortInUseError, serve
from telemetry.service.run import run, stop_event
from telemetry.stores.open import open_writer
from telemetry.stores.store import RetainingWriter, StoreUnusableError
from telemetry.watch import keep_looking

log = structlog.get_logger(__name__)

MIB = 1024 * 1024
EXPIRE_EVERY_S = 3600.0
YOUNG_OBJECTS = 50_000
"""Between collections: a batch makes thousands that are gone with it, and hardly anything here has cycles."""
DRAIN_AT_STOP_S = 3.0
"""An ordered stop leaves the journal empty where the store is quick; where not, the next start goes on."""


async def receive(session: Session, journal: Journal, admitted: Callable[[Message], Admitted]) -> None:
    """Durable before acknowledged. Waits in `append` while journal or disk are full: the broker holds the rest."""
    async for delivery in session.deliveries():
        await journal.append([admitted(message) for message in delivery.messages])
        delivery.acknowledge()


async def expire(store: RetainingWriter) -> None:
    """Delete what is older than its retention, about hourly."""
    while True:
        await store.expire(time.time_ns())
        await asyncio.sleep(EXPIRE_EVERY_S)


async def ingest(settings: Settings, registry: RegistryWatch, data: Path) -> int:
    """Run until a signal; 0 after an ordered stop.

    Raises `StoreUnusableError`, `JournalUnusableError`, `SessionTakenOverError`, `PortInUseError`.
    """
    stop = stop_event()
    limits = Limits(int(settings.max_age_days * DAY_S) * NS_PER_S, int(settings.max_future_s * NS_PER_S))

    def admitted(message: Message) -> Admitted:
        try:
            return admit(message, registry.current, limits)
        except Exception as error:  # counted as a rejection, kept whole; the broker would send it for ever
            log.exception("a defect in admission", topic=message.topic)
            return Admitted((), (Rejection(message, Reason.DEFECT, 1, f"{type(error).__name__}: {error}"),))

    journal_path = settings.journal.path
    assert journal_path is not None, "load_settings fills it in"
    store = open_writer(settings.store, lambda: registry.current, data_dir=data)
    await store.start()
    await _check_retention(store, settings)
    journal = Journal.open(
        journal_path,
        settings.journal.cap_mb * MIB,
        settings.journal.quarantine_cap_mb * MIB,
        message_of(lambda: registry.current),
    )
    session = Session(settings.broker, settings.session, settings.subscriptions, data)
    drain = Drain(journal, store)
    state = State(session, journal, drain, registry)
    pages = Pages(state, Quarantine(journal_path), admitted)
    gc.freeze()  # the registry stays: no collection need look at it again
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        async with asyncio.TaskGroup() as tasks:
            receiving = tasks.create_task(receive(session, journal, admitted), name="receive")
            around = [
                tasks.create_task(drain.run(), name="drain"),
                tasks.create_task(expire(store), name="expire"),
                tasks.create_task(keep_looking([registry], _taken_over(registry)), name="registry"),
                tasks.create_task(
                    serve(application(pages, state, settings.http), settings.http.host, settings.http.port, _started),
                    name="http",
                ),
            ]
            await stop.wait()
            session.stop()
            await _finish(receiving, journal, drain)
            for task in around:
                task.cancel()
    finally:
        account = await journal.account()
        log.info("stopped", received=account.received, written=account.written, journal=account.journal)
        await journal.close()
        await store.close()
    return 0


def _taken_over(registry: RegistryWatch) -> Callable[[], None]:
    def changed() -> None:
        log.info("the registry was reloaded", devices=len(registry.current.devices))
        gc.freeze()

    return changed


async def _finish(receiving: asyncio.Task[None], journal: Journal, drain: Drain) -> None:
    """Let the batch under way be acknowledged, and the store take what is quick to take."""
    await asyncio.wait([receiving], timeout=DRAIN_AT_STOP_S)
    receiving.cancel()
    if drain.trouble is None:
        with suppress(TimeoutError):
            await asyncio.wait_for(journal.emptied(), DRAIN_AT_STOP_S)


async def _check_retention(store: RetainingWriter, settings: Settings) -> None:
    retention_s = await store.retention_s()
    if retention_s is not None and retention_s <= settings.max_age_days * DAY_S:
        raise StoreUnusableError(
            f"the store keeps readings for {retention_s / DAY_S:g} days and readings up to {settings.max_age_days:g} "
            "days old are accepted: some would be lost on arrival. Keep them longer, or lower `max_age_days`"
        )


def _started(port: int) -> None:
    log.info("ready to be asked", health=f"http://127.0.0.1:{port}/health/ready", metrics="/metrics")


def main(config: Path, data: Path) -> int:
    """Run the ingestor of one deployment; its exit code. Raises `DocumentError` and `StoreUnusableError`."""
    service_log.configure()
    settings = load_settings(config, data)
    registry = RegistryWatch(config)
    return run(ingest(settings, registry, data), SessionTakenOverError, PortInUseError, JournalUnusableError)

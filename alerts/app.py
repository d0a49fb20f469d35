"""The alerts: from readings to people, in three loops that meet only in the database.

    session -> admit -> judge -> database -> acknowledge             (judge)
                                 database -> plan -> database        (dispatch)
                                             database -> receiver    (deliver)

Judging needs neither ingestor nor store. Around the loops: a heartbeat goes through the broker, people's wishes are
fulfilled, files are watched, old alerts expire, a port says how it is, an address outside is called while all is well.
"""

import asyncio
import gc
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from alerts.address import address_of
from alerts.configuration import Configuration
from alerts.database.database import AlertDatabase, DatabaseAwayError, DatabaseUnusableError, EngineRunningError
from alerts.deliver import Deliverer
from alerts.dispatching import Dispatching
from alerts.health import Health
from alerts.heartbeat import Heartbeat
from alerts.judging import Judging
from alerts.message.link import WEBHOOK_PREFIX, KeyUnusableError, Links, key_of, links_of, load_or_make_key
from alerts.notice import Channel
from alerts.receivers.apprise import AppriseReceiver
from alerts.receivers.email import EmailReceiver
from alerts.receivers.inbox import InboxReceiver
from alerts.receivers.mqtt import MqttReceiver
from alerts.receivers.receiver import Receiver
from alerts.receivers.watchdog import call
from alerts.receivers.webhook import WebhookReceiver
from alerts.settings import AlertSettings, Settings, load_settings
from telemetry.admission.limits import Limits
from telemetry.document import DocumentError
from telemetry.mqtt.connection import SessionTakenOverError
from telemetry.mqtt.publish import Publisher
from telemetry.mqtt.session import Session
from telemetry.reading import NS_PER_S
from telemetry.service import http
from telemetry.service import log as service_log
from telemetry.service.probe import PortInUseError, serve
from telemetry.service.run import run, stop_event

log = structlog.get_logger(__name__)

DAY_S = 86_400
EXPIRE_EVERY_S = 3_600.0
YOUNG_OBJECTS = 50_000
LAST_BATCH_S = 3.0
"""An ordered stop lets the batch under way be kept and acknowledged."""


async def alert(settings: Settings, configuration: Configuration, data: Path) -> int:
    """Run until a signal; 0 after an ordered stop.

    Raises `DatabaseUnusableError`, `EngineRunningError`, `KeyUnusableError`, `SessionTakenOverError`, `PortInUseError`.
    """
    stop = stop_event()
    own = settings.alerts
    assert own.database is not None, "load_settings fills it in"
    database = AlertDatabase.open(own.database)
    try:
        async with AsyncExitStack() as stack:
            publisher = await stack.enter_async_context(
                Publisher(settings.broker, client_id=f"{own.session.client_id}-publisher")
            )
            receivers = _receivers(own, data, publisher)
            deliverer = Deliverer(database, receivers, lambda delivery: address_of(delivery, configuration.registry))
            limits = Limits(int(settings.max_age_days * DAY_S) * NS_PER_S, int(settings.max_future_s * NS_PER_S))
            with _growing():
                judging = Judging(configuration, database, await database.remember(), limits)
            dispatching = Dispatching(configuration, database, lambda: judging.judge, _links(own, data), deliverer.wake)
            judging.on_news = dispatching.wake
            session = Session(settings.broker, own.session, own.subscriptions, data)
            heartbeat = Heartbeat(publisher, own.session.client_id)
            health = Health(session, judging, dispatching, deliverer, database, configuration)

            def reconfigure() -> None:
                judging.configure()
                dispatching.wake()
                gc.freeze()

            gc.freeze()  # registry and rules stay: no collection need look at them again
            gc.set_threshold(YOUNG_OBJECTS)
            around: dict[str, Coroutine[Any, Any, None]] = {
                "dispatch": dispatching.run(),
                "deliver": deliverer.run(),
                "heartbeat": heartbeat.run(),
                "wishes": judging.fulfil(),
                "configuration": configuration.run(reconfigure),
                "expire": _expire(database, own.keep_days),
                "http": _serve(health, own),
            }
            if own.heartbeat_url is not None:
                around["watchdog"] = call(own.heartbeat_url, health.advances)
            await _run(judging.run(session, heartbeat), around, session, stop)
    finally:
        log.info("stopped")
        await database.close()
    return 0


@contextmanager
def _growing() -> Iterator[None]:
    """No collection while so much is made that stays: each would look at all of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _run(
    judging: Coroutine[Any, Any, None],
    around: dict[str, Coroutine[Any, Any, None]],
    session: Session,
    stop: asyncio.Event,
) -> None:
    """All at once, until `stop`; then the batch under way, and no more."""
    async with asyncio.TaskGroup() as tasks:
        main_task = tasks.create_task(judging, name="judge")
        others = [tasks.create_task(work, name=name) for name, work in around.items()]
        await stop.wait()
        session.stop()
        await asyncio.wait([main_task], timeout=LAST_BATCH_S)
        main_task.cancel()
        for task in others:
            task.cancel()


def _receivers(settings: AlertSettings, data: Path, publisher: Publisher) -> dict[Channel, Receiver]:
    return {
        Channel.INBOX: InboxReceiver(),
        Channel.EMAIL: EmailReceiver(settings.smtp),
        Channel.WEBHOOK: WebhookReceiver(_webhook_key(settings, data), settings.webhook.allow),
        Channel.APPRISE: AppriseReceiver(),
        Channel.MQTT: MqttReceiver(publisher),
    }


def _webhook_key(settings: AlertSettings, data: Path) -> bytes:
    secret = settings.webhook.secret
    if secret is not None:
        return key_of(secret.get_secret_value())
    return load_or_make_key(data / "alerts" / "webhook.key", WEBHOOK_PREFIX)


def _links(settings: AlertSettings, data: Path) -> Links | None:
    """None: there is no address from which people could reach us."""
    if settings.public_url is None:
        return None
    return links_of(data, str(settings.public_url), settings.link_hours)


async def _expire(database: AlertDatabase, keep_days: int) -> None:
    """Forget what is long over, about hourly."""
    while True:
        with suppress(DatabaseAwayError):  # the next hour comes
            await database.expire(time.time_ns() - keep_days * DAY_S * NS_PER_S)
        await asyncio.sleep(EXPIRE_EVERY_S)


async def _serve(health: Health, settings: AlertSettings) -> None:
    routes = [*http.health(health.reasons), http.metrics(health.exposition, settings.http)]
    app = http.application(routes, settings.http)
    await serve(app, settings.http.host, settings.http.port, lambda port: log.info("started", http_port=port))


def main(config: Path, data: Path) -> int:
    """Run the alert service of a configuration; its exit code. Raises `DocumentError`."""
    service_log.configure()
    settings = load_settings(config, data)
    configuration = Configuration(config)
    return run(
        alert(settings, configuration, data),
        DatabaseUnusableError,
        DocumentError,
        EngineRunningError,
        KeyUnusableError,
        PortInUseError,
        SessionTakenOverError,
    )

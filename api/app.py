"""The API and the board: what the system knows, one request away.

    session -> admit -> now, live stream             (listen)
    store            -> now                          (fill, once)
    alert database   -> live stream                  (news)
    request -> guard -> route or page -> query -> sources -> answer

It takes nothing from ingestor and alerts but what they publish and keep: it can be slow, or away, and slows neither.
"""

import asyncio
import gc
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from alerts.desk import deployment
from api.access.access import Access
from api.access.database import AccessUnusableError
from api.alert_desk import AlertDesk
from api.application import application
from api.board.board import mount
from api.configuration import Configuration
from api.dashboards import Dashboards, Panels
from api.guard import UnsafeError, guarded, refuse_unsafe
from api.live import Hub
from api.news import News
from api.now import Now
from api.settings import ApiSettings, Settings, load_settings
from api.sources import Sources
from telemetry.admission.admit import admit
from telemetry.admission.limits import Limits
from telemetry.document import DocumentError
from telemetry.mqtt.connection import SessionTakenOverError
from telemetry.mqtt.publish import Publisher
from telemetry.mqtt.session import Session
from telemetry.reading import NS_PER_S
from telemetry.service import log as service_log
from telemetry.service.probe import PortInUseError, Tls, serve_site
from telemetry.service.run import run, stop_event
from telemetry.stores.open import open_reader
from telemetry.stores.store import Sample, StoreAwayError, StoreReader, StoreUnusableError

log = structlog.get_logger(__name__)

DAY_S = 86_400
FILL_DEVICES = 500
"""Asked for at a time, so that the store is never busy for long."""
TRY_AGAIN_S = 5.0
YOUNG_OBJECTS = 50_000


async def serve_api(settings: Settings, config: Path, data: Path, dashboards: Dashboards | None) -> int:
    """Run until a signal; 0 after an ordered stop.

    Raises `AccessUnusableError`, `DocumentError`, `PortInUseError`, `SessionTakenOverError`, `UnsafeError`.
    """
    stop = stop_event()
    own = settings.api
    configuration = Configuration(config)
    now, hub = Now(), Hub()
    session = Session(settings.broker, own.session, own.subscriptions)
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(
            Publisher(settings.broker, client_id=f"{own.session.client_id}-publisher")
        )
        store = open_reader(settings.store, lambda: configuration.registry, data_dir=data)
        stack.push_async_callback(store.close)
        placed = deployment(config, data)
        alerts = AlertDesk(placed.database)
        stack.push_async_callback(alerts.close)
        access = Access(own, data)
        stack.push_async_callback(access.close)
        await refuse_unsafe(own, access)
        news = News(alerts, hub, lambda: configuration.registry)
        sources = Sources(
            settings,
            configuration,
            now,
            hub,
            news,
            store,
            alerts,
            publisher,
            access.audit,
            session,
            data,
            public_url=placed.public_url,
            dashboards=dashboards,
        )
        app = application(sources, access)
        mount(app, sources, access)

        def reconfigure() -> None:
            now.forget(configuration.registry)
            settle()

        settle()
        gc.set_threshold(YOUNG_OBJECTS)
        async with asyncio.TaskGroup() as tasks:
            around = [
                tasks.create_task(work, name=name)
                for name, work in {
                    "listen": listen(session, sources),
                    "fill": fill(sources),
                    "news": news.run(),
                    "live": hub.run(),
                    "configuration": configuration.run(reconfigure),
                    "http": serve_site(guarded(app, own, access), own.host, own.port, _tls(own), _started),
                }.items()
            ]
            await stop.wait()
            session.stop()
            hub.close()
            for task in around:
                task.cancel()
    log.info("stopped")
    return 0


def settle() -> None:
    """What is there now stays, as the registry does: no collection need look at it again.

    What is garbage goes first, with what an earlier call took for something that stays.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


async def listen(session: Session, sources: Sources) -> None:
    """What arrives becomes the present, and is passed on. Acknowledged at once: durable it is in the ingestor."""
    settings = sources.settings
    limits = Limits(int(settings.max_age_days * DAY_S) * NS_PER_S, int(settings.max_future_s * NS_PER_S))
    connections = 0
    async for delivery in session.deliveries():
        if session.counts.connections > connections:
            connections, sources.now.listening_ns = session.counts.connections, sources.clock()
        registry = sources.registry
        for message in delivery.messages:
            for reading in admit(message, registry, limits).readings:
                site = registry.devices[reading.device].site
                sources.now.take(reading, site)
                sources.hub.reading(reading, site)
        delivery.acknowledge()


async def fill(sources: Sources) -> None:
    """Ask the store once for what came before us; while it is away, again and again."""
    devices = list(sources.registry.devices)
    for start in range(0, len(devices), FILL_DEVICES):
        sources.now.fill(await _latest(sources.store, devices[start : start + FILL_DEVICES]), sources.registry)
    sources.now.filled = True


async def _latest(store: StoreReader, devices: Sequence[str]) -> Sequence[Sample]:
    while True:
        try:
            return await store.latest(devices)
        except StoreAwayError as error:
            log.warning("what came before is not known yet", reason=str(error))
            await asyncio.sleep(TRY_AGAIN_S)


def _tls(settings: ApiSettings) -> Tls | None:
    return None if settings.tls is None else Tls(settings.tls.certificate, settings.tls.key)


def _started(port: int) -> None:
    log.info("ready to be asked", board=f"http://127.0.0.1:{port}/", api="/api/v1", document="/openapi.json")


def main(config: Path, data: Path, panels: Panels) -> int:
    """Run the API and the board of a deployment; its exit code. Raises `DocumentError`.

    `panels` knows the dashboards, for links to them where a Grafana is configured.
    """
    service_log.configure()
    settings = load_settings(config, data)
    grafana = settings.grafana
    dashboards = None if grafana.shown_url is None else Dashboards(grafana.shown_url, grafana.languages, panels)
    return run(
        serve_api(settings, config, data, dashboards),
        AccessUnusableError,
        DocumentError,
        PortInUseError,
        SessionTakenOverError,
        StoreUnusableError,
        UnsafeError,
    )

"""Which release of each part runs, and what an old one costs."""

import asyncio
import platform
import re
import secrets
import sqlite3
import sys
from collections.abc import Sequence
from importlib.metadata import version

from deploy.doctor.asked import AwayError, ask
from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, warning, wrong
from deploy.doctor.place import Ground, Part, address_of
from deploy.doctor.wire import NotLetInError, WireError, connected
from telemetry.stores.settings import InfluxSettings

Numbers = tuple[int, ...]
MOSQUITTO_DURABLE: Numbers = (2, 1, 2)
INFLUXDB_FIRST: Numbers = (1, 8)
INFLUXDB_UNTESTED: Numbers = (3,)
GRAFANA_FIRST: Numbers = (9, 3)
VERSION_TOPIC = "$SYS/broker/version"
VERSION_LIMIT_S = 2.0
_NUMBERS = re.compile(r"\d+(?:\.\d+)+")


async def look(ground: Ground) -> Sequence[Remark]:
    """Broker, store and Grafana by their own word; ours; Python and SQLite."""
    asked = await asyncio.gather(_broker(ground), _influxdb(ground), _grafana(ground))
    return [*asked, _ours()]


async def _broker(ground: Ground) -> Remark:
    where = address_of(ground.doctor)
    if ground.is_up:
        return left_out(where, "the embedded broker is of this release")
    try:
        async with connected(ground.doctor, f"caretaker-doctor-{secrets.token_hex(4)}") as (wire, _):
            await wire.subscribe(VERSION_TOPIC)
            message = await wire.next(VERSION_LIMIT_S)
    except (WireError, NotLetInError) as error:
        return cannot_tell(where, f"the broker can't be asked: {error}")
    if message is None:
        return left_out(
            where,
            f"the broker does not say which it is, or {ground.doctor.username or 'we'} may not know",
            f"for Mosquitto: `topic read {VERSION_TOPIC}` in its access rules",
        )
    return of_mosquitto(where, message.payload.decode("utf-8", "replace"))


def of_mosquitto(where: str, text: str) -> Remark:
    """`text` as the broker has it: `mosquitto version 2.0.11`. Other brokers are named, not judged."""
    numbers = numbers_of(text)
    if "mosquitto" not in text.lower() or numbers is None:
        return sound(where, text[:80])
    if numbers >= MOSQUITTO_DURABLE:
        return sound(where, text)
    return warning(
        where,
        f"{text} writes its state every so often: what it has acknowledged since is lost when it crashes",
        f"Mosquitto {dotted(MOSQUITTO_DURABLE)} or newer, with the SQLite persistence",
    )


async def _influxdb(ground: Ground) -> Remark:
    store = ground.ingestor.store
    if not isinstance(store, InfluxSettings):
        return left_out("store", "the embedded store has no release of its own")
    try:
        answer = await ask(f"{store.url}/ping", ca=store.ca or ground.ca)
    except AwayError as error:
        return cannot_tell(store.url, f"InfluxDB does not answer: {error}")
    return of_influxdb(store.url, answer.headers.get("x-influxdb-version", ""))


def of_influxdb(where: str, text: str) -> Remark:
    """`text` as in the header: `1.8.10`, or `v2.7.1`."""
    numbers = numbers_of(text)
    if numbers is None:
        return left_out(where, "InfluxDB does not say which it is")
    if numbers < INFLUXDB_FIRST:
        return wrong(where, f"InfluxDB {text} is too old", f"InfluxDB {dotted(INFLUXDB_FIRST)} or newer of 1.x, or 2.x")
    if numbers >= INFLUXDB_UNTESTED:
        return warning(where, f"InfluxDB {text} is not tested", "InfluxDB 2.x, unless you know that it works for you")
    return sound(where, f"InfluxDB {text}")


async def _grafana(ground: Ground) -> Remark:
    if Part.GRAFANA not in ground.urls:
        return left_out("grafana", "no address of a Grafana is known", "`grafana.url` in caretaker.yaml")
    url = ground.urls[Part.GRAFANA]
    try:
        answer = await ask(f"{url}/api/health", ca=ground.ca)
    except AwayError as error:
        return cannot_tell(url, f"Grafana does not answer: {error}")
    return of_grafana(url, str(answer.field("version") or ""))


def of_grafana(where: str, text: str) -> Remark:
    """`text` as it says itself: `10.4.1`."""
    numbers = numbers_of(text)
    if numbers is None:
        return left_out(where, "Grafana does not say which it is")
    if numbers < GRAFANA_FIRST:
        return wrong(where, f"Grafana {text} can't read our dashboards", f"Grafana {dotted(GRAFANA_FIRST)} or newer")
    return sound(where, f"Grafana {text}")


def _ours() -> Remark:
    python = platform.python_version()
    return sound(sys.executable, f"caretaker {version('caretaker')}, Python {python}, SQLite {sqlite3.sqlite_version}")


def numbers_of(text: str) -> Numbers | None:
    """The first version in a text; None: there is none."""
    found = _NUMBERS.search(text)
    return None if found is None else tuple(int(part) for part in found[0].split("."))


def dotted(numbers: Numbers) -> str:
    """As it is written."""
    return ".".join(map(str, numbers))

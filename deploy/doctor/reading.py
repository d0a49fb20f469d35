"""One reading, end to end: published as a device does, looked for in store, API and Grafana, with the time it took.

It is a real reading, of a device that is there for nothing else, so that it never mixes with what people measure.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from msgspec import Struct

from deploy.doctor.asked import Answer, AwayError, ask
from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, wrong
from deploy.doctor.place import DeviceLogin, GrafanaLogin, Ground, Part, address_of
from deploy.doctor.services import is_ready
from deploy.doctor.through_grafana import queried, values_of
from deploy.doctor.visitor import NoKeyError, visitor
from deploy.doctor.wire import NotLetInError, WireError, connected
from deploy.probe import CHECK_METRIC
from telemetry.reading import NS_PER_MS
from telemetry.stores.influxdb.influxql import identifier, select
from telemetry.stores.open import open_reader, store_file
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import StoreAwayError
from telemetry.topics import topic

ARRIVES_WITHIN_S = 15.0
LOOK_EVERY_S = 0.2
OK = 200
VALUES = 10**8
"""A value below it is drawn: no other reading of this device is mistaken for it."""
BEHIND = "look at `services`, `store` and `clock`; `caretaker quarantine list` says whether it was refused, and why"


class Sent(Struct, frozen=True):
    """The reading, and when it was published."""

    device: str
    time_ms: int
    value: int
    began_s: float
    """On the monotonic clock."""


class _OtherwiseError(Exception):
    """It was not found for a reason that another check mends; the message says which."""


async def look(ground: Ground) -> Sequence[Remark]:
    """Broker first; then the three places in which it should turn up, side by side."""
    login = ground.device
    if not isinstance(login, DeviceLogin):
        return [left_out("", login.why, login.mend)]
    try:
        remark, sent = await _published(login)
    except NotLetInError as error:
        mend = "give the device its password again: `caretaker devices credentials`"
        return [wrong(address_of(login.broker), f"the broker does not let {login.device.id} in: {error}", mend)]
    except WireError as error:
        return [cannot_tell(address_of(login.broker), f"{error}; see `broker`")]
    if sent is None:
        return [remark]
    if not await is_ready(ground, Part.INGESTOR):
        return [remark, cannot_tell("", "the ingestor takes no readings: see `services`")]
    places = (_in_store(ground, sent), _in_api(ground, sent), _in_grafana(ground, sent))
    return [remark, *await asyncio.gather(*places)]


async def _published(login: DeviceLogin) -> tuple[Remark, Sent | None]:
    device, where = login.device, address_of(login.broker)
    payload, sent = reading_of(device.id)
    async with connected(login.broker, f"{device.id}-{secrets.token_hex(4)}") as (wire, _):
        sent = Sent(sent.device, sent.time_ms, sent.value, time.monotonic())
        code = await wire.publish(topic(device.site, device.id), payload)
    if code.refused:
        mend = f"`pattern write caretaker/v1/+/%u/readings` in the broker's access rules lets {device.id} publish"
        return wrong(where, f"the broker refuses a reading of {device.id}: {code.name}", mend), None
    return sound(where, f"published as {device.id}, acknowledged by the broker {_after(sent)}"), sent


def reading_of(device: str) -> tuple[bytes, Sent]:
    """A payload of now, and how it is recognised."""
    value, time_ms = secrets.randbelow(VALUES), time.time_ns() // NS_PER_MS
    payload = json.dumps({"time": time_ms, "values": {CHECK_METRIC: value}}).encode()
    return payload, Sent(device, time_ms, value, time.monotonic())


async def _in_store(ground: Ground, sent: Sent) -> Remark:
    settings = ground.ingestor.store
    if not isinstance(settings, InfluxSettings) and not store_file(settings, ground.data).exists():
        return cannot_tell("the store", "it is not where the configuration says: see `store`")
    reader = open_reader(settings, lambda: ground.registry, data_dir=ground.data)
    start_ns = sent.time_ms * NS_PER_MS

    async def found() -> bool:
        samples = reader.history(sent.device, [CHECK_METRIC], start_ns, start_ns + NS_PER_MS)
        return any([sample.value == sent.value async for sample in samples])

    try:
        return await _awaited("the store", sent, found)
    finally:
        await reader.close()


async def _in_api(ground: Ground, sent: Sent) -> Remark:
    if Part.API not in ground.urls:
        return left_out("the API", "no address of the API is known", "--url api=ADDRESS")
    at = datetime.fromtimestamp(sent.time_ms / 1000, UTC)
    query = {
        "metric": CHECK_METRIC,
        "start": (at - timedelta(seconds=1)).isoformat(),
        "end": (at + timedelta(seconds=1)).isoformat(),
    }
    url = f"{ground.urls[Part.API]}/api/v1/devices/{quote(sent.device)}/history"
    try:
        with visitor(ground) as asking:

            async def found() -> bool:
                answer = await ask(url, headers=asking.headers, query=query, ca=ground.ca)
                return sent.value in _values(_good(answer, "services"))

            return await _awaited("the API", sent, found)
    except NoKeyError as error:
        return cannot_tell("the API", str(error))


def _values(answer: Answer) -> list[object]:
    columns = answer.field("series") or []
    return [value for column in columns for value in column.get("values", [])]


async def _in_grafana(ground: Ground, sent: Sent) -> Remark:
    login, store = ground.grafana, ground.ingestor.store
    if not isinstance(login, GrafanaLogin):
        return left_out("Grafana", login.why, login.mend)
    if not isinstance(store, InfluxSettings):
        return left_out("Grafana", "the store is SQLite, which Grafana can't read")
    metric = ground.registry.metrics[CHECK_METRIC]
    # A device's id and a catalogue's names have no letters that InfluxQL would take for its own.
    moment = f"\"device\" = '{sent.device}' AND time = {sent.time_ms:d}ms"
    text = select(identifier(metric.name), metric.measurement, f"WHERE {moment}")

    async def found() -> bool:
        return sent.value in values_of(_good(await queried(login, text, sent.time_ms), "grafana"))

    return await _awaited("Grafana", sent, found)


def _good(answer: Answer, check: str) -> Answer:
    if answer.status != OK:
        raise _OtherwiseError(f"answers {answer.status}, {answer.short()}: see `{check}`")
    return answer


async def _awaited(where: str, sent: Sent, found: Callable[[], Awaitable[bool]]) -> Remark:
    """Look until it is there."""
    try:
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while not await found():  # noqa: ASYNC110 - what other processes do sets no event
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        return wrong(where, f"the reading did not arrive within {ARRIVES_WITHIN_S:.0f} s", BEHIND)
    except (AwayError, StoreAwayError, _OtherwiseError) as error:
        return cannot_tell(where, str(error))
    return sound(where, f"found {_after(sent)}")


def _after(sent: Sent) -> str:
    return f"{(time.monotonic() - sent.began_s) * 1000:.0f} ms after it was sent"

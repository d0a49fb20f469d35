"""The plain pipeline: aiomqtt, pydantic and influxdb-client, put together as their documentation shows.

Written to be good at it: a persistent session at QoS 1, a typed model, no copy of a message more than needed, batches of
5,000 points (what InfluxDB's documentation recommends), the blocking client in a thread so that receiving goes on, and
a write that fails is tried again. Two things it cannot do: aiomqtt acknowledges each message by itself, before it is
stored, so what is in memory is lost with the process; and nothing bounds the queue.
"""

import argparse
import asyncio
import logging
from contextlib import suppress

import aiomqtt
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from pydantic import BaseModel, FiniteFloat

BATCH_POINTS = 5_000
FLUSH_INTERVAL_S = 1.0
RETRY_INTERVAL_S = 5.0

log = logging.getLogger(__name__)


class Reading(BaseModel):
    time: int
    seq: int | None = None
    values: dict[str, FiniteFloat]


def to_point(topic: str, payload: bytes) -> Point:
    _, _, site, device, _ = topic.split("/")
    reading = Reading.model_validate_json(payload)
    point = Point("air").tag("site", site).tag("device", device).time(reading.time, WritePrecision.MS)
    for name, value in reading.values.items():
        point.field(name, value)
    return point


class Writer:
    def __init__(self, api, bucket: str) -> None:
        self.api = api
        self.bucket = bucket
        self.points: list[Point] = []
        self.writing = asyncio.Lock()

    async def add(self, point: Point) -> None:
        self.points.append(point)
        if len(self.points) >= BATCH_POINTS:
            await self.flush()

    async def flush(self) -> None:
        async with self.writing:
            points, self.points = self.points, []
            while points:
                try:
                    await asyncio.to_thread(
                        self.api.write, self.bucket, record=points, write_precision=WritePrecision.MS
                    )
                    break
                except Exception:
                    log.exception("write failed, trying again")
                    await asyncio.sleep(RETRY_INTERVAL_S)

    async def flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await self.flush()


async def receive(port: int, client_id: str, topic_filter: str, writer: Writer) -> None:
    # MQTT 3.1.1, which is aiomqtt's default: with 5, paho's properties double the CPU of a message.
    async with aiomqtt.Client("127.0.0.1", port, identifier=client_id, clean_session=False) as client:
        await client.subscribe(topic_filter, qos=1)
        async for message in client.messages:
            try:
                point = to_point(message.topic.value, message.payload)
            except ValueError:
                log.warning("not a reading: %s", message.topic)
                continue
            await writer.add(point)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mqtt-port", type=int, required=True)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--filter", required=True)
    parser.add_argument("--influx-url", required=True)
    parser.add_argument("--bucket", required=True)
    given = parser.parse_args()
    with InfluxDBClient(url=given.influx_url, token="", org="-") as influx:
        writer = Writer(influx.write_api(write_options=SYNCHRONOUS), given.bucket)
        flushing = asyncio.create_task(writer.flush_regularly())
        try:
            await receive(given.mqtt_port, given.client_id, given.filter, writer)
        finally:
            flushing.cancel()
            await writer.flush()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())

"""History: JSON in columns, or CSV; sent as it is read, so that a year costs no more memory than a day."""

from array import array
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Send

from api.problem import ForbiddenError, NotFoundError, UnprocessableError
from api.queries.aggregate import Aggregate
from api.queries.answer import Answer, Moment, moment
from api.queries.devices import quality_words
from api.queries.history import (
    DEFAULT_POINTS,
    FEWEST_POINTS,
    MAX_METRICS,
    MOST_POINTS,
    Column,
    HistoryAnswer,
    HistoryRequest,
    history,
)
from api.queries.windows import PATTERN
from api.routes.depends import CallerOf, SourcesOf, refused
from api.routes.words import DeviceInPath, Id
from telemetry.reading import Quality
from telemetry.stores.store import Page, StoreAwayError

router = APIRouter(prefix="/devices", tags=["devices"])

log = structlog.get_logger(__name__)

JSON, CSV = "application/json", "text/csv"
CSV_COLUMNS = ("time", "metric", "value", "quality")
HELD_BYTES = 8 * 1024 * 1024
"""Of the values of one metric, while its times are sent; what is more waits in a temporary file."""
SENT_BYTES = 64 * 1024
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - twice as quick to write as one with its zone, which is UTC
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is a formula to spreadsheets."""

_encode = msgspec.json.Encoder().encode
_times = msgspec.json.Decoder(list[int]).decode
_values = msgspec.json.Decoder(list[float | str | None]).decode


class Format(StrEnum):
    """How the answer is written."""

    JSON = "json"
    CSV = "csv"


class _Sent(StreamingResponse):
    """Sends what comes. When the store goes away midway the end is never sent, so the server breaks the connection."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except StoreAwayError as error:
            log.warning("history_broken_off", reason=str(error))


class HistoryColumn(Answer):
    """One metric. Its lists are read side by side."""

    metric: str
    unit: str
    """UCUM; `1` for plain numbers."""
    aggregate: Aggregate | None
    """Of its windows; null: value by value."""
    times: list[int]
    """Milliseconds since 1970, UTC; of windows when they begin. What is not there was not measured."""
    values: list[float | str | None]
    """Null: beyond what a number can hold."""
    suspect: list[int]
    """Places, from 0, of values that are suspect, and of windows in which one is."""
    manual: list[int]
    """Places of values that a person has entered."""


class History(Answer):
    """What a device has measured in a range."""

    device: str
    start: datetime
    end: datetime
    window_s: int | None
    """Null: value by value."""
    aggregate: Aggregate | None
    """As asked for; null: as suits the kind of each metric."""
    series: list[HistoryColumn]


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": History,
        "description": "The history. A connection that ends before the answer does means that the store went away.",
        "content": {CSV: {"schema": {"type": "string"}, "example": ",".join(CSV_COLUMNS) + "\r\n"}},
    }
}


@router.get(
    "/{device}/history",
    response_class=StreamingResponse,
    response_model=None,
    responses=_ANSWERS | refused(ForbiddenError, NotFoundError, UnprocessableError),
)
async def get_device_history(
    sources: SourcesOf,
    caller: CallerOf,
    device: DeviceInPath,
    metric: Annotated[
        list[Id] | None,
        Query(max_length=MAX_METRICS, description="One or more; none: those that the device is there for."),
    ] = None,
    start: Annotated[Moment | None, Query(description="None: a day before the end.")] = None,
    end: Annotated[Moment | None, Query(description="Not included. None: now.")] = None,
    window: Annotated[
        str | None,
        Query(
            pattern=PATTERN,
            description="None: value by value. A number of s, m, h or d: one value for each window; from a day on "
            "they begin at midnight by the site's clocks, those of seven days on Mondays. `auto`: the shortest that "
            "gives at most `points`.",
            examples=["15m", "1h", "1d", "auto"],
        ),
    ] = None,
    aggregate: Annotated[
        Aggregate | None,
        Query(description="What a window is made into; none: as suits the kind, as a gauge's mean."),
    ] = None,
    points: Annotated[
        int | None,
        Query(ge=FEWEST_POINTS, le=MOST_POINTS, description=f"Of window=auto, {DEFAULT_POINTS} if absent."),
    ] = None,
    format: Annotated[  # noqa: A002 - its name in the query
        Format | None, Query(description="None: CSV for whoever accepts that and not JSON, else JSON.")
    ] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> StreamingResponse:
    """What a device has measured: at most 600,000 values, or windows of them.

    Suspect values are values like the others, also in windows, and are marked. An aggregate needs a `window`.
    """
    asked = HistoryRequest(
        start=start, end=end, metrics=tuple(metric or ()), window=window, aggregate=aggregate, points=points
    )
    found = await history(sources, caller, device, asked)
    headers = {"Vary": "Accept"}
    if format is Format.CSV or (format is None and _prefers_csv(accept or "")):
        headers["Content-Disposition"] = f'attachment; filename="{_file_name(found)}"'
        return _Sent(csv_of(found), headers=headers, media_type=f"{CSV}; charset=utf-8; header=present")
    return _Sent(json_of(found), headers=headers, media_type=JSON)


async def json_of(answer: HistoryAnswer) -> AsyncIterator[bytes]:
    """The answer as `History`. Raises `StoreAwayError` midway when the store goes away: there is no whole answer."""
    head = {
        "device": answer.device,
        "start": moment(answer.start_ns),
        "end": moment(answer.end_ns),
        "window_s": answer.window_s,
        "aggregate": answer.aggregate,
    }
    yield _encode(head)[:-1] + b',"series":['
    for place, column in enumerate(answer.columns):
        if place:
            yield b","
        async for part in _column(column):
            yield part
    yield b"]}"


async def _column(column: Column) -> AsyncIterator[bytes]:
    """Times are sent as they come, their values kept until the last of them has."""
    head = {"metric": column.metric.name, "unit": column.metric.unit, "aggregate": column.aggregate}
    yield _encode(head)[:-1] + b',"times":['
    count = 0
    suspect, manual = array("L"), array("L")
    with SpooledTemporaryFile(max_size=HELD_BYTES) as values:
        async for page in column.pages:
            comma = b"," if count else b""
            values.write(comma + page.values[1:-1])
            for index, quality in page.marks:
                if Quality.SUSPECT in quality:
                    suspect.append(count + index)
                if Quality.MANUAL in quality:
                    manual.append(count + index)
            count += page.count
            yield comma + page.times_ms[1:-1]
        yield b'],"values":['
        values.seek(0)
        while part := values.read(SENT_BYTES):
            yield part
    yield b'],"suspect":' + _encode(suspect.tolist()) + b',"manual":' + _encode(manual.tolist()) + b"}"


async def csv_of(answer: HistoryAnswer) -> AsyncIterator[bytes]:
    """The answer as RFC 4180 has it, a metric after the other. Raises `StoreAwayError` as `json_of` does."""
    yield (",".join(CSV_COLUMNS) + "\r\n").encode()
    for column in answer.columns:
        async for page in column.pages:
            yield await run_in_threadpool(_rows, column.metric.name, page)


def _rows(metric: str, page: Page) -> bytes:
    """Numbers stay the text that they are; only texts, which may hold anything, are quoted."""
    text = page.values.decode()
    plain = '"' not in text and "null" not in text
    values = text[1:-1].split(",") if plain else map(_cell, _values(page.values))
    marks = {place: " ".join(quality_words(quality)) for place, quality in page.marks}
    return "".join(
        f"{_utc(ms)},{metric},{value},{marks.get(place, 'good')}\r\n"
        for place, (ms, value) in enumerate(zip(_times(page.times_ms), values, strict=True))
    ).encode()


def _cell(value: float | str | None) -> str:
    """As RFC 4180 has it, and never a formula."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    safe = f"'{value}" if value.startswith(_FORMULA) else value
    return '"' + safe.replace('"', '""') + '"'


def _utc(ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"


def _file_name(answer: HistoryAnswer) -> str:
    start, end = moment(answer.start_ns), moment(answer.end_ns)
    return f"{answer.device}_{start:%Y%m%dT%H%M%SZ}_{end:%Y%m%dT%H%M%SZ}.csv"


def _prefers_csv(accept: str) -> bool:
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return CSV in kinds and not kinds & {JSON, "application/*", "*/*"}

"""What a store promises. SQLite and InfluxDB keep the same contract, tested by one suite."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from msgspec import Struct

from telemetry.reading import Quality, Reading


class Refusal(Struct, frozen=True, gc=False):
    """A reading that the store will never take, or took only in part."""

    reading: Reading
    detail: str
    """What the store said, for a person. Never a secret."""


class Outcome(Struct, frozen=True):
    """What became of a write. A reading that is neither refused nor kept is written."""

    refused: Sequence[Refusal] = ()
    keep: Sequence[Reading] = ()
    """To be tried again: the store was away, slow, full or not ready."""
    retry_after_s: float | None = None
    """How long the store asked us to wait, if it did."""
    trouble: str | None = None
    """Why readings are kept, in one sentence for the operator; None when all is well."""
    alarm: bool = False
    """The trouble does not pass by itself: wrong token, no such bucket, series limit, most of a batch refused."""


class Sample(Struct, frozen=True, gc=False):
    """One stored value."""

    device: str
    metric: str
    time_ns: int
    """As stored: event time in ns; for kind `event` the sequence number stands below the millisecond."""
    value: float | str
    quality: Quality
    rule: str = ""
    """The rule of an alert; empty for all else."""


class Page(Struct, frozen=True, gc=False):
    """Values of one metric, in order of time, as columns of JSON: ready to be sent, and quick to decode."""

    times_ms: bytes
    """A JSON list of whole numbers: event times, ms since the epoch, UTC."""
    values: bytes
    """A JSON list as long: numbers or texts, each reading back as exactly the value that is stored."""
    count: int
    """How many there are."""
    marks: Sequence[tuple[int, Quality]] = ()
    """Place within the page, from 0, and quality of each value that is not good."""


class Window(Struct, frozen=True, gc=False):
    """What is stored of one metric within one window of time."""

    start_ns: int
    """Of the window, ns UTC, though the question may have begun later."""
    count: int
    """Values in it; 1 at least."""
    suspect: int
    """How many of them are suspect. They are values like the others: in everything that stands here."""
    last: float | str
    """The newest."""
    first: float | None = None
    """The oldest. It and all below: None of texts."""
    total: float | None = None
    """The sum."""
    low: float | None = None
    high: float | None = None


class StoreWriter(Protocol):
    """The way in."""

    async def start(self) -> None:
        """Make what is missing (bucket, tables) and check what is there. Raises `StoreUnusableError` with the mend."""

    async def write(self, readings: Sequence[Reading]) -> Outcome:
        """Store; idempotent: the same device, metric, time and (of an alert) rule is one value, the last received wins.

        Never raises.
        """

    async def close(self) -> None:
        """Let go of connections and files."""


class RetainingWriter(StoreWriter, Protocol):
    """A way in that also knows how long the store keeps what it takes. Both stores are one."""

    async def retention_s(self) -> float | None:
        """How long a reading is kept, seconds; None: for ever, or not known while the store is away."""

    async def expire(self, now_ns: int) -> int:
        """Delete what is older than its retention; called about hourly. Gives the number of values. Never raises."""


class StoreReader(Protocol):
    """The way out. Every question raises `StoreAwayError` when the store does not answer."""

    async def latest(self, devices: Sequence[str]) -> Sequence[Sample]:
        """The newest value of each metric of each device; of an alert's metrics that of each rule."""

    def history(self, device: str, metrics: Sequence[str], start_ns: int, end_ns: int) -> AsyncIterator[Sample]:
        """All values with start <= time < end, in order of time, a metric after the other.

        Of an alert's metrics those of all rules; which of one moment comes first is not said.
        """

    def columns(self, device: str, metric: str, start_ns: int, end_ns: int) -> AsyncIterator[Page]:
        """The same values of one metric, a page at a time, none of them empty: the quick way to many values."""

    async def count(self, device: str, metric: str, start_ns: int, end_ns: int, most: int) -> int:
        """How many values there are with start <= time < end; `most` where there are more."""

    async def windows(
        self, device: str, metric: str, start_ns: int, end_ns: int, step_ns: int, offset_ns: int = 0
    ) -> Sequence[Window]:
        """What there is with start <= time < end, by windows of `step_ns` that begin at `offset_ns` and multiples.

        In order of time. A window without values is absent. All that is given is in memory at once: how many windows
        there can be is the caller's to bound.
        """

    async def close(self) -> None:
        """Let go of connections and files."""


class StoreUnusableError(Exception):
    """The store can't be used as it is; the message says what to do."""


class StoreAwayError(Exception):
    """The store can't be asked just now; the message says why, never a secret."""

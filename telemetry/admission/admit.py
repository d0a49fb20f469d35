"""Admission: what is let in, what is not, and why. Pure; the same code wherever readings come in."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import MsgspecError, Struct

from telemetry.admission.limits import MAX_AUTHOR_CHARS, MAX_PAYLOAD_BYTES, Limits
from telemetry.admission.native import Native, Undecodable, decode, decode_plain, quote
from telemetry.catalogue.metric import Kind, Metric, Source
from telemetry.message import Admitted, Message, Reason, Rejection
from telemetry.reading import ENTERED_BY, NS_PER_MS, Quality, Reading
from telemetry.registry.models import Device, Registry
from telemetry.topics import PLATFORM_SITE, Channel, parse

DETAILS_KEPT = 5
"""Of one reason in one message; the raw message is kept beside them."""
_LIMITS = Limits()


class _Sender(Struct, frozen=True):
    """Who says it, by the topic: never by the payload."""

    device: Device
    channel: Channel


class _Loss:
    """What one message loses for one reason."""

    __slots__ = ("details", "readings")

    def __init__(self) -> None:
        self.readings = 0
        self.details: list[str] = []

    def add(self, detail: str, *, readings: int = 0) -> None:
        self.readings += readings
        if len(self.details) < DETAILS_KEPT:
            self.details.append(detail)
        elif len(self.details) == DETAILS_KEPT:
            self.details.append("and more")


class _Losses(dict[Reason, _Loss]):
    def __missing__(self, reason: Reason) -> _Loss:
        self[reason] = loss = _Loss()
        return loss

    def rejections(self, message: Message) -> Sequence[Rejection]:
        return [Rejection(message, reason, loss.readings, "; ".join(loss.details)) for reason, loss in self.items()]


def admit(message: Message, registry: Registry, limits: Limits = _LIMITS) -> Admitted:
    """The readings in a message, and a rejection for each reason for which something in it is refused.

    Every reading counts once: as admitted, or in the `readings` of one rejection; a message that can't be decoded
    counts as one. One bad value costs that value. Never raises, whatever the message holds.
    """
    device = registry.by_topic.get(message.topic)
    if device is not None:
        reading = _plain(message, device, registry, limits)
        if reading is not None:
            return Admitted((reading,), ())
    return _admit_patiently(message, registry, limits)


def _plain(message: Message, device: Device, registry: Registry, limits: Limits) -> Reading | None:
    """The reading of a message with nothing special, which nearly all are; None: take the long way.

    One reading, with a time within the limits, whose values are all plausible numbers. It says nothing that the long
    way would not say too: it is only quicker.
    """
    payload = message.payload
    if message.retained or len(payload) > MAX_PAYLOAD_BYTES:
        return None
    try:
        native = decode_plain(payload)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if native.device is not None or native.site is not None or native.by is not None:
        return None
    time = native.time
    if type(time) is int:
        time_ns = time * NS_PER_MS
    elif type(time) is datetime:
        time_ns = _datetime_ns(time)
    else:
        return None
    if time_ns < 0 or not -limits.max_age_ns <= time_ns - message.received_ns <= limits.max_future_ns:
        return None
    values = native.values
    ranges = registry.plain
    try:
        for name, value in values.items():
            low, high = ranges[name]
            if type(value) is not float or not low <= value <= high:
                return None
    except KeyError:  # not a number that devices say
        return None
    return Reading(device.id, time_ns, native.seq, values, {}) if values else None


def _admit_patiently(message: Message, registry: Registry, limits: Limits) -> Admitted:
    """The long way: says of everything in the message what it is, or why it is refused."""
    sender = _sender(message, registry)
    if isinstance(sender, Undecodable):
        return Admitted((), (Rejection(message, sender.reason, 1, sender.detail),))
    device, source = sender.device, _SOURCES[sender.channel]
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        detail = f"{len(message.payload)} bytes, at most {MAX_PAYLOAD_BYTES}"
        return Admitted((), (Rejection(message, Reason.TOO_LARGE, 1, detail),))

    losses = _Losses()
    items = decode(message.payload)
    readings: list[Reading] = []
    for item in items:
        if isinstance(item, Undecodable):
            losses[item.reason].add(item.detail, readings=1)
            continue
        time_ns = (
            _identity_refusal(item, device)
            or _author_refusal(item, sender.channel)
            or _time_ns(item, message, limits, device, alone=len(items) == 1)
        )
        if isinstance(time_ns, Undecodable):
            losses[time_ns.reason].add(time_ns.detail, readings=1)
            continue
        reading = _reading(item, device.id, time_ns, registry.metrics, source, losses)
        if reading is not None:
            readings.append(reading)
    return Admitted(readings, losses.rejections(message) if losses else ())


_SOURCES = {
    Channel.READINGS: Source.DEVICE,
    Channel.STATUS: Source.DEVICE,
    Channel.DERIVED: Source.DERIVED,
    Channel.ALERTS: Source.ALERT,
}


def _sender(message: Message, registry: Registry) -> _Sender | Undecodable:
    """The device and channel of a topic, for all but the plain case."""
    address = parse(message.topic)
    if address is None:
        return Undecodable(Reason.UNKNOWN_TOPIC, f"{quote(message.topic)}, expected caretaker/v1/SITE/DEVICE/readings")
    if address.site == PLATFORM_SITE:
        return Undecodable(Reason.HEARTBEAT, "the platform's own")
    device = registry.devices.get(address.device)
    if device is None:
        return Undecodable(Reason.UNKNOWN_DEVICE, f"{address.device!r} is not in the registry")
    if device.site != address.site:
        return Undecodable(
            Reason.UNKNOWN_DEVICE, f"{address.device!r} is at site {device.site!r}, not at {address.site!r}"
        )
    if address.channel is Channel.STATUS:
        if not message.payload:
            return Undecodable(Reason.CLEARED, "an empty status")
    elif message.retained:
        return Undecodable(Reason.RETAINED, "publish readings without the retain flag: the broker repeats the old one")
    return _Sender(device, address.channel)


def _identity_refusal(item: Native, device: Device) -> Undecodable | None:
    """The topic says who speaks; a payload may only agree."""
    said = (item.site or device.site, item.device or device.id)
    known = (device.site, device.id)
    if said == known:
        return None
    return Undecodable(Reason.IDENTITY_CONFLICT, f"the payload says {quote('/'.join(said))}, the topic {known!r}")


def _author_refusal(item: Native, channel: Channel) -> Undecodable | None:
    """Whoever has entered a reading is named as people are named."""
    author = item.by
    if author is None:
        return None
    if channel is not Channel.READINGS:
        return Undecodable(Reason.NOT_A_READING, f"`by` is of what people enter as readings, not as {channel}")
    if not author.isprintable() or not author.strip() or len(author) > MAX_AUTHOR_CHARS:
        return Undecodable(
            Reason.NOT_A_READING, f"`by`: found {quote(author)}, expected 1 to {MAX_AUTHOR_CHARS} printable characters"
        )
    return None


def _time_ns(item: Native, message: Message, limits: Limits, device: Device, *, alone: bool) -> int | Undecodable:
    """Event time in ns, truncated to ms; the arrival stands in where the device gave none."""
    time = item.time
    if isinstance(time, int):
        time_ns = time * NS_PER_MS
    elif time is None:
        if not alone:  # they would all have the same moment, and the last would replace the others
            return Undecodable(Reason.NOT_A_READING, "in a list each reading needs a `time`")
        return message.received_ns // NS_PER_MS * NS_PER_MS
    elif isinstance(time, float):
        if not abs(time) < 1e18:  # noqa: PLR2004 - beyond any calendar, and not a number
            return Undecodable(Reason.NOT_A_READING, f"`time`: found {time}, expected milliseconds since the epoch")
        time_ns = int(time) * NS_PER_MS
    else:
        time_ns = _datetime_ns(time)
    ahead_ns = time_ns - message.received_ns
    if ahead_ns > limits.max_future_ns:
        return Undecodable(Reason.IN_FUTURE, f"{ahead_ns / 1e9:.0f} s ahead of its arrival")
    if time_ns < 0 or (-ahead_ns > limits.max_age_ns and not device.archive):
        return Undecodable(Reason.TOO_OLD, f"{-ahead_ns / 1e9:.0f} s old at its arrival")
    return time_ns


def _datetime_ns(time: datetime) -> int:
    """Truncated to ms; digits below the microsecond were rounded by the decoder.

    Whole seconds first: a product of the fraction would round to the wrong millisecond.
    """
    return (int(time.timestamp()) * 1000 + time.microsecond // 1000) * NS_PER_MS


def _reading(
    item: Native, device_id: str, time_ns: int, metrics: Mapping[str, Metric], source: Source, losses: _Losses
) -> Reading | None:
    """The reading, less the values that are refused; None when nothing is left of it."""
    values: dict[str, float | str] = {}
    quality: dict[str, Quality] = {}
    lost: Reason | None = None
    for name, value in item.values.items():
        metric = metrics.get(name)
        checked = _checked(name, value, metric, source)
        if isinstance(checked, Undecodable):
            losses[checked.reason].add(checked.detail)
            lost = lost or checked.reason
            continue
        values[name] = checked
        if isinstance(checked, float) and metric and not metric.plausible_min <= checked <= metric.plausible_max:
            quality[name] = Quality.SUSPECT
    if not values:
        if lost is None:
            losses[Reason.NOT_A_READING].add("`values` is empty", readings=1)
        else:
            losses[lost].readings += 1
        return None
    if item.by is not None:
        values[ENTERED_BY] = item.by
    mark = Quality.GOOD if item.by is None else Quality.MANUAL
    if item.time is None:
        mark |= Quality.ARRIVAL_TIME
    if mark:
        quality = {name: quality.get(name, Quality.GOOD) | mark for name in values}
    return Reading(device_id, time_ns, item.seq, values, quality)


def _checked(name: str, value: object, metric: Metric | None, source: Source) -> float | str | Undecodable:
    """One value in the catalogue's type, or why it is refused."""
    if metric is None:
        return Undecodable(Reason.UNKNOWN_METRIC, f"{quote(name)} is not in the catalogue")
    if name == ENTERED_BY:
        return Undecodable(Reason.WRONG_SOURCE, f"{name} is said as `by`, beside `values`")
    if metric.source is not source:
        return Undecodable(Reason.WRONG_SOURCE, f"{name} is said by {metric.source}, not by {source}")
    if metric.kind is Kind.TEXT:
        return _text(name, value)
    if isinstance(value, bool):
        if metric.kind not in {Kind.STATE, Kind.EVENT}:
            return Undecodable(Reason.WRONG_TYPE, f"{name}: found {quote(value)}, expected a number")
    elif not isinstance(value, int | float):
        return Undecodable(Reason.WRONG_TYPE, f"{name}: found {quote(value)}, expected a number")
    number = float(value)
    if number - number != 0.0:
        return Undecodable(Reason.NOT_FINITE, f"{name}: found {number}")
    if not metric.possible_min <= number <= metric.possible_max:
        bounds = f"{metric.possible_min:g} to {metric.possible_max:g} {metric.unit}"
        return Undecodable(Reason.IMPOSSIBLE_VALUE, f"{name}: found {number:g}, possible is {bounds}")
    return number


def _text(name: str, value: object) -> str | Undecodable:
    if not isinstance(value, str):
        return Undecodable(Reason.WRONG_TYPE, f"{name}: found {quote(value)}, expected a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        return Undecodable(Reason.NOT_UTF8, f"{name}: half a surrogate pair")
    return value

"""Whatever a message holds: no error, every reading somewhere, and the quick way says what the long way says."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from telemetry.admission import admit as admission
from telemetry.admission.admit import admit
from telemetry.admission.limits import MAX_AUTHOR_CHARS, Limits
from telemetry.admission.native import encode
from telemetry.message import Message, Reason
from telemetry.reading import ENTERED_BY, NS_PER_MS, Quality
from telemetry.topics import topic
from tests.builders import CATALOGUE, device, registry

NOW_NS = 1_795_334_400_123_456_789
NOW_MS = NOW_NS // NS_PER_MS
REGISTRY = registry(device())
TOPIC = topic("toilet-1", "nh3-1")

numbers = st.integers() | st.floats() | st.sampled_from([2**70, -(2**70), 1e308, -0.0])
scalars = st.none() | st.booleans() | numbers | st.text(max_size=20)
documents = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner))
names = st.sampled_from(sorted(CATALOGUE)) | st.text(max_size=8)
values = st.dictionaries(names, scalars | documents, max_size=8)
times = st.none() | st.integers(NOW_MS - 10**10, NOW_MS + 10**6) | st.just("2026-11-22T08:00:00Z") | documents
authors = st.text(min_size=1, max_size=70) | documents
readings = st.fixed_dictionaries(
    {"values": values},
    optional={"time": times, "seq": st.integers() | documents, "device": st.text() | documents, "by": authors},
)
payloads = st.binary(max_size=200) | (documents | readings | st.lists(readings | documents, max_size=5)).map(
    lambda document: json.dumps(document).encode()
)
topics = st.just(TOPIC) | st.text() | st.builds("caretaker/v1/{}/{}/{}".format, st.text(), st.text(), st.text())


def items_of(payload: bytes) -> int | None:
    """How many readings a payload counts as, where Python's own decoder can say."""
    try:
        document = json.loads(payload.decode())
    except ValueError:
        return None
    return len(document) if isinstance(document, list) and document else 1


@given(payload=payloads, to=topics, retained=st.booleans())
@example(payload=b'{"values":{"nh3_ppm":1}}', to="caretaker/v1/toilet-1/nh3-1/\ud800", retained=False)
def test_never_an_error_and_every_reading_counted_once(payload: bytes, to: str, retained: bool) -> None:
    result = admit(Message(to, payload, retained, NOW_NS), REGISTRY)
    counted = len(result.readings) + sum(rejection.readings for rejection in result.rejections)
    by_topic = {Reason.UNKNOWN_TOPIC, Reason.UNKNOWN_DEVICE, Reason.RETAINED, Reason.HEARTBEAT, Reason.CLEARED}
    if any(rejection.reason in by_topic for rejection in result.rejections):
        assert counted == 1
    else:
        assert counted == (items_of(payload) or 1)
    reasons = [rejection.reason for rejection in result.rejections]
    assert len(reasons) == len(set(reasons)), "one rejection for each reason"
    for reading in result.readings:
        assert reading.values
        assert set(reading.quality) <= set(reading.values)
        by_hand = {name for name, quality in reading.quality.items() if Quality.MANUAL in quality}
        assert by_hand == (set(reading.values) if ENTERED_BY in reading.values else set())
        author = reading.values.get(ENTERED_BY, "nobody")
        assert isinstance(author, str)
        assert author.isprintable()
        assert author.strip()
        assert len(author) <= MAX_AUTHOR_CHARS
        for name, value in reading.values.items():
            metric = REGISTRY.metrics[name]
            if isinstance(value, float):
                assert metric.possible_min <= value <= metric.possible_max


@given(payload=payloads)
def test_the_quick_way_says_what_the_long_way_says(payload: bytes) -> None:
    message = Message(TOPIC, payload, False, NOW_NS)
    quick, long = admit(message, REGISTRY), admission._admit_patiently(message, REGISTRY, Limits())
    assert list(quick.readings) == list(long.readings)
    assert list(quick.rejections) == list(long.rejections)


@given(
    st.dictionaries(st.sampled_from(["nh3_ppm", "uses", "temperature_c"]), st.floats(0, 30), min_size=1),
    st.none() | st.text(min_size=1, max_size=MAX_AUTHOR_CHARS).filter(lambda text: text.isprintable() and text.strip()),
)
def test_what_admission_gives_it_takes_again(given_values: dict[str, Any], author: str | None) -> None:
    payload = {"time": NOW_MS, "seq": 3, "values": given_values, "by": author}
    (reading,) = admit(Message(TOPIC, json.dumps(payload).encode(), False, NOW_NS), REGISTRY).readings
    assert reading.values.get(ENTERED_BY) == author
    (again,) = admit(Message(TOPIC, encode(reading), False, NOW_NS), REGISTRY).readings
    assert again == reading

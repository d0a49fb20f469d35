"""Line protocol: what is serialised reads back as what was given, or is refused. The parser is the test's own."""

import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry.catalogue.metric import Kind
from telemetry.reading import Quality, Reading
from telemetry.registry.models import Device, Registry, Site
from telemetry.series import Point, quality_field, split
from telemetry.stores.influxdb.lines import LineEncoder, serialise
from tests.builders import metric

Parsed = tuple[str, dict[str, str], dict[str, float | str | int], int]

NASTY = st.sampled_from(list(",= \"\\\n\r\t#%$'\0{}i0né廁\ud800"))
TEXTS = st.text() | st.text(NASTY) | st.text(st.characters())
NAMES = st.text(list(",= \"#%'{}i0né廁"), min_size=1) | st.text(NASTY, min_size=1) | st.text(min_size=1)
TAGS = st.tuples(NAMES, NAMES, st.just("") | NAMES)
"""Site, device, rule."""
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.integers(-(2**63) + 2, 2**63 - 2)


def split_unescaped(text: str, mark: str) -> list[str]:
    """Parts between marks that no backslash precedes and no quotes enclose."""
    parts, start, quoted, position = [], 0, False, 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == '"' and "=" in text[start:position]:
            quoted = not quoted
        elif text[position] == mark and not quoted:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def name(text: str) -> str:
    return re.sub(r"\\([,= ])", r"\1", text)


def key_and_value(text: str) -> tuple[str, str]:
    at = re.search(r"(?<!\\)=", text)
    assert at is not None, text
    return name(text[: at.start()]), text[at.end() :]


def value(text: str) -> float | str | int:
    if text.startswith('"'):
        assert text.endswith('"')
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    return int(text[:-1]) if text.endswith("i") else float(text)


def parse(line: str) -> Parsed:
    assert not line.startswith("#")
    # Names hold no quotes that count: those of the head are before the first space.
    spaces = [at.start() for at in re.finditer(r"(?<!\\) ", line)]
    head, rest = line[: spaces[0]], line[spaces[0] + 1 :]
    fields, time = rest[: rest.rindex(" ")], rest[rest.rindex(" ") + 1 :]
    measurement, *tags = re.split(r"(?<!\\),", head)
    return (
        name(measurement),
        {key: name(text) for key, text in map(key_and_value, tags)},
        {key: value(text) for key, text in map(key_and_value, split_unescaped(fields, ","))},
        int(time),
    )


def can_stand(text: str) -> bool:
    return bool(text) and "\\" not in text and text.isprintable() and '"' not in text


@given(NAMES, TAGS, st.dictionaries(NAMES, NUMBERS | TEXTS, min_size=1), TIMES, st.integers(0, 3))
@example("m", ("s", "d", ""), {"a": "\\", "b": '"'}, 1, 1)
@example("m", ("s", "d", ""), {"a b,c=d": 'x", b=1 2\nm a=1 3'}, 1, 0)
@example("m", ("s", "d", "r"), {'="': 0.0}, 0, 0)
@example("#m", ("s", "d", ""), {"a": 1.0}, 1, 0)
def test_any_text_in_any_slot(
    measurement: str, tags: tuple[str, str, str], values: dict[str, float | str], time_ns: int, quality: int
) -> None:
    site, device, rule = tags
    point = Point(measurement, site, device, time_ns, values, {}, rule)
    stated = dict.fromkeys(list(values)[:1], quality)
    names = [measurement, site, device, *([rule] if rule else []), *values]
    if not all(map(can_stand, names)) or measurement.startswith("#"):
        with pytest.raises(ValueError, match=r"line protocol|start with #"):
            serialise(point, stated)
        return
    fields: dict[str, float | str | int] = {}
    for metric_name, held in values.items():
        fields[metric_name] = held
        if metric_name in stated:
            fields[quality_field(metric_name)] = quality
    shown = {"device": device, **({"rule": rule} if rule else {}), "site": site}
    found = parse(serialise(point, stated))
    assert found == (measurement, shown, fields, time_ns)
    assert list(found[1]) == sorted(shown)


GAUGES = [f"g{k}" for k in range(4)]
METRICS = {
    one.name: one
    for one in [
        *(metric(f"g{k}", measurement=f"m{k // 3}") for k in range(4)),
        metric("100%", measurement="50% full, or so"),
        metric("e", kind=Kind.EVENT, measurement="events"),
        metric("e2", kind=Kind.EVENT, measurement="events"),
        metric("t", kind=Kind.TEXT, measurement="m0"),
        *(metric(name) for name in ("alert_severity", "alert_state", "alert_rule")),
    ]
}
KNOWN = Registry(
    METRICS,
    {"s": Site("s", {}, ZoneInfo("UTC"), {})},
    {"d": Device("d", "s", "k"), "odd one": Device("odd one", "s=%d", "k"), "bad\\": Device("bad\\", "s", "k")},
)
VALUES = st.dictionaries(
    st.sampled_from([*METRICS, "unknown"]), st.floats() | TEXTS | st.integers() | st.booleans(), max_size=5
)
ALERTS = st.fixed_dictionaries(
    {"alert_rule": st.sampled_from(["odour", "leak", "Not an id"])},
    optional={"alert_severity": NUMBERS, "alert_state": NUMBERS, "g0": NUMBERS},
)
READINGS = st.builds(
    Reading,
    st.sampled_from(["d", "odd one", "bad\\", "nobody"]),
    TIMES | st.just(2**63),
    st.none() | st.integers(0, 2**40),
    VALUES | ALERTS,
    st.dictionaries(st.sampled_from(list(METRICS)), st.sampled_from([*Quality, Quality(3)]), max_size=2),
)


@given(st.lists(READINGS, max_size=6))
def test_the_short_way_writes_what_the_long_way_means(readings: list[Reading]) -> None:
    batch = LineEncoder(lambda: KNOWN).encode(readings)
    expected: list[tuple[int, str, str, str, int, dict[str, float | str]]] = []
    for index, reading in enumerate(readings):
        expected += [
            (index, point.measurement, point.site, point.rule, point.time_ns, dict(point.values))
            for point in split(reading, KNOWN).points
            if point.device != "bad\\"
        ]
    found = []
    for index, line in zip(batch.owners, batch.lines, strict=True):
        measurement, tags, fields, time_ns = parse(line)
        plain = {key: held for key, held in fields.items() if not key.endswith("_q")}
        found.append((index, measurement, tags["site"], tags.get("rule", ""), time_ns, plain))
    assert found == expected
    faulty = [
        one for one in readings if split(one, KNOWN).faults or (one.device == "bad\\" and split(one, KNOWN).points)
    ]
    assert [refusal.reading for refusal in batch.refused] == faulty


@given(st.lists(READINGS.filter(lambda one: one.device == "d"), max_size=8))
def test_quality_is_stated_from_the_first_doubt_on(readings: list[Reading]) -> None:
    batch = LineEncoder(lambda: KNOWN).encode(readings)
    stating: set[str] = set()
    for index, line in zip(batch.owners, batch.lines, strict=True):
        _, _, fields, _ = parse(line)
        for metric_name in fields.keys() & METRICS.keys():
            quality = readings[index].quality.get(metric_name, Quality.GOOD)
            if quality:
                stating.add(metric_name)
            expected = int(quality) if metric_name in stating else None
            assert fields.get(quality_field(metric_name)) == expected

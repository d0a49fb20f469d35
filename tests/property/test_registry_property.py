"""For any devices: what is written to a sheet is what is read, and nothing that is written makes an unknown error."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.document import DocumentError, Problem
from telemetry.registry.load import load_registry
from telemetry.registry.models import Device
from telemetry.topics import parse
from tests.builders import CATALOGUE

SITES = "sites: [{id: a, timezone: UTC, areas: [{id: one, type: male}]}, {id: b, timezone: UTC, archive: true}]"
COLUMNS = ("id", "site", "kind", "area", "unit", "interval_s", "metrics", "name_en", "name_zh", "labels")

words = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
# Printable, without spaces at the ends: those are trimmed.
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
devices = st.builds(
    Device,
    id=st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True),
    site=st.just("a"),
    kind=words,
    area=st.sampled_from([None, "one"]),
    unit=st.none() | st.from_regex(r"[A-Za-z0-9_.:-]{1,64}", fullmatch=True),
    interval_s=st.none() | st.floats(0.001, 31_622_400),
    metrics=st.lists(st.sampled_from(sorted(CATALOGUE)), min_size=1, max_size=6, unique=True).map(tuple),
    names=st.dictionaries(st.sampled_from(["en", "zh-Hant"]), names),
    labels=st.dictionaries(words, st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True), max_size=3),
    out_of_service=st.just(()),
    parent=st.none(),
    archive=st.just(False),
)


def cells(device: Device) -> list[object]:
    return [
        device.id,
        device.site,
        device.kind,
        device.area or "",
        device.unit or "",
        "" if device.interval_s is None else repr(device.interval_s),
        " ".join(device.metrics),
        device.names.get("en", ""),
        device.names.get("zh-Hant", ""),
        " ".join(f"{key}={value}" for key, value in device.labels.items()),
    ]


def problems_of(directory: Path) -> tuple[Problem, ...]:
    try:
        load_registry(directory)
    except DocumentError as error:
        return error.problems
    return ()


@given(st.lists(devices, max_size=8, unique_by=lambda device: device.id))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read(written: list[Device]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([COLUMNS, *map(cells, written)])
    with TemporaryDirectory() as folder:
        (Path(folder) / "sites.yaml").write_text(SITES)
        (Path(folder) / "devices.csv").write_bytes(text.getvalue().encode())

        registry = load_registry(Path(folder))

    assert list(registry.devices.values()) == written
    for topic, device in registry.by_topic.items():
        address = parse(topic)
        assert address is not None
        assert (address.site, address.device) == (device.site, device.id)


@given(
    st.sampled_from(["sites.yaml", "people.yaml", "devices.yaml", "devices.csv", "metrics.yaml"]),
    st.binary(max_size=200),
)
@settings(max_examples=80, deadline=None)
def test_any_bytes_give_a_registry_or_problems(name: str, content: bytes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "sites.yaml").write_text(SITES)
        (Path(folder) / name).write_bytes(content)

        problems = problems_of(Path(folder))

    assert all(problem.file == name and problem.found and problem.expected for problem in problems)


@given(st.text("[]{}:,-&*!'\"#|> \nsitedv", max_size=60))
@settings(max_examples=80, deadline=None)
def test_any_punctuation_gives_a_registry_or_problems(text: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "sites.yaml").write_text(SITES)
        (Path(folder) / "devices.yaml").write_text(text)

        problems = problems_of(Path(folder))

    assert all(problem.line <= text.count("\n") + 1 for problem in problems)

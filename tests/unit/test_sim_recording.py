"""Recordings and `simulation.yaml`: what is read from them, and what is said of what cannot be read."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from simulators.ledger import Ledger
from simulators.recording import Track, after, read_track
from simulators.replay import Positions, tracks_of
from simulators.settings import FaultKind, Simulation, load_simulation
from telemetry.document import DocumentError
from telemetry.registry.load import load_registry
from tests import builders

CITY = Path(__file__).parents[2] / "examples" / "hong-kong"
BERLIN = builders.site("berlin", timezone=ZoneInfo("Europe/Berlin"))
DEVICE = builders.device("d", "berlin", kind="replay")
REGISTRY = builders.registry(DEVICE, sites=[BERLIN])


def read(folder: Path, text: str) -> Track:
    (folder / "recording.csv").write_text(text, encoding="utf-8")
    return read_track(folder / "recording.csv", DEVICE, REGISTRY)


def times(track: Track) -> list[str]:
    return [datetime.fromtimestamp(sample.time_ms / 1000, UTC).strftime("%m-%dT%H:%M") for sample in track.samples]


def test_cells_become_values_and_empty_cells_are_missing(tmp_path: Path) -> None:
    track = read(
        tmp_path, "local_time,co2_ppm,humidity_pct\n2026-01-01T00:00,612,\n2026-01-01T01:00,,\n2026-01-01T02:00,1,2.5\n"
    )

    assert [sample.values for sample in track.samples] == [{"co2_ppm": 612.0}, {"co2_ppm": 1.0, "humidity_pct": 2.5}]
    assert [sample.seq for sample in track.samples] == [1, 3], "the number is the row, also after an empty one"
    assert times(track) == ["12-31T23:00", "01-01T01:00"]


def test_times_with_an_offset_need_no_time_zone(tmp_path: Path) -> None:
    track = read(tmp_path, "time,co2_ppm\n2026-01-01T00:00:00Z,1\n2026-01-01T00:00:00-05:00,2\n")

    assert times(track) == ["01-01T00:00", "01-01T05:00"]


def test_the_hour_that_comes_twice_is_told_apart_by_its_order(tmp_path: Path) -> None:
    rows = [f"2025-10-26T{time},1" for time in ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")]
    track = read(tmp_path, "local_time,co2_ppm\n" + "\n".join(rows))

    assert times(track) == ["10-25T23:30", "10-26T00:00", "10-26T00:30", "10-26T01:00", "10-26T01:30", "10-26T02:00"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "recording.csv:1: column 1: found an empty file, expected `time` or `local_time`"),
        ("when,co2_ppm\n", "recording.csv:1: column 1: found 'when', expected `time` or `local_time`"),
        ("time,co2ppm\n", "column 2: found 'co2ppm', expected a metric of the catalogue (`co2_ppm`?)"),
        ("time,co2_ppm,co2_ppm\n", "column 3: found 'co2_ppm', expected each metric once"),
        ("time,co2_ppm\n", "recording.csv: found no values, expected at least one row with a value"),
        ("time,co2_ppm\n2026-01-01T00:00:00Z,x\n", "recording.csv:2: co2_ppm: found 'x', expected a number"),
        ("time,co2_ppm\n2026-01-01T00:00:00Z,nan\n", "recording.csv:2: co2_ppm: found 'nan', expected a number"),
        ("time,co2_ppm\n2026-01-01T00:00:00Z\n", "recording.csv:2: found 1 cells, expected 2"),
        ("time,co2_ppm\n2026-01-01,1\n", "recording.csv:2: time: found '2026-01-01', expected as in"),
        ("local_time,co2_ppm\n2026-01-01T00:00Z,1\n", "without an offset"),
        ("local_time,co2_ppm\nnoon,1\n", "recording.csv:2: local_time: found 'noon', expected a local time"),
        ("local_time,co2_ppm\n2026-03-29T02:30,1\n", "clocks of Europe/Berlin have shown (they were put forward here)"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DocumentError) as raised:
        read(tmp_path, text)

    assert said in str(raised.value)


def test_all_problems_come_at_once_up_to_a_bound(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as raised:
        read(tmp_path, "time,co2_ppm\n" + "2026-01-01T00:00:00Z,x\n" * 1000)

    assert len(raised.value.problems) == 20


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"none\.csv: found No such file or directory"):
        read_track(tmp_path / "none.csv", DEVICE, REGISTRY)


def test_the_shipped_recordings_are_whole() -> None:
    registry = load_registry(CITY)
    tracks = tracks_of(load_simulation(CITY, registry), registry)

    assert {track.device.id: len(track.samples) for track in tracks} == {
        "replay-berkeley-office-load": 10_305,
        "replay-irvine-door-main": 5_040,
        "replay-beijing-dongsi-air": 8_784,
        "replay-beijing-aotizhongxin-air": 8_784,
    }
    for track in tracks:
        moments = [sample.time_ms for sample in track.samples]
        assert moments == sorted(set(moments))
        assert {name for sample in track.samples for name in sample.values} <= set(track.device.metrics)


def test_positions_outlive_a_restart_and_belong_to_a_file(tmp_path: Path) -> None:
    track = read(tmp_path, "time,co2_ppm\n" + "".join(f"2026-01-01T00:0{i}:00Z,{i}\n" for i in range(5)))
    positions = Positions(tmp_path / "replay.json")
    assert positions.row(track) == 0
    positions.played(track, 3)
    positions.save()

    again = Positions(tmp_path / "replay.json")
    assert [sample.seq for sample in after(track.samples, again.row(track))] == [4, 5]
    assert again.row(Track(track.device, "other.csv", track.samples)) == 0


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"d": 3}', '{"d": ["recording.csv", "x"]}'])
def test_a_damaged_file_of_positions_counts_as_empty(tmp_path: Path, text: str) -> None:
    track = read(tmp_path, "time,co2_ppm\n2026-01-01T00:00:00Z,1\n")
    (tmp_path / "replay.json").write_text(text)

    assert Positions(tmp_path / "replay.json").row(track) == 0


def test_the_example_city_has_its_faults() -> None:
    simulation = load_simulation(CITY, load_registry(CITY))

    assert 0 < simulation.poison.rate < 0.01
    assert FaultKind.DUPLICATE in {fault.fault for fault in simulation.faults}
    assert FaultKind.STUCK in {fault.fault for fault in simulation.faults}
    registry = load_registry(CITY)
    assert all(any(fault.where.selects(one) for one in registry.devices.values()) for fault in simulation.faults)


def test_without_a_file_nothing_goes_wrong(tmp_path: Path) -> None:
    assert load_simulation(tmp_path) == Simulation()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("faults:\n  - {fault: fire, rate: 0.1}\n", "simulation.yaml:2: faults[0].fault: found 'fire'"),
        ("faults:\n  - {fault: late, rate: 2}\n", "simulation.yaml:2: faults[0].rate: found 2"),
        ("faults:\n  - {fault: late, rate: 1, seconds: -1}\n", "expected more than 0 seconds"),
        ("poison: {rate: 0.1, kinds: [arsenic]}\n", "simulation.yaml:1: poison.kinds[0]: found 'arsenic'"),
        ("replay:\n  recordings:\n    - {device: d, file: no.csv}\n", "simulation.yaml:3: replay.recordings[0].file: "),
        ("replay:\n  recordings:\n    - {device: e, file: simulation.yaml}\n", "expected the id of a device"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "simulation.yaml").write_text(text)
    with pytest.raises(DocumentError) as raised:
        load_simulation(tmp_path, REGISTRY)

    assert said in str(raised.value)


def test_a_ledger_knows_where_it_is(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "ledger.db").path.with_name("replay.json") == tmp_path / "replay.json"

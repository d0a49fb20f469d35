"""What is right becomes the registry; what is wrong is told with file, line, field, found and expected."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from telemetry.document import DocumentError
from telemetry.registry import devices, sheet
from telemetry.registry.hours import parse_hours
from telemetry.registry.load import load_registry, registry_files
from telemetry.registry.models import Device, Outage, Person, Registry

SITES = """\
sites:
  - id: pier
    kind: toilet
    names: {en: Pier, zh-Hant: 碼頭}
    timezone: Asia/Hong_Kong
    areas:
      - {id: male, type: male, names: {en: Men's}}
      - {id: roof, type: roof}
  - id: old
    timezone: Asia/Shanghai
    archive: true
    retention_days: 4000
"""
HEADER = "id,site,kind,area,parent,unit,interval_s,metrics,name_en,name_zh,labels,out_of_service\n"


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in ({"sites.yaml": SITES} | files).items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory


def load(directory: Path, **files: str) -> Registry:
    return load_registry(write(directory, {name.replace("_", "."): text for name, text in files.items()}))


def test_sheet_and_yaml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    from_sheet = load(
        tmp_path / "a",
        devices_csv=HEADER
        + "gw,pier,gateway,,,,5,online,,,,\n"
        + "n-1,pier,toilet_odour,male,gw,SN:1,10,nh3_ppm h2s_ppm,Odour,氣味,room=1 floor=g,"
        + "2026-01-01T00:00/2026-01-02T00:00:00Z works; 2026-03-01T00:00/\n",
    )
    from_yaml = load(
        tmp_path / "b",
        devices_yaml="""\
devices:
  - {id: gw, site: pier, kind: gateway, interval_s: 5, metrics: [online]}
  - id: n-1
    site: pier
    kind: toilet_odour
    area: male
    parent: gw
    unit: SN:1
    interval_s: 10
    metrics: [nh3_ppm, h2s_ppm]
    names: {en: Odour, zh-Hant: 氣味}
    labels: {room: '1', floor: g}
    out_of_service:
      - {start: 2026-01-01T00:00, end: 2026-01-02T00:00:00Z, reason: works}
      - {start: 2026-03-01T00:00}
""",
    )

    hong_kong = ZoneInfo("Asia/Hong_Kong")
    assert from_sheet.devices == from_yaml.devices
    assert from_sheet.by_topic == from_yaml.by_topic
    assert from_sheet.devices["n-1"] == Device(
        id="n-1",
        site="pier",
        kind="toilet_odour",
        area="male",
        parent="gw",
        unit="SN:1",
        interval_s=10.0,
        metrics=("nh3_ppm", "h2s_ppm"),
        names={"en": "Odour", "zh-Hant": "氣味"},
        labels={"room": "1", "floor": "g"},
        out_of_service=(
            Outage(int(datetime(2026, 1, 1, tzinfo=hong_kong).timestamp()) * 10**9, 1_767_312_000_000_000_000, "works"),
            Outage(int(datetime(2026, 3, 1, tzinfo=hong_kong).timestamp()) * 10**9, None, "out of service"),
        ),
    )


def test_the_topic_of_its_readings_finds_the_device(tmp_path: Path) -> None:
    registry = load(tmp_path, devices_csv="id,site,kind,metrics\na,pier,gateway,online\nb,old,replay,load_kw\n")

    assert registry.by_topic == {
        "caretaker/v1/pier/a/readings": registry.devices["a"],
        "caretaker/v1/old/b/readings": registry.devices["b"],
    }
    assert [device.archive for device in registry.devices.values()] == [False, True]
    assert registry.devices["a"].interval_s is None


def test_sites_people_and_metrics_are_there(tmp_path: Path) -> None:
    registry = load(
        tmp_path,
        people_yaml="""\
people:
  - id: duty
    name: Duty attendant
    language: zh-Hant
    receivers: ['mailto:duty@example.org']
    sites: [pier]
    hours: mon-fri 08:00-20:00
  - {id: all, name: Duty manager}
""",
        metrics_yaml="pool: {depth_m: {unit: m, names: {en: Depth}}}",
        devices_csv="id,site,kind,metrics\na,pier,pool,depth_m\n",
    )

    assert registry.people["duty"] == Person(
        "duty", "Duty attendant", "zh-Hant", ("mailto:duty@example.org",), ("pier",), parse_hours("mon-fri 08:00-20:00")
    )
    assert registry.people["all"] == Person("all", "Duty manager", "en", (), ())
    pier = registry.sites["pier"]
    assert (pier.kind, pier.timezone.key, pier.names["zh-Hant"]) == ("toilet", "Asia/Hong_Kong", "碼頭")
    assert {area.id: area.type for area in pier.areas.values()} == {"male": "male", "roof": "roof"}
    assert (registry.sites["old"].archive, registry.sites["old"].retention_days) == (True, 4000)
    assert registry.metrics["depth_m"].measurement == "pool"


def test_files_may_be_many_and_in_folders(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "sites/kowloon.yaml": "sites: [{id: kt, timezone: Asia/Hong_Kong}]",
            "devices-1.csv": "id,site,kind,metrics\na,pier,x,online\n",
            "devices/more.csv": "id,site,kind,metrics\nb,kt,x,online\n",
            "devices/most.yml": "devices: [{id: c, site: kt, kind: x, metrics: [online]}]",
            "people/night.yaml": "people: []",
            "notes.yaml": "anything: else",
        },
    )

    assert [path.name for path in registry_files(tmp_path)["devices"]] == ["devices-1.csv", "more.csv", "most.yml"]
    assert sorted(load_registry(tmp_path).devices) == ["a", "b", "c"]


def test_a_sheet_from_a_spreadsheet_program(tmp_path: Path) -> None:
    write(tmp_path, {})
    rows = [
        "\ufeffid,site,kind,metrics,name_en",
        '"a", pier ,x,"online  uptime_s","Lobby, left"',
        ",,,,",
        "b,pier,x,online,",
    ]
    text = "\r\n".join(rows)
    (tmp_path / "devices.csv").write_bytes(text.encode())

    registry = load_registry(tmp_path)

    assert registry.devices["a"].metrics == ("online", "uptime_s")
    assert registry.devices["a"].names == {"en": "Lobby, left"}
    assert registry.devices["b"].names == {}


CSV = "id,site,kind,metrics"
DEVICE = "devices:\n- id: a\n  site: pier\n  kind: x\n  metrics: [online]\n"
BAD: list[tuple[str, dict[str, str], str]] = [
    # Sites
    (
        "bad time zone",
        {"sites.yaml": SITES.replace("Asia/Hong_Kong", "Asia/HongKong")},
        "sites.yaml:5: sites[0].timezone: found 'Asia/HongKong', expected an IANA time zone such as Asia/Hong_Kong",
    ),
    (
        "a folder as time zone",
        {"sites.yaml": SITES.replace("Asia/Hong_Kong", "Asia")},
        "sites.yaml:5: sites[0].timezone: found 'Asia', expected an IANA time zone such as",
    ),
    (
        "a path as time zone",
        {"sites.yaml": SITES.replace("Asia/Hong_Kong", "/etc/passwd")},
        "sites.yaml:5: sites[0].timezone: found '/etc/passwd', expected an IANA time zone such as",
    ),
    (
        "no time zone",
        {"sites.yaml": "sites:\n- id: a\n"},
        "sites.yaml:2: sites[0].timezone: found nothing, expected an IANA time zone such as Asia/Hong_Kong",
    ),
    (
        "a site twice",
        {"sites.yaml": SITES, "sites/b.yaml": "sites:\n- timezone: UTC\n  id: pier\n"},
        "sites/b.yaml:3: sites[0].id: found 'pier', expected an id of its own (sites.yaml:2 has this one)",
    ),
    (
        "the platform's site",
        {"sites.yaml": "sites: [{id: _caretaker, timezone: UTC}]"},
        "sites.yaml:1: sites[0].id: found '_caretaker', expected an id that doesn't start with _",
    ),
    (
        "a bad site id",
        {"sites.yaml": "sites: [{id: Pier 1, timezone: UTC}]"},
        "sites.yaml:1: sites[0].id: found 'Pier 1', expected 1 to 64 of a-z, 0-9, _ and -",
    ),
    (
        "a bad kind of site",
        {"sites.yaml": "sites: [{id: pier, kind: Public Toilet, timezone: UTC}]"},
        "sites.yaml:1: sites[0].kind: found 'Public Toilet', expected a word such as",
    ),
    (
        "a bad type of area",
        {"sites.yaml": SITES.replace("type: roof", "type: ruff")},
        "sites.yaml:8: sites[0].areas[1].type: found 'ruff', expected 'male', 'female', 'accessible'",
    ),
    (
        "an area twice",
        {"sites.yaml": SITES.replace("id: roof", "id: male")},
        "sites.yaml:6: sites[0].areas: found the area 'male' twice, expected an id of its own for each area",
    ),
    (
        "no retention",
        {"sites.yaml": SITES.replace("4000", "0")},
        "sites.yaml:12: sites[1].retention_days: found 0, expected greater than or equal to 1",
    ),
    # People
    (
        "a person's unknown site",
        {"people.yaml": "people:\n- id: a\n  name: A\n  sites: [old, peer]\n"},
        "people.yaml:4: people[0].sites: found 'peer', expected a known site, perhaps 'pier'",
    ),
    (
        "a person twice",
        {"people.yaml": "people:\n- {id: a, name: A}\n- {id: a, name: B}\n"},
        "people.yaml:3: people[1].id: found 'a', expected an id of its own (people.yaml:2 has this one)",
    ),
    (
        "a bad language",
        {"people.yaml": "people: [{id: a, name: A, language: Cantonese}]"},
        "people.yaml:1: people[0].language: found 'Cantonese', expected a language tag such as en or zh-Hant",
    ),
    ("people that can't be read", {"people.yaml": "people: ["}, "people.yaml:1: found broken YAML"),
    # Devices in YAML
    (
        "an unknown site",
        {"devices.yaml": DEVICE.replace("pier", "peer")},
        "devices.yaml:3: devices[0].site: found 'peer', expected a known site, perhaps 'pier'",
    ),
    (
        "a site like no other",
        {"devices.yaml": DEVICE.replace("pier", "zzz")},
        "devices.yaml:3: devices[0].site: found 'zzz', expected a known site",
    ),
    (
        "an unknown metric",
        {"devices.yaml": DEVICE.replace("online", "nh3_pmm")},
        "devices.yaml:5: devices[0].metrics: found 'nh3_pmm', expected a known metric, perhaps 'nh3_ppm'",
    ),
    (
        "a metric twice",
        {"devices.yaml": DEVICE.replace("online", "online, online")},
        "devices.yaml:5: devices[0].metrics: found a metric twice, expected each metric once",
    ),
    (
        "no metrics",
        {"devices.yaml": DEVICE.replace("online", "")},
        "devices.yaml:5: devices[0].metrics: found nothing, expected at least one metric",
    ),
    (
        "an unknown area",
        {"devices.yaml": DEVICE + "  area: mail\n"},
        "devices.yaml:6: devices[0].area: found 'mail', expected a known area of pier, perhaps 'male'",
    ),
    (
        "an unknown parent",
        {"devices.yaml": DEVICE + "  parent: gw\n"},
        "devices.yaml:6: devices[0].parent: found 'gw', expected a known device",
    ),
    (
        "its own parent",
        {"devices.yaml": DEVICE + "  parent: a\n"},
        "devices.yaml:6: devices[0].parent: found the circle a > a, expected no circle",
    ),
    (
        "a bad id",
        {"devices.yaml": DEVICE.replace("id: a", "id: A/1")},
        "devices.yaml:2: devices[0].id: found 'A/1', expected 1 to 64 of a-z, 0-9, _ and -",
    ),
    (
        "a bad unit",
        {"devices.yaml": DEVICE + "  unit: 'no 1'\n"},
        "devices.yaml:6: devices[0].unit: found 'no 1', expected a serial number: 1 to 64 letters, digits, _ . : -",
    ),
    (
        "a bad interval",
        {"devices.yaml": DEVICE + "  interval_s: 0\n"},
        "devices.yaml:6: devices[0].interval_s: found 0, expected seconds between readings, above 0, at most 31622400",
    ),
    (
        "an endless interval",
        {"devices.yaml": DEVICE + "  interval_s: .inf\n"},
        "devices.yaml:6: devices[0].interval_s: found inf, expected seconds between readings",
    ),
    (
        "a period that ends before it starts",
        {"devices.yaml": DEVICE + "  out_of_service: [{start: 2026-02-01T00:00, end: 2026-01-01T00:00}]\n"},
        "devices.yaml:6: devices[0].out_of_service: found an end at 2026-01-01T00:00:00, expected one after 2026-02-01",
    ),
    (
        "a bad time",
        {"devices.yaml": DEVICE + "  out_of_service: [{start: yesterday}]\n"},
        "devices.yaml:6: devices[0].out_of_service[0].start: found 'yesterday', expected a time such as 2026",
    ),
    (
        "an unknown field",
        {"devices.yaml": DEVICE + "  metric: online\n"},
        "devices.yaml:6: devices[0].metric: found 'metric', expected a known field, perhaps 'metrics'",
    ),
    (
        "the same device in two files",
        {"devices.yaml": DEVICE, "devices.csv": f"{CSV}\n\n\na,pier,x,online\n"},
        "devices.yaml:2: devices[0].id: found 'a', expected an id of its own (devices.csv:4 has this one)",
    ),
    # Devices in CSV
    (
        "an empty sheet",
        {"devices.csv": ""},
        "devices.csv:1: found nothing, expected a header with the columns id, site",
    ),
    (
        "an unknown column",
        {"devices.csv": f"{CSV},interval\n"},
        "devices.csv:1: found the column 'interval', expected a known column, perhaps 'interval_s'",
    ),
    (
        "a column like no other",
        {"devices.csv": f"{CSV},zzzzz\n"},
        "devices.csv:1: found the column 'zzzzz', expected one of id, site, kind, metrics, area",
    ),
    (
        "a bad language of names",
        {"devices.csv": f"{CSV},name_English\n"},
        "devices.csv:1: found the column 'name_English', expected a known column, perhaps 'name_",
    ),
    (
        "a column twice",
        {"devices.csv": f"{CSV},kind\n"},
        "devices.csv:1: kind: found the column a second time, expected each column once",
    ),
    (
        "a missing column",
        {"devices.csv": "id,site,kind\n"},
        "devices.csv:1: metrics: found no such column, expected the columns id, site, kind, metrics",
    ),
    (
        "cells too few",
        {"devices.csv": f"{CSV}\n\na,pier,x\n"},
        "devices.csv:3: found 3 cells, expected 4, as in the header",
    ),
    (
        "an open quote",
        {"devices.csv": f'{CSV}\na,pier,"x\n'},
        "devices.csv:2: found unexpected end of data, expected CSV",
    ),
    (
        "an open quote in the header",
        {"devices.csv": 'id,"site'},
        "devices.csv:1: found unexpected end of data, expected CSV",
    ),
    (
        "no site",
        {"devices.csv": f"{CSV}\na,,x,online\n"},
        "devices.csv:2: site: found nothing, expected the id of a site",
    ),
    (
        "an unknown site in a sheet",
        {"devices.csv": f"{CSV}\na,peer,x,online\n"},
        "devices.csv:2: site: found 'peer', expected a known site, perhaps 'pier'",
    ),
    (
        "an id twice in a sheet",
        {"devices.csv": f"{CSV}\na,pier,x,online\na,pier,x,online\n"},
        "devices.csv:3: id: found 'a', expected an id of its own (devices.csv:2 has this one)",
    ),
    (
        "a bad id in a sheet",
        {"devices.csv": f"{CSV}\nÄ,pier,x,online\n"},
        "devices.csv:2: id: found 'Ä', expected 1 to 64 of a-z, 0-9, _ and -",
    ),
    (
        "no id after a cell with two lines",
        {"devices.csv": f'{CSV},name_en\na,pier,x,online,"A\nB"\n,pier,x,online,\n'},
        "devices.csv:4: id: found nothing, expected 1 to 64 of a-z, 0-9, _ and -",
    ),
    ("a bad kind", {"devices.csv": f"{CSV}\na,pier,A B,online\n"}, "devices.csv:2: kind: found 'A B', expected a word"),
    (
        "no metrics in a sheet",
        {"devices.csv": f"{CSV}\na,pier,x,\n"},
        "devices.csv:2: metrics: found nothing, expected at",
    ),
    (
        "a bad unit in a sheet",
        {"devices.csv": f"{CSV},unit\na,pier,x,online,n 1\n"},
        "devices.csv:2: unit: found 'n 1', expected a serial number",
    ),
    (
        "an interval that is no number",
        {"devices.csv": f"{CSV},interval_s\na,pier,x,online,10s\n"},
        "devices.csv:2: interval_s: found '10s', expected seconds between readings",
    ),
    (
        "an interval that is not a number",
        {"devices.csv": f"{CSV},interval_s\na,pier,x,online,nan\n"},
        "devices.csv:2: interval_s: found 'nan', expected seconds between readings",
    ),
    (
        "bad labels",
        {"devices.csv": f"{CSV},labels\na,pier,x,online,room\n"},
        "devices.csv:2: labels: found 'room', expected key=value, separated by spaces",
    ),
    (
        "a bad period",
        {"devices.csv": f"{CSV},out_of_service\na,pier,x,online,2026-01-01 works\n"},
        "devices.csv:2: out_of_service: found '2026-01-01 works', expected start/end reason, each a time such as",
    ),
    (
        "a bad time in a period",
        {"devices.csv": f"{CSV},out_of_service\na,pier,x,online,2026-01-01/soon\n"},
        "devices.csv:2: out_of_service: found '2026-01-01/soon', expected start/end reason",
    ),
    (
        "a period backwards in a sheet",
        {"devices.csv": f"{CSV},out_of_service\na,pier,x,online,2026-02-01/2026-01-01\n"},
        "devices.csv:2: out_of_service: found an end at 2026-01-01T00:00:00, expected one after 2026-02-01T00:00:00",
    ),
    (
        "a circle of parents",
        {"devices.csv": f"{CSV},parent\nd,pier,x,online,a\na,pier,x,online,b\nb,pier,x,online,c\nc,pier,x,online,a\n"},
        "devices.csv:5: parent: found the circle a > b > c > a, expected no circle",
    ),
    (
        "a parent that is nearly a gateway",
        {"devices.csv": f"{CSV},parent\na,pier,x,online,gw_1\ngw-1,pier,gateway,online,\n"},
        "devices.csv:2: parent: found 'gw_1', expected a known device, perhaps 'gw-1'",
    ),
    # Metrics
    (
        "a metric of the user's that exists",
        {"metrics/mine.yaml": "pool: {nh3_ppm: {unit: '[ppm]', names: {en: A}}}"},
        "metrics/mine.yaml:1: pool.nh3_ppm: found 'nh3_ppm', expected a new name",
    ),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_problem_is_told_with_its_place(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_registry(write(tmp_path, files))

    (problem,) = map(str, caught.value.problems)
    assert problem.startswith(expected)


def test_no_sites_at_all(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"found no sites\*.yaml, expected a file sites.yaml"):
        load_registry(tmp_path)


def test_a_sheet_that_is_not_utf_8(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "devices.csv").write_bytes(b"id,site,kind,metrics\n\xa4,pier,x,online\n")

    with pytest.raises(DocumentError) as caught:
        load_registry(tmp_path)

    assert [str(problem) for problem in caught.value.problems] == ["devices.csv:2: found the byte 0xa4, expected UTF-8"]


def test_all_files_are_told_of_at_once(tmp_path: Path) -> None:
    files = {
        "people.yaml": "people: [{id: a, name: A, sites: [peer]}]",
        "devices.yaml": DEVICE.replace("online", "onlin"),
        "devices.csv": f"{CSV}\nb,peer,x,onlin\n!,pier,x,online\n",
    }

    with pytest.raises(DocumentError) as caught:
        load_registry(write(tmp_path, files))

    assert [(problem.file, problem.field) for problem in caught.value.problems] == [
        ("people.yaml", "people[0].sites"),
        ("devices.csv", "site"),
        ("devices.csv", "id"),
        ("devices.yaml", "devices[0].metrics"),
    ]


def test_one_broken_file_of_sites_does_not_make_every_device_wrong(tmp_path: Path) -> None:
    files = {
        "sites.yaml": "sites: [",
        "people.yaml": "people: [{id: a, name: A, sites: [pier]}]",
        "devices.csv": f"{CSV}\nb,pier,x,online\n!,pier,x,online\n",
    }

    with pytest.raises(DocumentError) as caught:
        load_registry(write(tmp_path, files))

    assert [problem.file for problem in caught.value.problems] == ["sites.yaml", "devices.csv"]


@pytest.mark.parametrize("row", ["{i},nowhere,x,online", "!{i},pier,x,online"])
def test_a_sheet_of_nothing_but_errors_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    for module in (sheet, __import__("telemetry.registry.load", fromlist=["load"])):
        monkeypatch.setattr(module, "MAX_PROBLEMS", 10)
    rows = "\n".join(row.format(i=i) for i in range(100))

    with pytest.raises(DocumentError) as caught:
        load(tmp_path, devices_csv=f"{CSV}\n{rows}\n")

    assert len(caught.value.problems) == 10


def test_a_receiver_never_shows(tmp_path: Path) -> None:
    canary = "slack://canary-7f3a"

    with pytest.raises(DocumentError) as caught:
        load(tmp_path, people_yaml=f"people: [{{id: a, name: A, receivers: {canary}}}]")

    assert "canary" not in str(caught.value)
    assert str(caught.value).startswith("people.yaml:1: people[0].receivers: found a value (not shown")


def test_a_wrong_parent_among_very_many_is_still_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_COMPARED", 1)

    with pytest.raises(DocumentError, match=r"devices.csv:3: parent: found 'c', expected a known device$"):
        load(tmp_path, devices_csv=f"{CSV},parent\naa,pier,x,online,\nb,pier,x,online,c\n")

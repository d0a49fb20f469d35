"""The example city is whole, bilingual, and says that it is simulated."""

from collections import Counter
from pathlib import Path

from telemetry.catalogue.load import Named
from telemetry.registry.load import load_registry

CITY = Path(__file__).parents[2] / "examples" / "hong-kong"
REGISTRY = load_registry(CITY)
YOURS = [device for device in REGISTRY.devices.values() if device.labels.get("simulated") == "no"]
LIVE = [device for device in REGISTRY.devices.values() if not device.archive and device not in YOURS]


def test_it_has_what_it_says() -> None:
    kinds = Counter(site.kind for site in REGISTRY.sites.values())

    assert kinds == {"toilet": 4, "building": 3, "air": 4, "replay": 4}
    assert len(LIVE) == 152
    assert sum(device.kind == "gateway" for device in LIVE) == 11
    assert [device.id for device in YOURS] == ["my-first-device"], "for the README's first message"


def test_everything_has_a_name_in_both_languages() -> None:
    things: list[Named] = [*REGISTRY.sites.values(), *REGISTRY.devices.values()]
    things += [area for site in REGISTRY.sites.values() for area in site.areas.values()]

    assert all({"en", "zh-Hant"} <= thing.names.keys() for thing in things)


def test_no_place_seems_real() -> None:
    for site in REGISTRY.sites.values():
        words = ("(replay)", "(重播)") if site.archive else ("(simulated)", "(模擬)")
        assert site.names["en"].endswith(words[0])
        assert site.names["zh-Hant"].endswith(words[1])


def test_it_is_lively_but_calm() -> None:
    readings_per_s = sum(1 / device.interval_s for device in LIVE if device.interval_s)

    assert 12 <= readings_per_s <= 20
    assert all(5 <= device.interval_s <= 60 for device in LIVE if device.interval_s)


def test_every_live_device_has_a_gateway_of_its_own_site() -> None:
    for device in LIVE:
        if device.kind == "gateway":
            assert device.parent is None
        else:
            assert device.parent is not None
            gateway = REGISTRY.devices[device.parent]
            assert (gateway.kind, gateway.site) == ("gateway", device.site)


def test_every_area_of_a_site_is_used() -> None:
    used = {(device.site, device.area) for device in LIVE}

    assert {(site.id, area) for site in REGISTRY.sites.values() for area in site.areas} <= used


def test_replayed_sites_keep_their_own_time() -> None:
    zones = {site.id: site.timezone.key for site in REGISTRY.sites.values() if site.archive}

    assert zones == {
        "replay-berkeley-office": "America/Los_Angeles",
        "replay-irvine-door": "America/Los_Angeles",
        "replay-beijing-dongsi": "Asia/Shanghai",
        "replay-beijing-aotizhongxin": "Asia/Shanghai",
    }


def test_each_file_and_folder_is_named_where_people_look_first() -> None:
    for folder in (CITY, CITY.parent):
        text = (folder / "README.md").read_text(encoding="utf-8")
        others = [path for path in folder.iterdir() if path.name[0].isalpha() and path.name != "README.md"]
        assert [path.name for path in others if f"`{path.name}" not in text] == []

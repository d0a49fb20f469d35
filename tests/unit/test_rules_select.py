"""Which rules hold for which device: quick for many, and the same as asking each rule about each device."""

import random
import time
from collections.abc import Sequence

import pytest

from alerts.alert import Severity
from alerts.rules.rule import Condition, Guard, Level, NoData, Rule, Rules, Selector, Side, Value
from alerts.rules.select import concerns, selected, selects
from telemetry.registry.models import Device, Registry
from tests.builders import area, device, registry, site

PIER = site("pier", areas=[area("male"), area("men-2", "male"), area("roof", "roof")], kind="toilet")
NH3 = device("nh3-1", "pier", area="male", labels={"room": "1", "floor": "g"})


def rule(
    name: str, where: Selector, condition: Condition | None = None, guard: Guard | None = None
) -> Rule:  # fmt: skip
    level = Level(Severity.WARNING, 3.0, 3.0, 0, 0)
    return Rule(name, {}, "", where, condition or Value("nh3_ppm"), Side.ABOVE, (level,), guard=guard)


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        (Selector(), True),
        (Selector(kinds=("toilet_odour",)), True),
        (Selector(kinds=("meter_power", "toilet_*")), True),
        (Selector(kinds=("meter_*",)), False),
        (Selector(sites=("p*",)), True),
        (Selector(sites=("quay",)), False),
        (Selector(site_kinds=("toilet",)), True),
        (Selector(site_kinds=("building",)), False),
        (Selector(areas=("male",)), True),
        (Selector(areas=("roof",)), False),
        (Selector(area_types=("male",)), True),
        (Selector(area_types=("roof",)), False),
        (Selector(devices=("nh3-*",)), True),
        (Selector(devices=("nh3-2",)), False),
        (Selector(labels={"room": "1|2"}), True),
        (Selector(labels={"room": "*", "floor": "g"}), True),
        (Selector(labels={"room": "1", "floor": "f"}), False),
        (Selector(labels={"door": "*a*"}), False),
        (Selector(kinds=("toilet_odour",), sites=("quay",)), False),
    ],
)
def test_a_device_fits_all_that_is_said(selector: Selector, fits: bool) -> None:
    assert selects(selector, NH3, PIER) is fits
    # Worked out for all at once it is the same.
    assert (NH3.id in selected(Rules((rule("one", selector),)), registry(NH3, sites=[PIER]))) is fits


def test_a_device_without_area_is_in_none() -> None:
    nowhere = device("nh3-1", "pier")

    assert not selects(Selector(areas=("male",)), nowhere, PIER)
    assert not selects(Selector(area_types=("male",)), nowhere, PIER)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (device(metrics=("nh3_ppm", "h2s_ppm")), True),
        (device(metrics=("h2s_ppm",)), False),
        (device(archive=True), False),
    ],
)
def test_a_rule_concerns_who_measures_now(one: Device, expected: bool) -> None:
    assert concerns(rule("one", Selector()), one) is expected


def test_a_guard_has_to_be_measured_too() -> None:
    guarded = rule("one", Selector(), guard=Guard("power_kw", Side.ABOVE, 1.0))

    assert not concerns(guarded, device())
    assert concerns(guarded, device(metrics=("nh3_ppm", "power_kw")))


def test_missed_intervals_need_an_interval() -> None:
    assert not concerns(rule("one", Selector(), NoData(3.0, None)), device(interval_s=None))
    assert concerns(rule("one", Selector(), NoData(3.0, None)), device(interval_s=60.0))
    assert concerns(rule("one", Selector(), NoData(None, 1)), device(interval_s=None))


KINDS = {"toilet_odour": ("nh3_ppm",), "toilet_cubicle": ("occupied",), "meter_power": ("power_kw",)}


def city(devices: int, sites: int, draw: random.Random) -> Registry:
    places = [
        site(f"s{i}", areas=[area("male"), area("roof", "roof")], kind=draw.choice(["toilet", "building"]))
        for i in range(sites)
    ]
    kinds = list(KINDS.items())
    many = [
        device(
            f"d{i}",
            f"s{i % sites}",
            kind=kinds[i % 3][0],
            metrics=kinds[i % 3][1],
            area=draw.choice(["male", "roof", None]),
            labels={"room": str(i % 7)} if i % 5 else {},
            interval_s=draw.choice([10.0, 60.0, None]),
        )
        for i in range(devices)
    ]
    return registry(*many, sites=places)


def some_rules(number: int, devices: int, sites: int, draw: random.Random) -> Rules:
    def one(i: int) -> Rule:
        kind, metrics = draw.choice(list(KINDS.items()))
        where: Sequence[Selector] = [
            Selector(kinds=(kind,)),
            Selector(sites=(f"s{draw.randrange(sites)}", f"s{draw.randrange(sites)}")),
            Selector(devices=(f"d{draw.randrange(devices)}", f"d{draw.randrange(devices)}")),
            Selector(kinds=(kind,), labels={"room": "3"}, area_types=("male",)),
            Selector(site_kinds=("toilet",), areas=("roof",)),
        ]
        condition = NoData(None, None) if i % 4 == 0 else Value(metrics[0])
        return rule(f"r{i}", Selector(devices=("d1*",)) if i == 0 else draw.choice(where), condition)

    return Rules(tuple(one(i) for i in range(number)))


def test_it_is_the_same_as_asking_each_rule_about_each_device() -> None:
    draw = random.Random(4)
    registry_ = city(300, 12, draw)
    rules = some_rules(60, 300, 12, draw)

    found = selected(rules, registry_)

    for one in registry_.devices.values():
        place = registry_.sites[one.site]
        expected = tuple(rule for rule in rules.rules if concerns(rule, one) and selects(rule.where, one, place))
        assert found.get(one.id, ()) == expected


def test_a_thousand_rules_for_many_devices() -> None:
    draw = random.Random(5)
    registry_ = city(10_000, 100, draw)
    rules = some_rules(1_000, 10_000, 100, draw)

    begin = time.process_time()
    found = selected(rules, registry_)
    seconds = time.process_time() - begin

    assert len(found) == 10_000
    # Measured: 1.6 s, and 3.5 s for 100,000 devices; asking each rule about each of these takes 14 s.
    assert seconds < 8

"""R9: redelivery and reordering never change alerts. The judge alone, without a network."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rules.rule import Rules
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Registry
from tests.faults.city import STYLES, City, load
from tests.faults.story import Beat, Event, Said, Story, Track, expected, tracks

DEVICES = 2 * len(STYLES)
City_ = tuple[City, Registry, Rules]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City_:
    folder = tmp_path_factory.mktemp("city")
    city = City.of(DEVICES)
    city.write(folder)
    return city, *load(folder)


STEPS = st.lists(
    st.tuples(st.sampled_from((0.0, 0.3, 1.0, 2.5, 4.0, 7.9, 31.0)), st.integers(0, 9 * 6 * 4 * 40 - 1)),
    min_size=1,
    max_size=12,
)


@given(data=st.data(), seed=st.integers(0, 2**32), outage_s=st.sampled_from((0, 0, 3, 12)))
@settings(max_examples=120, deadline=None)
def test_a_disturbed_story_has_the_transcript_of_the_clean_one(
    city: City_, data: st.DataObject, seed: int, outage_s: int
) -> None:
    place, registry, rules = city
    names = data.draw(st.lists(st.sampled_from(sorted(place.devices)), min_size=1, max_size=4, unique=True))
    some = [Track(name, place.devices[name], data.draw(STEPS)) for name in names]
    story = Story(some, place.start_ns, range(20, 20 + outage_s))
    assert expected(registry, rules, story.disturbed(random.Random(seed))) == expected(registry, rules, story.clean())


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_city_too(city: City_, seed: int) -> None:
    place, registry, rules = city
    story = Story(tracks(place, 180, random.Random(seed)), place.start_ns)
    clean = expected(registry, rules, story.clean())
    assert expected(registry, rules, story.disturbed(random.Random(seed))) == clean
    raised = {rule.split("-")[0] for rule, _ in clean}
    assert raised == {rule.id.split("-")[0] for rule in rules.rules}, "a rule that nothing raises shows nothing"


def test_the_disturbance_is_one(city: City_) -> None:
    place, _, _ = city
    story = Story(tracks(place, 180, random.Random(1)), place.start_ns)
    clean, disturbed = list(story.clean()), list(story.disturbed(random.Random(1)))
    assert [one for one in clean if isinstance(one, Beat)] == [one for one in disturbed if isinstance(one, Beat)]
    counted = Counter((one.device, one.seq) for one in disturbed if not isinstance(one, Beat))
    assert len(counted) == story.messages
    assert sum(counted.values()) - story.messages > 0.25 * story.messages


def test_a_late_duplicate_of_online_brings_no_gateway_back(city: City_) -> None:
    place, registry, rules = city
    gateway = Said("gateway-000", place.start_ns + NS_PER_S, 0, {"online": 1.0})
    will = Said("gateway-000", place.start_ns + 2 * NS_PER_S, 1, {"online": 0.0})
    beats = [Beat(place.start_ns + s * NS_PER_S) for s in range(60)]
    clean: list[Event] = [beats[0], gateway, *beats[1:3], will, *beats[3:]]
    disturbed: list[Event] = [*clean[:15], gateway, *clean[15:]]
    assert expected(registry, rules, disturbed) == expected(registry, rules, clean) != {}

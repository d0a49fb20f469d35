"""Coming back to the live stream: exactly the rest, or word of what is missed. Never a gap that nobody tells of."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.caller import Caller, Role, Way
from api.live.event import EventKind
from api.live.hub import Hub, Listener
from api.live.past import Past
from api.live.resume import Missed, Why, start
from api.live.wanted import ALL_KINDS, Wanted
from telemetry.reading import Reading

NOW_NS = 1_795_334_400_000_000_000
WHO = Caller("wall screen", Role.OPERATOR, None, Way.KEY, "127.0.0.1", "k1")
SITES = ("pier-4", "garden-road", "office-1")


def wanting(*sites: str, kinds: frozenset[EventKind] = ALL_KINDS) -> Wanted:
    return Wanted(kinds, frozenset(sites) or None, None, None, None, None)


def hub(most_events: int = 1_000, most_bytes: int = 1 << 20) -> Hub:
    return Hub(Past(most_bytes, most_events), lambda: NOW_NS)


def say(to: Hub, count: int, site: str = SITES[0]) -> None:
    for _ in range(count):
        to.reading(Reading("nh3-1", NOW_NS, None, {"nh3_ppm": 1.0}, {}), site)


def numbers(chunk: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"^id: [0-9a-f]{8}-(\d+)$", chunk, re.MULTILINE)]


def all_of(one: Hub, listener: Listener, most_bytes: int = 300) -> list[int]:
    found: list[int] = []
    while chunk := one.more(listener, most_bytes):
        found += numbers(chunk)
    return found


@given(
    batches=st.lists(st.lists(st.sampled_from(SITES), min_size=1, max_size=8), min_size=1, max_size=25),
    cut=st.integers(0, 200),
    kept=st.integers(1, 60),
    sites=st.sets(st.sampled_from(SITES)),
    most_bytes=st.integers(1, 2_000),
)
def test_any_cut_of_any_sequence_gives_the_rest_or_says_what_is_missed(
    batches: list[list[str]], cut: int, kept: int, sites: set[str], most_bytes: int
) -> None:
    one = hub(kept)
    for batch in batches:
        for site in batch:
            say(one, 1, site)
        one.flush()
    sent = [site for batch in batches for site in batch]
    cut = min(cut, len(sent))
    found = start(f"{one.run_id}-{cut}", one.run_id, one.past, NOW_NS)
    given_from = cut + 1
    if found.missed is not None:
        assert found.missed.why is Why.TOO_LONG_AGO
        assert found.missed.at_most is not None
        given_from += found.missed.at_most
        assert len(sent) + 1 - given_from >= min(kept - 8, len(batches[-1])), "no more is missed than had to be"
    wanted_numbers = [
        number for number, site in enumerate(sent, 1) if number >= given_from and (not sites or site in sites)
    ]
    assert all_of(one, one.join(WHO, wanting(*sites), found.number), most_bytes) == wanted_numbers


@given(st.lists(st.tuples(st.sampled_from(SITES), st.booleans()), max_size=60), st.sets(st.sampled_from(SITES)))
def test_who_comes_and_goes_gets_the_same_as_who_stays(events: list[tuple[str, bool]], sites: set[str]) -> None:
    one = hub()
    stays = one.join(WHO, wanting(*sites), None)
    last, had = f"{one.run_id}-0", list[int]()
    for site, comes_back in events:
        say(one, 1, site)
        if comes_back:
            one.flush()
            listener = one.join(WHO, wanting(*sites), start(last, one.run_id, one.past, NOW_NS).number)
            had += all_of(one, listener)
            last = f"{one.run_id}-{listener.number}"
            one.leave(listener)
    one.flush()
    had += all_of(one, one.join(WHO, wanting(*sites), start(last, one.run_id, one.past, NOW_NS).number))
    assert had == all_of(one, stays)


def test_without_an_id_it_begins_now() -> None:
    one = hub()
    say(one, 3)
    one.flush()
    for nothing in (None, ""):
        found = start(nothing, one.run_id, one.past, NOW_NS)
        assert (found.number, found.resumed, found.missed) == (3, False, None)


@pytest.mark.parametrize(
    ("last_id", "why", "at_most"),
    [
        ("{run}-1", Why.TOO_LONG_AGO, 4),
        ("00000000-7", Why.OTHER_RUN, None),
        ("{run}-11", Why.UNKNOWN_ID, None),
        ("{run}-01", Why.UNKNOWN_ID, None),
        ("{run}-\u0661", Why.UNKNOWN_ID, None),
        ("17", Why.UNKNOWN_ID, None),
        ("{run}-1\n", Why.UNKNOWN_ID, None),
    ],
)
def test_what_is_missed_is_told(last_id: str, why: Why, at_most: int | None) -> None:
    one = hub(most_events=5)
    for _ in range(10):
        say(one, 1)
        one.flush()
    found = start(last_id.format(run=one.run_id), one.run_id, one.past, NOW_NS + 5_000_000_000)
    assert found.missed == Missed(why, at_most, NOW_NS // 1_000_000)
    assert found.number == 5, "everything that is kept is given"


def test_every_reason_for_missing_is_in_the_table() -> None:
    assert set(Why) == {Why.TOO_LONG_AGO, Why.OTHER_RUN, Why.UNKNOWN_ID}


def test_after_a_restart_with_nothing_kept_all_until_now_is_missed() -> None:
    one = hub()
    found = start("00000000-7", one.run_id, one.past, NOW_NS)
    assert found.missed == Missed(Why.OTHER_RUN, None, NOW_NS // 1_000_000)
    listener = one.join(WHO, wanting(), found.number)
    say(one, 2)
    one.flush()
    assert all_of(one, listener) == [1, 2]


def test_the_past_is_bounded_in_bytes_and_keeps_the_newest_batch_whatever_it_holds() -> None:
    past = Past(most_bytes=2_000, most_events=1_000)
    one = Hub(past, lambda: NOW_NS)
    for _ in range(50):
        say(one, 1)
        one.flush()
        assert past.bytes <= 2_000
    assert past.first > 30
    one.reading(Reading("nh3-1", NOW_NS, None, {"text": "x" * 5_000}, {}), SITES[0])
    one.flush()
    assert (past.first, past.last) == (51, 51)

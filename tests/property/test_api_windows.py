"""Windows of time, also over the days on which clocks are changed; what counters have counted."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from api.queries.counted import Counter
from api.queries.windows import DAY_S, LADDER_S, Windows, most_windows, sensible_s
from telemetry.reading import NS_PER_MS, NS_PER_S

# Changes at one at night, at midnight itself, over midnight, by half an hour; a day left out; none at all.
NAMES = [
    "Europe/London",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Hong_Kong",
]
zones = st.sampled_from(NAMES).map(ZoneInfo)
FIRST, LAST = datetime(2004, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
moments = st.integers(int(FIRST.timestamp()), int(LAST.timestamp())).map(lambda s: s * NS_PER_S)
lengths_s = st.integers(1, 800 * DAY_S)
steps_s = st.sampled_from([1, 7, 60, 900, 3_600, 43_200]) | st.integers(1, 40).map(lambda days: days * DAY_S)
AUTUMN_NS = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp()) * NS_PER_S


def local(time_ns: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(time_ns // NS_PER_S, zone)


@given(zone=zones, time_ns=moments, step_s=steps_s)
@example(zone=ZoneInfo("America/St_Johns"), time_ns=1_320_548_460 * NS_PER_S, step_s=DAY_S)
def test_every_moment_is_in_one_window(zone: ZoneInfo, time_ns: int, step_s: int) -> None:
    windows = Windows(step_s, zone)
    start_ns, end_ns = windows.at(time_ns)
    assert start_ns <= time_ns < end_ns
    assert windows.at(start_ns) == (start_ns, end_ns) == windows.at(end_ns - 1)
    assert windows.at(end_ns)[0] == end_ns


@given(time_ns=moments, days=st.integers(1, 40))
@example(time_ns=AUTUMN_NS, days=1)
def test_days_begin_at_local_midnight(time_ns: int, days: int) -> None:
    zone = ZoneInfo("Europe/London")
    start, end = (local(edge_ns, zone) for edge_ns in Windows(days * DAY_S, zone).at(time_ns))
    assert (start.hour, start.minute, start.second) == (end.hour, end.minute, end.second) == (0, 0, 0)
    assert end.date() - start.date() == timedelta(days=days)
    if days % 7 == 0:
        assert start.weekday() == 0


@given(zone=zones, start_ns=moments, length_s=lengths_s, step_s=steps_s)
@example(zone=ZoneInfo("Europe/London"), start_ns=AUTUMN_NS - 3 * NS_PER_S, length_s=90_003, step_s=DAY_S)
def test_the_questions_make_up_the_range_and_know_the_windows(
    zone: ZoneInfo, start_ns: int, length_s: int, step_s: int
) -> None:
    end_ns = start_ns + min(length_s, 50_000 * step_s) * NS_PER_S
    windows = Windows(step_s, zone)
    pieces = list(windows.pieces(start_ns, end_ns))
    assert (pieces[0].start_ns, pieces[-1].end_ns) == (start_ns, end_ns)
    assert all(one.end_ns == other.start_ns for one, other in pairwise(pieces))
    for piece in pieces:
        assert piece.start_ns < piece.end_ns
        # Where a store puts the first and the last moment of a piece is where they belong.
        for time_ns in (piece.start_ns, piece.end_ns - 1):
            begin_ns = time_ns - (time_ns - piece.offset_ns) % piece.step_ns
            assert (begin_ns, begin_ns + piece.step_ns) == windows.at(time_ns)
    for one, other in pairwise(pieces):
        assert windows.at(other.start_ns)[0] == other.start_ns, f"{one} ends within a window"
    assert sum(
        (piece.end_ns - 1 - piece.offset_ns) // piece.step_ns - (piece.start_ns - piece.offset_ns) // piece.step_ns + 1
        for piece in pieces
    ) <= most_windows(step_s, start_ns, end_ns)


@given(points=st.integers(3, 10_000), start_ns=moments, length_s=st.integers(1, 3_660 * DAY_S))
def test_the_sensible_window_is_the_shortest_that_gives_few_enough(points: int, start_ns: int, length_s: int) -> None:
    end_ns = start_ns + length_s * NS_PER_S
    found = sensible_s(points, start_ns, end_ns)
    assert most_windows(found, start_ns, end_ns) <= points
    shorter = [step_s for step_s in LADDER_S if step_s < found]
    assert all(most_windows(step_s, start_ns, end_ns) > points for step_s in shorter)


steps = st.lists(st.integers(0, 9_999).map(lambda tenths: tenths / 10), min_size=1, max_size=60)


@given(register=st.integers(0, 10**6), counted=steps, gaps=st.lists(st.integers(1, 100_000), min_size=60, max_size=60))
def test_windows_add_up_to_what_the_register_says(register: int, counted: list[float], gaps: list[int]) -> None:
    """A register with one decimal; between its values any time may pass."""
    at_ms, total, times_ms, values = 1_795_334_400_000, register * 10, [], []
    for step, gap_s in zip(counted, gaps, strict=False):
        total += round(step * 10)
        at_ms += gap_s * 1_000
        times_ms.append(at_ms)
        values.append(total / 10)
    counter = Counter(Windows(3_600, ZoneInfo("UTC")), float(register))
    half = len(values) // 2
    amounts = [*counter.add(times_ms[:half], values[:half]), *counter.add(times_ms[half:], values[half:])]
    amounts += counter.close()
    assert [start for start, _ in amounts] == sorted(
        {ms * NS_PER_MS - ms * NS_PER_MS % (3_600 * NS_PER_S) for ms in times_ms}
    )
    assert sum(round(amount * 10) for _, amount in amounts) == total - register * 10
    assert all(amount == round(amount, 1) for _, amount in amounts)

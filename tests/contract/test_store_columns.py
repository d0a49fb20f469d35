"""What both stores promise to whoever wants many values: columns, counts and windows."""

import math
from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from telemetry.reading import NS_PER_MS, NS_PER_S, Quality
from telemetry.stores.store import Page, RetainingWriter, Window
from tests.builders import registry
from tests.contract.opened import EVER, KNOWN, METRICS, WRITTEN, Store, T, reading

MINUTE_NS = 60 * NS_PER_S
DAY = (T - 43_200 * NS_PER_S, T + 43_200 * NS_PER_S)


async def pages(store: Store, device: str, metric: str, start: int = EVER[0], end: int = EVER[1]) -> list[Page]:
    return [page async for page in store.reader.columns(device, metric, start, end)]


def joined(pages: Sequence[Page]) -> list[tuple[int, float | str, Quality]]:
    """Time in ms, value and quality, one after the other."""
    found = []
    for page in pages:
        times = msgspec.json.decode(page.times_ms, type=list[int])
        values = msgspec.json.decode(page.values, type=list[float | str])
        assert len(times) == len(values) == page.count > 0
        marks = dict(page.marks)
        assert all(marks.values())
        found += [
            (ms, value, marks.get(place, Quality.GOOD))
            for place, (ms, value) in enumerate(zip(times, values, strict=True))
        ]
    return found


class TestColumns:
    async def test_they_hold_what_the_history_holds(self, store: Store, writer: RetainingWriter) -> None:
        numbers = [21.0, -21.123456789012345, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 123456789012345.6, 1e9 + 1e-7]
        numbers += [0.0, -0.5, 1e15, 2.0**53, 999_999_999.999999, -999_999_999.999999, 5_000_000_000.000002, 1 / 3]
        batch = [
            reading(
                time_ns=T + k * NS_PER_S,
                warmth_c=number,
                quality={"warmth_c": Quality(k % 4)} if k % 4 else {},
            )
            for k, number in enumerate(numbers)
        ]
        assert await writer.write(batch) == WRITTEN
        found = joined(await pages(store, "a", "warmth_c"))
        assert found == [((T + k * NS_PER_S) // NS_PER_MS, number, Quality(k % 4)) for k, number in enumerate(numbers)]

    async def test_decimals_are_sent_as_they_were_written(self, store: Store, writer: RetainingWriter) -> None:
        numbers = [0.1, 21.37, -3.005, 1234567.891, 100.0]
        batch = [reading(time_ns=T + k * NS_PER_S, warmth_c=number) for k, number in enumerate(numbers)]
        assert await writer.write(batch) == WRITTEN
        (page,) = await pages(store, "a", "warmth_c")
        assert page.values == b"[0.1,21.37,-3.005,1234567.891,100.0]"
        assert page.marks == () or list(page.marks) == []

    async def test_texts_come_back_unchanged(self, store: Store, writer: RetainingWriter) -> None:
        texts = ["", 'say "hello"', "\\", "two\nlines\r\n", "廁所 🚻", "null\0byte", "</script>", "21"]
        batch = [reading(time_ns=T + k * NS_PER_S, version_text=text) for k, text in enumerate(texts)]
        assert await writer.write(batch) == WRITTEN
        assert [value for _, value, _ in joined(await pages(store, "a", "version_text"))] == texts

    async def test_they_include_their_start_and_not_their_end(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(time_ns=T + k, warmth_c=float(k)) for k in range(5)]) == WRITTEN
        found = joined(await pages(store, "a", "warmth_c", T + 1, T + 4))
        assert [value for _, value, _ in found] == [1, 2, 3]
        assert await store.reader.count("a", "warmth_c", T + 1, T + 4, most=10) == 3
        assert await store.reader.count("a", "warmth_c", T, T + 5, most=2) == 2

    async def test_many_come_whole_and_in_order(self, store: Store, writer: RetainingWriter) -> None:
        rows = 45_000
        for start in range(0, rows, 15_000):
            batch = [reading(time_ns=T + k * NS_PER_MS, warmth_c=float(k)) for k in range(start, start + 15_000)]
            assert await writer.write(batch) == WRITTEN
        doubted = reading(time_ns=T + 41_000 * NS_PER_MS, warmth_c=-1.0, quality={"warmth_c": Quality.SUSPECT})
        assert await writer.write([doubted]) == WRITTEN
        found = await pages(store, "a", "warmth_c")
        assert len(found) > 1
        good = Quality.GOOD
        expected = [(T // NS_PER_MS + k, float(k), good) for k in range(rows)]
        expected[41_000] = (T // NS_PER_MS + 41_000, -1.0, Quality.SUSPECT)
        assert joined(found) == expected
        assert await store.reader.count("a", "warmth_c", *EVER, most=10**9) == rows

    async def test_a_page_ends_behind_a_moment(self, store: Store, writer: RetainingWriter) -> None:
        rows = 20_000  # one page of either site, whose moments are the same
        for site in ("toilet-1", "elsewhere"):
            store.registry = registry(replace(KNOWN.devices["a"], site=site), metrics=METRICS)
            batch = [reading(time_ns=T + k * NS_PER_MS, warmth_c=float(k)) for k in range(rows)]
            assert await writer.write(batch) == WRITTEN
        found = joined(await pages(store, "a", "warmth_c"))
        assert [value for _, value, _ in found] == [k // 2 for k in range(2 * rows)]

    async def test_events_of_one_moment_are_two(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(seq=41, pressed=1.0), reading(seq=42, pressed=1.0)]) == WRITTEN
        assert joined(await pages(store, "a", "pressed")) == [(T // NS_PER_MS, 1.0, Quality.GOOD)] * 2

    async def test_what_is_not_there_is_empty(self, store: Store) -> None:
        for _ in range(2):
            for device, metric in (("a", "warmth_c"), ("nobody", "warmth_c"), ("a", "a' OR 'x'='x"), ('"', "$device")):
                assert await pages(store, device, metric) == []
                assert await store.reader.count(device, metric, *EVER, most=10**9) == 0
                assert list(await store.reader.windows(device, metric, *DAY, MINUTE_NS)) == []
            await store.writer.start()


class TestWindows:
    async def test_they_sum_up_what_is_in_them(self, store: Store, writer: RetainingWriter) -> None:
        start = T - T % MINUTE_NS
        values = {1: 4.0, 10: -2.5, 59: 3.25, 60: 7.0, 200: 1.0, 239: 2.0}
        batch = [reading(time_ns=start + s * NS_PER_S, warmth_c=value) for s, value in values.items()]
        batch += [reading("b", start, warmth_c=1e6), reading("a", start, damp_pct=1e6)]
        assert await writer.write(batch) == WRITTEN
        assert list(await store.reader.windows("a", "warmth_c", start, start + 300 * NS_PER_S, MINUTE_NS)) == [
            Window(start, 3, 0, 3.25, 4.0, 4.75, -2.5, 4.0),
            Window(start + MINUTE_NS, 1, 0, 7.0, 7.0, 7.0, 7.0, 7.0),
            Window(start + 3 * MINUTE_NS, 2, 0, 2.0, 1.0, 3.0, 1.0, 2.0),
        ]

    async def test_they_begin_at_the_offset(self, store: Store, writer: RetainingWriter) -> None:
        step, offset = 3600 * NS_PER_S, 1_234 * NS_PER_S
        edge = T - (T - offset) % step
        batch = [reading(time_ns=edge + k, warmth_c=1.0) for k in (-1, 0, step - 1, step)]
        assert await writer.write(batch) == WRITTEN
        for shift in (0, 5 * step, -700_000 * step):
            found = await store.reader.windows("a", "warmth_c", *DAY, step, offset + shift)
            assert [(one.start_ns, one.count) for one in found] == [(edge - step, 1), (edge, 2), (edge + step, 1)]

    async def test_a_range_cuts_the_first_and_the_last(self, store: Store, writer: RetainingWriter) -> None:
        start = T - T % MINUTE_NS
        batch = [reading(time_ns=start + s * NS_PER_S, warmth_c=float(s)) for s in range(180)]
        assert await writer.write(batch) == WRITTEN
        found = await store.reader.windows("a", "warmth_c", start + 50 * NS_PER_S, start + 130 * NS_PER_S, MINUTE_NS)
        assert [(one.start_ns, one.count, one.first, one.last) for one in found] == [
            (start, 10, 50.0, 59.0),
            (start + MINUTE_NS, 60, 60.0, 119.0),
            (start + 2 * MINUTE_NS, 10, 120.0, 129.0),
        ]

    @pytest.mark.parametrize("quality", list(map(Quality, range(1, 8))), ids=int)
    async def test_suspect_values_are_counted_and_not_left_out(
        self, store: Store, writer: RetainingWriter, quality: Quality
    ) -> None:
        start = T - T % MINUTE_NS
        batch = [reading(time_ns=start, warmth_c=90.0, quality={"warmth_c": quality})]
        batch += [reading(time_ns=start + 1, warmth_c=20.0), reading(time_ns=start + MINUTE_NS, warmth_c=21.0)]
        assert await writer.write(batch) == WRITTEN
        found = await store.reader.windows("a", "warmth_c", start, start + 2 * MINUTE_NS, MINUTE_NS)
        assert [(one.count, one.suspect, one.high) for one in found] == [
            (2, int(Quality.SUSPECT in quality), 90.0),
            (1, 0, 21.0),
        ]

    async def test_texts_have_a_count_and_a_last(self, store: Store, writer: RetainingWriter) -> None:
        start = T - T % MINUTE_NS
        batch = [reading(time_ns=start + k, version_text=text) for k, text in enumerate(["1.0", "b", "a"])]
        assert await writer.write(batch) == WRITTEN
        assert list(await store.reader.windows("a", "version_text", start, start + MINUTE_NS, MINUTE_NS)) == [
            Window(start, 3, 0, "a")
        ]

    async def test_a_device_that_moved_has_one_history(self, store: Store, writer: RetainingWriter) -> None:
        start = T - T % MINUTE_NS
        assert await writer.write([reading(time_ns=start, warmth_c=1.0)]) == WRITTEN
        store.registry = registry(replace(KNOWN.devices["a"], site="elsewhere"), metrics=METRICS)
        assert await writer.write([reading(time_ns=start + 1, warmth_c=2.0)]) == WRITTEN
        (found,) = await store.reader.windows("a", "warmth_c", start, start + MINUTE_NS, MINUTE_NS)
        assert (found.count, found.first, found.last, found.total) == (2, 1.0, 2.0, 3.0)
        assert await store.reader.count("a", "warmth_c", *EVER, most=10**9) == 2

    async def test_sums_do_not_overflow_into_nonsense(self, store: Store, writer: RetainingWriter) -> None:
        start = T - T % MINUTE_NS
        batch = [reading(time_ns=start + k, warmth_c=1e300) for k in range(3)]
        assert await writer.write(batch) == WRITTEN
        (found,) = await store.reader.windows("a", "warmth_c", start, start + MINUTE_NS, MINUTE_NS)
        assert found.total is not None
        assert math.isclose(found.total, 3e300)

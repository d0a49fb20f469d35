"""What both stores promise, asked of real ones."""

import pytest
from msgspec.structs import replace

from telemetry.reading import NS_PER_MS, NS_PER_S, Quality, Reading
from telemetry.stores.store import RetainingWriter
from tests.builders import device, registry
from tests.contract.opened import EVER, KNOWN, METRICS, WRITTEN, Store, T, reading


class TestStoreContract:
    """Each test runs against each store."""

    async def test_reads_back_what_was_written(self, store: Store, writer: RetainingWriter) -> None:
        values: dict[str, float | str] = {
            "warmth_c": -21.123456789012345,
            "damp_pct": 5e-324,
            "power_w": 1.7976931348623157e308,
            "turns_total": 123456789012345.0,
            "open_state": 1.0,
            "version_text": "2.1-rc3",
        }
        assert await writer.write([Reading("a", T, 7, values, {"warmth_c": Quality.SUSPECT})]) == WRITTEN
        found = await store.history("a", *values)
        assert [(one.metric, one.time_ns, one.value) for one in found] == [
            (name, T, value) for name, value in values.items()
        ]
        assert [one.quality for one in found] == [Quality.SUSPECT] + [Quality.GOOD] * 5
        latest = await store.reader.latest(["a"])
        assert sorted(latest, key=lambda one: one.metric) == sorted(found, key=lambda one: one.metric)

    async def test_whole_numbers_and_truths_are_floats(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(warmth_c=21, open_state=True)]) == WRITTEN
        assert await writer.write([reading(time_ns=T + NS_PER_S, warmth_c=21.5, open_state=0.0)]) == WRITTEN
        found = await store.history("a", "warmth_c", "open_state")
        assert [one.value for one in found] == [21.0, 21.5, 1.0, 0.0]
        assert {type(one.value) for one in found} == {float}

    async def test_a_second_time_changes_nothing(self, store: Store, writer: RetainingWriter) -> None:
        batch = [reading(time_ns=T + k * NS_PER_S, warmth_c=float(k)) for k in range(5)]
        for _ in range(2):
            assert await writer.write(batch) == WRITTEN
        assert await store.values("a", "warmth_c") == [0, 1, 2, 3, 4]

    async def test_the_last_received_wins_in_one_batch_and_in_two(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(warmth_c=1.0), reading(warmth_c=2.0)]) == WRITTEN
        assert await store.values("a", "warmth_c") == [2.0]
        assert await writer.write([reading(warmth_c=3.0)]) == WRITTEN
        assert await store.values("a", "warmth_c") == [3.0]

    async def test_values_of_one_moment_join(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(warmth_c=1.0), reading(damp_pct=2.0)]) == WRITTEN
        assert await store.values("a", "warmth_c") + await store.values("a", "damp_pct") == [1.0, 2.0]

    async def test_a_corrected_value_is_good_again(self, store: Store, writer: RetainingWriter) -> None:
        doubt = {"warmth_c": Quality.SUSPECT | Quality.ARRIVAL_TIME}
        assert await writer.write([reading(warmth_c=99.0, quality=doubt)]) == WRITTEN
        assert [one.quality for one in await store.history("a", "warmth_c")] == [doubt["warmth_c"]]
        assert await writer.write([reading(warmth_c=21.0)]) == WRITTEN
        (sample,) = await store.history("a", "warmth_c")
        assert (sample.value, sample.quality) == (21.0, Quality.GOOD)

    async def test_a_corrected_value_is_good_again_after_a_restart(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(warmth_c=99.0, quality={"warmth_c": Quality.SUSPECT})]) == WRITTEN
        await writer.close()
        second = store.new_writer()
        await second.start()
        assert await second.write([reading(warmth_c=21.0)]) == WRITTEN
        assert [one.quality for one in await store.history("a", "warmth_c")] == [Quality.GOOD]

    async def test_two_events_of_one_moment_are_both_kept(self, store: Store, writer: RetainingWriter) -> None:
        batch = [reading(seq=41, pressed=1.0), reading(seq=1_000_042, pressed=1.0), reading(seq=None, pressed=2.0)]
        for _ in range(2):
            assert await writer.write(batch) == WRITTEN
        times = [one.time_ns for one in await store.history("a", "pressed")]
        assert times == [T, T + 41, T + 42]

    async def test_events_and_values_of_one_reading_have_their_own_times(
        self, store: Store, writer: RetainingWriter
    ) -> None:
        assert await writer.write([reading(seq=5, pressed=1.0, warmth_c=20.0)]) == WRITTEN
        assert [one.time_ns for one in await store.history("a", "pressed", "warmth_c")] == [T + 5, T]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            'say "hello"',
            "back\\slash\\",
            '\\"',
            "two\nlines\r\n",
            "a=1,b=2 3",
            "廁所 🚻",
            "#",
            "'; DROP MEASUREMENT test; --",
            "null\0byte",
            "x" * 60_000,
        ],
        ids=repr,
    )
    async def test_hostile_texts_come_back_unchanged(self, store: Store, writer: RetainingWriter, text: str) -> None:
        batch = [reading(version_text=text, warmth_c=1.0), reading(time_ns=T + NS_PER_S, version_text="after")]
        assert await writer.write(batch) == WRITTEN
        assert await store.values("a", "version_text") == [text, "after"]
        assert await store.values("a", "warmth_c") == [1.0]

    async def test_what_fits_no_series_is_refused_and_the_rest_is_written(
        self, store: Store, writer: RetainingWriter
    ) -> None:
        batch = [
            reading("nobody", warmth_c=1.0),
            reading("a", unheard_of=1.0, warmth_c=2.0),
            reading("b", warmth_c="hot"),
            reading("b", T + 1, warmth_c=float("nan")),
            reading("b", T + 2, warmth_c=float("inf")),
            reading("b", T + 3, version_text=1.0),
            reading("b", T + 4, version_text="\ud800"),
            reading("b", 2**63 + 5, warmth_c=1.0),
            reading("c", warmth_c=3.0),
        ]
        outcome = await writer.write(batch)
        assert [one.reading for one in outcome.refused] == batch[:-1]
        assert not outcome.keep
        assert [one.detail for one in outcome.refused] == [
            "device 'nobody' is not in the registry",
            "metric 'unheard_of' is not in the catalogue",
            "'warmth_c' is text, but the catalogue says gauge",
            "'warmth_c' is not a finite number",
            "'warmth_c' is not a finite number",
            "'version_text' is a number, but the catalogue says text",
            "'version_text' holds half a surrogate pair, which no store can encode",
            f"its time, {2**63 + 5} ns, is outside the years 1678 to 2261",
        ]
        assert await store.values("a", "warmth_c") == [2.0]
        assert await store.values("b", "warmth_c") == []
        assert await store.values("c", "warmth_c") == [3.0]

    async def test_a_reload_of_the_registry_reaches_the_writer(self, store: Store, writer: RetainingWriter) -> None:
        assert len((await writer.write([reading("new", warmth_c=1.0)])).refused) == 1
        store.registry = registry(device("new"), metrics=METRICS)
        assert await writer.write([reading("new", warmth_c=1.0)]) == WRITTEN
        assert len((await writer.write([reading("a", warmth_c=1.0)])).refused) == 1

    async def test_a_device_that_moved_keeps_its_history(self, store: Store, writer: RetainingWriter) -> None:
        first = [reading(time_ns=T + k, warmth_c=float(k)) for k in range(3)]
        assert await writer.write(first) == WRITTEN
        store.registry = registry(replace(KNOWN.devices["a"], site="elsewhere"), metrics=METRICS)
        assert await writer.write([reading(time_ns=T + 3, warmth_c=3.0)]) == WRITTEN
        assert await store.values("a", "warmth_c") == [0, 1, 2, 3]
        assert [one.value for one in await store.reader.latest(["a"])] == [3.0]

    async def test_old_measurements_of_an_archive_are_stored(self, store: Store, writer: RetainingWriter) -> None:
        times = [1_104_537_600 * NS_PER_S, 0, -NS_PER_S]  # 2005, 1970 and the second before it
        assert await writer.write([reading(time_ns=t, warmth_c=1.0) for t in times]) == WRITTEN
        assert [one.time_ns for one in await store.history("a", "warmth_c")] == sorted(times)

    async def test_latest_is_of_each_metric_of_the_devices_asked_for(
        self, store: Store, writer: RetainingWriter
    ) -> None:
        batch = [
            reading("a", T, warmth_c=1.0, power_w=5.0),
            reading("a", T + NS_PER_MS, warmth_c=2.0),
            reading("b", T, warmth_c=3.0),
            reading("c", T, warmth_c=4.0),
        ]
        assert await writer.write(batch) == WRITTEN
        found = await store.reader.latest(["c", "a", "nobody", "c"])
        assert [(one.device, one.metric, one.time_ns, one.value) for one in found] == [
            ("c", "warmth_c", T, 4.0),
            ("a", "power_w", T, 5.0),
            ("a", "warmth_c", T + NS_PER_MS, 2.0),
        ]
        assert await store.reader.latest([]) == []

    async def test_history_includes_its_start_and_not_its_end(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(time_ns=T + k, warmth_c=float(k)) for k in range(5)]) == WRITTEN
        found = await store.history("a", "warmth_c", start=T + 1, end=T + 4)
        assert [one.value for one in found] == [1, 2, 3]

    async def test_names_in_questions_are_values_not_queries(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(warmth_c=1.0)]) == WRITTEN
        for hostile in ("a' OR 'x'='x", 'a" OR 1=1 --', "a\\", "$device", "a; DROP MEASUREMENT test"):
            assert await store.history(hostile, "warmth_c") == []
            assert await store.reader.latest([hostile]) == []
            assert await store.history("a", hostile) == []
        assert await store.values("a", "warmth_c") == [1.0]

    async def test_a_long_history_comes_whole_and_in_order(self, store: Store, writer: RetainingWriter) -> None:
        rows = 100_000
        order = [(k * 7919) % rows for k in range(rows)]  # 7919 shares no factor with it: each once, shuffled
        for start in range(0, rows, 10_000):
            batch = [reading(time_ns=T + k * NS_PER_MS, warmth_c=float(k)) for k in order[start : start + 10_000]]
            assert await writer.write(batch) == WRITTEN
        expected = 0
        async for sample in store.reader.history("a", ["warmth_c"], *EVER):
            assert (sample.time_ns, sample.value) == (T + expected * NS_PER_MS, expected)
            expected += 1
        assert expected == rows

    async def test_an_empty_store_has_nothing(self, store: Store) -> None:
        assert await store.reader.latest(["a"]) == []
        assert await store.history("a", "warmth_c") == []
        await store.writer.start()
        assert await store.reader.latest(["a"]) == []
        assert await store.history("a", "warmth_c") == []

    async def test_writing_nothing_is_written(self, writer: RetainingWriter) -> None:
        assert await writer.write([]) == WRITTEN

    async def test_starting_again_finds_what_is_there(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(warmth_c=1.0, version_text="x")]) == WRITTEN
        await writer.start()
        assert await store.values("a", "warmth_c") == [1.0]

    async def test_closing_twice(self, store: Store, writer: RetainingWriter) -> None:
        assert await writer.write([reading(warmth_c=1.0)]) == WRITTEN
        assert await store.values("a", "warmth_c") == [1.0]
        for one in (writer, store.reader):
            await one.close()
            await one.close()

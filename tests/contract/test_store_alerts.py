"""What both stores promise of alerts: each belongs to a rule, and no rule stands in another's way."""

from msgspec.structs import replace

from telemetry.reading import NS_PER_MS, NS_PER_S, Quality, Reading
from telemetry.stores.store import RetainingWriter
from tests.builders import registry
from tests.contract.opened import KNOWN, METRICS, WRITTEN, Store, T, reading


def alert(rule: str, state: float, severity: float, time_ns: int = T, *, seq: int | None = None) -> Reading:
    return reading("a", time_ns, seq=seq, alert_severity=severity, alert_state=state, alert_rule=rule)


async def test_two_rules_of_one_moment_are_both_kept(store: Store, writer: RetainingWriter) -> None:
    batch = [alert("odour", 2.0, 3.0, seq=1), alert("leak", 1.0, 1.0, seq=2), alert("leak", 0.0, 0.0, T + 1)]
    for _ in range(2):
        assert await writer.write(batch) == WRITTEN
    found = await store.history("a", "alert_state", "alert_severity")
    assert {(one.metric, one.rule, one.time_ns, one.value) for one in found} == {
        ("alert_state", "odour", T, 2.0),
        ("alert_state", "leak", T, 1.0),
        ("alert_state", "leak", T + 1, 0.0),
        ("alert_severity", "odour", T, 3.0),
        ("alert_severity", "leak", T, 1.0),
        ("alert_severity", "leak", T + 1, 0.0),
    }
    assert len(found) == 6
    assert [one.time_ns for one in found] == [T, T, T + 1] * 2


async def test_the_latest_of_an_alert_is_of_each_rule(store: Store, writer: RetainingWriter) -> None:
    batch = [alert("odour", 2.0, 3.0), alert("leak", 1.0, 1.0), alert("leak", 0.0, 0.0, T + NS_PER_S)]
    batch += [reading("b", warmth_c=1.0), reading("a", warmth_c=2.0)]
    assert await writer.write(batch) == WRITTEN
    store.registry = registry(replace(KNOWN.devices["a"], site="elsewhere"), metrics=METRICS)
    assert await writer.write([alert("odour", 0.0, 0.0, T + NS_PER_S)]) == WRITTEN
    found = await store.reader.latest(["b", "a"])
    assert [(one.device, one.metric, one.rule, one.time_ns, one.value) for one in found] == [
        ("b", "warmth_c", "", T, 1.0),
        ("a", "alert_severity", "leak", T + NS_PER_S, 0.0),
        ("a", "alert_severity", "odour", T + NS_PER_S, 0.0),
        ("a", "alert_state", "leak", T + NS_PER_S, 0.0),
        ("a", "alert_state", "odour", T + NS_PER_S, 0.0),
        ("a", "warmth_c", "", T, 2.0),
    ]


async def test_how_long_it_took_stands_beside_the_state_and_never_replaces_it(
    store: Store, writer: RetainingWriter
) -> None:
    taken = reading("a", T + 1, seq=2, alert_acknowledge_s=12.5, alert_rule="odour")
    ended = replace(
        alert("odour", 0.0, 0.0, T + 2), values={**alert("odour", 0.0, 0.0).values, "alert_resolve_s": 60.0}
    )
    same_moment = reading("a", T + 2, seq=4, alert_acknowledge_s=1.5, alert_rule="odour")
    for _ in range(2):
        assert await writer.write([alert("odour", 2.0, 3.0), taken, ended, same_moment]) == WRITTEN
    names = ("alert_state", "alert_acknowledge_s", "alert_resolve_s")
    found = await store.history("a", *names)
    assert [(one.metric, one.rule, one.time_ns, one.value) for one in found] == [
        ("alert_state", "odour", T, 2.0),
        ("alert_state", "odour", T + 2, 0.0),
        ("alert_acknowledge_s", "odour", T + 1, 12.5),
        ("alert_acknowledge_s", "odour", T + 2, 1.5),
        ("alert_resolve_s", "odour", T + 2, 60.0),
    ]


async def test_the_rule_of_an_alert_is_no_value(store: Store, writer: RetainingWriter) -> None:
    assert await writer.write([alert("odour", 2.0, 3.0)]) == WRITTEN
    assert await store.history("a", "alert_rule") == []
    await writer.start()


async def test_an_alert_without_a_rule_is_refused(store: Store, writer: RetainingWriter) -> None:
    batch = [reading(alert_state=2.0), reading(alert_state=2.0, alert_rule="Not an id"), alert("odour", 1.0, 1.0)]
    assert [one.reading for one in (await writer.write(batch)).refused] == batch[:2]
    assert [one.rule for one in await store.history("a", "alert_state")] == ["odour"]


async def test_a_corrected_alert_is_good_again(store: Store, writer: RetainingWriter) -> None:
    doubted = Reading("a", T, 1, dict(alert("odour", 2.0, 3.0).values), {"alert_state": Quality.ARRIVAL_TIME})
    assert await writer.write([doubted, alert("leak", 2.0, 3.0)]) == WRITTEN
    assert {one.rule: one.quality for one in await store.history("a", "alert_state")} == {
        "odour": Quality.ARRIVAL_TIME,
        "leak": Quality.GOOD,
    }
    await writer.close()
    second = store.new_writer()
    await second.start()
    assert await second.write([alert("odour", 2.0, 3.0)]) == WRITTEN
    assert [one.quality for one in await store.history("a", "alert_state")] == [Quality.GOOD] * 2


async def test_many_alerts_come_whole(store: Store, writer: RetainingWriter) -> None:
    moments, rules = 2_000, [f"rule-{k}" for k in range(11)]  # 22,000 values: pages end within a moment
    batch = [alert(rule, 2.0, 3.0, T + k * NS_PER_MS) for k in range(moments) for rule in rules]
    assert await writer.write(batch) == WRITTEN
    found = [(one.time_ns, one.rule) for one in await store.history("a", "alert_state")]
    assert [time_ns for time_ns, _ in found] == sorted(time_ns for time_ns, _ in found)
    assert sorted(found) == sorted((T + k * NS_PER_MS, rule) for k in range(moments) for rule in rules)

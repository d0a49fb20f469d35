"""R7: poison never blocks and never vanishes. R8: one bad point costs one point. R10: clock skew is contained."""

import json
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack

from ingestor.quarantine import Quarantine, Quarantined
from simulators.poison import Dose, Poison, Victim, dose
from tests.components import wait_until
from tests.faults.judge import stored
from tests.faults.load import SITE, Client, Numbers
from tests.faults.report import Figure, Figures
from tests.faults.rig import Rig, Setup, Stage

KINDS = list(Poison)
KEPT_BYTES = 65_536
STRANGER = "nobody-knows-me"
ODD = "odd"
MINUTE_MS, DAY_MS = 60_000, 86_400_000


def poison(stage: Stage) -> list[Figure]:
    """One message in a hundred is poison, of every kind. Then the stranger gets known, and is replayed."""
    doses = [_dose(number) for number in range(240 if stage.full else 48)]
    figures = Figures()
    with ExitStack() as stack:
        rig = stack.enter_context(Rig(stage))
        began_ns = time.time_ns()
        load = stack.enter_context(rig.load(Numbers(len(doses) * 100), 2_000))
        client = stack.enter_context(Client(rig.broker.port, "poisoner"))
        for number, one in enumerate(doses):
            load.wait_for(number * 100)
            client.publish(number, one.topic, one.payload)
        load.finish(60)
        client.settle()
        rig.quiet()
        verdict = rig.judge(load, figures, "R7")
        account = rig.check_account()
        sent = verdict.sent + len(doses)
        figures.exactly("R7", "stored + quarantined", verdict.stored + account["quarantined"], sent)
        figures.exactly("R7", "quarantined", account["quarantined"], len(doses))
        rows = list(_quarantine(rig).all())
        _compare(rows, doses, figures)
        on_time = sum(began_ns <= row.received_ns <= time.time_ns() for row in rows)
        figures.exactly("R7", "with their first arrival", on_time, len(doses))
        _replay(rig, client, doses, figures)
    return figures.all


def _dose(number: int) -> Dose:
    now_ms = int(time.time() * 1000) - 600_000 + number
    victim = Victim(SITE, "n000", "temperature_c", too_high=1_000.0, number=number // len(KINDS), time_ms=now_ms)
    return dose(KINDS[number % len(KINDS)], victim)


def _quarantine(rig: Rig) -> Quarantine:
    return Quarantine(rig.data / "journal" / "journal.db")


def _compare(rows: list[Quarantined], doses: list[Dose], figures: Figures) -> None:
    sent = Counter((one.topic, one.payload[:KEPT_BYTES]) for one in doses)
    kept = Counter((row.topic, row.payload) for row in rows)
    figures.exactly("R7", "whose topic or bytes differ from what was sent", (sent - kept).total(), 0)
    reasons = {(one.topic, one.payload[:KEPT_BYTES]): one.reasons for one in doses}
    wrong = sum(row.reason not in reasons.get((row.topic, row.payload), ()) for row in rows)
    figures.exactly("R7", "with a wrong reason", wrong, 0)
    figures.exactly("R7", "kinds of poison", len({one.kind for one in doses}), 12)


def _replay(rig: Rig, client: Client, doses: list[Dose], figures: Figures) -> None:
    """The mend is to the registry; the arrival that counts is the first one."""
    client.publish(-1, f"caretaker/v1/{SITE}/{STRANGER}/readings", b'{"values": {"temperature_c": 12.5}}')
    client.settle()
    rig.quiet()
    arrival_ns = next(iter(_quarantine(rig).newest(limit=1))).received_ns
    wanted = sum(one.reasons == ("unknown_device",) for one in doses) + 1
    rig.write_devices([f"{STRANGER},temperature_c"])
    wait_until(lambda: rig.ingestor.metric("registry_devices") > rig.devices, "the registry is read again")
    status, result = rig.ingestor.ask("/quarantine/replay", {"reason": "unknown_device"})
    figures.exactly("R7", "replayed after the registry was mended", result.get("replayed", 0), wanted)
    figures.exactly("R7", "status of the replay", status, 200)
    rig.quiet()
    found = stored(rig.stage.influxd.url, rig.database, "air", STRANGER, ["temperature_c"])
    figures.exactly("R7", "of them stored", len(found), wanted)
    at_arrival = found.get(arrival_ns // 1_000_000 * 1_000_000, {}).get("temperature_c", 0.0)
    figures.exactly("R7", "value stored at the time of its first arrival", at_arrival, 12.5)


def quarantine_cap(stage: Stage) -> list[Figure]:
    """A quarantine of 1 MiB and 2 MiB of poison: the rest is a counted loss, not a silent one."""
    figures = Figures()
    large = b"x" * 60_000
    setup = Setup(settings={"journal": {"quarantine_cap_mb": 1}})
    with Rig(stage, setup) as rig, Client(rig.broker.port) as client:
        for number in range(36):
            client.publish(number, f"caretaker/v1/{SITE}/n000/readings", large)
        client.settle()
        wait_until(lambda: rig.ingestor.account()["received"] == 36, "all is received")
        rig.quiet()
        account = rig.check_account()
        lost = account["ignored"].get("quarantine_full", 0)
        figures.exactly("R7", "quarantined beside a cap of 1 MiB", account["quarantined"], 1024 * 1024 // len(large))
        figures.exactly("R7", "quarantined + counted as lost", account["quarantined"] + lost, 36)
        metric = rig.ingestor.metric('readings_ignored_total{reason="quarantine_full"}')
        figures.exactly("R7", "counted as lost in /metrics", metric, lost)
    return figures.all


def refusal(stage: Stage) -> list[Figure]:
    """Three of 5,000 meet a field that the store holds as a text: it refuses the batch, and says only how many."""
    figures = Figures()
    numbers = Numbers(4_997)
    with ExitStack() as stack:
        rig = stack.enter_context(Rig(stage, Setup(more_devices=[f"{ODD},wind_ms"])))
        conflict = f'air,device={ODD},site={SITE} wind_ms="strong" {numbers.start_ms - 1}000000'
        address = f"{stage.influxd.url}/write?db={rig.database}&precision=ns"
        urllib.request.urlopen(address, conflict.encode(), timeout=10).close()  # noqa: S310 - loopback
        rig.to_store.refuse()  # so that all meet in one batch
        load = stack.enter_context(rig.load(numbers, 10_000))
        client = stack.enter_context(Client(rig.broker.port, "odd"))
        for number in range(3):
            body = {"time": numbers.start_ms + number, "values": {"wind_ms": 3.5 + number}}
            load.wait_for(number * 2_000)
            client.publish(number, f"caretaker/v1/{SITE}/{ODD}/readings", json.dumps(body).encode())
        load.finish(60)
        client.settle()
        wait_until(lambda: rig.ingestor.account()["journal"] == 5_000, "all wait in the journal")
        rig.to_store.heal()
        rig.quiet()
        rig.judge(load, figures, "R8")
        rows = list(_quarantine(rig).all())
        figures.exactly("R8", "quarantined of 5,000", len(rows), 3)
        figures.exactly("R8", "of them the right ones", sum(f"/{ODD}/" in row.topic for row in rows), 3)
        figures.says("R8", "reason", rows[0].reason if rows else "", "refused_by_store")
        figures.says("R8", "detail", rows[0].detail if rows else "", "conflict")
    return figures.all


def clocks(stage: Stage) -> list[Figure]:
    """Clocks that go ahead, that stand, and devices that have none."""
    figures = Figures()
    now_ms = int(time.time() * 1000)
    times = {"in_future": now_ms + 6 * MINUTE_MS, "too_old": now_ms - 31 * DAY_MS}
    good = {"ahead": now_ms + 4 * MINUTE_MS, "late": now_ms - 29 * DAY_MS}
    with Rig(stage) as rig, Client(rig.broker.port) as client:
        before_ns = time.time_ns() // 1_000_000 * 1_000_000
        for number, time_ms in enumerate([*times.values(), *good.values(), None]):
            body = {"values": {"temperature_c": 20.0 + number}} | ({} if time_ms is None else {"time": time_ms})
            client.publish(number, f"caretaker/v1/{SITE}/n000/readings", json.dumps(body).encode())
        client.settle()
        wait_until(lambda: rig.ingestor.account()["received"] == 5, "all is received")
        rig.quiet()
        reasons = {row.reason for row in _quarantine(rig).all()}
        figures.exactly("R10", "in quarantine: 6 min ahead, 31 days old", len(reasons & times.keys()), 2)
        names = ["temperature_c", "temperature_c_q"]
        found = stored(stage.influxd.url, rig.database, "air", "n000", names)
        kept = [found.pop(time_ms * 1_000_000, {}).get("temperature_c") for time_ms in good.values()]
        figures.exactly("R10", "stored: 4 min ahead, 29 days old", sum(value is not None for value in kept), 2)
        times_ns = [one for one, values in found.items() if values["temperature_c_q"] == 2]
        on_arrival = sum(before_ns <= one <= time.time_ns() for one in times_ns)
        figures.exactly("R10", "without a time: stored at its arrival, marked", on_arrival, 1)
        figures.exactly("R10", "quarantined", rig.check_account()["quarantined"], 2)
    return figures.all

"""Whatever is committed is what is remembered after opening again: against a model in memory."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.alert import Alert, Change, Severity, Silence, Transition
from alerts.database import read
from alerts.database.database import AlertDatabase
from alerts.judge.judged import Judged
from tests.unit.test_alert_database import alert, resolved, transition

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.sampled_from(["a", "b", "ä", "x'y", "", "odour", "日本", "%", "a b"])
pairs = st.tuples(names, names)
states = st.one_of(st.none(), st.binary(max_size=40), st.just(b"z" * 3_000))
ns = st.integers(0, 2**62)
values = st.one_of(st.none(), st.floats(allow_nan=False))


@st.composite
def alert_histories(draw: st.DrawFn) -> tuple[list[Alert], list[Transition]]:
    """The alerts of some devices as one batch changes them: at most one of each is active."""
    alerts: list[Alert] = []
    for device in draw(st.lists(names, unique=True, max_size=4)):
        details = {
            "value": draw(values),
            "threshold": draw(values),
            "comment": draw(st.none() | texts),
            "acknowledged_until_ns": draw(st.none() | ns),
            "severity": draw(st.sampled_from(Severity)),
            "suspect": draw(st.booleans()),
        }
        one = alert(device, raised_ns=draw(st.integers(1, 3)), **details)
        alerts.append(resolved(one, draw(ns)) if draw(st.booleans()) else one)
    transitions = [
        transition(one, draw(st.sampled_from(Change)), draw(ns), value=draw(values), by=draw(st.none() | texts))
        for one in alerts
    ]
    return alerts, transitions


@st.composite
def batches(draw: st.DrawFn) -> Judged:
    alerts, transitions = draw(alert_histories())
    return Judged(
        devices=draw(st.dictionaries(names, states, max_size=5)),
        states=draw(st.dictionaries(pairs, states, max_size=5)),
        windows=draw(st.dictionaries(pairs, states, max_size=3)),
        areas=draw(st.dictionaries(pairs, states, max_size=3)),
        figures=draw(st.dictionaries(names, st.integers(-(2**63), 2**63 - 1), max_size=3)),
        alerts={one.id: one for one in alerts},
        transitions=transitions,
        silences=[
            Silence(name, draw(st.dictionaries(texts, texts, max_size=3)), draw(ns), draw(ns), draw(texts), draw(texts))
            for name in draw(st.lists(names, unique=True, max_size=2))
        ],
    )


class Model:
    """What the database should hold."""

    def __init__(self) -> None:
        self.blobs: dict[str, dict[Any, bytes]] = {"devices": {}, "states": {}, "windows": {}, "areas": {}}
        self.figures: dict[str, int] = {}
        self.alerts: dict[str, Alert] = {}
        self.silences: dict[str, Silence] = {}
        self.transitions: list[Transition] = []

    def allows(self, batch: Judged) -> bool:
        after = {**self.alerts, **batch.alerts}
        active = [(one.rule, one.device) for one in after.values() if one.active]
        return len(active) == len(set(active))

    def keep(self, batch: Judged) -> None:
        for name, kept in self.blobs.items():
            changes = getattr(batch, name)
            kept.update(changes)
            for key in [key for key, state in changes.items() if state is None]:
                del kept[key]
        self.figures.update(batch.figures)
        self.alerts.update(batch.alerts)
        self.silences.update({one.id: one for one in batch.silences})
        self.transitions += [
            replace(one, number=len(self.transitions) + place) for place, one in enumerate(batch.transitions, 1)
        ]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "alerts.db"
    asyncio.run(AlertDatabase.open(path).close())
    return path


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(given_batches=st.lists(batches(), min_size=1, max_size=4))
def test_what_is_committed_is_remembered(empty: Path, given_batches: list[Judged]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alerts.db"
        shutil.copyfile(empty, path)
        asyncio.run(check(path, given_batches))


async def check(path: Path, given_batches: list[Judged]) -> None:
    model = Model()
    database = AlertDatabase.open(path)
    for batch in given_batches:
        if not model.allows(batch):
            with pytest.raises(Exception, match="has an active alert already"):
                await database.commit(batch)
            continue
        before = len(model.transitions)
        model.keep(batch)
        assert list(await database.commit(batch)) == model.transitions[before:]
    await database.close()
    again = AlertDatabase.open(path)
    remembered = await again.remember()
    assert {name: getattr(remembered, name) for name in model.blobs} == model.blobs
    assert remembered.figures == model.figures
    assert {one.id: one for one in remembered.alerts} == {one.id: one for one in model.alerts.values() if one.active}
    assert {one.id: one for one in await again._look(read.alerts_by_id, list(model.alerts))} == model.alerts
    assert await again._look(read.transitions_after, 0, 1_000) == model.transitions
    assert {one.id: one for one in await again._look(read.silences, -1)} == model.silences
    await again.close()

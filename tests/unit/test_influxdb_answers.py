"""Verdicts on answers, Retry-After, types against the catalogue, names in InfluxQL."""

import pytest

from telemetry.catalogue.metric import Kind
from telemetry.stores.influxdb.bisect import Verdict, judge
from telemetry.stores.influxdb.client import AWAY, Answer, parse_retry_after
from telemetry.stores.influxdb.influxql import identifier, series
from telemetry.stores.influxdb.provision import check_names, retention_of, type_conflicts
from telemetry.stores.store import StoreAwayError, StoreUnusableError
from tests.builders import metric


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200), Verdict.WRITTEN),
        (Answer(204), Verdict.WRITTEN),
        (Answer(AWAY), Verdict.AWAY),
        (Answer(AWAY, lasting=True), Verdict.DENIED),
        (Answer(301), Verdict.DENIED),
        (Answer(400), Verdict.REFUSED),
        (Answer(400, "partial write: max-values-per-tag limit exceeded (1/1)"), Verdict.LIMITED),
        (Answer(422, "max-series-per-database exceeded database=x limit=1"), Verdict.LIMITED),
        (Answer(401), Verdict.DENIED),
        (Answer(403), Verdict.DENIED),
        (Answer(404), Verdict.DENIED),
        (Answer(405), Verdict.DENIED),
        (Answer(408), Verdict.AWAY),
        (Answer(413), Verdict.TOO_LARGE),
        (Answer(422), Verdict.REFUSED),
        (Answer(425), Verdict.AWAY),
        (Answer(429), Verdict.AWAY),
        (Answer(500), Verdict.SICK),
        (Answer(502), Verdict.SICK),
        (Answer(503), Verdict.AWAY),
        (Answer(504), Verdict.SICK),
    ],
    ids=str,
)
def test_each_status_has_its_branch(answer: Answer, verdict: Verdict) -> None:
    assert judge(answer) is verdict


def test_a_limit_named_by_a_device_is_no_limit() -> None:
    said = "partial write: unable to parse 'test,device=d label=\"max-series-per-database limit exceeded\"': bad"
    assert judge(Answer(400, said)) is Verdict.REFUSED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("-7", None),
        ("86400", 600.0),
        ("", None),
        ("soon", None),
        ("Sun, 22 Nov 2026 08:01:00 GMT", 60.0),
        ("Sun, 22 Nov 2026 07:00:00 GMT", 0.0),
        ("9" * 5000, 600.0),
        ("Fri, 01 Jan 0001 00:00:00 -2359", 0.0),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    now_s = 1_795_334_400.0  # 2026-11-22T08:00:00Z
    assert parse_retry_after(text, now_s) == seconds


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("0s", None), ("168h0m0s", 604_800), ("1h0m0s", 3600), ("90m0s", 5400), ("1h0m0.5s", 3600.5)],
)
def test_durations_of_go(duration: str, seconds: float | None) -> None:
    assert retention_of(duration) == seconds


def test_a_duration_that_is_none() -> None:
    with pytest.raises(StoreUnusableError, match="no duration"):
        retention_of("for ever")


METRICS = {one.name: one for one in [metric("a"), metric("b", kind=Kind.TEXT), metric("c", kind=Kind.STATE)]}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, []),
        ({"test": {"a": {"float"}, "a_q": {"integer"}, "b": {"string"}, "c": {"float"}}}, []),
        ({"test": {"a": {"float", "string"}}}, []),
        ({"elsewhere": {"a": {"string"}}}, []),
        ({"test": {"a": {"integer"}}}, ["'a'", "'test'", "integer", "float"]),
        ({"test": {"a_q": {"float"}}}, ["'a_q'", "'test'", "float", "integer"]),
        ({"test": {"b": {"float"}}}, ["'b'", "'test'", "float", "string"]),
        ({"test": {"c": {"boolean"}}}, ["'c'", "'test'", "boolean", "float"]),
    ],
)
def test_types_against_the_catalogue(found: dict[str, dict[str, set[str]]], words: list[str]) -> None:
    sentences = list(type_conflicts(found, METRICS))
    assert bool(sentences) is bool(words)
    assert all(word in sentences[0] for word in words)


def test_a_metric_named_as_a_quality_field() -> None:
    check_names(METRICS)
    with pytest.raises(StoreUnusableError, match="'a_q'"):
        check_names(METRICS | {"a_q": metric("a_q")})


def test_identifiers_are_quoted() -> None:
    assert identifier('a"; DROP DATABASE b; --') == '"a\\"; DROP DATABASE b; --"'
    assert identifier("a\\") == '"a\\\\"'
    assert identifier("a\nb") == '"a\\nb"'


def test_what_a_query_may_answer() -> None:
    assert series({"statement_id": 0}) == []
    assert series({"error": "database not found: x"}) == []
    with pytest.raises(StoreAwayError, match="timeout"):
        series({"error": "timeout"})

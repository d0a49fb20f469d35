"""Before the first write: the bucket is there, its fields have the types that the catalogue expects."""

import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from telemetry.catalogue.metric import Kind, Metric
from telemetry.series import quality_field
from telemetry.stores.influxdb.client import Answer, InfluxHttp
from telemetry.stores.influxdb.influxql import identifier, rows, select, series
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import StoreAwayError, StoreUnusableError

DEFAULT_POLICY = "autogen"
"""The retention policy that 1.x makes with each database."""
FOREVER = "INF"
GO_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?")


def provision(http: InfluxHttp, settings: InfluxSettings, metrics: Mapping[str, Metric]) -> float | None:
    """Make the bucket if it is missing, compare its fields with the catalogue. Gives its retention, s; None: for ever.

    Raises `StoreAwayError` when InfluxDB does not answer, `StoreUnusableError` when a person has to mend something.
    """
    check_names(metrics)
    check_authorities(settings)
    retention_s = _bucket_2x(http, settings) if settings.org else _bucket_1x(http, settings)
    answer, results = http.ask("GET", "SHOW FIELD KEYS")
    if results is None:
        raise _failure(answer, settings)
    for conflict in type_conflicts(field_types(results), metrics):
        raise StoreUnusableError(conflict)
    return retention_s


def check_names(metrics: Mapping[str, Metric]) -> None:
    """A metric must not bear the name of another's quality field. Raises `StoreUnusableError`."""
    for name in metrics:
        if quality_field(name) in metrics:
            raise StoreUnusableError(
                f"metric {quality_field(name)!r} has the name of the field that holds {name!r}'s quality: rename it"
            )


def check_authorities(settings: InfluxSettings) -> None:
    """The file with the authorities holds some. Raises `StoreUnusableError`."""
    if settings.ca is None:
        return
    try:
        ssl.create_default_context(cafile=settings.ca)
    except OSError as error:
        raise StoreUnusableError(
            f"{settings.ca} is no file of certificate authorities ({error.strerror or error}): correct `store.ca`"
        ) from error


def _bucket_1x(http: InfluxHttp, settings: InfluxSettings) -> float | None:
    database, policy = http.database, http.policy or DEFAULT_POLICY
    duration = FOREVER if settings.retention_days is None else f"{round(settings.retention_days * 86_400)}s"
    found = _policies(http, settings)
    if found is None:
        _change(
            http,
            settings,
            f"CREATE DATABASE {identifier(database)} WITH DURATION {duration} REPLICATION 1 NAME {identifier(policy)}",
        )
    elif http.policy and policy not in found:
        _change(
            http,
            settings,
            f"CREATE RETENTION POLICY {identifier(policy)} ON {identifier(database)} DURATION {duration} REPLICATION 1",
        )
    found = _policies(http, settings) or {}
    if http.policy:
        return found.get(policy)
    return found.get("")


def _policies(http: InfluxHttp, settings: InfluxSettings) -> dict[str, float | None] | None:
    """Retention of each policy of the database, s, the default also under the empty name; None: no such database."""
    answer, results = http.ask("GET", f"SHOW RETENTION POLICIES ON {identifier(http.database)}")
    if results is None:
        raise _failure(answer, settings)
    error = str(results[0].get("error", ""))
    if "not found" in error:
        return None
    if error:
        raise StoreUnusableError(f"InfluxDB does not show the retention of {http.database!r}: {error}")
    found: dict[str, float | None] = {}
    for row in rows(results[0]):
        found[row["name"]] = found_s = retention_of(row["duration"])
        if row["default"]:
            found[""] = found_s
    return found


def retention_of(duration: str) -> float | None:
    """Of Go's form of a duration, as in `168h0m0s`; zero: for ever."""
    parts = GO_DURATION.fullmatch(duration)
    if parts is None:
        raise StoreUnusableError(f"InfluxDB gives a retention that is no duration: {duration!r}")
    hours, minutes, seconds = (float(part or 0) for part in parts.groups())
    return hours * 3600 + minutes * 60 + seconds or None


def _change(http: InfluxHttp, settings: InfluxSettings, statement: str) -> None:
    answer, results = http.ask("POST", statement)
    if results is None:
        raise _failure(answer, settings)
    if error := results[0].get("error"):
        raise StoreUnusableError(
            f"the bucket {settings.bucket!r} is missing and cannot be made ({error}): make it, or give credentials "
            "that may"
        )


def _bucket_2x(http: InfluxHttp, settings: InfluxSettings) -> float | None:
    answer, document = http.call("GET", "/api/v2/buckets", {"name": settings.bucket, "org": settings.org})
    if document is None and answer.status != 404:  # noqa: PLR2004  # 2.x says "not found" of a name without bucket
        raise _failure(answer, settings)
    buckets = (document or {}).get("buckets") or [_make_bucket_2x(http, settings)]
    rules: list[dict[str, Any]] = buckets[0].get("retentionRules") or []
    seconds = rules[0].get("everySeconds", 0) if rules else 0
    return float(seconds) or None


def _make_bucket_2x(http: InfluxHttp, settings: InfluxSettings) -> dict[str, Any]:
    answer, document = http.call("GET", "/api/v2/orgs", {"org": settings.org})
    if document is None or not document.get("orgs"):
        if answer.status in {200, 404}:
            raise StoreUnusableError(f"InfluxDB knows no organisation {settings.org!r}: correct `store.org`")
        raise _failure(answer, settings)
    rules = []
    if settings.retention_days is not None:
        rules = [{"type": "expire", "everySeconds": round(settings.retention_days * 86_400)}]
    wanted = {"orgID": document["orgs"][0]["id"], "name": settings.bucket, "retentionRules": rules}
    answer, made = http.call("POST", "/api/v2/buckets", {}, wanted)
    if made is None:
        if answer.status in {401, 403}:
            raise StoreUnusableError(
                f"the bucket {settings.bucket!r} is missing and the token may not make it: make it, or give a token "
                "that may"
            )
        raise _failure(answer, settings)
    return made


def _failure(answer: Answer, settings: InfluxSettings) -> StoreAwayError | StoreUnusableError:
    if answer.status in {401, 403}:
        return StoreUnusableError(
            f"InfluxDB at {settings.url} does not accept the credentials ({answer.message}): correct `store.token`, or "
            "`store.username` and `store.password`"
        )
    if answer.lasting:
        return StoreUnusableError(f"{answer.message}: name the authority's file in `store.ca`")
    return StoreAwayError(f"InfluxDB answers {answer.status}: {answer.message}" if answer.status else answer.message)


def field_types(results: Iterable[dict[str, Any]]) -> dict[str, dict[str, set[str]]]:
    """From `SHOW FIELD KEYS`: measurement to field to its types; more than one when older shards hold another."""
    found: dict[str, dict[str, set[str]]] = {}
    for result in results:
        for one in series(result):
            fields = found.setdefault(one["name"], {})
            for name, kind in one["values"]:
                fields.setdefault(name, set()).add(kind)
    return found


def type_conflicts(found: Mapping[str, Mapping[str, set[str]]], metrics: Mapping[str, Metric]) -> Iterator[str]:
    """A sentence for each field that would refuse what the catalogue says.

    A field that has the expected type somewhere is left alone: an old shard with another type does not stop new values.
    """
    for metric in metrics.values():
        expected = {
            metric.name: "string" if metric.kind is Kind.TEXT else "float",
            quality_field(metric.name): "integer",
        }
        for name, kind in expected.items():
            types = found.get(metric.measurement, {}).get(name)
            if types and kind not in types:
                yield (
                    f"InfluxDB holds field {name!r} of measurement {metric.measurement!r} as "
                    f"{', '.join(sorted(types))}, the catalogue says {kind}: name another bucket in `store.bucket`, "
                    "drop that measurement, or correct the metric's kind"
                )


def find_stated_quality(http: InfluxHttp, metrics: Mapping[str, Metric]) -> Iterator[tuple[str, str]]:
    """Device and metric of each series that has ever stated a quality. Raises `StoreAwayError`."""
    types = field_types(http.query("SHOW FIELD KEYS"))
    for metric in metrics.values():
        name = quality_field(metric.name)
        if name not in types.get(metric.measurement, {}):
            continue
        statement = select(f"last({identifier(name)})", metric.measurement, 'GROUP BY "device"')
        for result in http.query(statement):
            for one in series(result):
                yield one["tags"]["device"], metric.name

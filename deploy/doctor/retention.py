"""How long the store keeps readings, against how old one may be that still comes.

A reading that is accepted and older than the retention is lost on arrival. So: retention > `max_age_days` > how long
the broker keeps our sessions.
"""

import asyncio
from collections.abc import Sequence

from deploy.doctor.finding import Remark, cannot_tell, sound, wrong
from deploy.doctor.place import Ground
from ingestor.settings import DAY_S
from telemetry.stores.influxdb.client import InfluxHttp
from telemetry.stores.influxdb.influxql import identifier, rows
from telemetry.stores.influxdb.provision import retention_of
from telemetry.stores.open import store_file
from telemetry.stores.settings import InfluxSettings, SqliteSettings


class _UnknownError(Exception):
    """The store does not say; the message says why."""


async def look(ground: Ground) -> Sequence[Remark]:
    """The store's retention, that of sites, and the sessions' expiry."""
    settings = ground.ingestor.store
    if isinstance(settings, InfluxSettings):
        return [await _influxdb(ground, settings), *_sessions(ground)]
    return [*_sqlite(ground, settings), *_sessions(ground)]


async def _influxdb(ground: Ground, settings: InfluxSettings) -> Remark:
    where = f"{settings.url}, bucket {settings.bucket}"
    try:
        kept_s = await asyncio.to_thread(_asked, settings)
    except _UnknownError as error:
        return cannot_tell(where, f"{error}: see `store`")
    kind = "`influx bucket update --id ID --retention`" if settings.org else "`ALTER RETENTION POLICY … DURATION`"
    return _compared(where, kept_s, ground.ingestor.max_age_days, f"keep readings longer, by {kind}")


def _asked(settings: InfluxSettings) -> float | None:
    """Seconds; None: for ever. Nothing is made where it is missing."""
    http = InfluxHttp(settings)
    try:
        return _bucket_2x(http, settings) if settings.org else _policy_1x(http)
    finally:
        http.close()


def _bucket_2x(http: InfluxHttp, settings: InfluxSettings) -> float | None:
    answer, document = http.call("GET", "/api/v2/buckets", {"name": settings.bucket, "org": settings.org})
    if document is None:
        raise _UnknownError(answer.message or f"InfluxDB answers {answer.status}")
    buckets = document.get("buckets") or []
    if not buckets:
        raise _UnknownError("there is no such bucket")
    rules = buckets[0].get("retentionRules") or [{}]
    return float(rules[0].get("everySeconds", 0)) or None


def _policy_1x(http: InfluxHttp) -> float | None:
    answer, results = http.ask("GET", f"SHOW RETENTION POLICIES ON {identifier(http.database)}")
    if results is None:
        raise _UnknownError(answer.message or f"InfluxDB answers {answer.status}")
    if error := results[0].get("error"):
        raise _UnknownError(str(error))
    for row in rows(results[0]):
        if row["name"] == http.policy or (not http.policy and row["default"]):
            return retention_of(row["duration"])
    raise _UnknownError(f"there is no retention policy {http.policy}")


def _sqlite(ground: Ground, settings: SqliteSettings) -> Sequence[Remark]:
    file = str(store_file(settings, ground.data))
    found = [
        _compared(
            file,
            None if settings.retention_days is None else settings.retention_days * DAY_S,
            ground.ingestor.max_age_days,
            "raise `store.retention_days`",
        )
    ]
    for site in ground.registry.sites.values():
        if site.retention_days is not None and not site.archive:
            compared = _compared(
                f"site {site.id}",
                site.retention_days * DAY_S,
                ground.ingestor.max_age_days,
                f"raise `retention_days` of the site {site.id}",
            )
            found.append(compared)
    return found


def _compared(where: str, kept_s: float | None, max_age_days: float, mend: str) -> Remark:
    if kept_s is None:
        return sound(where, "readings are kept for ever")
    kept_days = kept_s / DAY_S
    if kept_days > max_age_days:
        return sound(where, f"readings are kept for {kept_days:g} days and taken up to {max_age_days:g} days old")
    return wrong(
        where,
        f"readings are kept for {kept_days:g} days, and taken up to {max_age_days:g} days old: late ones are lost on "
        "arrival",
        f"{mend}, or lower `max_age_days`",
    )


def _sessions(ground: Ground) -> Sequence[Remark]:
    """The ingestor's own is held by its settings."""
    limit_s, expiry_s = ground.alerts.max_age_days * DAY_S, ground.alerts.alerts.session.session_expiry_s
    if expiry_s < limit_s:
        return [sound("sessions", "the broker keeps nothing for longer than it would be taken")]
    return [
        wrong(
            "alerts.session.session_expiry_s",
            f"the broker may keep messages for {expiry_s / DAY_S:g} days, and the alerts take readings up to "
            f"{limit_s / DAY_S:g} days old",
            "lower `alerts.session.session_expiry_s`, or raise `max_age_days`",
        )
    ]

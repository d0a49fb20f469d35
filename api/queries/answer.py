"""What answers are made of: values that are shown as they are, moments with their time zone."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from telemetry.reading import NS_PER_MS

Names = dict[str, str]
"""Language tag (`en`, `zh-Hant`) to the name that people read."""
LANGUAGES = ("en", "zh-Hant")
"""Those in which sentences are made; names are in all in which they are written."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Answer(BaseModel):
    """Part of an answer. What it does not know is null, never left out."""

    model_config = ConfigDict(frozen=True)


def moment(time_ns: int) -> datetime:
    """In UTC, to the millisecond: what stands below it tells events apart and is no time."""
    return _EPOCH + timedelta(milliseconds=time_ns // NS_PER_MS)


def moment_or_none(time_ns: int | None) -> datetime | None:
    """The same of what may not have happened."""
    return None if time_ns is None else moment(time_ns)


def time_ns_of(when: datetime) -> int:
    """Back again; `when` has a time zone."""
    return (when - _EPOCH) // timedelta(milliseconds=1) * NS_PER_MS

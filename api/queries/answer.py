"""What answers are made of: values that are shown as they are, moments with their time zone."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, SkipValidation

from telemetry.reading import NS_PER_MS

Names = Annotated[dict[str, str], SkipValidation]
"""Language tag (`en`, `zh-Hant`) to the name that people read. Checked when it was loaded: not again for each value."""
LANGUAGES = ("en", "zh-Hant")
"""Those in which sentences are made; names are in all in which they are written."""
LATEST_NS = 2**63 - 1
"""In the year 2262: what databases count up to."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _written(when: object) -> object:
    if not isinstance(when, str) or "T" not in when.upper():
        raise ValueError("a time as in 2026-11-22T08:00:00Z")
    return when


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
"""RFC 3339, and nothing else: a bare number could be seconds or milliseconds."""


class Answer(BaseModel):
    """Part of an answer. What it does not know is null, never left out."""

    model_config = ConfigDict(frozen=True)


@lru_cache(maxsize=4_096)  # the values of a reading have one
def moment(time_ns: int) -> datetime:
    """In UTC, to the millisecond: what stands below it tells events apart and is no time."""
    return _EPOCH + timedelta(milliseconds=time_ns // NS_PER_MS)


def moment_or_none(time_ns: int | None) -> datetime | None:
    """The same of what may not have happened."""
    return None if time_ns is None else moment(time_ns)


def time_ns_of(when: datetime) -> int:
    """Back again; `when` has a time zone. What is beyond the years that can be counted is their end."""
    found = (when - _EPOCH) // timedelta(milliseconds=1) * NS_PER_MS
    return max(-LATEST_NS, min(found, LATEST_NS))

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from caretaker.moments import MomentError, age_text, from_ns, local_text, moment_ns, span_s, to_ns, utc_text

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
NOW_NS = 1_795_000_000_123_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("15min", 900), ("24h", 86_400), ("14d", 1_209_600), ("0.5h", 1800)],
)
def test_a_span_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert span_s(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "24 hours", "-3h", "1y"])
def test_what_is_no_span_is_refused_with_examples(text: str) -> None:
    with pytest.raises(MomentError, match="24h"):
        span_s(text)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20", "2026-11-19T16:00:00.000Z"),
        ("2026-11-20T08:30", "2026-11-20T00:30:00.000Z"),
        ("2026-11-20T08:30:00.250+00:00", "2026-11-20T08:30:00.250Z"),
        ("2026-11-20T08:30Z", "2026-11-20T08:30:00.000Z"),
    ],
)
def test_a_moment_without_an_offset_is_the_sites_own_time(text: str, utc: str) -> None:
    assert utc_text(moment_ns(text, HONG_KONG, NOW_NS)) == utc


def test_a_span_counts_back_from_now() -> None:
    assert moment_ns("24h", HONG_KONG, NOW_NS) == NOW_NS - 86_400 * 10**9
    assert moment_ns("now", HONG_KONG, NOW_NS) == NOW_NS


def test_what_is_no_moment_is_refused_with_examples() -> None:
    with pytest.raises(MomentError, match="2026-11-20T08:00"):
        moment_ns("yesterday", UTC, NOW_NS)


def test_nanoseconds_survive_the_way_there_and_back() -> None:
    assert to_ns(from_ns(NOW_NS)) == NOW_NS


def test_people_read_the_sites_own_time() -> None:
    assert local_text(moment_ns("2026-11-20T08:30", HONG_KONG, NOW_NS), HONG_KONG) == "2026-11-20 08:30:00"


@pytest.mark.parametrize(
    ("age_s", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 days"), (-30, "in 30 s")],
)
def test_an_age_is_one_number_and_one_word(age_s: float, text: str) -> None:
    assert age_text(age_s) == text

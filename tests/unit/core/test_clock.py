"""The clocks: service days on every night of the year, holidays, whole hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.clock import (
    HOUR_MS,
    day_type,
    from_ms,
    holidays,
    hour_ms,
    hour_text,
    hours_of,
    runs_of,
    service_day_start_ms,
)
from headway.errors import RangeError

CHICAGO = ZoneInfo("America/Chicago")
ZONES = st.sampled_from(["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "UTC"])
DATES = st.dates(date(1971, 1, 2), date(2036, 12, 30))


@given(DATES, ZONES)
def test_noon_of_the_service_day_is_twelve_hours_after_its_start(day: date, zone: str) -> None:
    noon = from_ms(service_day_start_ms(day, ZoneInfo(zone)) + 12 * HOUR_MS).astimezone(ZoneInfo(zone))
    assert (noon.date(), noon.hour, noon.minute) == (day, 12, 0)


@given(DATES, ZONES)
def test_service_days_follow_each_other_by_23_to_25_hours(day: date, zone: str) -> None:
    begins, following = (service_day_start_ms(d, ZoneInfo(zone)) for d in (day, day + timedelta(days=1)))
    assert abs(following - begins - 24 * HOUR_MS) <= HOUR_MS


@pytest.mark.parametrize(
    ("day", "second", "utc"),
    [
        (date(2026, 3, 2), 7 * 3600, "2026-03-02T13:00"),
        (date(2026, 3, 7), 25 * 3600 + 600, "2026-03-08T07:10"),  # 01:10 of the night that loses an hour
        (date(2026, 3, 8), 0, "2026-03-08T05:00"),  # 23:00 of the evening before
        (date(2026, 3, 8), 12 * 3600, "2026-03-08T17:00"),
        (date(2026, 10, 31), 25 * 3600 + 600, "2026-11-01T06:10"),  # 01:10, the first of the two
        (date(2026, 11, 1), 0, "2026-11-01T06:00"),
        (date(2026, 11, 1), 12 * 3600, "2026-11-01T18:00"),
        (date(2026, 7, 1), -1800, "2026-07-01T04:30"),
    ],
)
def test_service_seconds_fall_where_gtfs_says(day: date, second: int, utc: str) -> None:
    instant = from_ms(service_day_start_ms(day, CHICAGO) + second * 1000)
    assert instant == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_the_six_holidays_run_as_sunday() -> None:
    assert sorted(holidays(2026)) == [
        date(2026, 1, 1),
        date(2026, 5, 25),
        date(2026, 7, 4),
        date(2026, 9, 7),
        date(2026, 11, 26),
        date(2026, 12, 25),
    ]
    assert {day_type(day) for day in holidays(2026)} == {"sunday"}
    assert [day_type(date(2026, 3, day)) for day in range(2, 9)] == ["weekday"] * 5 + ["saturday", "sunday"]


@given(st.integers(0, 2_000_000))
def test_an_hour_survives_its_text(number: int) -> None:
    assert hour_ms(hour_text(number * HOUR_MS)) == number * HOUR_MS


def test_a_range_is_half_open_whole_utc_hours() -> None:
    start = datetime(2026, 3, 8, 0, tzinfo=CHICAGO)
    assert len(hours_of(start, datetime(2026, 3, 9, 0, tzinfo=CHICAGO))) == 23
    assert (
        hours_of(start, start.astimezone(UTC) + timedelta(hours=1))[0]
        == service_day_start_ms(date(2026, 3, 7), CHICAGO) + 24 * HOUR_MS
    )


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        ("2026-03-02T00:00", "2026-03-02T01:00Z", "no time zone"),
        ("2026-03-02T00:30Z", "2026-03-02T02:00Z", "not a whole hour"),
        ("2026-03-02T00:00Z", "2026-03-02T02:00:00.000001Z", "not a whole hour"),
        ("2026-03-02T00:00+05:30", "2026-03-02T02:00Z", "not a whole hour"),
        ("2026-03-02T00:00Z", "2026-03-02T00:00Z", "is empty"),
        ("2026-03-02T02:00Z", "2026-03-02T00:00Z", "is empty"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(start: str, end: str, why: str) -> None:
    with pytest.raises(RangeError, match=why):
        hours_of(datetime.fromisoformat(start), datetime.fromisoformat(end))


@given(st.sets(st.integers(0, 60)))
def test_runs_hold_exactly_the_hours(numbers: set[int]) -> None:
    hours = sorted(number * HOUR_MS for number in numbers)
    assert [hour for start, end in runs_of(hours) for hour in range(start, end, HOUR_MS)] == hours

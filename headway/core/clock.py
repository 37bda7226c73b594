"""The clocks: service days, day types with holidays, whole UTC hours.

A service second counts from *local noon minus 12 hours* (GTFS's rule), so 25:10 is next night's 01:10 and the nights
when clocks change neither repeat nor lose a train.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from headway.errors import RangeError

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
DAY_TYPES = ("weekday", "saturday", "sunday")
EPOCH = date(1970, 1, 1)


@lru_cache(maxsize=4096)
def service_day_start_ms(service_date: date, zone: ZoneInfo) -> int:
    """Give the instant of service second 0, in ms since the epoch: local noon less 12 hours."""
    noon = datetime.combine(service_date, time(12), tzinfo=zone)
    return int(noon.timestamp()) * 1000 - DAY_MS // 2


def holidays(year: int) -> dict[date, str]:
    """Give the six holidays on which US transit runs a Sunday timetable."""
    return {
        date(year, 1, 1): "New Year's Day",
        _last_monday(year, 5): "Memorial Day",
        date(year, 7, 4): "Independence Day",
        _nth_weekday(year, 9, 0, 1): "Labor Day",
        _nth_weekday(year, 11, 3, 4): "Thanksgiving",
        date(year, 12, 25): "Christmas Day",
    }


@lru_cache(maxsize=4096)
def day_type(service_date: date) -> str:
    """Give weekday, saturday or sunday; a holiday runs as sunday."""
    if service_date in holidays(service_date.year):
        return "sunday"
    return {5: "saturday", 6: "sunday"}.get(service_date.weekday(), "weekday")


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday(year: int, month: int) -> date:
    last = date(year, month + 1, 1) - timedelta(days=1)
    return last - timedelta(days=last.weekday())


def to_ms(instant: datetime) -> int:
    """Give an aware instant as ms since the epoch."""
    delta = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return delta.days * DAY_MS + delta.seconds * 1000 + delta.microseconds // 1000


def from_ms(ms: int) -> datetime:
    """Give ms since the epoch as an instant of UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def hours_of(start: datetime, end: datetime) -> range:
    """Give the range [start, end) as the starts of its hours, in ms since the epoch.

    Raises :class:`RangeError` unless both ends are aware, whole UTC hours and the range is not empty.
    """
    for name, instant in (("start", start), ("end", end)):
        if instant.tzinfo is None:
            raise RangeError(
                f"The {name} {instant.isoformat()} has no time zone.",
                where="the asked range",
                next_step="give it with an offset, such as 2026-03-02T13:00Z",
            )
        if to_ms(instant) % HOUR_MS or instant.microsecond:
            raise RangeError(
                f"The {name} {instant.isoformat()} is not a whole hour of UTC.",
                where="the asked range",
                next_step="a range is made of whole hours, start included, end not",
            )
    if start >= end:
        raise RangeError(
            f"The range from {start.isoformat()} to {end.isoformat()} is empty.",
            where="the asked range",
            next_step="the end is not part of the range: ask for at least one hour",
        )
    return range(to_ms(start), to_ms(end), HOUR_MS)


def hour_text(hour_ms: int) -> str:
    """Give an hour as ``2026-03-02T13:00Z``."""
    return from_ms(hour_ms).strftime("%Y-%m-%dT%H:%MZ")


def hour_ms(text: str) -> int:
    """Read what :func:`hour_text` wrote."""
    return to_ms(datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC))


def dates_between(first: date, last: date) -> Iterator[date]:
    """Yield the dates from first to last, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def runs_of(hours: Sequence[int]) -> list[tuple[int, int]]:
    """Give hours (sorted) as half-open runs of consecutive ones."""
    runs: list[tuple[int, int]] = []
    for hour in hours:
        if runs and runs[-1][1] == hour:
            runs[-1] = (runs[-1][0], hour + HOUR_MS)
        else:
            runs.append((hour, hour + HOUR_MS))
    return runs

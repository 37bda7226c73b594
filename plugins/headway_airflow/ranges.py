"""The simulated range of a run: whole UTC hours, half-open; and how fast it is replayed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from headway.errors import RangeError

LONGEST = timedelta(days=366)
_EXAMPLE = "give whole UTC hours, for example start 2026-03-02T06:00:00Z and end 2026-03-03T06:00:00Z"


def hours(start: Any, end: Any) -> tuple[datetime, datetime]:
    """Read a range and give it in UTC.

    Raises :class:`RangeError` when a bound is no date-time with a zone or not on a whole UTC hour, when the range is
    empty, or when it is longer than a year.
    """
    first, last = _bound("start", start), _bound("end", end)
    if last <= first:
        what = "empty" if last == first else "unordered"
        raise RangeError(f"The simulated range is {what}.", where=f"start {start}, end {end}", next_step=_EXAMPLE)
    if last - first > LONGEST:
        raise RangeError(
            f"The simulated range is {(last - first).days} days long; one run replays at most {LONGEST.days}.",
            where=f"start {start}, end {end}",
            next_step="split it: a backfill of transit_replay replays any span hour by hour",
        )
    return first, last


def _bound(name: str, value: Any) -> datetime:
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise RangeError(f"{name} is no date-time.", where=f"{name} {value!r}", next_step=_EXAMPLE) from None
    if moment.tzinfo is None:
        raise RangeError(f"{name} has no time zone.", where=f"{name} {value}", next_step=_EXAMPLE)
    moment = moment.astimezone(UTC)
    if moment.minute or moment.second or moment.microsecond:
        raise RangeError(f"{name} is not on a whole UTC hour.", where=f"{name} {value}", next_step=_EXAMPLE)
    return moment


def speed(value: Any) -> float | None:
    """Read a replay speed: ``max`` (None), or how many simulated seconds pass in one."""
    if value is None or str(value).strip().lower() == "max":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0.1 <= number <= 1_000_000:
        raise RangeError(
            "The speed makes no sense.",
            where=f"speed {value!r}",
            next_step="give max, or a number from 0.1 (slow motion) to 1000000; 60 is a simulated minute a second",
        )
    return number


def seed(value: Any) -> int | None:
    """Read a seed; empty is None, the setting's."""
    return None if value in (None, "", "None") else int(value)


def iso(moment: datetime) -> str:
    """Write a moment as ``2026-03-02T06:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
